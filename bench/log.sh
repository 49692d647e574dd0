#!/usr/bin/env bash
# Peak memory and time of the reconciler for a log of 1,000 and 100,000 files, or of as many as are given: log.sh [FILES...]
set -euo pipefail
cd "$(dirname "$0")/.."

cargo bench --locked -p cardlake-functions --bench log -- "$@"
