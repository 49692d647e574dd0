//! Parameters of a suite: arguments of the form `{"$PARAMETER": "limit * 2"}`.
//!
//! A name alone stands for the value of the parameter, whatever it is. An expression has numbers, names, `+ - * / ^`, brackets,
//! `abs`, `round`, `trunc`, `now()` (of the whole evaluation, in UTC), `datetime(2026, 1, 31)` and `timedelta(days=1)`.

use crate::suite::ExpectationConfiguration;
use crate::table::Problem;
use chrono::{NaiveDate, NaiveDateTime, TimeDelta};
use serde_json::{Map, Number, Value};

const MARK: &str = "$PARAMETER";
/// Deepest nesting of brackets and signs.
const DEEPEST: usize = 64;

/// The arguments with all parameters replaced; `None` without any.
///
/// # Errors
/// A parameter without a value, or an expression that is not understood.
pub(crate) fn resolved(
    expectation: &ExpectationConfiguration,
    given: &Map<String, Value>,
    now: NaiveDateTime,
) -> Result<Option<Map<String, Value>>, Problem> {
    if !expectation.kwargs.values().any(holds) {
        return Ok(None);
    }
    let kwargs = expectation.kwargs.iter();
    let kwargs = kwargs.map(|(name, value)| Ok((name.clone(), replaced(value, given, now)?)));
    kwargs.collect::<Result<_, Problem>>().map(Some)
}

fn holds(value: &Value) -> bool {
    match value {
        Value::Object(fields) => fields.contains_key(MARK) || fields.values().any(holds),
        Value::Array(items) => items.iter().any(holds),
        _ => false,
    }
}

fn replaced(value: &Value, given: &Map<String, Value>, now: NaiveDateTime) -> Result<Value, Problem> {
    match value {
        Value::Object(fields) => match fields.get(MARK) {
            Some(Value::String(expression)) => {
                // Great Expectations keeps trial values next to the expression: {"$PARAMETER": "m", "$PARAMETER.m": 7}.
                let beside = fields.get(&format!("{MARK}.{expression}"));
                beside.map_or_else(|| evaluated(expression, given, now), |value| Ok(value.clone()))
            }
            Some(other) => Err(format!("parameter {other} is no text")),
            None => {
                let fields = fields.iter();
                let fields = fields.map(|(name, value)| Ok((name.clone(), replaced(value, given, now)?)));
                fields.collect::<Result<_, Problem>>().map(Value::Object)
            }
        },
        Value::Array(items) => {
            let items = items.iter().map(|item| replaced(item, given, now));
            items.collect::<Result<_, Problem>>().map(Value::Array)
        }
        other => Ok(other.clone()),
    }
}

fn evaluated(expression: &str, given: &Map<String, Value>, now: NaiveDateTime) -> Result<Value, Problem> {
    if let Some(value) = given.get(expression.trim()) {
        return Ok(value.clone());
    }
    let mut parser = Parser {
        rest: expression.trim(),
        given,
        now,
        depth: 0,
    };
    let term = parser
        .sum()
        .map_err(|problem| format!("parameter '{expression}': {problem}"))?;
    if !parser.rest.is_empty() {
        return Err(format!(
            "parameter '{expression}' is not understood at '{}'",
            parser.rest
        ));
    }
    term.json()
        .ok_or_else(|| format!("parameter '{expression}' gives no number, date or time"))
}

/// A value on the way.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Term {
    Whole(i64),
    Real(f64),
    Moment(NaiveDateTime),
    Span(TimeDelta),
}

impl Term {
    fn json(self) -> Option<Value> {
        match self {
            Self::Whole(whole) => Some(Value::from(whole)),
            Self::Real(real) => Number::from_f64(real).map(Value::Number),
            Self::Moment(moment) => Some(Value::from(moment.format("%Y-%m-%dT%H:%M:%S%.f").to_string())),
            Self::Span(_) => None,
        }
    }

    fn real(self) -> Option<f64> {
        match self {
            Self::Whole(whole) => Some(whole as f64),
            Self::Real(real) => Some(real),
            Self::Moment(_) | Self::Span(_) => None,
        }
    }

    fn joined(self, operator: char, other: Self) -> Result<Self, Problem> {
        let wrong = || format!("'{operator}' cannot be used on these values");
        let joined = match (self, operator, other) {
            (Self::Moment(moment), '+', Self::Span(span)) | (Self::Span(span), '+', Self::Moment(moment)) => {
                moment.checked_add_signed(span).map(Self::Moment)
            }
            (Self::Moment(moment), '-', Self::Span(span)) => moment.checked_sub_signed(span).map(Self::Moment),
            (Self::Span(a), '+', Self::Span(b)) => a.checked_add(&b).map(Self::Span),
            (Self::Span(a), '-', Self::Span(b)) => a.checked_sub(&b).map(Self::Span),
            (Self::Span(span), '*', Self::Whole(times)) | (Self::Whole(times), '*', Self::Span(span)) => {
                i32::try_from(times)
                    .ok()
                    .and_then(|times| span.checked_mul(times))
                    .map(Self::Span)
            }
            (Self::Whole(a), '+', Self::Whole(b)) => a.checked_add(b).map(Self::Whole),
            (Self::Whole(a), '-', Self::Whole(b)) => a.checked_sub(b).map(Self::Whole),
            (Self::Whole(a), '*', Self::Whole(b)) => a.checked_mul(b).map(Self::Whole),
            (Self::Whole(a), '^', Self::Whole(b)) if b >= 0 => u32::try_from(b)
                .ok()
                .and_then(|power| a.checked_pow(power))
                .map(Self::Whole),
            _ => None,
        };
        if let Some(joined) = joined {
            return Ok(joined);
        }
        let (a, b) = (self.real().ok_or_else(wrong)?, other.real().ok_or_else(wrong)?);
        let real = match operator {
            '+' => a + b,
            '-' => a - b,
            '*' => a * b,
            '/' => a / b,
            _ => a.powf(b),
        };
        if real.is_finite() {
            Ok(Self::Real(real))
        } else {
            Err("it gives no number".to_owned())
        }
    }
}

struct Parser<'a> {
    rest: &'a str,
    given: &'a Map<String, Value>,
    now: NaiveDateTime,
    depth: usize,
}

impl<'a> Parser<'a> {
    fn take(&mut self, token: char) -> bool {
        let rest = self.rest.strip_prefix(token).map(str::trim_start);
        self.rest = rest.unwrap_or(self.rest);
        rest.is_some()
    }

    fn joined(&mut self, operators: &[char], part: fn(&mut Self) -> Result<Term, Problem>) -> Result<Term, Problem> {
        let mut term = part(self)?;
        while let Some(operator) = operators.iter().find(|operator| self.take(**operator)) {
            term = term.joined(*operator, part(self)?)?;
        }
        Ok(term)
    }

    fn sum(&mut self) -> Result<Term, Problem> {
        self.joined(&['+', '-'], |parser| parser.joined(&['*', '/'], Self::power))
    }

    fn power(&mut self) -> Result<Term, Problem> {
        if self.depth == DEEPEST {
            return Err("it has too many brackets".to_owned());
        }
        self.depth += 1;
        let base = self.atom()?;
        let power = if self.take('^') {
            base.joined('^', self.power()?)
        } else {
            Ok(base)
        };
        self.depth -= 1;
        power
    }

    fn atom(&mut self) -> Result<Term, Problem> {
        if self.take('-') {
            return Term::Whole(0).joined('-', self.power()?);
        }
        if self.take('+') {
            return self.power();
        }
        if self.take('(') {
            let inner = self.sum()?;
            return self.closed(inner);
        }
        let end = self
            .rest
            .find(|next: char| !next.is_alphanumeric() && !matches!(next, '_' | '.' | '$'));
        let (word, rest) = self.rest.split_at(end.unwrap_or(self.rest.len()));
        if word.is_empty() {
            return Err(format!("it is not understood at '{}'", self.rest));
        }
        self.rest = rest.trim_start();
        if let Ok(whole) = word.parse() {
            return Ok(Term::Whole(whole));
        }
        if word.starts_with(|first: char| first.is_ascii_digit() || first == '.') {
            return word
                .parse()
                .map(Term::Real)
                .map_err(|_| format!("'{word}' is no number"));
        }
        if self.take('(') {
            return self.call(word);
        }
        match (self.given.get(word), word) {
            (Some(Value::Number(number)), _) => {
                let whole = number.as_i64().map(Term::Whole);
                whole
                    .or_else(|| number.as_f64().map(Term::Real))
                    .ok_or_else(|| format!("'{word}' is too large"))
            }
            (Some(Value::String(text)), _) => {
                let nanoseconds = crate::operand::moment(text).and_then(|time| i64::try_from(time).ok());
                let moment = nanoseconds.map(|time| chrono::DateTime::from_timestamp_nanos(time).naive_utc());
                moment
                    .map(Term::Moment)
                    .ok_or_else(|| format!("'{word}' is {text}, no date or time"))
            }
            (Some(other), _) => Err(format!("'{word}' is {other}, which cannot be reckoned with")),
            (None, "PI" | "pi") => Ok(Term::Real(std::f64::consts::PI)),
            (None, "E" | "e") => Ok(Term::Real(std::f64::consts::E)),
            (None, _) => Err(format!("'{word}' has no value: give one")),
        }
    }

    fn closed(&mut self, term: Term) -> Result<Term, Problem> {
        if self.take(')') {
            Ok(term)
        } else {
            Err("')' is missing".to_owned())
        }
    }

    fn call(&mut self, function: &str) -> Result<Term, Problem> {
        let mut arguments: Vec<(&'a str, Term)> = Vec::new();
        while !self.take(')') {
            let end = self
                .rest
                .find(|next: char| !next.is_alphanumeric() && next != '_')
                .unwrap_or(self.rest.len());
            let (word, after) = self.rest.split_at(end);
            let mut name = "";
            if let Some(after) = after.trim_start().strip_prefix('=') {
                name = word;
                self.rest = after.trim_start();
            }
            arguments.push((name, self.sum()?));
            if !self.take(',') && !self.rest.starts_with(')') {
                return Err("')' is missing".to_owned());
            }
        }
        let wrong = || format!("'{function}' does not take these arguments");
        let terms: Vec<Term> = arguments.iter().map(|(_, term)| *term).collect();
        match (function, terms.as_slice()) {
            ("now", []) => Ok(Term::Moment(self.now)),
            ("abs", [Term::Whole(whole)]) => whole.checked_abs().map(Term::Whole).ok_or_else(wrong),
            ("abs", [Term::Real(real)]) => Ok(Term::Real(real.abs())),
            ("trunc" | "round", [Term::Whole(whole)]) => Ok(Term::Whole(*whole)),
            ("trunc", [Term::Real(real)]) => Ok(Term::Whole(real.trunc() as i64)),
            ("round", [Term::Real(real)]) => Ok(Term::Whole(real.round_ties_even() as i64)),
            ("datetime", terms) => {
                let parts: Option<Vec<u32>> = terms
                    .iter()
                    .map(|term| match term {
                        Term::Whole(whole) => u32::try_from(*whole).ok(),
                        _ => None,
                    })
                    .collect();
                let parts = parts.filter(|parts| (3..=6).contains(&parts.len())).ok_or_else(wrong)?;
                let part = |place: usize| parts.get(place).copied().unwrap_or(0);
                let date = i32::try_from(part(0))
                    .ok()
                    .and_then(|year| NaiveDate::from_ymd_opt(year, part(1), part(2)));
                let moment = date.and_then(|date| date.and_hms_opt(part(3), part(4), part(5)));
                moment.map(Term::Moment).ok_or_else(wrong)
            }
            ("timedelta", _) => {
                let mut span = TimeDelta::zero();
                for (place, (name, term)) in arguments.iter().enumerate() {
                    let seconds = match (*name, place) {
                        ("weeks", _) => 7.0 * 86_400.0,
                        ("days", _) | ("", 0) => 86_400.0,
                        ("hours", _) => 3600.0,
                        ("minutes", _) => 60.0,
                        ("seconds", _) | ("", 1) => 1.0,
                        _ => return Err(wrong()),
                    };
                    let microseconds = term.real().ok_or_else(wrong)? * seconds * 1e6;
                    let part = TimeDelta::microseconds(microseconds.round() as i64);
                    span = span.checked_add(&part).ok_or_else(wrong)?;
                }
                Ok(Term::Span(span))
            }
            _ => Err(wrong()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn value(expression: &str) -> Result<Value, Problem> {
        let given = json!({"m": 4, "n": 1.5, "day": "2026-01-05", "shops": ["north", "south"], "a b": 7});
        let now = NaiveDate::from_ymd_opt(2026, 1, 31)
            .unwrap()
            .and_hms_opt(12, 0, 0)
            .unwrap();
        evaluated(expression, given.as_object().unwrap(), now)
    }

    #[test]
    fn expressions_are_evaluated() {
        for (expression, expected) in [
            ("m", json!(4)),
            ("shops", json!(["north", "south"])),
            ("a b", json!(7)),
            ("m * 2 + 1", json!(9)),
            ("m + n", json!(5.5)),
            ("2 ^ 3 ^ 2", json!(512)),
            ("-(m - 10) / 4", json!(1.5)),
            ("abs(-m)", json!(4)),
            ("round(n)", json!(2)),
            ("now()", json!("2026-01-31T12:00:00")),
            ("now() - timedelta(days=1)", json!("2026-01-30T12:00:00")),
            ("now() - timedelta(weeks=1, hours=2)", json!("2026-01-24T10:00:00")),
            ("day - timedelta(days=1)", json!("2026-01-04T00:00:00")),
            (
                "datetime(2026, 2, 1) - timedelta(seconds=0.5)",
                json!("2026-01-31T23:59:59.500"),
            ),
        ] {
            assert_eq!(value(expression).unwrap(), expected, "{expression}");
        }
    }

    #[test]
    fn what_has_no_value_is_named() {
        assert_eq!(
            value("limit").unwrap_err(),
            "parameter 'limit': 'limit' has no value: give one"
        );
        for wrong in [
            "",
            "m +",
            "m m",
            "timedelta(days=1)",
            "shops + 1",
            "now() * 2",
            "1 / 0",
            "now(",
            "m)",
            "timedelta(years=1)",
        ] {
            assert!(value(wrong).is_err(), "{wrong}");
        }
        assert!(value(&"(".repeat(100_000)).is_err());
    }
}
