#!/usr/bin/env bash
# A suite over a table beside Great Expectations: see bench/validate.py, which takes the options.
set -euo pipefail
cd "$(dirname "$0")/.."

cargo build --profile distribution --locked -p cardlake
python=$(scripts/python-env.sh target/python-great-expectations engines/expectations/tests/great_expectations/requirements.txt)
LD_LIBRARY_PATH="$PWD/.duckdb/lib${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}" \
  exec "$python" bench/validate.py "${CARGO_TARGET_DIR:-target}/distribution/cardlake" "$@"
