//! Documents in JSON as Python's `json` reads them: whole numbers apart from others, NaN and infinities are numbers, and the
//! last of two equal keys counts.

mod grammar;

pub(crate) use grammar::is_document;

use grammar::{SPACES, code, scalar, string};
use serde_json::Value;
use std::cmp::Ordering;
use std::collections::BTreeMap;

/// How deep values may be nested.
const DEPTH: usize = 256;

/// A value of a document.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Json {
    Null,
    Boolean(bool),
    Number(Number),
    Text(String),
    List(Vec<Self>),
    Object(BTreeMap<String, Self>),
}

/// A number of a document.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Number {
    Whole(i128),
    /// A whole number beyond 128 bits, rounded.
    Huge(f64),
    Float(f64),
}

/// Why a text is no document.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Unreadable {
    #[error("it is no JSON")]
    Syntax,
    #[error("its values are nested more than {DEPTH} levels deep")]
    Depth,
}

impl Number {
    /// The nearest floating-point number.
    pub(crate) const fn nearest(self) -> f64 {
        match self {
            Self::Whole(number) => number as f64,
            Self::Huge(number) | Self::Float(number) => number,
        }
    }

    /// Whether it is written as a whole number.
    pub(crate) const fn is_whole(self) -> bool {
        !matches!(self, Self::Float(_))
    }

    /// Whether it has no fraction, however it is written.
    pub(crate) fn has_no_fraction(self) -> bool {
        self.is_whole() || (self.nearest().is_finite() && self.nearest().fract() == 0.0)
    }

    /// Whether it is a multiple of another number, as Python reckons: in floating-point numbers if the other is one.
    pub(crate) fn is_multiple_of(self, other: Self) -> bool {
        match (self, other) {
            (Self::Whole(number), Self::Whole(other)) => number.checked_rem(other) == Some(0),
            (number, Self::Float(other)) => {
                let quotient = number.nearest() / other;
                if quotient.is_finite() {
                    quotient.fract() == 0.0
                } else {
                    number.nearest() % other == 0.0
                }
            }
            (number, other) => number.nearest() % other.nearest() == 0.0,
        }
    }
}

impl PartialEq for Number {
    fn eq(&self, other: &Self) -> bool {
        self.partial_cmp(other) == Some(Ordering::Equal)
    }
}

impl PartialOrd for Number {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        match (*self, *other) {
            (Self::Whole(a), Self::Whole(b)) => Some(a.cmp(&b)),
            (Self::Whole(a), b) => whole_to_float(a, b.nearest()),
            (a, Self::Whole(b)) => whole_to_float(b, a.nearest()).map(Ordering::reverse),
            (a, b) => a.nearest().partial_cmp(&b.nearest()),
        }
    }
}

/// Compares exactly: not every whole number is a floating-point number.
fn whole_to_float(whole: i128, float: f64) -> Option<Ordering> {
    if float.is_nan() {
        return None;
    }
    // A float beyond the range is brought to its end, which no whole number that is read comes near.
    let order = whole.cmp(&(float.trunc() as i128));
    Some(order.then_with(|| 0.0_f64.total_cmp(&(float.fract() + 0.0))))
}

impl From<&Value> for Json {
    fn from(value: &Value) -> Self {
        match value {
            Value::Null => Self::Null,
            Value::Bool(truth) => Self::Boolean(*truth),
            Value::Number(number) => Self::Number(Number::from(number)),
            Value::String(text) => Self::Text(text.clone()),
            Value::Array(items) => Self::List(items.iter().map(Self::from).collect()),
            Value::Object(fields) => {
                let fields = fields.iter().map(|(name, value)| (name.clone(), Self::from(value)));
                Self::Object(fields.collect())
            }
        }
    }
}

impl From<&serde_json::Number> for Number {
    fn from(number: &serde_json::Number) -> Self {
        let whole = number
            .as_i64()
            .map(i128::from)
            .or_else(|| number.as_u64().map(i128::from));
        whole.map_or_else(|| Self::Float(number.as_f64().unwrap_or(f64::NAN)), Self::Whole)
    }
}

/// Reads a document.
///
/// # Errors
/// The text is none, or its values are nested too deep.
pub(crate) fn read(text: &str) -> Result<Json, Unreadable> {
    let mut reader = Reader { rest: text };
    reader.skip_spaces();
    let value = reader.value(0)?;
    reader.skip_spaces();
    if reader.rest.is_empty() {
        Ok(value)
    } else {
        Err(Unreadable::Syntax)
    }
}

struct Reader<'a> {
    rest: &'a str,
}

impl Reader<'_> {
    fn skip_spaces(&mut self) {
        self.rest = self.rest.trim_start_matches(SPACES);
    }

    /// Takes a text off the beginning, if it is there.
    fn take(&mut self, text: &str) -> bool {
        let rest = self.rest.strip_prefix(text);
        self.rest = rest.unwrap_or(self.rest);
        rest.is_some()
    }

    fn value(&mut self, depth: usize) -> Result<Json, Unreadable> {
        if depth > DEPTH {
            return Err(Unreadable::Depth);
        }
        match self.rest.as_bytes().first() {
            Some(b'"') => self.text().map(Json::Text),
            Some(b'[') => self.list(depth),
            Some(b'{') => self.object(depth),
            _ => self.scalar().ok_or(Unreadable::Syntax),
        }
    }

    fn list(&mut self, depth: usize) -> Result<Json, Unreadable> {
        let mut items = Vec::new();
        self.take("[");
        self.skip_spaces();
        if self.take("]") {
            return Ok(Json::List(items));
        }
        loop {
            self.skip_spaces();
            items.push(self.value(depth + 1)?);
            self.skip_spaces();
            if self.take("]") {
                return Ok(Json::List(items));
            }
            if !self.take(",") {
                return Err(Unreadable::Syntax);
            }
        }
    }

    fn object(&mut self, depth: usize) -> Result<Json, Unreadable> {
        let mut fields = BTreeMap::new();
        self.take("{");
        self.skip_spaces();
        if self.take("}") {
            return Ok(Json::Object(fields));
        }
        loop {
            self.skip_spaces();
            let name = self.text()?;
            self.skip_spaces();
            if !self.take(":") {
                return Err(Unreadable::Syntax);
            }
            self.skip_spaces();
            fields.insert(name, self.value(depth + 1)?);
            self.skip_spaces();
            if self.take("}") {
                return Ok(Json::Object(fields));
            }
            if !self.take(",") {
                return Err(Unreadable::Syntax);
            }
        }
    }

    fn text(&mut self) -> Result<String, Unreadable> {
        let after = string(self.rest).ok_or(Unreadable::Syntax)?;
        let inner = &self.rest[1..self.rest.len() - after.len() - 1];
        self.rest = after;
        Ok(unescaped(inner))
    }

    fn scalar(&mut self) -> Option<Json> {
        let after = scalar(self.rest)?;
        let text = &self.rest[..self.rest.len() - after.len()];
        self.rest = after;
        let float = || text.parse::<f64>().ok();
        Some(match text {
            "null" => Json::Null,
            "true" => Json::Boolean(true),
            "false" => Json::Boolean(false),
            "NaN" => Json::Number(Number::Float(f64::NAN)),
            "Infinity" => Json::Number(Number::Float(f64::INFINITY)),
            "-Infinity" => Json::Number(Number::Float(f64::NEG_INFINITY)),
            _ if text.contains(['.', 'e', 'E']) => Json::Number(Number::Float(float()?)),
            _ => Json::Number(match text.parse::<i128>() {
                Ok(number) => Number::Whole(number),
                Err(_) => Number::Huge(float()?),
            }),
        })
    }
}

/// What stands between the quotation marks of a text, whose escapes are known to be right.
fn unescaped(inner: &str) -> String {
    let (mut text, mut rest) = (String::with_capacity(inner.len()), inner);
    while let Some((plain, escape)) = rest.split_once('\\') {
        text.push_str(plain);
        rest = match escaped(escape) {
            Some((symbol, after)) => {
                text.push(symbol);
                after
            }
            None => "",
        };
    }
    text.push_str(rest);
    text
}

/// The character of an escape, without its backslash, and what follows.
fn escaped(escape: &str) -> Option<(char, &str)> {
    let mut symbols = escape.chars();
    let symbol = match symbols.next()? {
        'b' => '\u{8}',
        'f' => '\u{c}',
        'n' => '\n',
        'r' => '\r',
        't' => '\t',
        'u' => {
            let (high, after) = code(symbols.as_str())?;
            let low = after.strip_prefix("\\u").and_then(code);
            return Some(match low {
                Some((low @ 0xDC00..0xE000, behind)) if (0xD800..0xDC00).contains(&high) => {
                    let pair = 0x10000 + ((high - 0xD800) << 10) + (low - 0xDC00);
                    (char::from_u32(pair)?, behind)
                }
                // Half of a pair is a character of its own in Python.
                _ => (char::from_u32(high).unwrap_or(char::REPLACEMENT_CHARACTER), after),
            });
        }
        itself => itself,
    };
    Some((symbol, symbols.as_str()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn documents_are_read_as_in_python() {
        let number = |text: &str| match read(text) {
            Ok(Json::Number(number)) => number,
            other => panic!("{text}: {other:?}"),
        };
        assert!(number("1").is_whole() && !number("1.0").is_whole() && number("1.0").has_no_fraction());
        assert_eq!(number("1"), number("1.0"));
        assert!(number("9007199254740993") > number("9007199254740992.0"));
        assert!(number("-1.5") < number("-1") && number("1") < number("1.5"));
        assert!(number("1e400") > number("99999999999999999999999999999999999999999999"));
        assert!(number("1").partial_cmp(&number("NaN")).is_none());
        assert_eq!(
            read("\"\\ud83d\\ude00\\ud800x\""),
            Ok(Json::Text("😀\u{fffd}x".to_owned()))
        );
        let Ok(Json::Object(fields)) = read(" {\"a\": 1, \"a\": [null, true]} ") else {
            panic!()
        };
        assert_eq!(fields["a"], Json::List(vec![Json::Null, Json::Boolean(true)]));
        for text in [
            "",
            "1.",
            "01",
            "+1",
            "[1,]",
            "{\"a\"}",
            "\"\t\"",
            "\"\\x\"",
            "nul",
            "1 2",
            "\u{feff}1",
        ] {
            assert_eq!(read(text), Err(Unreadable::Syntax), "{text}");
        }
        assert_eq!(
            read(&format!("{}1{}", "[".repeat(300), "]".repeat(300))),
            Err(Unreadable::Depth)
        );
    }

    #[test]
    fn multiples_are_those_of_python() {
        let check = |number: &str, other: &str, expected: bool| {
            let [Ok(Json::Number(a)), Ok(Json::Number(b))] = [read(number), read(other)] else {
                panic!()
            };
            assert_eq!(a.is_multiple_of(b), expected, "{number} {other}");
        };
        check("6", "3", true);
        check("7", "3", false);
        check("6.0", "3", true);
        check("6.5", "3", false);
        check("0.3", "0.1", false);
        check("1e308", "0.5", true);
    }
}
