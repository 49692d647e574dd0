#!/usr/bin/env bash
# The whole build of the dbt project, seconds per model: see bench/marts.py, which takes the options.
set -euo pipefail
cd "$(dirname "$0")/.."

cargo build --profile distribution --locked -p cardlake
exec python3 bench/marts.py "${CARGO_TARGET_DIR:-target}/distribution/cardlake" "$@"
