#!/bin/sh
# Puts a prebuilt libduckdb into FOLDER, unless one is there already.
#
# usage: fetch-duckdb.sh FOLDER
#
# The library comes from the npm package @duckdb/node-bindings-<platform>, which carries it beside the Node add-on. Its SHA-512 is
# kept here, so that a registry cannot give another one. The `duckdb` crate in Cargo.toml may be newer than the library: the linker
# refuses functions that the library lacks.
set -eu

version=1.5.6-r.1
# Of the packages of that version: npm view @duckdb/node-bindings-<platform>@<version> dist.integrity, in hexadecimal digits.
linux_x64=21772b64913a904a8cd19e30c1d5671811d7fdface4b7dd53cd0300d743f43e16cf386f4e7c41ef78721ac208870d2651bc6375072145387817824315b998dd5
linux_arm64=de39d46838a5d41ac5ffabc067055a227275c6805a5861c1e0f0e2527cc958a0a8f1af132f1f63eff80fc8f97f5064417edad822e4e28516527c5e2658c82d58
darwin_x64=b55c1464dbdd42868f261ae1dead9eea3c66d4c85a84d1c940afe9bc2c9ca38e8d5f4984b86ce5c3d8b49f6300ae0b32cdc71d0b049c38af5cb5bcabfb7a0c6d
darwin_arm64=2854ff27fa72a2eb800f58dfb4021f716551768ae0f9cff2551fc124bf0b24aad24fe9980b877b412b90fa25d261b1691c435401e6546a05eb30fb594fc5f3b2

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
    Linux-x86_64) platform=linux-x64 expected=$linux_x64 ;;
    Linux-aarch64 | Linux-arm64) platform=linux-arm64 expected=$linux_arm64 ;;
    Darwin-x86_64) platform=darwin-x64 expected=$darwin_x64 library=libduckdb.dylib ;;
    Darwin-arm64) platform=darwin-arm64 expected=$darwin_arm64 library=libduckdb.dylib ;;
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
# macOS has the second one.
if command -v sha512sum >/dev/null 2>&1; then digest=sha512sum; else digest="shasum -a 512"; fi
actual=$($digest <"$work/$archive" | cut -d ' ' -f 1)
[ "$actual" = "$expected" ] || fail "$package has the SHA-512 $actual, and not the one that is expected"
tar -xzf "$work/$archive" -C "$work" || fail "$archive could not be unpacked"
[ -s "$work/package/$library" ] || fail "$package does not hold $library"

# Copied beside its final name first: two builds at once, or an interrupted one, never leave half a library.
cp "$work/package/$library" "$folder/.$library.$$"
mv "$folder/.$library.$$" "$folder/$library"
