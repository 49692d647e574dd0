//! Sinks for the generated objects, and their compression.

use cardlake_core::events::Compression;
use flate2::write::GzEncoder;
use std::fs::File;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// Size of the chunks passed to a sink.
const CHUNK_BYTES: usize = 1 << 20;
/// gzip level: 1 and 2 find too few repeats in UUID-heavy rows, from 4 on the time doubles for some percent of size.
const GZIP_LEVEL: u32 = 3;
/// Zstandard's own default level.
const ZSTD_LEVEL: i32 = 3;

/// Receives the objects of a day, one at a time.
pub trait Sink {
    /// Starts an object.
    ///
    /// # Errors
    /// The object cannot be created.
    fn begin(&mut self, key: &str) -> io::Result<()>;

    /// Appends about 1 MB to the object.
    ///
    /// # Errors
    /// The bytes cannot be written.
    fn write(&mut self, bytes: Vec<u8>) -> io::Result<()>;

    /// Completes the object.
    ///
    /// # Errors
    /// The object cannot be completed.
    fn finish(&mut self) -> io::Result<()>;

    /// Reports progress: `rows` more transactions were generated.
    fn transactions_made(&mut self, _rows: u64) {}
}

/// Writes objects as files below a folder, named by their keys. A file gets its final name once it is complete.
#[derive(Debug)]
pub struct FolderSink {
    folder: PathBuf,
    open: Option<(File, PathBuf)>,
}

impl FolderSink {
    /// Creates a sink for the given folder, which is created on demand.
    #[must_use]
    pub const fn new(folder: PathBuf) -> Self {
        Self { folder, open: None }
    }

    /// Temporary name of an incomplete file.
    fn unfinished(path: &Path) -> PathBuf {
        path.with_added_extension("unfinished")
    }
}

/// Adds the file to an I/O error.
fn about(path: &Path) -> impl Fn(io::Error) -> io::Error {
    move |error| io::Error::new(error.kind(), format!("{}: {error}", path.display()))
}

impl Sink for FolderSink {
    fn begin(&mut self, key: &str) -> io::Result<()> {
        let path = self.folder.join(key);
        if let Some(parent) = path.parent() {
            std::fs::create_dir_all(parent).map_err(about(parent))?;
        }
        let file = File::create(Self::unfinished(&path)).map_err(about(&path))?;
        self.open = Some((file, path));
        Ok(())
    }

    fn write(&mut self, bytes: Vec<u8>) -> io::Result<()> {
        match &mut self.open {
            Some((file, path)) => file.write_all(&bytes).map_err(about(path)),
            None => Err(io::ErrorKind::NotFound.into()),
        }
    }

    fn finish(&mut self) -> io::Result<()> {
        match self.open.take() {
            Some((_, path)) => std::fs::rename(Self::unfinished(&path), &path).map_err(about(&path)),
            None => Ok(()),
        }
    }
}

enum Encoder {
    None(Vec<u8>),
    Gz(GzEncoder<Vec<u8>>),
    Zst(zstd::stream::write::Encoder<'static, Vec<u8>>),
}

/// Compresses one object into a sink. Rows are appended to [`Self::rows`], each followed by [`Self::end_row`].
pub(crate) struct ObjectWriter<'a, S: Sink> {
    /// Rows not compressed yet.
    pub(crate) rows: Vec<u8>,
    /// Transactions not reported to the sink yet.
    unreported: u64,
    encoder: Encoder,
    sink: &'a mut S,
}

impl<'a, S: Sink> ObjectWriter<'a, S> {
    pub(crate) fn begin(sink: &'a mut S, key: &str, compression: Compression) -> io::Result<Self> {
        sink.begin(key)?;
        let encoder = match compression {
            Compression::None => Encoder::None(Vec::new()),
            Compression::Gz => Encoder::Gz(GzEncoder::new(Vec::new(), flate2::Compression::new(GZIP_LEVEL))),
            Compression::Zst => {
                let mut encoder = zstd::stream::write::Encoder::new(Vec::new(), ZSTD_LEVEL)?;
                encoder.include_checksum(true)?;
                Encoder::Zst(encoder)
            }
        };
        Ok(Self {
            rows: Vec::with_capacity(CHUNK_BYTES + 4096),
            unreported: 0,
            encoder,
            sink,
        })
    }

    /// Ends a transaction row; flushes when a chunk is complete.
    #[inline]
    pub(crate) fn end_transaction(&mut self) -> io::Result<()> {
        self.unreported += 1;
        self.end_row()
    }

    /// Ends a row; flushes when a chunk is complete.
    #[inline]
    pub(crate) fn end_row(&mut self) -> io::Result<()> {
        if self.rows.len() >= CHUNK_BYTES {
            self.flush()
        } else {
            Ok(())
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        let encoded = match &mut self.encoder {
            Encoder::None(encoded) => {
                std::mem::swap(encoded, &mut self.rows);
                encoded
            }
            Encoder::Gz(encoder) => {
                encoder.write_all(&self.rows)?;
                encoder.get_mut()
            }
            Encoder::Zst(encoder) => {
                encoder.write_all(&self.rows)?;
                encoder.get_mut()
            }
        };
        self.rows.clear();
        self.sink.transactions_made(std::mem::take(&mut self.unreported));
        if encoded.len() >= CHUNK_BYTES {
            self.sink
                .write(std::mem::replace(encoded, Vec::with_capacity(CHUNK_BYTES + 4096)))?;
        }
        Ok(())
    }

    pub(crate) fn finish(mut self) -> io::Result<()> {
        self.flush()?;
        let last = match self.encoder {
            Encoder::None(last) => last,
            Encoder::Gz(encoder) => encoder.finish()?,
            Encoder::Zst(encoder) => encoder.finish()?,
        };
        if !last.is_empty() {
            self.sink.write(last)?;
        }
        self.sink.finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_names_the_file() {
        let folder = tempfile::tempdir().unwrap();
        let occupied = folder.path().join("occupied");
        std::fs::write(&occupied, "a file").unwrap();
        let error = FolderSink::new(occupied.clone()).begin("a/b.csv").unwrap_err();
        assert!(error.to_string().starts_with(occupied.to_str().unwrap()), "{error}");
    }

    #[test]
    fn files_appear_when_they_are_complete() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("bronze/a/b.csv.gz");
        let mut sink = FolderSink::new(folder.path().join("bronze"));
        let mut object = ObjectWriter::begin(&mut sink, "a/b.csv.gz", Compression::Gz).unwrap();
        object.rows.extend_from_slice(b"one,two\n");
        assert!(!file.exists());
        object.finish().unwrap();
        let mut text = String::new();
        io::Read::read_to_string(&mut flate2::read::GzDecoder::new(File::open(&file).unwrap()), &mut text).unwrap();
        assert_eq!(text, "one,two\n");
        assert_eq!(std::fs::read_dir(folder.path().join("bronze/a")).unwrap().count(), 1);
    }
}
