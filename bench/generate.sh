#!/usr/bin/env bash
# Our generator beside one in Python: see bench/generate.py, which takes the options.
set -euo pipefail
cd "$(dirname "$0")/.."

cargo build --profile distribution --locked -p cardlake-generator --example generate_day
python=$(scripts/python-env.sh target/bench-python bench/requirements.txt)
exec "$python" bench/generate.py "${CARGO_TARGET_DIR:-target}/distribution/examples/generate_day" "$@"
