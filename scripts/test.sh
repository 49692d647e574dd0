#!/usr/bin/env bash
# Every test of the workspace, those against other implementations included.
set -euo pipefail
cd "$(dirname "$0")/.."

scripts/python-env.sh >/dev/null
scripts/python-env.sh target/python-aws tests/data_api/requirements.txt >/dev/null
scripts/chromium.sh >/dev/null
scripts/definition-samples.sh >/dev/null
cargo test --locked --workspace
if [ "${CHROMIUM:-}" = none ]; then
  echo "test: SKIPPED what only a browser can tell, as CHROMIUM=none" >&2
fi
