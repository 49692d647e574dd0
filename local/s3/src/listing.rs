//! Lists the keys of a bucket in S3's order, page by page, without holding more than one folder and one page.
//!
//! S3 orders keys by their bytes. A walk of the folders gives that order if a folder's name counts with its slash:
//! `a-b` comes before `a/b`, because `-` comes before `/`.

use std::io;
use std::iter::Peekable;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::vec::IntoIter;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use crate::keys;

/// The most entries of one page.
pub(crate) const MAX_KEYS: usize = 1_000;

/// What to list.
#[derive(Debug, Clone, Default)]
pub(crate) struct Query {
    /// Keys must start with it; it may end within a name.
    pub(crate) prefix: String,
    /// Keys that share what follows the prefix up to here are one entry. Empty for none.
    pub(crate) delimiter: String,
    pub(crate) after: After,
    pub(crate) max_keys: usize,
}

/// Where a page begins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum After {
    /// Behind this key; the empty one is before all.
    Key(String),
    /// Behind all keys that start so.
    Prefix(String),
}

impl Default for After {
    fn default() -> Self {
        Self::Key(String::new())
    }
}

impl After {
    /// The opaque token that a client sends back.
    pub(crate) fn to_token(&self) -> String {
        URL_SAFE_NO_PAD.encode(match self {
            Self::Key(key) => format!("k{key}"),
            Self::Prefix(prefix) => format!("p{prefix}"),
        })
    }

    /// `None` for a token that this server did not make.
    pub(crate) fn from_token(token: &str) -> Option<Self> {
        let text = String::from_utf8(URL_SAFE_NO_PAD.decode(token).ok()?).ok()?;
        if let Some(key) = text.strip_prefix('k') {
            return Some(Self::Key(key.to_owned()));
        }
        text.strip_prefix('p').map(|prefix| Self::Prefix(prefix.to_owned()))
    }
}

/// One entry of a listing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Entry {
    Object { key: String, path: PathBuf },
    CommonPrefix(String),
}

/// A part of a listing.
#[derive(Debug, Default)]
pub(crate) struct Page {
    pub(crate) entries: Vec<Entry>,
    /// Where the next page begins, if there is one.
    pub(crate) next: Option<After>,
}

/// Lists the bucket whose files are in `bucket`, and `aside`: the keys that are kept elsewhere, in order.
pub(crate) fn list(bucket: &Path, aside: Vec<(String, PathBuf)>, query: &Query) -> io::Result<Page> {
    let (after, rolled_up) = match &query.after {
        After::Key(key) => (key.as_str(), None),
        After::Prefix(prefix) => (prefix.as_str(), Some(prefix.clone())),
    };
    let mut walk = Walk {
        query,
        after,
        rolled_up,
        aside: aside.into_iter().peekable(),
        page: Page::default(),
    };
    if query.max_keys == 0 {
        return Ok(walk.page);
    }
    // Everything lies in the folder that the prefix names, whatever else the bucket holds.
    let folder = query.prefix.rfind('/').map_or("", |slash| &query.prefix[..=slash]);
    let is_folder = folder.is_empty() || folder.strip_suffix('/').is_some_and(keys::is_path);
    let flow = if is_folder {
        match walk.visit(&bucket.join(folder), folder) {
            Err(error) if error.kind() == io::ErrorKind::NotADirectory => ControlFlow::Continue(()),
            visited => visited?,
        }
    } else {
        ControlFlow::Continue(())
    };
    if flow.is_continue() {
        // Whether the page is full now does not matter any more.
        let _ = walk.offer_aside(None);
    }
    Ok(walk.page)
}

struct Walk<'a> {
    query: &'a Query,
    after: &'a str,
    /// The common prefix that was listed last: what it covers is passed over.
    rolled_up: Option<String>,
    aside: Peekable<IntoIter<(String, PathBuf)>>,
    page: Page,
}

impl Walk<'_> {
    fn visit(&mut self, folder: &Path, key_prefix: &str) -> io::Result<ControlFlow<()>> {
        let mut names = match std::fs::read_dir(folder) {
            Ok(entries) => names(entries)?,
            // A folder that was emptied and removed meanwhile has no keys.
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(ControlFlow::Continue(())),
            Err(error) => return Err(error),
        };
        names.sort_unstable();
        for name in names {
            if self
                .rolled_up
                .as_deref()
                .is_some_and(|covered| key_prefix.starts_with(covered))
            {
                break;
            }
            let key = format!("{key_prefix}{name}");
            let path = folder.join(name.trim_end_matches('/'));
            let flow = if key.ends_with('/') {
                if self.may_hold(&key) {
                    self.visit(&path, &key)?
                } else {
                    ControlFlow::Continue(())
                }
            } else if self.offer_aside(Some(&key)).is_break() {
                ControlFlow::Break(())
            } else {
                self.offer(key, path)
            };
            if flow.is_break() {
                return Ok(flow);
            }
        }
        Ok(ControlFlow::Continue(()))
    }

    /// Whether the folder with this key can hold a key of the page.
    fn may_hold(&self, folder: &str) -> bool {
        let prefix = self.query.prefix.as_str();
        (folder.starts_with(prefix) || prefix.starts_with(folder))
            && (folder > self.after || self.after.starts_with(folder))
    }

    /// Offers the keys that are kept elsewhere and come before this one; without one, all that are left.
    fn offer_aside(&mut self, before: Option<&str>) -> ControlFlow<()> {
        while let Some((key, path)) = self
            .aside
            .next_if(|(key, _)| before.is_none_or(|before| key.as_str() < before))
        {
            self.offer(key, path)?;
        }
        ControlFlow::Continue(())
    }

    /// Takes a key into the page, or passes it over; breaks once the page is full.
    fn offer(&mut self, key: String, path: PathBuf) -> ControlFlow<()> {
        let Query {
            prefix,
            delimiter,
            max_keys,
            ..
        } = self.query;
        let Some(rest) = key.strip_prefix(prefix.as_str()).filter(|_| key.as_str() > self.after) else {
            return ControlFlow::Continue(());
        };
        let cut = if delimiter.is_empty() {
            None
        } else {
            rest.find(delimiter.as_str())
        };
        let entry = match cut {
            Some(cut) => {
                let common = &key[..prefix.len() + cut + delimiter.len()];
                if self.rolled_up.as_deref() == Some(common) {
                    return ControlFlow::Continue(());
                }
                Entry::CommonPrefix(common.to_owned())
            }
            None => Entry::Object { key, path },
        };
        if self.page.entries.len() == *max_keys {
            self.page.next = self.page.entries.last().map(|last| match last {
                Entry::Object { key, .. } => After::Key(key.clone()),
                Entry::CommonPrefix(common) => After::Prefix(common.clone()),
            });
            return ControlFlow::Break(());
        }
        if let Entry::CommonPrefix(common) = &entry {
            self.rolled_up = Some(common.clone());
        }
        self.page.entries.push(entry);
        ControlFlow::Continue(())
    }
}

/// The names in a folder, those of folders with a slash. Not: names that are not UTF-8, which cannot be keys, and links
/// to folders, which could lead in circles.
fn names(entries: std::fs::ReadDir) -> io::Result<Vec<String>> {
    let mut names = Vec::new();
    for entry in entries {
        let entry = entry?;
        let Ok(mut name) = entry.file_name().into_string() else {
            continue;
        };
        let file_type = entry.file_type()?;
        if file_type.is_dir() {
            name.push('/');
        } else if file_type.is_symlink() && !entry.path().is_file() {
            continue;
        }
        names.push(name);
    }
    Ok(names)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bucket(names: &[&str]) -> Bucket {
        let root = tempfile::tempdir().unwrap();
        let folder = root.path().join("bucket");
        for key in names {
            let path = if keys::is_path(key) {
                folder.join(key)
            } else {
                keys::path(root.path(), "bucket", key)
            };
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, key).unwrap();
        }
        Bucket { _root: root, folder }
    }

    /// A bucket in a folder that is removed in the end.
    struct Bucket {
        _root: tempfile::TempDir,
        folder: PathBuf,
    }

    impl Bucket {
        fn path(&self) -> &Path {
            &self.folder
        }
    }

    /// Every page of a listing, common prefixes in angle brackets.
    fn pages(bucket: &Path, prefix: &str, delimiter: &str, start_after: &str, max_keys: usize) -> Vec<Vec<String>> {
        let mut query = Query {
            prefix: prefix.to_owned(),
            delimiter: delimiter.to_owned(),
            after: After::Key(start_after.to_owned()),
            max_keys,
        };
        let root = bucket.parent().unwrap();
        let aside = keys::list(root, bucket.file_name().unwrap().to_str().unwrap(), prefix).unwrap();
        let mut pages = Vec::new();
        loop {
            let page = list(bucket, aside.clone(), &query).unwrap();
            let text = |entry| match entry {
                Entry::Object { key, path } => {
                    assert_eq!(std::fs::read_to_string(path).unwrap(), key);
                    key
                }
                Entry::CommonPrefix(common) => format!("<{common}>"),
            };
            pages.push(page.entries.into_iter().map(text).collect());
            match page.next {
                Some(next) => query.after = After::from_token(&next.to_token()).unwrap(),
                None => return pages,
            }
        }
    }

    fn all(bucket: &Path, prefix: &str, delimiter: &str, start_after: &str) -> Vec<String> {
        pages(bucket, prefix, delimiter, start_after, MAX_KEYS).concat()
    }

    const KEYS: [&str; 9] = [
        "a-b",
        "a.txt",
        "a/1",
        "a/2/x",
        "a/2/y",
        "a/2=%20 z",
        "a/3",
        "a0",
        "b/deep/er/key",
    ];

    /// Some of them cannot be paths.
    const WITH_ASIDE: [&str; 11] = [
        "/x", "a-b", "a/", "a//", "a//b", "a/1", "a/2/", "a/2/x", "a0", "b/", "/",
    ];

    #[test]
    fn keys_come_in_the_order_of_their_bytes() {
        let folder = bucket(&KEYS);
        let mut sorted = KEYS;
        sorted.sort_unstable();
        assert_eq!(all(folder.path(), "", "", ""), sorted);
    }

    #[test]
    fn a_prefix_may_end_within_a_name() {
        let folder = bucket(&KEYS);
        assert_eq!(all(folder.path(), "a/2", "", ""), ["a/2/x", "a/2/y", "a/2=%20 z"]);
        assert_eq!(all(folder.path(), "b/de", "", ""), ["b/deep/er/key"]);
        assert_eq!(all(folder.path(), "a/2/", "", ""), ["a/2/x", "a/2/y"]);
        for nothing in ["c", "a/2/x/", "../", "a//", "/", "a.txt/x"] {
            assert_eq!(all(folder.path(), nothing, "", ""), [] as [&str; 0], "{nothing}");
        }
    }

    #[test]
    fn a_delimiter_rolls_keys_up() {
        let folder = bucket(&KEYS);
        assert_eq!(all(folder.path(), "", "/", ""), ["a-b", "a.txt", "<a/>", "a0", "<b/>"]);
        assert_eq!(all(folder.path(), "a/", "/", ""), ["a/1", "<a/2/>", "a/2=%20 z", "a/3"]);
        assert_eq!(
            all(folder.path(), "a", "2", ""),
            ["a-b", "a.txt", "a/1", "<a/2>", "a/3", "a0"]
        );
        assert_eq!(all(folder.path(), "b", "/", ""), ["<b/>"]);
    }

    #[test]
    fn a_listing_starts_after_any_text() {
        let folder = bucket(&KEYS);
        assert_eq!(
            all(folder.path(), "", "", "a/2/x"),
            ["a/2/y", "a/2=%20 z", "a/3", "a0", "b/deep/er/key"]
        );
        assert_eq!(
            all(folder.path(), "", "", "a/2/"),
            ["a/2/x", "a/2/y", "a/2=%20 z", "a/3", "a0", "b/deep/er/key"]
        );
        assert_eq!(all(folder.path(), "", "/", "a/2/x"), ["<a/>", "a0", "<b/>"]);
        assert_eq!(all(folder.path(), "", "", "z"), [] as [&str; 0]);
    }

    #[test]
    fn keys_that_cannot_be_paths_are_in_their_places() {
        let folder = bucket(&WITH_ASIDE);
        let mut sorted = WITH_ASIDE;
        sorted.sort_unstable();
        assert_eq!(all(folder.path(), "", "", ""), sorted);
        assert_eq!(all(folder.path(), "", "/", ""), ["</>", "a-b", "<a/>", "a0", "<b/>"]);
        assert_eq!(all(folder.path(), "a/", "/", ""), ["a/", "<a//>", "a/1", "<a/2/>"]);
        assert_eq!(all(folder.path(), "a//", "/", ""), ["a//", "a//b"]);
        assert_eq!(all(folder.path(), "b/", "/", ""), ["b/"]);
        assert_eq!(
            all(folder.path(), "", "", "a//"),
            ["a//b", "a/1", "a/2/", "a/2/x", "a0", "b/"]
        );
    }

    #[test]
    fn pages_of_every_size_add_up_to_the_whole() {
        for (names, prefix, delimiter) in [KEYS.as_slice(), &WITH_ASIDE]
            .into_iter()
            .flat_map(|names| [("", ""), ("", "/"), ("a/", "/"), ("a", "2"), ("a/2", "")].map(|(p, d)| (names, p, d)))
        {
            let folder = bucket(names);
            let whole = all(folder.path(), prefix, delimiter, "");
            for max_keys in 1..=whole.len() {
                let pages = pages(folder.path(), prefix, delimiter, "", max_keys);
                assert_eq!(pages.concat(), whole, "{prefix:?} {delimiter:?} {max_keys}");
                assert_eq!(
                    pages.len(),
                    whole.len().div_ceil(max_keys),
                    "the last page is not empty"
                );
            }
        }
    }

    #[test]
    fn empty_folders_and_foreign_tokens_are_nothing() {
        let folder = bucket(&["a"]);
        std::fs::create_dir_all(folder.path().join("empty/deeper")).unwrap();
        assert_eq!(all(folder.path(), "", "/", ""), ["a"]);
        for token in ["", "!", "eHg"] {
            assert_eq!(After::from_token(token), None, "{token}");
        }
    }
}
