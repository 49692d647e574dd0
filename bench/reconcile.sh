#!/usr/bin/env bash
# Peak memory and time of the reconciler for 1 and 10 million rows, or for as many as are given: reconcile.sh [ROWS...]
set -euo pipefail
cd "$(dirname "$0")/.."

cargo bench --locked -p cardlake-functions --bench reconcile -- "$@"
