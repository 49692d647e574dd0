//! Where a record of a JSON file ends when lines do not tell: objects one after the other, in an array, or over several lines.
//!
//! Between records stand blanks, commas and the brackets of arrays. An object that is malformed does not swallow those behind
//! it: it ends where the next one seems to begin, after a `}` or at the start of a line.

use memchr::{memchr, memchr_iter, memchr2};

/// The next record of a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum NextRecord {
    /// Start and end of an object, or of text that is none.
    Found {
        /// Offset of the first byte.
        start: usize,
        /// Offset after the last byte.
        end: usize,
        /// Whether it is an object by its brackets and strings.
        well_formed: bool,
    },
    /// There are only separators.
    None,
    /// The text ends before the record does.
    Beyond,
}

/// End of an object by its structure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ObjectEnd {
    /// Offset after the closing bracket.
    At(usize),
    /// It cannot become valid JSON.
    Malformed,
    /// The text ends before the object does.
    Beyond,
}

/// Whether a byte may stand between records.
pub(crate) const fn is_separator(byte: u8) -> bool {
    byte.is_ascii_whitespace() || matches!(byte, b',' | b'[' | b']')
}

/// Finds the next record from `position` on; `is_final` if the text has no continuation.
pub(crate) fn next_record(text: &[u8], position: usize, is_final: bool) -> NextRecord {
    let separators = text[position..].iter().take_while(|byte| is_separator(**byte));
    let start = position + separators.count();
    let Some(first) = text.get(start) else {
        return if is_final { NextRecord::None } else { NextRecord::Beyond };
    };
    let end = if *first == b'{' {
        match object_end(text, start) {
            ObjectEnd::At(end) => {
                return NextRecord::Found {
                    start,
                    end,
                    well_formed: true,
                };
            }
            ObjectEnd::Malformed => next_start(text, start),
            ObjectEnd::Beyond => Start::Unknown,
        }
    } else {
        match memchr2(b'{', b'\n', &text[start..]) {
            Some(at) => Start::At(start + at),
            None => Start::Unknown,
        }
    };
    let end = match (end, is_final) {
        (Start::At(end), _) => end,
        (Start::Unknown, false) => return NextRecord::Beyond,
        (Start::Unknown, true) => match next_start(text, start) {
            Start::At(end) => end,
            Start::Unknown => text.len(),
        },
    };
    let kept = text[start..end].iter().rev().skip_while(|byte| is_separator(**byte));
    NextRecord::Found {
        start,
        // The first byte is no separator.
        end: start + kept.count(),
        well_formed: false,
    }
}

/// Where the next object begins.
enum Start {
    At(usize),
    Unknown,
}

/// First place after `start` where an object seems to begin on its own.
fn next_start(text: &[u8], start: usize) -> Start {
    for at in memchr_iter(b'{', &text[start + 1..]) {
        let at = start + 1 + at;
        let before = &text[start..at];
        let plain = before.trim_ascii_end();
        let listed = plain.strip_suffix(b",").unwrap_or(plain).trim_ascii_end();
        if before.last() != Some(&b'\n') && listed.last() != Some(&b'}') {
            continue;
        }
        match text[at + 1..].trim_ascii_start().first() {
            Some(b'"' | b'}') => return Start::At(at),
            Some(_) => {}
            None => return Start::Unknown,
        }
    }
    Start::Unknown
}

/// Nesting that the JSON parser accepts.
const MAXIMUM_DEPTH: u32 = 127;

/// What stands before a place within an object or array.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Before {
    Open,
    Name,
    Colon,
    Value,
    Comma,
}

/// Finds the end of the object that starts at `start`.
pub(crate) fn object_end(text: &[u8], start: usize) -> ObjectEnd {
    // One bit for each level: 1 for an object.
    let (mut levels, mut depth) = (1_u128, 1_u32);
    let mut before = Before::Open;
    let mut position = start + 1;
    while let Some(&byte) = text.get(position) {
        let in_object = levels & 1 == 1;
        let takes_value = if in_object {
            before == Before::Colon
        } else {
            matches!(before, Before::Open | Before::Comma)
        };
        match byte {
            b' ' | b'\t' | b'\r' | b'\n' => {}
            b'"' => {
                let is_name = in_object && matches!(before, Before::Open | Before::Comma);
                if !is_name && !takes_value {
                    return ObjectEnd::Malformed;
                }
                match string_end(text, position) {
                    ObjectEnd::At(end) => position = end - 1,
                    other => return other,
                }
                before = if is_name { Before::Name } else { Before::Value };
            }
            b'{' | b'[' if takes_value && depth < MAXIMUM_DEPTH => {
                levels = levels << 1 | u128::from(byte == b'{');
                depth += 1;
                before = Before::Open;
            }
            b'}' | b']' if (byte == b'}') == in_object && matches!(before, Before::Open | Before::Value) => {
                levels >>= 1;
                depth -= 1;
                if depth == 0 {
                    return ObjectEnd::At(position + 1);
                }
                before = Before::Value;
            }
            b':' if before == Before::Name => before = Before::Colon,
            b',' if before == Before::Value => before = Before::Comma,
            b'{' | b'[' | b'}' | b']' | b':' | b',' => return ObjectEnd::Malformed,
            _ if takes_value => {
                let ends = |byte: &u8| byte.is_ascii_whitespace() || b",:{}[]\"".contains(byte);
                position += text[position..].iter().take_while(|byte| !ends(byte)).count() - 1;
                before = Before::Value;
            }
            _ => return ObjectEnd::Malformed,
        }
        position += 1;
    }
    ObjectEnd::Beyond
}

/// Finds the end of the string that starts at `start`. A string holds no line end.
fn string_end(text: &[u8], start: usize) -> ObjectEnd {
    let mut position = start + 1;
    loop {
        let unread = text.get(position..).unwrap_or_default();
        let found = memchr2(b'"', b'\\', unread);
        if memchr(b'\n', &unread[..found.unwrap_or(unread.len())]).is_some() {
            return ObjectEnd::Malformed;
        }
        match found {
            None => return ObjectEnd::Beyond,
            Some(at) if unread[at] == b'"' => return ObjectEnd::At(position + at + 1),
            Some(at) => position += at + 2,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::Value;

    fn records(text: &str) -> Vec<&str> {
        let mut position = 0;
        std::iter::from_fn(|| match next_record(text.as_bytes(), position, true) {
            NextRecord::Found { start, end, .. } => {
                position = end;
                Some(&text[start..end])
            }
            NextRecord::None => None,
            NextRecord::Beyond => panic!("{text:?} at {position}"),
        })
        .collect()
    }

    #[test]
    fn records_are_found_without_lines() {
        let (a, b) = (r#"{"a":"}{,[\"","b":[{"c":[]},1]}"#, "{\n  \"a\" : {}\n}");
        assert_eq!(records(&format!("{a}{b}")), [a, b]);
        assert_eq!(records(&format!(" [{a},\n{b}\n,{{}}]\n")), [a, b, "{}"]);
        assert_eq!(records(&format!("[{a}][{b}]\n")), [a, b]);
        assert!(records(" [\n]\n").is_empty());
    }

    #[test]
    fn a_malformed_object_ends_before_the_next_one() {
        let good = r#"{"a":"x"}"#;
        for bad in [
            r#"{"a":"unclosed}"#,
            r#"{"a":1"#,
            r#"{"a":[1,2}"#,
            r#"{"a":1,,}"#,
            r#"{"a"}"#,
            r#"{"a":{"b":1}"#,
            "{\n  \"a\": \"unclosed,\n  \"b\": 2\n}",
        ] {
            assert_eq!(
                records(&format!("{good}\n{bad}\n{good}{good}")),
                [good, bad, good, good]
            );
            if bad.ends_with('}') {
                assert_eq!(records(&format!("[{bad},{good}, {good}]")), [bad, good, good]);
            }
        }
        assert_eq!(records(&format!("oops {good}\n7\n\"x\"")), ["oops", good, "7", "\"x\""]);
        assert_eq!(records("{\"a\":1"), ["{\"a\":1"]);
    }

    #[test]
    fn a_record_waits_for_its_end() {
        let text = b"[{\"a\":\"x\\\"\"},{\"b";
        assert_eq!(
            next_record(text, 0, false),
            NextRecord::Found {
                start: 1,
                end: 12,
                well_formed: true
            }
        );
        for length in 0..12 {
            assert_eq!(next_record(&text[..length], 0, false), NextRecord::Beyond, "{length}");
        }
    }

    fn json() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<i64>().prop_map(Value::from),
            "[ -~\n{}\\[\\]\",:]{0,6}".prop_map(Value::from),
        ];
        leaf.prop_recursive(3, 12, 3, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..3).prop_map(Value::from),
                prop::collection::vec(("[a-z\"}]{1,3}", inner), 0..3)
                    .prop_map(|fields| Value::Object(fields.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn records_written_one_after_the_other_are_found_again(
            rows in prop::collection::vec((prop::collection::vec(("[a-z]{1,2}", json()), 0..4), any::<bool>()), 0..8),
            separator in prop::sample::select(vec!["", " ", "\n", ",", " ,\n", "]["]),
        ) {
            let written: Vec<String> = rows.into_iter().map(|(fields, pretty)| {
                let object = Value::Object(fields.into_iter().collect());
                if pretty { serde_json::to_string_pretty(&object).unwrap() } else { object.to_string() }
            }).collect();
            let text = format!("[{}]", written.join(separator));
            prop_assert_eq!(records(&text), written);
        }

        #[test]
        fn any_text_comes_to_an_end(text in "[{}\\[\\]\",:a1 \n\\\\]{0,60}") {
            let mut position = 0;
            while let NextRecord::Found { start, end, .. } = next_record(text.as_bytes(), position, true) {
                prop_assert!(start >= position && end > start);
                prop_assert!(text.as_bytes()[position..start].iter().all(|byte| is_separator(*byte)));
                position = end;
            }
            prop_assert!(text.as_bytes()[position..].iter().all(|byte| is_separator(*byte)));
        }
    }
}
