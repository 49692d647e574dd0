#!/usr/bin/env bash
# How well the fraud signals find the generator's bursts: see bench/fraud.py, which takes the options.
set -euo pipefail
cd "$(dirname "$0")/.."

cargo build --release --locked -p cardlake
exec python3 bench/fraud.py "${CARGO_TARGET_DIR:-target}/release/cardlake" "$@"
