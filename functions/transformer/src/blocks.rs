//! Splits a file into blocks of complete records for parallel reading.
//!
//! The boundaries depend only on the bytes of the file, not on how they arrive. A CSV record may contain line ends inside
//! quotes. A quote that is never closed affects one line, not the remaining file: if the end of the file or
//! [`MAXIMUM_RECORD_BYTES`] comes before the closing quote, the first line of the record becomes an unreadable block and
//! reading continues after it.

use crate::csv_record::{RecordEnd, record_end};
use crate::rule::Rule;
use memchr::{memchr, memrchr};
use std::io::{Read, Result};

/// Default block size in bytes of text: large enough to make the handover negligible, small enough for the cache.
pub(crate) const BLOCK_BYTES: usize = 1 << 20;
/// Maximum length of a record; longer ones are quarantined.
pub(crate) const MAXIMUM_RECORD_BYTES: usize = 10 << 20;
/// Bytes kept of a record that is too long.
pub(crate) const KEPT_BYTES: usize = 64 << 10;

/// Complete records.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Block {
    /// Index of the block, from 0.
    pub(crate) index: u32,
    /// The text; every record ends with a line end.
    pub(crate) text: Vec<u8>,
    /// Offset of the first record, after a byte order mark and the header.
    pub(crate) start: usize,
    /// Set if the block is one unreadable record.
    pub(crate) fault: Option<Rule>,
}

/// Splits the text of a reader into blocks.
pub(crate) struct Blocks<R> {
    reader: R,
    /// Text read ahead.
    pending: Vec<u8>,
    at_end: bool,
    /// Whether line ends inside quotes belong to the record.
    quoted: bool,
    block_bytes: usize,
    index: u32,
}

impl<R: Read> Blocks<R> {
    /// Creates blocks of about `block_bytes`; `quoted` for CSV.
    pub(crate) const fn new(reader: R, quoted: bool, block_bytes: usize) -> Self {
        Self {
            reader,
            pending: Vec::new(),
            at_end: false,
            quoted,
            block_bytes,
            index: 0,
        }
    }

    /// The next block, or `None` at the end of the file.
    ///
    /// # Errors
    /// Errors of the reader.
    pub(crate) fn next_block(&mut self) -> Result<Option<Block>> {
        let mut text = std::mem::take(&mut self.pending);
        text.reserve_exact(self.block_bytes.saturating_sub(text.len()));
        let mut wanted = self.block_bytes;
        let mut scanned = 0;
        loop {
            self.fill(&mut text, wanted)?;
            let end = self.last_end(&text, &mut scanned);
            if end > 0 {
                self.pending = text[end..].to_vec();
                text.truncate(end);
                return Ok(Some(self.block(text, None)));
            }
            if text.is_empty() {
                return Ok(None);
            }
            if self.at_end || text.len() >= MAXIMUM_RECORD_BYTES {
                return self.unreadable(text).map(Some);
            }
            wanted = text.len() + self.block_bytes;
        }
    }

    fn block(&mut self, text: Vec<u8>, fault: Option<Rule>) -> Block {
        let index = self.index;
        self.index += 1;
        Block {
            index,
            text,
            start: 0,
            fault,
        }
    }

    /// Reads up to `wanted` bytes; adds a missing line end at the end of the file.
    fn fill(&mut self, text: &mut Vec<u8>, wanted: usize) -> Result<()> {
        let missing = wanted.saturating_sub(text.len());
        if missing == 0 || self.at_end {
            return Ok(());
        }
        let read = self.reader.by_ref().take(missing as u64).read_to_end(text)?;
        if read < missing {
            self.at_end = true;
            if text.last().is_some_and(|last| *last != b'\n') {
                text.push(b'\n');
            }
        }
        Ok(())
    }

    /// End of the last complete record; `scanned` is the start of the first incomplete one.
    fn last_end(&self, text: &[u8], scanned: &mut usize) -> usize {
        if !self.quoted || memchr(b'"', text).is_none() {
            return memrchr(b'\n', text).map_or(0, |at| at + 1);
        }
        while let RecordEnd::At(end) | RecordEnd::Malformed(end) = record_end(text, *scanned) {
            *scanned = end;
        }
        *scanned
    }

    /// The first line of a record without an end, as a block of its own.
    fn unreadable(&mut self, mut text: Vec<u8>) -> Result<Block> {
        if let Some(at) = memchr(b'\n', &text) {
            self.pending = text[at + 1..].to_vec();
            text.truncate(at + 1);
            return Ok(self.block(text, Some(Rule::UnclosedQuote)));
        }
        text.truncate(KEPT_BYTES);
        let mut dropped = Vec::new();
        loop {
            dropped.clear();
            self.fill(&mut dropped, self.block_bytes)?;
            if let Some(at) = memchr(b'\n', &dropped) {
                self.pending = dropped[at + 1..].to_vec();
                break;
            }
            if dropped.is_empty() {
                break;
            }
        }
        text.push(b'\n');
        Ok(self.block(text, Some(Rule::RowTooLong)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn blocks(text: &[u8], quoted: bool, size: usize) -> Vec<Block> {
        let mut blocks = Blocks::new(text, quoted, size);
        std::iter::from_fn(|| blocks.next_block().unwrap()).collect()
    }

    fn texts(text: &str, quoted: bool, size: usize) -> Vec<String> {
        blocks(text.as_bytes(), quoted, size)
            .into_iter()
            .map(|block| String::from_utf8(block.text).unwrap())
            .collect()
    }

    #[test]
    fn blocks_end_with_a_record() {
        assert_eq!(texts("a\nbb\nccc\ndddd", false, 6), ["a\nbb\n", "ccc\n", "dddd\n"]);
        assert_eq!(texts("a long line\nb\n", false, 4), ["a long line\n", "b\n"]);
        assert!(texts("", false, 4).is_empty());
    }

    #[test]
    fn a_line_end_inside_quotes_ends_no_record() {
        assert_eq!(texts("a,\"x\ny\"\nb,c\n", true, 9), ["a,\"x\ny\"\n", "b,c\n"]);
        assert_eq!(texts("\"\"\"\n\"\n1\n", true, 6), ["\"\"\"\n\"\n", "1\n"]);
        // In JSON lines a quote means nothing.
        assert_eq!(texts("a,\"x\ny\"\n", false, 5), ["a,\"x\n", "y\"\n"]);
    }

    #[test]
    fn an_unclosed_quote_spoils_one_line() {
        let blocks = blocks(b"a,b\n\"c,d\ne,f\ng,h\n", true, 100);
        let seen: Vec<_> = blocks
            .iter()
            .map(|block| (block.text.as_slice(), block.fault))
            .collect();
        assert_eq!(
            seen,
            [
                (&b"a,b\n"[..], None),
                (b"\"c,d\n", Some(Rule::UnclosedQuote)),
                (b"e,f\ng,h\n", None)
            ]
        );
    }

    #[test]
    fn a_line_that_is_too_long_is_cut_and_skipped() {
        let mut text = b"a\n".to_vec();
        text.resize(MAXIMUM_RECORD_BYTES + BLOCK_BYTES * 3, b'x');
        text.extend_from_slice(b"\nb\n");
        let blocks = blocks(&text, true, BLOCK_BYTES);
        let seen: Vec<_> = blocks.iter().map(|block| (block.text.len(), block.fault)).collect();
        assert_eq!(seen, [(2, None), (KEPT_BYTES + 1, Some(Rule::RowTooLong)), (2, None)]);
    }

    proptest! {
        #[test]
        fn blocks_put_together_are_the_file(text in "[a\"\n,\r]{0,200}", size in 1_usize..60, quoted: bool) {
            let mut expected = text.clone().into_bytes();
            if expected.last().is_some_and(|last| *last != b'\n') {
                expected.push(b'\n');
            }
            let blocks = blocks(text.as_bytes(), quoted, size);
            prop_assert_eq!(blocks.iter().flat_map(|block| block.text.clone()).collect::<Vec<_>>(), expected);
            prop_assert!(blocks.iter().zip(0..).all(|(block, index)| block.index == index && block.text.ends_with(b"\n")));
        }
    }
}
