#!/usr/bin/env bash
# Builds the Python wheel of the `cardlake` command for this platform: target/wheels/cardlake-<version>-*.whl.
#
# usage: wheel.sh [OPTIONS OF maturin build]
#
# Without a `--profile` it is the release build of `make run`: quick to make. `--profile distribution` is what is published.
set -euo pipefail
cd "$(dirname "$0")/.."

library=${DUCKDB_LIB_DIR:-.duckdb/lib}
scripts/fetch-duckdb.sh "$library"
rm -rf target/wheel-data target/wheels
mkdir -p target/wheel-data/data/lib
cp "$library"/libduckdb.* target/wheel-data/data/lib/
# A sixth of the prebuilt library are names of functions that nobody links to; what programs call by name stays. On macOS the
# library is signed as it is.
if [ "$(uname -s)" = Linux ]; then
  strip --strip-unneeded target/wheel-data/data/lib/libduckdb.so
fi

python=$(scripts/python-env.sh target/python-wheel scripts/wheel-requirements.txt)
# Nothing to repair: the one library that is not part of the system is the one carried along.
case " $* " in *" --profile"*) ;; *) set -- --release "$@" ;; esac
"$(dirname "$python")/maturin" build --manifest-path cli/Cargo.toml --out target/wheels --auditwheel skip --strip \
  --compression-level 9 "$@"
