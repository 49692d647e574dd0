//! The text of a file: decoded, with line feeds as line ends, and counted. The count is the one side of the conservation law of
//! bytes.

use crate::encoding::decoded;
use cardlake_core::contract::TextEncoding;
use memchr::{memchr, memchr_iter};
use std::io::{Read, Result};

/// The byte order mark of UTF-8.
pub(crate) const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";
/// Bytes from which the form of a file is told.
const HEAD_BYTES: usize = 64 << 10;

/// Text with a head that can be read before it is consumed.
pub(crate) struct TextSource<'r> {
    reader: Box<dyn Read + 'r>,
    head: Vec<u8>,
    /// Bytes of the head that are consumed.
    consumed: usize,
    /// Bytes read from the file.
    read: u64,
    at_end: bool,
    /// Whether carriage returns are line ends.
    carriage_returns: bool,
}

impl<'r> TextSource<'r> {
    /// Opens a file and reads its head.
    ///
    /// # Errors
    /// Errors of the reader.
    pub(crate) fn open(reader: impl Read + 'r, encoding: TextEncoding) -> Result<Self> {
        let mut source = Self {
            reader: decoded(reader, encoding)?,
            head: Vec::new(),
            consumed: 0,
            read: 0,
            at_end: false,
            carriage_returns: false,
        };
        source.read_more()?;
        Ok(source)
    }

    /// The head of the file, and whether it is the whole file.
    pub(crate) fn head(&self) -> (&[u8], bool) {
        (&self.head, self.at_end)
    }

    /// Extends the head.
    ///
    /// # Errors
    /// Errors of the reader.
    pub(crate) fn read_more(&mut self) -> Result<()> {
        let before = self.head.len();
        let wanted = HEAD_BYTES.max(before);
        self.reader.by_ref().take(wanted as u64).read_to_end(&mut self.head)?;
        let read = self.head.len() - before;
        self.read += read as u64;
        self.at_end = read < wanted;
        if self.carriage_returns {
            replace_carriage_returns(&mut self.head[before..]);
        }
        Ok(())
    }

    /// Takes carriage returns for line ends if the head has no others.
    pub(crate) fn detect_carriage_returns(&mut self) {
        let last = self.head.len().saturating_sub(usize::from(!self.at_end));
        if memchr(b'\n', &self.head).is_none() && memchr(b'\r', &self.head[..last]).is_some() {
            self.carriage_returns = true;
            replace_carriage_returns(&mut self.head);
        }
    }

    /// Consumes bytes of the head.
    pub(crate) fn consume(&mut self, bytes: usize) {
        self.consumed = (self.consumed + bytes).min(self.head.len());
    }

    /// Bytes of the head that are consumed.
    pub(crate) const fn bytes_consumed(&self) -> u64 {
        self.consumed as u64
    }

    /// Bytes read from the file so far.
    pub(crate) const fn bytes_read(&self) -> u64 {
        self.read
    }
}

impl Read for TextSource<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> Result<usize> {
        let head = &self.head[self.consumed..];
        if !head.is_empty() {
            let length = head.len().min(buffer.len());
            buffer[..length].copy_from_slice(&head[..length]);
            self.consumed += length;
            return Ok(length);
        }
        let length = self.reader.read(buffer)?;
        self.read += length as u64;
        if self.carriage_returns {
            replace_carriage_returns(&mut buffer[..length]);
        }
        Ok(length)
    }
}

fn replace_carriage_returns(text: &mut [u8]) {
    let found: Vec<usize> = memchr_iter(b'\r', text).collect();
    for at in found {
        text[at] = b'\n';
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(file: &[u8]) -> (Vec<u8>, u64) {
        let mut source = TextSource::open(file, TextEncoding::Utf8).unwrap();
        source.detect_carriage_returns();
        let mut text = Vec::new();
        source.read_to_end(&mut text).unwrap();
        (text, source.bytes_read())
    }

    #[test]
    fn carriage_returns_end_lines_where_nothing_else_does() {
        assert_eq!(text(b"a,b\r1,2\r"), (b"a,b\n1,2\n".to_vec(), 8));
        assert_eq!(text(b"a,b\r\n1,2\r").0, b"a,b\r\n1,2\r");
        assert_eq!(text(b"a"), (b"a".to_vec(), 1));
        let long = b"a,b\r".repeat(HEAD_BYTES);
        assert_eq!(text(&long), (b"a,b\n".repeat(HEAD_BYTES), 4 * HEAD_BYTES as u64));
        // The line feed may be the next byte.
        let mut line = vec![b'x'; HEAD_BYTES - 1];
        line.extend_from_slice(b"\r\ny");
        assert_eq!(text(&line).0, line);
    }
}
