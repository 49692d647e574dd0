//! Whether texts are something: dates of a format or of any, JSON, JSON of a schema.

use super::check::Check;
use super::rows::{ColumnCheck, column};
use crate::arguments::Arguments;
use crate::dateutil::is_parseable;
use crate::json_schema::Schema;
use crate::pattern::GaveUp;
use crate::spelling::judge_text;
use crate::strptime::Format;
use crate::table::{BuildError, Table};
use crate::value::Kind;

/// Rejects columns of anything but text.
fn text_column(arguments: &Arguments<'_>, table: &Table) -> Result<(), BuildError> {
    match column(arguments, table)? {
        Kind::Text | Kind::Nothing => Ok(()),
        other => Err(format!("its column holds {}, it needs text", other.name()).into()),
    }
}

pub(super) fn strftime(arguments: &Arguments<'_>, table: &Table) -> Result<Box<dyn Check>, BuildError> {
    text_column(arguments, table)?;
    let given = arguments.text("strftime_format")?;
    let format = Format::new(given).map_err(|problem| format!("argument 'strftime_format' is '{given}': {problem}"))?;
    ColumnCheck::boxed(arguments, move |column| {
        judge_text(column, |text| Ok::<_, GaveUp>(!format.is_match(text)))
    })
}

pub(super) fn dateutil(arguments: &Arguments<'_>, table: &Table) -> Result<Box<dyn Check>, BuildError> {
    text_column(arguments, table)?;
    let today = chrono::Utc::now().date_naive();
    ColumnCheck::boxed(arguments, move |column| {
        judge_text(column, |text| Ok::<_, GaveUp>(!is_parseable(text, today)))
    })
}

pub(super) fn json(arguments: &Arguments<'_>, table: &Table) -> Result<Box<dyn Check>, BuildError> {
    text_column(arguments, table)?;
    ColumnCheck::boxed(arguments, move |column| {
        judge_text(column, |text| Ok::<_, GaveUp>(!is_json(text)))
    })
}

pub(super) fn json_schema(arguments: &Arguments<'_>, table: &Table) -> Result<Box<dyn Check>, BuildError> {
    text_column(arguments, table)?;
    let schema = Schema::new(arguments.object("json_schema")?);
    let schema = schema.map_err(|problem| format!("argument 'json_schema' cannot be used: {problem}"))?;
    ColumnCheck::boxed(arguments, move |column| {
        judge_text(column, |text| schema.allows(text).map(|allowed| !allowed))
    })
}

/// Whether the `json` of Python reads a text: infinities and NaN are numbers to it, and half of a pair of surrogates is a
/// character. Values may be nested without limit.
fn is_json(text: &str) -> bool {
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

const SPACES: [char; 4] = [' ', '\t', '\n', '\r'];

/// What follows a key and its colon.
fn key(rest: &str) -> Option<&str> {
    let after = string(rest)?.trim_start_matches(SPACES).strip_prefix(':')?;
    Some(after.trim_start_matches(SPACES))
}

/// What follows a text.
fn string(rest: &str) -> Option<&str> {
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
            'u' => {
                let code = escaped.as_str().get(..4)?;
                if !code.bytes().all(|digit| digit.is_ascii_hexdigit()) {
                    return None;
                }
                rest = &escaped.as_str()[4..];
            }
            _ => return None,
        }
    }
}

/// What follows a text, number or word.
fn scalar(rest: &str) -> Option<&str> {
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
        ] {
            assert!(is_json(text), "{text}");
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
        ] {
            assert!(!is_json(text), "{text}");
        }
    }
}
