#!/usr/bin/env bash
# Files made to cost more than they look: see bench/adversarial.py, which takes the options.
set -euo pipefail
cd "$(dirname "$0")/.."

cargo build --profile distribution --locked -p cardlake
exec python3 bench/adversarial.py "${CARGO_TARGET_DIR:-target}/distribution/cardlake" "$@"
