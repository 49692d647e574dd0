#!/usr/bin/env bash
# Every test of the workspace, those against other implementations included; then how many there were, and the slowest.
#
# Tests run in the release profile: `make run` has compiled most of it already, and the end-to-end tests take half the time.
set -euo pipefail
cd "$(dirname "$0")/.."

scripts/python-env.sh >/dev/null
scripts/python-env.sh target/python-aws tests/data_api/requirements.txt >/dev/null
scripts/python-env.sh target/python-redshift tests/redshift_clients/requirements.txt >/dev/null
scripts/python-env.sh target/dbt-redshift tests/dbt_redshift/requirements.txt >/dev/null
scripts/python-env.sh target/dbt tests/dbt/requirements.txt >/dev/null
scripts/chromium.sh >/dev/null
scripts/web.sh install
scripts/definition-samples.sh >/dev/null

# The harness gives the seconds of a test to nightly toolchains only; this environment is that of the test programs, not of
# the compiler, so that nothing is compiled for another toolchain.
host=$(rustc -vV | sed -n 's/^host: //p' | tr 'a-z-' 'A-Z_')
export "CARGO_TARGET_${host}_RUNNER=env RUSTC_BOOTSTRAP=1"
log=target/test.log
cargo test --release --locked --workspace --tests -- -Z unstable-options --report-time 2>&1 | tee "$log"
cargo test --release --locked --workspace --doc

awk '/^test result: / { passed += $4; failed += $6; ignored += $8 }
  END { printf "\ntest: %d passed, %d failed, %d ignored; the slowest:\n", passed, failed, ignored }' "$log"
# Read to its end: with `head` in its place, sort would be killed by the closed pipe, and the script with it.
sed -nE 's/^test (.*) \.\.\. ok <([0-9.]+)s>$/\2 \1/p' "$log" | sort -rn \
  | awk 'NR <= 10 { printf "%8.1f s  %s\n", $1, $2 }'
if [ "${CHROMIUM:-}" = none ]; then
  echo "test: SKIPPED what only a browser can tell, as CHROMIUM=none" >&2
fi
