//! Text in other encodings, as UTF-8.

use cardlake_core::contract::TextEncoding;
use encoding_rs::{Decoder, DecoderResult, EUC_KR, Encoding, UTF_16BE, UTF_16LE, WINDOWS_1252};
use std::io::{Cursor, Read, Result};

/// Bytes read at a time.
const PIECE_BYTES: usize = 32 << 10;
/// A byte that no UTF-8 text has: it stands for what cannot be decoded, so that its row is quarantined.
const UNREADABLE: u8 = 0xff;

/// Returns a reader of UTF-8. A byte order mark counts for more than `encoding`.
///
/// # Errors
/// Errors of the reader.
pub(crate) fn decoded<'r>(mut reader: impl Read + 'r, encoding: TextEncoding) -> Result<Box<dyn Read + 'r>> {
    let mut start = Vec::new();
    reader.by_ref().take(3).read_to_end(&mut start)?;
    let encoding: Option<&'static Encoding> = match (start.as_slice(), encoding) {
        ([0xff, 0xfe, ..], _) => Some(UTF_16LE),
        ([0xfe, 0xff, ..], _) => Some(UTF_16BE),
        ([0xef, 0xbb, 0xbf], _) | (_, TextEncoding::Utf8) => None,
        (_, TextEncoding::Utf16Le) => Some(UTF_16LE),
        (_, TextEncoding::Utf16Be) => Some(UTF_16BE),
        (_, TextEncoding::Windows1252) => Some(WINDOWS_1252),
        (_, TextEncoding::Cp949) => Some(EUC_KR),
    };
    let reader = Cursor::new(start).chain(reader);
    Ok(match encoding {
        None => Box::new(reader),
        Some(encoding) => Box::new(DecodingReader {
            reader,
            decoder: encoding.new_decoder_with_bom_removal(),
            raw: Vec::new(),
            text: Vec::new(),
            consumed: 0,
            at_end: false,
        }),
    })
}

struct DecodingReader<R> {
    reader: R,
    decoder: Decoder,
    /// Bytes that are not decoded yet.
    raw: Vec<u8>,
    text: Vec<u8>,
    /// Bytes of the text that are read.
    consumed: usize,
    at_end: bool,
}

impl<R: Read> DecodingReader<R> {
    /// Decodes the next piece.
    fn decode(&mut self) -> Result<()> {
        self.raw.clear();
        let read = self
            .reader
            .by_ref()
            .take(PIECE_BYTES as u64)
            .read_to_end(&mut self.raw)?;
        self.at_end = read < PIECE_BYTES;
        self.text.clear();
        self.consumed = 0;
        let mut raw = self.raw.as_slice();
        loop {
            let start = self.text.len();
            let wanted = self.decoder.max_utf8_buffer_length_without_replacement(raw.len());
            self.text.resize(start + wanted.unwrap_or(raw.len() * 3 + 16), 0);
            let (result, read, written) =
                self.decoder
                    .decode_to_utf8_without_replacement(raw, &mut self.text[start..], self.at_end);
            self.text.truncate(start + written);
            raw = &raw[read..];
            match result {
                DecoderResult::InputEmpty => return Ok(()),
                DecoderResult::OutputFull => {}
                DecoderResult::Malformed(..) => self.text.push(UNREADABLE),
            }
        }
    }
}

impl<R: Read> Read for DecodingReader<R> {
    fn read(&mut self, buffer: &mut [u8]) -> Result<usize> {
        while self.consumed == self.text.len() && !self.at_end {
            self.decode()?;
        }
        let text = &self.text[self.consumed..];
        let length = text.len().min(buffer.len());
        buffer[..length].copy_from_slice(&text[..length]);
        self.consumed += length;
        Ok(length)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn read(bytes: &[u8], encoding: TextEncoding) -> Vec<u8> {
        let mut text = Vec::new();
        decoded(bytes, encoding).unwrap().read_to_end(&mut text).unwrap();
        text
    }

    fn utf16(text: &str) -> Vec<u8> {
        text.encode_utf16().flat_map(u16::to_le_bytes).collect()
    }

    #[test]
    fn every_encoding_becomes_utf_8() {
        assert_eq!(read(b"caf\xe9", TextEncoding::Windows1252), "caf\u{e9}".as_bytes());
        assert_eq!(
            read(b"\xb1\xe8\x81\x41", TextEncoding::Cp949),
            "\u{ae40}\u{ac02}".as_bytes()
        );
        assert_eq!(read(b"\xfe\xff\0a\xae\x40", TextEncoding::Utf8), "a\u{ae40}".as_bytes());
        assert_eq!(read(b"a", TextEncoding::Utf8), b"a");
        assert_eq!(read(b"", TextEncoding::Cp949), b"");
        // The mark tells.
        assert_eq!(
            read("\u{feff}\u{ae40}".as_bytes(), TextEncoding::Cp949),
            "\u{feff}\u{ae40}".as_bytes()
        );
    }

    #[test]
    fn what_cannot_be_decoded_is_no_utf_8() {
        assert_eq!(read(b"a\xb1\n", TextEncoding::Cp949), b"a\xff\n");
        assert_eq!(read(b"a\0b", TextEncoding::Utf16Le), b"a\xff");
    }

    proptest! {
        #[test]
        fn utf_16_is_read_whatever_its_length(text in "[a\u{ae40}\u{1f600}\n]{0,20}", times in 1_usize..3000) {
            let text = text.repeat(times);
            prop_assert_eq!(read(&utf16(&text), TextEncoding::Utf16Le), text.as_bytes());
        }
    }
}
