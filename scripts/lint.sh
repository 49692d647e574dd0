#!/usr/bin/env bash
# Formatting and lints, of the infrastructure too; dependency rules where cargo-deny is installed.
set -euo pipefail
cd "$(dirname "$0")/.."

cargo fmt --all --check
# In the profile of `make build` and `make test`: the outputs of build scripts are shared.
cargo clippy --release --locked --workspace --all-targets -- -D warnings
if command -v cargo-deny >/dev/null; then
  cargo deny --offline check bans licenses sources
else
  echo "lint: cargo-deny is not installed, deny.toml was not checked (cargo install cargo-deny)" >&2
fi
scripts/check-infra.sh
