#!/usr/bin/env bash
# Starts the whole system on LocalStack, or runs the tests that need it.
#
# usage: run.sh test | serve [OPTIONS OF stack.py]
set -euo pipefail
cd "$(dirname "$0")/.."

what=${1:-serve}
shift || true
python=$(localstack/python.sh)
if [ -z "$python" ]; then
  echo "SKIPPED: LocalStack needs Python 3.13 or Docker, and neither is here" >&2
  [ "$what" = test ] && exit 0
  exit 1
fi
case $what in
  serve) exec "$python" localstack/stack.py "$@" ;;
  test) exec "$python" tests/localstack/test_pipeline.py "$@" ;;
  *) echo "usage: $0 test | serve" >&2; exit 2 ;;
esac
