#!/usr/bin/env bash
# Makes the Python environment of the interoperability tests in target/python, once, and prints its interpreter.
set -euo pipefail
cd "$(dirname "$0")/.."

python=target/python
if ! cmp -s tests/requirements.txt "$python/installed.txt"; then
  rm -rf "$python"
  python3 -m venv "$python"
  "$python/bin/pip" install --quiet --disable-pip-version-check -r tests/requirements.txt >&2
  cp tests/requirements.txt "$python/installed.txt"
fi
echo "$PWD/$python/bin/python"
