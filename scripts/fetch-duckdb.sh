#!/bin/sh
# Puts a prebuilt libduckdb into FOLDER, unless one is there already.
#
# usage: fetch-duckdb.sh FOLDER
#
# The library comes from the npm package @duckdb/node-bindings-<platform>, which carries it beside the Node add-on. npm
# checks the package against the registry's hash. The `duckdb` crate in Cargo.toml may be newer than the library: the linker
# refuses functions that the library lacks.
set -eu

version=1.5.6-r.1

if [ $# -ne 1 ]; then
    echo "usage: $0 FOLDER" >&2
    exit 2
fi
folder=$1

fail() {
    echo "error: $1" >&2
    echo "hint: install libduckdb ${version%%-*} yourself (https://duckdb.org/install, \"C/C++\") and set DUCKDB_LIB_DIR to the folder that holds it" >&2
    exit 1
}

library=libduckdb.so
case "$(uname -s)-$(uname -m)" in
    Linux-x86_64) platform=linux-x64 ;;
    Linux-aarch64 | Linux-arm64) platform=linux-arm64 ;;
    Darwin-x86_64) platform=darwin-x64 library=libduckdb.dylib ;;
    Darwin-arm64) platform=darwin-arm64 library=libduckdb.dylib ;;
    *) fail "no prebuilt libduckdb is known for $(uname -s) on $(uname -m)" ;;
esac

if [ -s "$folder/$library" ]; then
    exit 0
fi

command -v npm >/dev/null 2>&1 || fail "npm was not found: it is used to download libduckdb"

mkdir -p "$folder"
work=$(mktemp -d "${TMPDIR:-/tmp}/fetch-duckdb.XXXXXX")
trap 'rm -rf "$work"' EXIT INT TERM

package="@duckdb/node-bindings-$platform@$version"
echo "fetching $library from $package" >&2
# npm reads package.json and .npmrc files of the folder it runs in: an empty folder keeps the project out of it.
(cd "$work" && npm pack --silent "$package" >archive-name) || fail "npm could not download $package (is this machine offline?)"
archive=$(tail -n 1 "$work/archive-name")
tar -xzf "$work/$archive" -C "$work" || fail "$archive could not be unpacked"
[ -s "$work/package/$library" ] || fail "$package does not hold $library"

# Copied beside its final name first: two builds at once, or an interrupted one, never leave half a library.
cp "$work/package/$library" "$folder/.$library.$$"
mv "$folder/.$library.$$" "$folder/$library"
