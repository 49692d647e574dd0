//! Keys that cannot be paths: `folder/`, `a//b`, a part over 255 bytes, `.` or `..`, and a key that continues another
//! object's key behind a slash.
//!
//! Their objects are files in `.keys/<bucket>`, beside the buckets, each under its key in percent signs, cut into pieces
//! that a file system takes. A piece that is a folder ends in `+`, which no encoded key contains: no key is in another's way.
//! They are few, so that a listing may look through all that share its prefix.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};

/// The folder of these objects, beside the buckets.
pub(crate) const FOLDER: &str = ".keys";
/// The longest name of a file, in bytes.
const MAX_NAME_BYTES: usize = 255;
/// The longest piece of an encoded key, in bytes.
const PIECE_BYTES: usize = 200;
/// What stays as it is in an encoded key. Not the dot: a name must not begin with one.
const KEPT: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'=');

/// Whether the key can be a path below its bucket.
pub(crate) fn is_path(key: &str) -> bool {
    !key.contains('\0')
        && key
            .split('/')
            .all(|name| !matches!(name, "" | "." | "..") && name.len() <= MAX_NAME_BYTES)
}

/// Where the objects of a bucket are that cannot be paths.
pub(crate) fn folder(root: &Path, bucket: &str) -> PathBuf {
    root.join(FOLDER).join(bucket)
}

/// Where the object is, if it cannot be a path.
pub(crate) fn path(root: &Path, bucket: &str, key: &str) -> PathBuf {
    let encoded = utf8_percent_encode(key, KEPT).to_string();
    let mut path = folder(root, bucket);
    let mut rest = encoded.as_str();
    // The encoded key is ASCII, so that it can be cut anywhere.
    while let Some((piece, behind)) = rest
        .split_at_checked(PIECE_BYTES)
        .filter(|(_, behind)| !behind.is_empty())
    {
        path.push(format!("{piece}+"));
        rest = behind;
    }
    path.push(rest);
    path
}

/// The keys of the bucket that start with `prefix` and cannot be paths, in the order of their bytes.
pub(crate) fn list(root: &Path, bucket: &str, prefix: &str) -> io::Result<Vec<(String, PathBuf)>> {
    let prefix_encoded = utf8_percent_encode(prefix, KEPT).to_string();
    let mut found = Vec::new();
    visit(&folder(root, bucket), "", &prefix_encoded, &mut found)?;
    found.sort_unstable();
    Ok(found)
}

fn visit(folder: &Path, begin: &str, prefix: &str, found: &mut Vec<(String, PathBuf)>) -> io::Result<()> {
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error),
    };
    for entry in entries {
        // Only what this module wrote can be meant.
        let Ok(name) = entry?.file_name().into_string() else {
            continue;
        };
        let piece = name.trim_end_matches('+');
        let encoded = format!("{begin}{piece}");
        if !encoded.starts_with(prefix) && !prefix.starts_with(&encoded) {
            continue;
        }
        let path = folder.join(&name);
        if piece.len() < name.len() {
            visit(&path, &encoded, prefix, found)?;
        } else if encoded.starts_with(prefix)
            && let Ok(key) = percent_decode_str(&encoded).decode_utf8()
        {
            found.push((key.into_owned(), path));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    #[test]
    fn what_a_file_system_takes_is_a_path() {
        for key in ["a", "a/b", "a.b/..c", "ü/ =%20", &"x".repeat(255)] {
            assert!(is_path(key), "{key}");
        }
        for key in ["/a", "a/", "a//b", ".", "a/../b", "a\0b", &"x".repeat(256)] {
            assert!(!is_path(key), "{key}");
        }
    }

    proptest! {
        #[test]
        fn every_key_is_found_again(
            keys in prop::collection::btree_set("[a/.%+\\x00ü]{1,400}", 0..12),
            prefix in "[a/]{0,3}",
        ) {
            let root = tempfile::tempdir().unwrap();
            for key in &keys {
                let path = path(root.path(), "b", key);
                fs::create_dir_all(path.parent().unwrap()).unwrap();
                fs::write(path, key).unwrap();
            }
            let found = list(root.path(), "b", &prefix).unwrap();
            let expected: BTreeSet<&String> = keys.iter().filter(|key| key.starts_with(&prefix)).collect();
            prop_assert!(found.iter().map(|(key, _)| key).eq(expected));
            for (key, path) in found {
                prop_assert_eq!(fs::read_to_string(path).unwrap(), key);
            }
        }
    }
}
