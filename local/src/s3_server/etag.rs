//! Entity tags that follow from the content.
//!
//! The tag is the CRC-64/NVME of the bytes, the checksum that S3 itself keeps by default, and their number. It is not
//! an MD5, which would cost over a second per gigabyte; on AWS the tags of objects with KMS encryption and of multipart
//! uploads are no MD5 either, and the hyphen tells clients so. Because it follows from the content, it is the same
//! after a restart, and a file that another program wrote has one too.

use std::collections::HashMap;
use std::fs::{File, Metadata};
use std::io::{self, Read, Seek, SeekFrom};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use s3s::crypto::{Checksum, Crc64Nvme};

/// How much is read at a time, in bytes.
const READ_BYTES: usize = 1 << 18;
/// How many tags are remembered. Forgetting them all costs reading the files once more.
const MAX_REMEMBERED: usize = 65_536;

/// Computes a tag while the bytes pass by.
pub(super) struct TagBuilder {
    checksum: Crc64Nvme,
    length: u64,
}

impl std::fmt::Debug for TagBuilder {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("TagBuilder")
            .field("length", &self.length)
            .finish_non_exhaustive()
    }
}

impl TagBuilder {
    pub(super) fn new() -> Self {
        Self {
            checksum: Crc64Nvme::new(),
            length: 0,
        }
    }

    pub(super) fn update(&mut self, bytes: &[u8]) {
        self.checksum.update(bytes);
        self.length += bytes.len() as u64;
    }

    /// The tag without quotes, and the number of bytes.
    pub(super) fn finish(self) -> (String, u64) {
        (
            format!("{}-{:x}", hex::encode(self.checksum.finalize()), self.length),
            self.length,
        )
    }
}

/// Which version of a file a tag belongs to: a changed file differs in at least one of these.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Version {
    inode: u64,
    seconds: i64,
    nanoseconds: i64,
    length: u64,
}

impl Version {
    fn of(metadata: &Metadata) -> Self {
        Self {
            inode: metadata.ino(),
            seconds: metadata.mtime(),
            nanoseconds: metadata.mtime_nsec(),
            length: metadata.len(),
        }
    }
}

/// The tags of files that did not change since they were computed.
#[derive(Debug, Default)]
pub(super) struct TagCache(Mutex<HashMap<PathBuf, (Version, String)>>);

impl TagCache {
    pub(super) fn remember(&self, path: &Path, metadata: &Metadata, tag: &str) {
        let mut tags = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if tags.len() >= MAX_REMEMBERED {
            tags.clear();
        }
        tags.insert(path.to_owned(), (Version::of(metadata), tag.to_owned()));
    }

    /// The tag of an open file; reads it from the start if it is new or was changed by another program, and leaves the
    /// position at the start.
    pub(super) fn tag(&self, path: &Path, file: &mut File, metadata: &Metadata) -> io::Result<String> {
        let version = Version::of(metadata);
        if let Some((known, tag)) = self.0.lock().unwrap_or_else(PoisonError::into_inner).get(path)
            && *known == version
        {
            return Ok(tag.clone());
        }
        let mut builder = TagBuilder::new();
        let mut buffer = vec![0; READ_BYTES];
        loop {
            match file.read(&mut buffer) {
                Ok(0) => break,
                Ok(count) => builder.update(&buffer[..count]),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        file.seek(SeekFrom::Start(0))?;
        let (tag, _) = builder.finish();
        self.remember(path, metadata, &tag);
        Ok(tag)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tag_is_checksum_and_length() {
        let mut builder = TagBuilder::new();
        builder.update(b"1234");
        builder.update(b"56789");
        // The check value of CRC-64/NVME.
        assert_eq!(builder.finish(), ("ae8b14860a799888-9".to_owned(), 9));
    }

    #[test]
    fn a_file_that_another_program_changes_gets_a_new_tag() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        let cache = TagCache::default();
        let tag = |content: &str| {
            std::fs::write(&path, content).unwrap();
            let mut file = File::open(&path).unwrap();
            let metadata = file.metadata().unwrap();
            let tag = cache.tag(&path, &mut file, &metadata).unwrap();
            let mut read = String::new();
            file.read_to_string(&mut read).unwrap();
            assert_eq!(read, content, "the position is at the start again");
            tag
        };
        let first = tag("one");
        assert_ne!(first, tag("three"));
        assert_eq!(
            first,
            TagCache::default()
                .tag(&path, &mut File::open(&path).unwrap(), &{
                    std::fs::write(&path, "one").unwrap();
                    std::fs::metadata(&path).unwrap()
                })
                .unwrap()
        );
    }
}
