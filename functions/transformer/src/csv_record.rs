//! Syntax of CSV records (RFC 4180): where a record ends, and its raw fields.

use memchr::{memchr, memchr_iter, memchr2};

/// End of a CSV record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum RecordEnd {
    /// Offset after the line end.
    At(usize),
    /// Offset after the line end of a record with malformed quotes.
    Malformed(usize),
    /// The record does not end within the text.
    Beyond,
}

/// Finds the end of the CSV record that starts at `start`.
pub(crate) fn record_end(text: &[u8], start: usize) -> RecordEnd {
    let mut position = start;
    loop {
        if text.get(position) == Some(&b'"') {
            let Some(end) = quoted_end(text, position) else {
                return RecordEnd::Beyond;
            };
            match &text[end..] {
                [b',', ..] => position = end + 1,
                [b'\n', ..] => return RecordEnd::At(end + 1),
                [b'\r', b'\n', ..] => return RecordEnd::At(end + 2),
                [] | [b'\r'] => return RecordEnd::Beyond,
                after => {
                    let line_end = memchr(b'\n', after);
                    return line_end.map_or(RecordEnd::Beyond, |at| RecordEnd::Malformed(end + at + 1));
                }
            }
        } else {
            match memchr2(b',', b'\n', &text[position..]) {
                None => return RecordEnd::Beyond,
                Some(at) if text[position + at] == b'\n' => return RecordEnd::At(position + at + 1),
                Some(at) => position += at + 1,
            }
        }
    }
}

/// Offset after the closing quote of the quoted field that starts at `start`.
fn quoted_end(text: &[u8], start: usize) -> Option<usize> {
    let mut position = start + 1;
    loop {
        position += memchr(b'"', text.get(position..)?)? + 1;
        if text.get(position) != Some(&b'"') {
            return Some(position);
        }
        position += 1;
    }
}

/// The record without its line end, LF or CRLF.
pub(crate) fn without_line_end(record: &[u8]) -> &[u8] {
    let record = record.strip_suffix(b"\n").unwrap_or(record);
    record.strip_suffix(b"\r").unwrap_or(record)
}

/// Start and end of the fields of a record, quotes included.
pub(crate) fn raw_fields(record: &[u8]) -> impl Iterator<Item = (usize, usize)> + '_ {
    let record = without_line_end(record);
    let mut next = Some(0);
    std::iter::from_fn(move || {
        let start = next?;
        let quoted = record.get(start) == Some(&b'"');
        let from = if quoted {
            // An unclosed quote extends to the end of the record.
            quoted_end(record, start).unwrap_or(record.len())
        } else {
            start
        };
        let end = memchr(b',', &record[from..]).map(|at| from + at);
        next = end.map(|end| end + 1);
        Some((start, end.unwrap_or(record.len())))
    })
}

/// Appends the text of a raw field: without its quotes, and with doubled quotes single.
pub(crate) fn unquote(raw: &[u8], text: &mut Vec<u8>) {
    let Some(inner) = raw.strip_prefix(b"\"") else {
        text.extend_from_slice(raw);
        return;
    };
    let inner = inner.strip_suffix(b"\"").unwrap_or(inner);
    let mut from = 0;
    let mut quotes = memchr_iter(b'"', inner);
    while let Some(at) = quotes.next() {
        text.extend_from_slice(&inner[from..=at]);
        from = at + 1;
        if inner.get(from) == Some(&b'"') {
            from += 1;
            quotes.next();
        }
    }
    text.extend_from_slice(&inner[from..]);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_behind_a_closing_quote_ends_with_its_line() {
        assert_eq!(record_end(b"\"a\"b,\"c\nd\n", 0), RecordEnd::Malformed(8));
        assert_eq!(record_end(b"\"a\"\r\nb", 0), RecordEnd::At(5));
        assert_eq!(record_end(b"x\"y,\"z\n", 0), RecordEnd::Beyond);
        assert_eq!(record_end(b"x\"y,z\n", 0), RecordEnd::At(6));
    }
}
