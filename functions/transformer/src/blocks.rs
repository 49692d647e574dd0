//! Splits a file into blocks of complete records for parallel reading.
//!
//! The boundaries depend only on the bytes of the file, not on how they arrive. Where a record ends is a matter of its
//! [`Framing`]. A record that has no end within the limit of the contract becomes an unreadable block, and reading continues at the
//! next line.

use crate::framing::Framing;
use crate::rule::Rule;
use memchr::{memchr, memrchr};
use std::io::{Read, Result};

/// Default block size in bytes of text: large enough to make the handover negligible, small enough for the cache.
pub(crate) const BLOCK_BYTES: usize = 1 << 20;
/// Bytes kept of a record that is too long.
pub(crate) const KEPT_BYTES: usize = 64 << 10;

/// Complete records.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Block {
    /// Index of the block, from 0.
    pub(crate) index: u32,
    /// The text; it ends with a record or a line end.
    pub(crate) text: Vec<u8>,
    /// Set if the block is one unreadable record: the rule that it violates.
    pub(crate) fault: Option<Rule>,
    /// Bytes of that record that are not in `text`.
    pub(crate) dropped: u64,
}

/// Splits the text of a reader into blocks.
pub(crate) struct Blocks<R> {
    reader: R,
    /// Text read ahead.
    pending: Vec<u8>,
    at_end: bool,
    framing: Framing,
    block_bytes: usize,
    /// Bytes within which a record has to end.
    record_bytes: usize,
    index: u32,
    /// Line ends that the file does not have.
    added: u64,
    /// What the last line has to begin with to be no record.
    trailer_marker: Option<Vec<u8>>,
    /// The last line and the blank ones behind it, if it is a trailer.
    trailer: Option<Vec<u8>>,
}

impl<R: Read> Blocks<R> {
    /// Creates blocks of about `block_bytes` with records of any length.
    pub(crate) const fn new(reader: R, framing: Framing, block_bytes: usize) -> Self {
        Self {
            reader,
            pending: Vec::new(),
            at_end: false,
            framing,
            block_bytes,
            record_bytes: usize::MAX,
            index: 0,
            added: 0,
            trailer_marker: None,
            trailer: None,
        }
    }

    /// Takes a record of more than `record_bytes` for unreadable; they are at least a block.
    #[must_use]
    pub(crate) const fn with_record_bytes(mut self, record_bytes: usize) -> Self {
        self.record_bytes = record_bytes;
        self
    }

    /// Takes the last line of the file for a trailer if it begins so.
    #[must_use]
    pub(crate) fn with_trailer(mut self, marker: &str) -> Self {
        self.trailer_marker = Some(marker.as_bytes().to_owned());
        self
    }

    /// The last line with its line end, and what is behind it, if it is a trailer; known when there is no further block.
    pub(crate) fn trailer(&self) -> Option<&[u8]> {
        self.trailer.as_deref()
    }

    /// The reader, and the bytes that the blocks have and the file does not: a line end at the end.
    pub(crate) const fn source(&self) -> (&R, u64) {
        (&self.reader, self.added)
    }

    /// How records are told apart.
    pub(crate) const fn framing(&self) -> &Framing {
        &self.framing
    }

    /// The next block, or `None` at the end of the file.
    ///
    /// # Errors
    /// Errors of the reader.
    pub(crate) fn next_block(&mut self) -> Result<Option<Block>> {
        let mut text = std::mem::take(&mut self.pending);
        text.reserve_exact(self.block_bytes.saturating_sub(text.len()));
        let mut wanted = self.block_bytes.min(self.record_bytes);
        let mut scanned = 0;
        loop {
            self.fill(&mut text, wanted)?;
            let at_limit = text.len() >= self.record_bytes;
            let mut end = self.framing.last_end(&text, &mut scanned, self.at_end, at_limit);
            // What may be the last line is not read as a record before it is known whether it is.
            if let Some(start) = self.trailer_start(&text[..end]).filter(|_| !at_limit || self.at_end) {
                end = start;
                if self.at_end {
                    self.trailer = Some(text.split_off(start));
                    self.trailer_marker = None;
                    if text.is_empty() {
                        return Ok(None);
                    }
                }
            }
            if end > 0 {
                self.pending = text[end..].to_vec();
                text.truncate(end);
                return Ok(Some(self.block(text, None, 0)));
            }
            if text.is_empty() {
                return Ok(None);
            }
            if self.at_end || at_limit {
                return self.too_long(text).map(Some);
            }
            wanted = (text.len() + self.block_bytes).min(self.record_bytes);
        }
    }

    /// Where the last line of some records begins, if it is a record of its own and begins as a trailer does.
    fn trailer_start(&self, records: &[u8]) -> Option<usize> {
        let marker = self.trailer_marker.as_deref()?;
        let line_end = records.trim_ascii_end().len();
        let start = memrchr(b'\n', &records[..line_end]).map_or(0, |at| at + 1);
        let is_trailer = records[start..].starts_with(marker) && self.framing.is_end(records, start, self.at_end);
        is_trailer.then_some(start)
    }

    fn block(&mut self, text: Vec<u8>, fault: Option<Rule>, dropped: u64) -> Block {
        let index = self.index;
        self.index += 1;
        Block {
            index,
            text,
            fault,
            dropped,
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
                self.added += 1;
            }
        }
        Ok(())
    }

    /// The start of a record without an end, as a block of its own. What follows it up to a line end is skipped.
    fn too_long(&mut self, mut text: Vec<u8>) -> Result<Block> {
        let mut dropped = text.len().saturating_sub(KEPT_BYTES) as u64;
        text.truncate(KEPT_BYTES);
        let mut skipped = Vec::new();
        loop {
            skipped.clear();
            self.fill(&mut skipped, self.block_bytes)?;
            if let Some(at) = memchr(b'\n', &skipped) {
                dropped += at as u64 + 1;
                self.pending = skipped[at + 1..].to_vec();
                break;
            }
            dropped += skipped.len() as u64;
            if skipped.is_empty() {
                break;
            }
        }
        text.push(b'\n');
        self.added += 1;
        Ok(self.block(text, Some(Rule::RowTooLong), dropped))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::csv::CsvLayout;
    use crate::csv_record::CsvRecords;
    use crate::framing::OpenArrays;
    use cardlake_core::contract::CsvDialect;
    use proptest::prelude::*;
    use std::sync::Arc;

    /// CSV with two columns, or lines.
    fn framing(quoted: bool) -> Framing {
        if !quoted {
            return Framing::Lines;
        }
        let records = CsvRecords {
            syntax: (&CsvDialect::default()).into(),
            multiline: vec![u32::MAX; 2],
        };
        Framing::Csv(Arc::new(CsvLayout::of_records(records)))
    }

    fn blocks(text: &[u8], framing: Framing, size: usize) -> Vec<Block> {
        let mut blocks = Blocks::new(text, framing, size);
        std::iter::from_fn(|| blocks.next_block().unwrap()).collect()
    }

    fn texts(text: &str, quoted: bool, size: usize) -> Vec<String> {
        blocks(text.as_bytes(), framing(quoted), size)
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
        assert_eq!(texts("1,\"\"\"\n\"\n1,2\n", true, 8), ["1,\"\"\"\n\"\n", "1,2\n"]);
        // In JSON lines a quote means nothing.
        assert_eq!(texts("a,\"x\ny\"\n", false, 5), ["a,\"x\n", "y\"\n"]);
    }

    #[test]
    fn an_unclosed_quote_holds_up_no_line_behind_it() {
        let text = "a,b\n\"c,d\ne,f\ng,h\n";
        assert_eq!(texts(text, true, 100), [text]);
        // Whether the quote is closed is known at the end of the file only.
        assert_eq!(texts(text, true, 4), ["a,b\n", &text[4..]]);
    }

    #[test]
    fn objects_of_one_line_come_in_several_blocks() {
        let objects = || Framing::JsonObjects(OpenArrays::default());
        let text = br#"[{"a":"]"}, {"a":[2]},{"a":3}]"#;
        let blocks = blocks(text, objects(), 12);
        let texts: Vec<_> = blocks
            .iter()
            .map(|block| std::str::from_utf8(&block.text).unwrap())
            .collect();
        assert_eq!(texts, [r#"[{"a":"]"}"#, r#", {"a":[2]}"#, ",{\"a\":3}]\n"]);
        // An object is complete without a line end, so the last one gets none if a block ends with it.
        let mut reader = Blocks::new(b"{}{}".as_slice(), objects(), 2);
        let texts: Vec<_> = std::iter::from_fn(|| reader.next_block().unwrap())
            .map(|block| block.text)
            .collect();
        assert_eq!((texts, reader.source().1), (vec![b"{}".to_vec(); 2], 0));
        let ends_in_array = |text: &[u8]| {
            let mut blocks = Blocks::new(text, objects(), 9);
            while blocks.next_block().unwrap().is_some() {}
            blocks.framing().ends_in_array()
        };
        assert!(!ends_in_array(text));
        assert!(ends_in_array(&text[..text.len() - 1]));
        assert!(!ends_in_array(b"{}\n{}"));
    }

    #[test]
    fn a_trailer_is_no_record_wherever_blocks_end() {
        let split = |text: &str, size: usize| {
            let mut blocks = Blocks::new(text.as_bytes(), framing(true), size).with_trailer("TRL");
            let mut records = String::new();
            while let Some(block) = blocks.next_block().unwrap() {
                records.push_str(std::str::from_utf8(&block.text).unwrap());
            }
            let trailer = blocks.trailer().map(|text| String::from_utf8(text.to_vec()).unwrap());
            (records, trailer)
        };
        for size in 1..40 {
            for (text, records, trailer) in [
                ("a,b\n1,2\nTRL,2\n", "a,b\n1,2\n", Some("TRL,2\n")),
                ("a,b\nTRL,1\n\n \n", "a,b\n", Some("TRL,1\n\n \n")),
                ("TRL,0", "", Some("TRL,0\n")),
                ("a,b\nTRL,1\nc,d\n", "a,b\nTRL,1\nc,d\n", None),
                ("a,\"b\nTRL\"\n", "a,\"b\nTRL\"\n", None),
                ("a,\"b\nTRL,1\n", "a,\"b\n", Some("TRL,1\n")),
                ("a,b\n", "a,b\n", None),
                ("", "", None),
            ] {
                let expected = (records.to_owned(), trailer.map(str::to_owned));
                assert_eq!(split(text, size), expected, "{text:?} in blocks of {size}");
            }
        }
    }

    #[test]
    fn a_line_that_is_too_long_is_cut_and_skipped() {
        let mut text = b"a\n".to_vec();
        text.resize(BLOCK_BYTES * 13, b'x');
        text.extend_from_slice(b"\nb\n");
        let length = text.len();
        let mut blocks = Blocks::new(text.as_slice(), framing(true), BLOCK_BYTES).with_record_bytes(10 << 20);
        let blocks: Vec<_> = std::iter::from_fn(|| blocks.next_block().unwrap()).collect();
        let seen: Vec<_> = blocks.iter().map(|block| (block.text.len(), block.fault)).collect();
        assert_eq!(seen, [(2, None), (KEPT_BYTES + 1, Some(Rule::RowTooLong)), (2, None)]);
        assert_eq!(blocks[1].dropped, (length - 4 - KEPT_BYTES) as u64);
    }

    #[test]
    fn which_records_are_too_long_is_no_matter_of_blocks() {
        let lines = [10, 19, 20, 21, 3, 40, 19, 25, 1].map(|length| "x".repeat(length - 1) + "\n");
        let text = lines.concat();
        for size in 1..=20 {
            let mut blocks = Blocks::new(text.as_bytes(), Framing::Lines, size).with_record_bytes(20);
            let mut faults = Vec::new();
            let mut kept = 0;
            while let Some(block) = blocks.next_block().unwrap() {
                match block.fault {
                    Some(_) => faults.push(kept),
                    None => kept += memchr::memchr_iter(b'\n', &block.text).count(),
                }
            }
            assert_eq!((faults, kept), (vec![3, 4, 5], 6), "in blocks of {size}");
        }
    }

    proptest! {
        #[test]
        fn blocks_put_together_are_the_file(text in "[a\"\n,\r{}\\[\\]:]{0,200}", size in 1_usize..60, format in 0..3) {
            let framing = if format == 2 { Framing::JsonObjects(OpenArrays::default()) } else { framing(format == 1) };
            // The second witness of the books: bytes of text, and line ends that the file does not have.
            let mut reader = Blocks::new(text.as_bytes(), framing, size);
            let blocks: Vec<_> = std::iter::from_fn(|| reader.next_block().unwrap()).collect();
            let added = reader.source().1;
            prop_assert!(added == 0 || added == 1 && !text.ends_with('\n'));
            let expected = text.clone() + &"\n".repeat(usize::try_from(added).unwrap());
            let put_together: Vec<_> = blocks.iter().flat_map(|block| block.text.clone()).collect();
            prop_assert_eq!(put_together, expected.into_bytes());
            prop_assert!(blocks.iter().zip(0..).all(|(block, index)| block.index == index));
            prop_assert!(format == 2 || blocks.iter().all(|block| block.text.ends_with(b"\n")));
        }
    }
}
