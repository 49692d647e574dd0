#!/usr/bin/env bash
# Prints the interpreter that runs LocalStack (Python 3.13, its environment made if need be) or that drives it in Docker;
# nothing where there is neither.
set -euo pipefail
cd "$(dirname "$0")/.."

is_3_13() {
  "$1" -c 'import sys; sys.exit(sys.version_info[:2] != (3, 13))' >/dev/null 2>&1
}

for candidate in python3.13 "${PYENV_ROOT:-$HOME/.pyenv}"/versions/3.13*/bin/python3.13 python3; do
  if is_3_13 "$candidate"; then
    PYTHON=$candidate exec scripts/python-env.sh target/python-localstack localstack/requirements.txt
  fi
done
if docker info >/dev/null 2>&1; then
  exec scripts/python-env.sh target/python-aws tests/data_api/requirements.txt
fi
