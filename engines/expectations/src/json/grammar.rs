//! The grammar of JSON as the `json` of Python reads it: infinities and NaN are numbers, and half of a pair of surrogates is a
//! character.

/// Four hexadecimal digits, and what follows.
pub(super) fn code(text: &str) -> Option<(u32, &str)> {
    let (digits, after) = text.split_at_checked(4)?;
    let is_code = digits.bytes().all(|digit| digit.is_ascii_hexdigit());
    Some((u32::from_str_radix(digits, 16).ok().filter(|_| is_code)?, after))
}

/// Whether a text is a document, whose values may be nested without limit.
pub(crate) fn is_document(text: &str) -> bool {
    let mut rest = text.trim_start_matches(SPACES);
    // What is open: `}` or `]`.
    let mut open: Vec<char> = Vec::new();
    loop {
        // A value begins here.
        if let Some(inner) = rest.strip_prefix('{') {
            rest = inner.trim_start_matches(SPACES);
            open.push('}');
            if !rest.starts_with('}') {
                match key(rest) {
                    Some(value) => rest = value,
                    None => return false,
                }
                continue;
            }
        } else if let Some(inner) = rest.strip_prefix('[') {
            rest = inner.trim_start_matches(SPACES);
            open.push(']');
            if !rest.starts_with(']') {
                continue;
            }
        } else {
            match scalar(rest) {
                Some(after) => rest = after.trim_start_matches(SPACES),
                None => return false,
            }
        }
        // What is complete is closed.
        loop {
            let Some(close) = open.last() else {
                return rest.is_empty();
            };
            if let Some(after) = rest.strip_prefix(*close) {
                rest = after.trim_start_matches(SPACES);
                open.pop();
                continue;
            }
            let Some(next) = rest.strip_prefix(',') else {
                return false;
            };
            rest = next.trim_start_matches(SPACES);
            if *close == '}' {
                match key(rest) {
                    Some(value) => rest = value,
                    None => return false,
                }
            }
            break;
        }
    }
}

/// Longest whole number, in digits, that Python reads.
const LONGEST_WHOLE: usize = 4300;

pub(super) const SPACES: [char; 4] = [' ', '\t', '\n', '\r'];

/// What follows a key and its colon.
fn key(rest: &str) -> Option<&str> {
    let after = string(rest)?.trim_start_matches(SPACES).strip_prefix(':')?;
    Some(after.trim_start_matches(SPACES))
}

/// What follows a text.
pub(super) fn string(rest: &str) -> Option<&str> {
    let mut rest = rest.strip_prefix('"')?;
    loop {
        let end = rest.find(|next: char| next == '"' || next == '\\' || next < ' ')?;
        let (_, special) = rest.split_at(end);
        if let Some(after) = special.strip_prefix('"') {
            return Some(after);
        }
        let mut escaped = special.strip_prefix('\\')?.chars();
        match escaped.next()? {
            '"' | '\\' | '/' | 'b' | 'f' | 'n' | 'r' | 't' => rest = escaped.as_str(),
            'u' => (_, rest) = code(escaped.as_str())?,
            _ => return None,
        }
    }
}

/// What follows a text, number or word.
pub(super) fn scalar(rest: &str) -> Option<&str> {
    if rest.starts_with('"') {
        return string(rest);
    }
    let words = ["null", "true", "false", "NaN", "Infinity", "-Infinity"];
    if let Some(after) = words.iter().find_map(|word| rest.strip_prefix(word)) {
        return Some(after);
    }
    let digits = |text: &str| text.bytes().take_while(u8::is_ascii_digit).count();
    let number = rest.strip_prefix('-').unwrap_or(rest);
    let whole = if number.starts_with('0') { 1 } else { digits(number) };
    if whole == 0 {
        return None;
    }
    let mut after = &number[whole..];
    // Python's limit is for whole numbers: others are floating-point ones.
    if whole > LONGEST_WHOLE && !after.starts_with(['.', 'e', 'E']) {
        return None;
    }
    if let Some(places) = after.strip_prefix('.') {
        after = match digits(places) {
            0 => return None,
            count => &places[count..],
        };
    }
    if let Some(exponent) = after.strip_prefix(['e', 'E']) {
        let exponent = exponent.strip_prefix(['+', '-']).unwrap_or(exponent);
        after = match digits(exponent) {
            0 => return None,
            count => &exponent[count..],
        };
    }
    Some(after)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_is_what_python_reads() {
        let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
        for text in [
            "1",
            "-0.5e+3",
            "\"a\\u00e9\\n\"",
            "\"\\ud800\"",
            "[]",
            "[1, [2], {}]",
            "{\"a\": {\"b\": [null, true]}}",
            " { \"a\" : 1 , \"b\" : 2 } ",
            "NaN",
            "-Infinity",
            "\"é\"",
            &deep,
            &format!("-{}", "1".repeat(4300)),
            &format!("{}e1", "1".repeat(4301)),
            &format!("{}.0", "1".repeat(4301)),
        ] {
            assert!(is_document(text), "{text}");
        }
        for text in [
            "",
            " ",
            "01",
            "1.",
            ".5",
            "+1",
            "1e",
            "[1,]",
            "[,1]",
            "{\"a\"}",
            "{\"a\":1,}",
            "{a:1}",
            "[1",
            "]",
            "1 2",
            "\"a",
            "\"\\x\"",
            "\"\t\"",
            "'a'",
            "nul",
            "{\"a\":1]",
            "\u{feff}1",
            "\u{a0}1",
            "\"\\u12\"",
            &"1".repeat(4301),
            &format!("[-{}]", "1".repeat(4301)),
        ] {
            assert!(!is_document(text), "{text}");
        }
    }
}
