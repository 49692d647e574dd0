#!/usr/bin/env bash
# Package size, cold start and peak memory of the functions as they are deployed, on this machine's architecture.
#
# usage: functions.sh [OPTIONS OF functions.py]
set -euo pipefail
cd "$(dirname "$0")/.."

scripts/package.sh --arch "$(uname -m | sed s/aarch64/arm64/)" --output target/bench-functions
cargo build --release --locked -p cardlake
python3 bench/functions.py --cardlake "${CARGO_TARGET_DIR:-target}/release/cardlake" --packages target/bench-functions "$@"
