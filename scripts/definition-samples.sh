#!/usr/bin/env bash
# Fetches, once, the state machine definitions that the source distribution of moto carries for its tests, and prints
# their folder.
set -euo pipefail
cd "$(dirname "$0")/.."

release=moto-5.2.5
samples=target/definition-samples/$release
if [[ ! -d $samples ]]; then
  python=$(scripts/python-env.sh)
  mkdir -p target/definition-samples
  scratch=$(mktemp -d target/definition-samples/fetch.XXXXXX)
  trap 'rm -rf "$scratch"' EXIT
  "$python" -m pip download --quiet --disable-pip-version-check --no-deps --no-binary "${release%-*}" --dest "$scratch" \
    "${release/-/==}" >&2
  tar -xzf "$scratch/$release.tar.gz" -C "$scratch" "$release/tests/test_stepfunctions/parser/templates"
  # Another process may have been faster.
  mv -T "$scratch/$release" "$samples" 2>/dev/null || [[ -d $samples ]]
fi
echo "$PWD/$samples/tests/test_stepfunctions/parser/templates"
