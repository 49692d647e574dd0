#!/usr/bin/env bash
# Prints the path of a Chromium for the tests that look at pages. If there is none, root on Debian gets the package
# chromium; elsewhere the script fails and says what to do.
#
# CHROMIUM=/path/to/it   use this one
# CHROMIUM=none          install nothing, print nothing: those tests are skipped, and say so (refused where CI is set)
set -euo pipefail

mac="/Applications/Google Chrome.app/Contents/MacOS/Google Chrome"
find_it() {
  command -v chromium || command -v chromium-browser || command -v google-chrome || command -v "$mac"
}

case ${CHROMIUM:-} in
  "") ;;
  none)
    if [ -n "${CI:-}" ]; then
      echo "chromium.sh: CHROMIUM=none skips tests, which CI must not do" >&2
      exit 1
    fi
    exit 0
    ;;
  *)
    command -v "$CHROMIUM" || { echo "chromium.sh: CHROMIUM=$CHROMIUM is not a program" >&2; exit 1; }
    exit 0
    ;;
esac

find_it && exit 0
if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
  {
    echo "chromium.sh: installing the package chromium with apt-get, 300 MB and what it needs, for the tests that look"
    echo "chromium.sh: at pages; CHROMIUM=none skips these tests, CHROMIUM=/path names another browser"
  } >&2
  log=$(mktemp)
  if { apt-get update && apt-get install -y --no-install-recommends chromium; } >"$log" 2>&1; then
    rm -f "$log"
    find_it && exit 0
  else
    tail -n 5 "$log" >&2
    rm -f "$log"
  fi
fi
echo "chromium.sh: there is no Chromium: install chromium or Google Chrome, or set CHROMIUM=/path/to/it; CHROMIUM=none" \
  "skips the tests that look at pages" >&2
exit 1
