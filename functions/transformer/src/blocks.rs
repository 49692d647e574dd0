//! Cuts a file into blocks of whole records, so that several workers can read it.
//!
//! Where the cuts are depends on the bytes of the file alone, not on how they arrive. A CSV record may hold line ends
//! inside quotes; a quote that is never closed spoils one line, not the rest of the file: when the end of the file or
//! [`MAXIMUM_RECORD_BYTES`] comes before the closing quote, the first line of the record is handed out as unreadable and
//! reading goes on behind it.

use crate::rule::Rule;
use memchr::{memchr, memchr2, memrchr};
use std::io::{Read, Result};

/// Usual size of a block, in bytes of text. Large enough that handing it over costs nothing, small enough for the cache.
pub const BLOCK_BYTES: usize = 1 << 20;
/// Longest record that is read; a longer one is quarantined.
pub const MAXIMUM_RECORD_BYTES: usize = 10 << 20;
/// What is kept of a record that is too long.
pub const KEPT_BYTES: usize = 64 << 10;

/// Whole records.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Block {
    /// Number of the block, from 0.
    pub index: u32,
    /// The text, with a line end behind every record.
    pub text: Vec<u8>,
    /// Where the records start; before it are a byte order mark and the header.
    pub start: usize,
    /// The block is one record that cannot be read.
    pub fault: Option<Rule>,
}

/// Where a CSV record ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RecordEnd {
    /// Behind its line end.
    At(usize),
    /// Behind its line end, and its quoting is wrong.
    Malformed(usize),
    /// Not inside the text.
    Beyond,
}

/// Finds the end of the CSV record that starts at `start`.
#[must_use]
pub fn record_end(text: &[u8], start: usize) -> RecordEnd {
    let find = |needle: u8, from: usize| memchr(needle, text.get(from..).unwrap_or_default()).map(|at| from + at);
    let mut position = start;
    loop {
        if text.get(position) == Some(&b'"') {
            let Some(end) = quoted_end(text, position) else {
                return RecordEnd::Beyond;
            };
            match text.get(end..).unwrap_or_default() {
                [b',', ..] => position = end + 1,
                [b'\n', ..] => return RecordEnd::At(end + 1),
                [b'\r', b'\n', ..] => return RecordEnd::At(end + 2),
                [] | [b'\r'] => return RecordEnd::Beyond,
                _ => return find(b'\n', end).map_or(RecordEnd::Beyond, |at| RecordEnd::Malformed(at + 1)),
            }
        } else {
            match memchr2(b',', b'\n', text.get(position..).unwrap_or_default()) {
                None => return RecordEnd::Beyond,
                Some(at) if text.get(position + at) == Some(&b'\n') => return RecordEnd::At(position + at + 1),
                Some(at) => position += at + 1,
            }
        }
    }
}

/// The position behind the closing quote of the quoted field that starts at `start`.
#[must_use]
pub fn quoted_end(text: &[u8], start: usize) -> Option<usize> {
    let mut position = start + 1;
    loop {
        position += memchr(b'"', text.get(position..)?)? + 1;
        if text.get(position) != Some(&b'"') {
            return Some(position);
        }
        position += 1;
    }
}

/// Cuts what `reader` gives.
pub struct Blocks<R> {
    reader: R,
    /// Read and not handed out yet.
    pending: Vec<u8>,
    at_end: bool,
    /// Line ends inside quotes do not count.
    quoted: bool,
    block_bytes: usize,
    index: u32,
}

impl<R: Read> Blocks<R> {
    /// Blocks of about `block_bytes`; `quoted` for CSV.
    pub const fn new(reader: R, quoted: bool, block_bytes: usize) -> Self {
        Self {
            reader,
            pending: Vec::new(),
            at_end: false,
            quoted,
            block_bytes,
            index: 0,
        }
    }

    /// The next block; none at the end.
    ///
    /// # Errors
    /// Of the reader.
    pub fn next_block(&mut self) -> Result<Option<Block>> {
        let mut text = std::mem::take(&mut self.pending);
        text.reserve_exact(self.block_bytes.saturating_sub(text.len()));
        let mut wanted = self.block_bytes;
        let mut scanned = 0;
        loop {
            self.fill(&mut text, wanted)?;
            let end = self.last_end(&text, &mut scanned);
            if end > 0 {
                self.pending = text.get(end..).unwrap_or_default().to_vec();
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

    /// Reads until there are `wanted` bytes or no more; the last record gets a line end if it has none.
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

    /// The end of the last whole record; `scanned` remembers the start of the first one that is not whole.
    fn last_end(&self, text: &[u8], scanned: &mut usize) -> usize {
        if !self.quoted || memchr(b'"', text).is_none() {
            return memrchr(b'\n', text).map_or(0, |at| at + 1);
        }
        while let RecordEnd::At(end) | RecordEnd::Malformed(end) = record_end(text, *scanned) {
            *scanned = end;
        }
        *scanned
    }

    /// A record that has no end: its first line as a block of its own.
    fn unreadable(&mut self, mut text: Vec<u8>) -> Result<Block> {
        if let Some(at) = memchr(b'\n', &text) {
            self.pending = text.get(at + 1..).unwrap_or_default().to_vec();
            text.truncate(at + 1);
            return Ok(self.block(text, Some(Rule::UnclosedQuote)));
        }
        text.truncate(KEPT_BYTES);
        let mut dropped = Vec::new();
        loop {
            dropped.clear();
            self.fill(&mut dropped, self.block_bytes)?;
            if let Some(at) = memchr(b'\n', &dropped) {
                self.pending = dropped.get(at + 1..).unwrap_or_default().to_vec();
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
    fn text_behind_a_closing_quote_ends_with_its_line() {
        assert_eq!(record_end(b"\"a\"b,\"c\nd\n", 0), RecordEnd::Malformed(8));
        assert_eq!(record_end(b"\"a\"\r\nb", 0), RecordEnd::At(5));
        assert_eq!(record_end(b"x\"y,\"z\n", 0), RecordEnd::Beyond);
        assert_eq!(record_end(b"x\"y,z\n", 0), RecordEnd::At(6));
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
