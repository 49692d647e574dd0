#!/usr/bin/env bash
# Tests of the functions under `cargo lambda watch`, with cargo-lambda from its Python package.
set -euo pipefail
cd "$(dirname "$0")/../.."

if ! python=$(scripts/python-env.sh target/python-package scripts/package-requirements.txt); then
  echo "SKIPPED: cargo-lambda cannot be had here" >&2
  exit 0
fi
PATH=$(dirname "$python"):$PATH exec "$python" tests/lambda/test_watch.py "$@"
