#!/usr/bin/env bash
# Bronze to committed silver beside DuckDB and Polars: see bench/silver.py, which takes the options.
set -euo pipefail
cd "$(dirname "$0")/.."

cargo build --profile distribution --locked -p cardlake --example bronze_to_silver
python=$(scripts/python-env.sh target/bench-python bench/requirements.txt)
exec "$python" bench/silver.py "${CARGO_TARGET_DIR:-target}/distribution/examples/bronze_to_silver" "$@"
