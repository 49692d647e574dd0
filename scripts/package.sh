#!/usr/bin/env bash
# Packages functions for Lambda: OUTPUT/<function>/bootstrap.zip, and OUTPUT/architecture, which names what they run on.
#
# usage: package.sh [--profile PROFILE] [--arch arm64|x86_64] [--output FOLDER] [FUNCTION...]
#
#   --profile  cargo profile: lambda (default: small, slow to build), release, dev
#   --arch     default: arm64 where it can be built, else x86_64
#   --output   default: target/lambda
#   FUNCTION   folders of functions/; default: all
#
# With cargo-lambda, or the Python packages cargo-lambda and ziglang, binaries link against the glibc of Lambda's machines
# for both architectures. Without them plain cargo builds for this machine's own, with its glibc. The same binary gives the
# same zip, byte for byte, so a deployment changes only the functions that changed.
set -euo pipefail
cd "$(dirname "$0")/.."

profile=lambda arch='' output=target/lambda functions=()
while [ $# -gt 0 ]; do
  case "$1" in
    --profile) profile=$2; shift 2 ;;
    --arch) arch=$2; shift 2 ;;
    --output) output=$2; shift 2 ;;
    -*) sed -n '2,/^set/{/^#/s/^# \{0,1\}//p}' "$0" >&2; exit 2 ;;
    *) functions+=("$1"); shift ;;
  esac
done
if [ ${#functions[@]} = 0 ]; then
  for folder in functions/*/; do functions+=("$(basename "$folder")"); done
fi
selection=(--package cardlake-functions)
for function in "${functions[@]}"; do
  [ -f "functions/$function/Cargo.toml" ] || { echo "package: there is no functions/$function" >&2; exit 2; }
  selection+=(--bin "$function")
done
machine=$(uname -m)
machine=${machine/aarch64/arm64}

say() { echo "package: $1" >&2; }

has_target() {
  local folder
  folder=$(rustc --print sysroot)/lib/rustlib/$1/lib
  [ -d "$folder" ] || { command -v rustup >/dev/null && rustup target add "$1" >/dev/null 2>&1 && [ -d "$folder" ]; }
}

# Which of the two ways to build. CARDLAKE_PACKAGE_WITH=cargo keeps from the first.
with_cargo_lambda=yes
if [ "${CARDLAKE_PACKAGE_WITH:-}" = cargo ]; then
  with_cargo_lambda=no
elif ! command -v cargo-lambda >/dev/null || ! { command -v zig || python3 -m ziglang version; } >/dev/null 2>&1; then
  if python=$(scripts/python-env.sh target/python-package scripts/package-requirements.txt); then
    PATH=$(dirname "$python"):$PATH
    export PATH
  else
    say "cargo-lambda cannot be had here: plain cargo builds for this machine's architecture and glibc"
    with_cargo_lambda=no
  fi
fi

if [ -z "$arch" ]; then
  arch=$machine
  if [ "$with_cargo_lambda" = yes ] && has_target aarch64-unknown-linux-gnu; then
    arch=arm64
  else
    say "no toolchain for arm64 here: building for $arch"
  fi
fi
case "$arch" in
  arm64) target=aarch64-unknown-linux-gnu ;;
  x86_64) target=x86_64-unknown-linux-gnu ;;
  *) say "there is no architecture '$arch': give arm64 or x86_64"; exit 2 ;;
esac

# TLS collects jitter of the processor at start for up to a second otherwise; the kernel's random numbers stay.
[ "$profile" = dev ] || export AWS_LC_SYS_NO_JITTER_ENTROPY=1

target_dir=${CARGO_TARGET_DIR:-target}
folder=$profile
[ "$profile" = dev ] && folder=debug
if [ "$with_cargo_lambda" = yes ]; then
  binaries=$(mktemp -d "${TMPDIR:-/tmp}/package.XXXXXX")
  trap 'rm -rf "$binaries"' EXIT
  cargo lambda build --locked --profile "$profile" --target "$target" --lambda-dir "$binaries" "${selection[@]}"
  binary() { echo "$binaries/$1/bootstrap"; }
else
  [ "$arch" = "$machine" ] || { say "plain cargo builds for $machine, not for $arch"; exit 1; }
  cargo build --locked --profile "$profile" "${selection[@]}"
  binary() { echo "$target_dir/$folder/$1"; }
fi

mkdir -p "$output"
for function in "${functions[@]}"; do
  mkdir -p "$output/$function"
  zip=$output/$function/bootstrap.zip
  python3 - "$(binary "$function")" "$zip.new" <<'PYTHON'
import sys, zipfile

source, target = sys.argv[1:]
entry = zipfile.ZipInfo("bootstrap", (1980, 1, 1, 0, 0, 0))
entry.external_attr = 0o100755 << 16
entry.create_system = 3
entry.compress_type = zipfile.ZIP_DEFLATED
with zipfile.ZipFile(target, "w", compresslevel=9) as archive, open(source, "rb") as binary:
    archive.writestr(entry, binary.read(), compresslevel=9)
PYTHON
  mv "$zip.new" "$zip"
  echo "$zip $arch $(wc -c <"$zip" | tr -d " ") bytes"
done
echo "$arch" >"$output/architecture"
