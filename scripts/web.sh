#!/usr/bin/env bash
# The script of the dashboard's explorer (engines/report/web): its tools, its bundle, its tests in a browser.
#
# usage: web.sh install         the packages of package-lock.json, once for each lock file
#        web.sh build           src/ to dist/
#        web.sh check           types, and whether dist/ is what src/ makes
#        web.sh test PROJECT    tests of playwright.config.ts; tests/*.spec.ts say what they need
#
# Where there is no Node.js, root on Debian gets the packages nodejs and npm; elsewhere the script fails and says what to do.
# With CHROMIUM=none (see chromium.sh) the tests are skipped, and say so; so is everything if there is no Node.js, either.
set -euo pipefail
cd "$(dirname "$0")/.."
root=$PWD

node_is_there() { command -v node >/dev/null && command -v npm >/dev/null; }

if ! node_is_there && [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
  echo "web.sh: installing the packages nodejs and npm with apt-get, for the dashboard's script and its tests" >&2
  log=$(mktemp)
  { apt-get update && apt-get install -y --no-install-recommends nodejs npm; } >"$log" 2>&1 || tail -n 5 "$log" >&2
  rm -f "$log"
fi
if ! node_is_there; then
  if [ "${CHROMIUM:-}" = none ] && [ -z "${CI:-}" ]; then
    echo "SKIPPED, CHROMIUM=none and no Node.js: web.sh $*" >&2
    exit 0
  fi
  echo "web.sh: there is no Node.js: install Node.js 18 or later with npm" >&2
  exit 1
fi

cd engines/report/web
# Two tests may ask at the same time.
install() {
  exec 9>"$root/target/web.lock"
  # macOS has none.
  if command -v flock >/dev/null; then flock 9; fi
  if ! cmp -s package-lock.json node_modules/.of-lock; then
    npm ci --no-audit --no-fund --loglevel=error >&2
    cp package-lock.json node_modules/.of-lock
  fi
  exec 9>&-
}

mkdir -p "$root/target"
case ${1:-} in
  install) install ;;
  build) install && node build.mjs ;;
  check) install && npx --no-install tsc --noEmit && node build.mjs --check ;;
  test)
    project=${2:?usage: web.sh test PROJECT}
    chromium=$("$root/scripts/chromium.sh" | head -n 1)
    if [ -z "$chromium" ]; then
      echo "SKIPPED, CHROMIUM=none: no browser has tried the explorer ($project)" >&2
      exit 0
    fi
    install
    CHROMIUM_PATH=$chromium npx --no-install playwright test --project "$project"
    ;;
  *) sed -n '2,11s/^# \{0,1\}//p' "$root/scripts/web.sh" >&2 && exit 2 ;;
esac
