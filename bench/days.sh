#!/usr/bin/env bash
# Days of made-up transactions, and the same days again with nothing new: see bench/days.py, which takes the options.
set -euo pipefail
cd "$(dirname "$0")/.."

cargo build --profile distribution --locked -p cardlake
exec python3 bench/days.py "${CARGO_TARGET_DIR:-target}/distribution/cardlake" "$@"
