#!/usr/bin/env bash
# Makes a Python environment, once, and prints its interpreter: by default that of the interoperability tests.
#
# usage: [PYTHON=INTERPRETER] python-env.sh [FOLDER REQUIREMENTS]
set -euo pipefail
cd "$(dirname "$0")/.."

python=${1:-target/python}
requirements=${2:-tests/requirements.txt}
# Tests that run side by side ask for the same one.
if command -v flock >/dev/null; then
  mkdir -p "$(dirname "$python")"
  exec 9>"$python.lock"
  flock 9
fi
if ! cmp -s "$requirements" "$python/installed.txt"; then
  rm -rf "$python"
  "${PYTHON:-python3}" -m venv "$python"
  "$python/bin/pip" install --quiet --disable-pip-version-check -r "$requirements" >&2
  cp "$requirements" "$python/installed.txt"
fi
echo "$PWD/$python/bin/python"
