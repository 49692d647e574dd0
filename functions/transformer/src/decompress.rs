//! Decompression: plain, gzip (including multiple members) or Zstandard.

use bytes::{Buf, Bytes};
use cardlake_core::bronze::compression_of_content;
use cardlake_core::events::Compression;
use std::io::{BufRead, Cursor, Read, Result};

/// Bytes that tell the compression.
const START_BYTES: u64 = 4;

/// A reader of data that arrives in pieces.
pub(crate) struct PieceReader<F> {
    piece: Bytes,
    next: F,
}

impl<F: FnMut() -> Result<Option<Bytes>>> PieceReader<F> {
    /// `next` returns the pieces, then `None`.
    pub(crate) const fn new(next: F) -> Self {
        Self {
            piece: Bytes::new(),
            next,
        }
    }
}

impl<F: FnMut() -> Result<Option<Bytes>>> BufRead for PieceReader<F> {
    fn fill_buf(&mut self) -> Result<&[u8]> {
        while self.piece.is_empty() {
            match (self.next)()? {
                Some(piece) => self.piece = piece,
                None => break,
            }
        }
        Ok(&self.piece)
    }

    fn consume(&mut self, amount: usize) {
        self.piece.advance(amount.min(self.piece.len()));
    }
}

impl<F: FnMut() -> Result<Option<Bytes>>> Read for PieceReader<F> {
    fn read(&mut self, buffer: &mut [u8]) -> Result<usize> {
        let piece = self.fill_buf()?;
        let length = piece.len().min(buffer.len());
        buffer[..length].copy_from_slice(&piece[..length]);
        self.consume(length);
        Ok(length)
    }
}

/// A reader that counts.
pub(crate) struct Counted<R> {
    reader: R,
    bytes: u64,
}

impl<R: Read> Counted<R> {
    /// Counts from 0.
    pub(crate) const fn new(reader: R) -> Self {
        Self { reader, bytes: 0 }
    }

    /// Reads to the end; the bytes of all, or `None` if the rest cannot be read.
    pub(crate) fn bytes_to_end(mut self) -> Option<u64> {
        std::io::copy(&mut self.reader, &mut std::io::sink())
            .ok()
            .map(|rest| self.bytes + rest)
    }
}

impl<R: Read> Read for Counted<R> {
    fn read(&mut self, buffer: &mut [u8]) -> Result<usize> {
        let length = self.reader.read(buffer)?;
        self.bytes += length as u64;
        Ok(length)
    }
}

/// Returns a reader of the decompressed data. An empty object is an empty file in every compression.
///
/// # Errors
/// Errors of `reader`. The returned reader fails on corrupt or truncated data.
pub fn decompressed<'r>(mut reader: impl BufRead + 'r, compression: Compression) -> Result<Box<dyn Read + 'r>> {
    if reader.fill_buf()?.is_empty() {
        return Ok(Box::new(std::io::empty()));
    }
    Ok(match compression {
        Compression::None => Box::new(reader),
        Compression::Gz => Box::new(flate2::bufread::MultiGzDecoder::new(reader)),
        Compression::Zst => Box::new(zstd::stream::read::Decoder::with_buffer(reader)?),
    })
}

/// Opens an object: a reader of its decompressed data. A compression that the name leaves open is told by the first bytes.
///
/// # Errors
/// As [`decompressed`].
pub(crate) fn open<'r>(mut reader: impl BufRead + 'r, compression: Option<Compression>) -> Result<Box<dyn Read + 'r>> {
    if let Some(compression) = compression {
        return decompressed(reader, compression);
    }
    let start = start(&mut reader)?;
    let compression = compression_of_content(&start);
    decompressed(Read::chain(Cursor::new(start), reader), compression)
}

/// The first bytes of a reader: enough to tell what it holds.
fn start(reader: &mut impl Read) -> Result<Vec<u8>> {
    let mut start = Vec::new();
    reader.take(START_BYTES).read_to_end(&mut start)?;
    Ok(start)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    fn gzip(data: &[u8]) -> Vec<u8> {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(data).unwrap();
        encoder.finish().unwrap()
    }

    fn read(object: &[u8], compression: Compression) -> Result<Vec<u8>> {
        // Pieces of seven bytes: no reader may depend on how the object arrives.
        let mut pieces = object.chunks(7).map(Bytes::copy_from_slice);
        let mut text = Vec::new();
        decompressed(PieceReader::new(|| Ok(pieces.next())), compression)?.read_to_end(&mut text)?;
        Ok(text)
    }

    #[test]
    fn several_gzip_members_are_one_file() {
        let object = [gzip(b"one,"), gzip(b""), gzip(b"two")].concat();
        assert_eq!(read(&object, Compression::Gz).unwrap(), b"one,two");
    }

    #[test]
    fn several_zstandard_frames_are_one_file() {
        let frame = |data: &[u8]| zstd::encode_all(data, 1).unwrap();
        let object = [frame(b"one,"), frame(b"two")].concat();
        assert_eq!(read(&object, Compression::Zst).unwrap(), b"one,two");
    }

    #[test]
    fn an_empty_object_is_an_empty_file() {
        for compression in [Compression::None, Compression::Gz, Compression::Zst] {
            assert_eq!(read(b"", compression).unwrap(), b"");
        }
    }

    #[test]
    fn a_compression_that_no_name_tells_is_found() {
        for text in ["{\"a\":1}\n", "a,b\n1,2\n", ""] {
            let zst = zstd::encode_all(text.as_bytes(), 1).unwrap();
            for object in [text.as_bytes().to_vec(), gzip(text.as_bytes()), zst] {
                let mut pieces = object.chunks(3).map(Bytes::copy_from_slice);
                let mut found = String::new();
                let mut reader = open(PieceReader::new(|| Ok(pieces.next())), None).unwrap();
                reader.read_to_string(&mut found).unwrap();
                assert_eq!(found, text);
            }
        }
    }

    #[test]
    fn damaged_data_is_an_error() {
        let text = b"some text that is long enough to be compressed, some text that is long enough".repeat(20);
        let gz = gzip(&text);
        let zst = zstd::encode_all(&text[..], 1).unwrap();
        assert!(read(&gz[..gz.len() - 9], Compression::Gz).is_err());
        assert!(read(&gz[..5], Compression::Gz).is_err());
        assert!(read(&text, Compression::Gz).is_err());
        assert!(read(&zst[..zst.len() - 4], Compression::Zst).is_err());
        assert!(read(&text, Compression::Zst).is_err());
        let mut wrong = gz.clone();
        *wrong.last_mut().unwrap() ^= 1;
        assert!(read(&wrong, Compression::Gz).is_err());
    }
}
