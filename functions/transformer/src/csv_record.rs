//! Syntax of CSV records: where a record ends, and its raw fields.
//!
//! A quote opens a field only at the field's start. A quoted field that is not properly closed does not swallow the rows behind
//! it: its record is its first line, and the next line is read as a record again. That holds for a closing quote that neither a
//! delimiter nor a line end follows, for a field that never ends, and for a record of several lines that cannot be a row: with
//! a wrong number of fields, or with line ends in a column that takes no such text.

use crate::rule::Rule;
use cardlake_core::contract::CsvDialect;
use memchr::{memchr, memchr2, memchr3};

/// End of a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum RecordEnd {
    /// Offset after the record.
    At(usize),
    /// Offset after an unreadable record, and the rule that it violates.
    Malformed(usize, Rule),
    /// The record does not end within the text.
    Beyond,
}

/// The characters with a meaning.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct CsvSyntax {
    /// Separates fields.
    pub(crate) delimiter: u8,
    /// Encloses fields; doubled inside.
    pub(crate) quote: u8,
    /// Takes the meaning from a following quote, delimiter, line end or escape.
    pub(crate) escape: Option<u8>,
    /// Begins a line that is no record.
    pub(crate) comment: Option<u8>,
}

/// End of a record by its quotes alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum QuotedEnd {
    /// Offset after the line end.
    At(usize),
    /// Offset of text after a closing quote.
    TextAfterQuote(usize),
    /// The record does not end within the text.
    Beyond,
}

impl From<&CsvDialect> for CsvSyntax {
    fn from(dialect: &CsvDialect) -> Self {
        Self {
            delimiter: dialect.delimiter,
            quote: dialect.quote,
            escape: dialect.escape,
            comment: dialect.comment,
        }
    }
}

impl CsvSyntax {
    /// Finds the end of the record that starts at `start`.
    pub(crate) fn record_end(&self, text: &[u8], start: usize) -> QuotedEnd {
        if self.is_comment(&text[start..]) {
            let line_end = memchr(b'\n', &text[start..]);
            return line_end.map_or(QuotedEnd::Beyond, |at| QuotedEnd::At(start + at + 1));
        }
        let mut position = start;
        loop {
            if text.get(position) == Some(&self.quote) {
                let Some(end) = self.quoted_end(text, position) else {
                    return QuotedEnd::Beyond;
                };
                match &text[end..] {
                    [byte, ..] if *byte == self.delimiter => position = end + 1,
                    [b'\n', ..] => return QuotedEnd::At(end + 1),
                    [b'\r', b'\n', ..] => return QuotedEnd::At(end + 2),
                    [] | [b'\r'] => return QuotedEnd::Beyond,
                    _ => return QuotedEnd::TextAfterQuote(end),
                }
            } else {
                match self.plain_end(text, position) {
                    None => return QuotedEnd::Beyond,
                    Some(at) if text[at] == b'\n' => return QuotedEnd::At(at + 1),
                    Some(at) => position = at + 1,
                }
            }
        }
    }

    /// Whether a line is a comment.
    pub(crate) fn is_comment(&self, line: &[u8]) -> bool {
        self.comment.is_some() && line.first().copied() == self.comment
    }

    /// Offset after the closing quote of the quoted field that starts at `start`.
    fn quoted_end(&self, text: &[u8], start: usize) -> Option<usize> {
        let mut position = start + 1;
        loop {
            let unread = text.get(position..)?;
            position += match self.escape {
                None => memchr(self.quote, unread)?,
                Some(escape) => memchr2(self.quote, escape, unread)?,
            };
            if text[position] != self.quote {
                position += 1 + usize::from(self.has_meaning(*text.get(position + 1)?));
                continue;
            }
            position += 1;
            if text.get(position) != Some(&self.quote) {
                return Some(position);
            }
            position += 1;
        }
    }

    /// Offset of the delimiter or line end after the unquoted text at `position`.
    fn plain_end(&self, text: &[u8], mut position: usize) -> Option<usize> {
        let Some(escape) = self.escape else {
            return memchr2(self.delimiter, b'\n', &text[position..]).map(|at| position + at);
        };
        loop {
            position += memchr3(self.delimiter, b'\n', escape, text.get(position..)?)?;
            if text[position] != escape {
                return Some(position);
            }
            position += 1 + usize::from(self.has_meaning(*text.get(position + 1)?));
        }
    }

    /// Whether an escape takes the meaning from this byte.
    fn has_meaning(&self, byte: u8) -> bool {
        byte == self.quote || byte == self.delimiter || byte == b'\n' || Some(byte) == self.escape
    }

    /// Start and end of the fields of a record, quotes included.
    pub(crate) fn raw_fields<'r>(&self, record: &'r [u8]) -> impl Iterator<Item = (usize, usize)> + 'r {
        let syntax = *self;
        let record = without_line_end(record);
        let mut next = Some(0);
        std::iter::from_fn(move || {
            let start = next?;
            let quoted = record.get(start) == Some(&syntax.quote);
            let end = if quoted {
                // An unclosed quote extends to the end of the record.
                let from = syntax.quoted_end(record, start).unwrap_or(record.len());
                memchr(syntax.delimiter, &record[from..]).map(|at| from + at)
            } else {
                syntax.plain_end(record, start)
            };
            next = end.map(|end| end + 1);
            Some((start, end.unwrap_or(record.len())))
        })
    }

    /// Whether the raw field is its own text, apart from enclosing quotes.
    pub(crate) fn is_verbatim(&self, inner: &[u8]) -> bool {
        match self.escape {
            None => memchr(self.quote, inner).is_none(),
            Some(escape) => memchr2(self.quote, escape, inner).is_none(),
        }
    }

    /// Appends the text of a raw field: without its quotes and escapes, and with doubled quotes single.
    pub(crate) fn unquote(&self, raw: &[u8], text: &mut Vec<u8>) {
        let quoted = raw.first() == Some(&self.quote);
        let mut inner = raw;
        if quoted {
            inner = &raw[1..];
            if let [before @ .., last] = inner
                && *last == self.quote
            {
                inner = before;
            }
        }
        let mut unread = inner;
        while let [first, tail @ ..] = unread {
            let escaped = match tail.first() {
                Some(next) if Some(*first) == self.escape => self.has_meaning(*next),
                Some(next) => quoted && *first == self.quote && *next == self.quote,
                None => false,
            };
            if escaped {
                text.push(tail[0]);
                unread = &tail[1..];
            } else {
                text.push(*first);
                unread = tail;
            }
        }
    }
}

impl CsvSyntax {
    /// The fields of a record as texts: without quotes and without blanks around them.
    pub(crate) fn texts(&self, record: &[u8]) -> Vec<String> {
        let text = |(start, end): (usize, usize)| {
            let mut text = Vec::new();
            self.unquote(&record[start..end], &mut text);
            String::from_utf8_lossy(&text).trim().to_owned()
        };
        self.raw_fields(record).map(text).collect()
    }
}

/// The records of one file.
#[derive(Debug, Clone)]
pub(crate) struct CsvRecords {
    /// The characters with a meaning.
    pub(crate) syntax: CsvSyntax,
    /// Maximum bytes of a text with line ends, by column of the file; 0 if the column takes no such text.
    pub(crate) multiline: Vec<u32>,
}

impl CsvRecords {
    /// Finds the end of the record that starts at `start`; `is_final` if the record gets no more text.
    pub(crate) fn record_end(&self, text: &[u8], start: usize, is_final: bool) -> RecordEnd {
        let first_line = || memchr(b'\n', &text[start..]).map(|at| start + at + 1);
        let malformed = |rule| first_line().map_or(RecordEnd::Beyond, |end| RecordEnd::Malformed(end, rule));
        match self.syntax.record_end(text, start) {
            QuotedEnd::At(end) if first_line() == Some(end) || self.is_row(&text[start..end]) => RecordEnd::At(end),
            QuotedEnd::At(_) => malformed(Rule::UnclosedQuote),
            QuotedEnd::TextAfterQuote(at) => match first_line() {
                Some(end) if end < at => malformed(Rule::UnclosedQuote),
                _ => malformed(Rule::TextAfterQuote),
            },
            QuotedEnd::Beyond if is_final => malformed(Rule::UnclosedQuote),
            QuotedEnd::Beyond => RecordEnd::Beyond,
        }
    }

    /// Whether a record of several lines can be a row.
    fn is_row(&self, record: &[u8]) -> bool {
        let mut value = Vec::new();
        let fields = self.syntax.raw_fields(record).zip(&self.multiline);
        let takes_lines = |((start, end), longest): ((usize, usize), &u32)| {
            let raw = &record[start..end];
            if memchr(b'\n', raw).is_none() {
                return true;
            }
            value.clear();
            self.syntax.unquote(raw, &mut value);
            let text = String::from_utf8_lossy(&value);
            let text = text.trim();
            !text.contains('\n') || text.len() <= *longest as usize
        };
        self.has_all_fields(record) && { fields }.all(takes_lines)
    }

    /// Whether a record has a field for every column, and nothing but empty ones behind them.
    pub(crate) fn has_all_fields(&self, record: &[u8]) -> bool {
        let mut fields = self.syntax.raw_fields(record);
        let columns = self.multiline.len();
        fields.by_ref().take(columns).count() == columns
            && fields.all(|(start, end)| record[start..end].iter().all(u8::is_ascii_whitespace))
    }
}

/// The record without its line end, LF or CRLF.
pub(crate) fn without_line_end(record: &[u8]) -> &[u8] {
    let record = record.strip_suffix(b"\n").unwrap_or(record);
    record.strip_suffix(b"\r").unwrap_or(record)
}

#[cfg(test)]
mod tests {
    use super::*;

    const COMMAS: CsvSyntax = CsvSyntax {
        delimiter: b',',
        quote: b'"',
        escape: None,
        comment: None,
    };

    fn records(multiline: &[u32]) -> CsvRecords {
        CsvRecords {
            syntax: COMMAS,
            multiline: multiline.to_vec(),
        }
    }

    fn fields(syntax: CsvSyntax, record: &str) -> Vec<String> {
        let text = |(start, end)| {
            let mut text = Vec::new();
            syntax.unquote(&record.as_bytes()[start..end], &mut text);
            String::from_utf8(text).unwrap()
        };
        syntax.raw_fields(record.as_bytes()).map(text).collect()
    }

    #[test]
    fn a_malformed_record_ends_with_its_first_line() {
        let end = |text: &[u8]| records(&[9, 9]).record_end(text, 0, false);
        let malformed = RecordEnd::Malformed;
        assert_eq!(end(b"\"a\"b,\"c\nd\n"), malformed(8, Rule::TextAfterQuote));
        assert_eq!(end(b"\"a\n1,2\n3,\"4\n"), malformed(3, Rule::UnclosedQuote));
        assert_eq!(end(b"\"a\",1\r\nb"), RecordEnd::At(7));
        assert_eq!(end(b"x\"y,\"z\n"), RecordEnd::Beyond);
        assert_eq!(
            records(&[9, 9]).record_end(b"x\"y,\"z\n1,2\n", 0, true),
            malformed(7, Rule::UnclosedQuote)
        );
        assert_eq!(end(b"x\"y,z\n"), RecordEnd::At(6));
    }

    #[test]
    fn a_record_of_several_lines_has_to_be_a_row() {
        let end = |text: &[u8]| records(&[0, 5]).record_end(text, 0, false);
        assert_eq!(end(b"1,\"a\nb\"\n"), RecordEnd::At(8));
        assert_eq!(
            end(b"1,\"a\nb\",,\n"),
            RecordEnd::At(10),
            "empty fields behind the last column"
        );
        assert_eq!(end(b"\"1\n\",\"a\"\n"), RecordEnd::At(9), "blanks are trimmed");
        // Too many fields, a column without line ends, a text that is too long.
        for text in [&b"1,\"a\nb\",c\n"[..], b"\"1\n2\",a\n", b"1,\"a\nbcdef\"\n"] {
            assert!(matches!(end(text), RecordEnd::Malformed(..)), "{text:?}");
        }
    }

    #[test]
    fn other_characters_have_the_same_meaning() {
        let syntax = CsvSyntax {
            delimiter: b';',
            quote: b'\'',
            escape: Some(b'\\'),
            comment: Some(b'#'),
        };
        assert_eq!(
            fields(syntax, "a,b;'c;d';'e\\'f''g';h\\;i;\\N;j\\\\"),
            ["a,b", "c;d", "e'f'g", "h;i", "\\N", "j\\"]
        );
        assert_eq!(syntax.record_end(b"'a\\'\n';b\nc", 0), QuotedEnd::At(9));
        assert_eq!(syntax.record_end(b"# it's\nb\n", 0), QuotedEnd::At(7));
        assert_eq!(fields(COMMAS, "\"a\"\"b\",c\\,d"), ["a\"b", "c\\", "d"]);
    }
}
