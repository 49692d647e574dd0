//! The bytes of a rewritten file until they are uploaded: in memory, or in a temporary file when they are many.

use crate::error::ReconcilerError;
use cardlake_aws::storage::Storage;
use std::fs::File;
use std::io::{Result, Seek, Write};

/// Most bytes of a file that is rewritten in memory: two of them at a time fit a small function.
const HELD_BYTES: u64 = 64 * 1024 * 1024;

/// What was written of a file.
pub(crate) enum Content {
    /// All of it.
    Memory(Vec<u8>),
    /// A file without a name, which is gone when it is closed.
    Disk(File),
}

impl Content {
    /// For about so many bytes.
    ///
    /// # Errors
    /// The temporary file cannot be made.
    pub(crate) fn for_size(bytes: u64) -> Result<Self> {
        if bytes <= HELD_BYTES {
            Ok(Self::Memory(Vec::with_capacity(bytes as usize)))
        } else {
            tempfile::tempfile().map(Self::Disk)
        }
    }

    /// Bytes written.
    ///
    /// # Errors
    /// The temporary file is unreadable.
    pub(crate) fn size(&self) -> Result<u64> {
        match self {
            Self::Memory(bytes) => Ok(bytes.len() as u64),
            Self::Disk(file) => Ok(file.metadata()?.len()),
        }
    }

    /// Makes an object of the bytes.
    ///
    /// # Errors
    /// The service refuses or cannot answer, or the temporary file cannot be read.
    pub(crate) async fn store(
        self,
        storage: &Storage,
        bucket: &str,
        key: &str,
    ) -> std::result::Result<(), ReconcilerError> {
        match self {
            Self::Memory(bytes) => Ok(storage.put(bucket, key, bytes).await?),
            Self::Disk(mut file) => {
                file.rewind()?;
                Ok(storage.put_file(bucket, key, file).await?)
            }
        }
    }
}

impl Write for Content {
    fn write(&mut self, bytes: &[u8]) -> Result<usize> {
        match self {
            Self::Memory(content) => content.write(bytes),
            Self::Disk(file) => file.write(bytes),
        }
    }

    fn flush(&mut self) -> Result<()> {
        match self {
            Self::Memory(_) => Ok(()),
            Self::Disk(file) => file.flush(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_little_is_held_in_memory() {
        for (expected, held) in [(10, true), (HELD_BYTES, true), (HELD_BYTES + 1, false)] {
            let mut content = Content::for_size(expected).unwrap();
            content.write_all(b"abc").unwrap();
            content.flush().unwrap();
            assert_eq!(content.size().unwrap(), 3);
            assert_eq!(matches!(content, Content::Memory(_)), held, "{expected}");
        }
    }
}
