//! The arguments of an expectation; every error names the argument and the expected type.

use crate::operand::Operand;
use crate::pattern::Pattern;
use crate::suite::ExpectationConfiguration;
use crate::table::Problem;
use crate::value::Kind;
use serde_json::Value;
use std::cell::RefCell;

/// Arguments that every expectation accepts; read elsewhere, or without influence on the result.
const COMMON: [&str; 10] = [
    "batch_id",
    "catch_exceptions",
    "column_index",
    "condition_parser",
    "include_config",
    "meta",
    "notes",
    "result_format",
    "row_condition",
    "severity",
];

/// The arguments of one expectation. Records which names are read, to reject unknown ones.
#[derive(Debug)]
pub(crate) struct Arguments<'a> {
    expectation: &'a ExpectationConfiguration,
    known: RefCell<Vec<&'static str>>,
}

impl<'a> Arguments<'a> {
    pub(crate) const fn new(expectation: &'a ExpectationConfiguration) -> Self {
        Self {
            expectation,
            known: RefCell::new(Vec::new()),
        }
    }

    /// The argument, unless absent or null.
    pub(crate) fn optional(&self, name: &'static str) -> Option<&'a Value> {
        self.known.borrow_mut().push(name);
        self.expectation.kwargs.get(name).filter(|value| !value.is_null())
    }

    fn typed<T>(
        &self,
        name: &'static str,
        wanted: &str,
        read: impl FnOnce(&'a Value) -> Option<T>,
    ) -> Result<Option<T>, Problem> {
        let Some(value) = self.optional(name) else {
            return Ok(None);
        };
        read(value)
            .map(Some)
            .ok_or_else(|| format!("argument '{name}' is {value}: give {wanted}"))
    }

    fn required<T>(&self, name: &'static str, wanted: &str, value: Option<T>) -> Result<T, Problem> {
        value.ok_or_else(|| format!("argument '{name}' is missing: give {wanted}"))
    }

    /// A required text.
    pub(crate) fn text(&self, name: &'static str) -> Result<&'a str, Problem> {
        let value = self.typed(name, "a text", Value::as_str)?;
        self.required(name, "a text", value)
    }

    /// An optional text.
    pub(crate) fn optional_text(&self, name: &'static str) -> Result<Option<&'a str>, Problem> {
        self.typed(name, "a text", Value::as_str)
    }

    /// A boolean, default false.
    pub(crate) fn flag(&self, name: &'static str) -> Result<bool, Problem> {
        Ok(self.typed(name, "true or false", Value::as_bool)?.unwrap_or(false))
    }

    /// A boolean, default true.
    pub(crate) fn flag_or_true(&self, name: &'static str) -> Result<bool, Problem> {
        Ok(self.typed(name, "true or false", Value::as_bool)?.unwrap_or(true))
    }

    /// An optional integer from 0.
    pub(crate) fn count(&self, name: &'static str) -> Result<Option<u64>, Problem> {
        let read = |value: &Value| match (value.as_u64(), value.as_f64()) {
            (Some(count), _) => Some(count),
            (None, Some(number)) if number >= 0.0 && number.fract() == 0.0 => Some(number as u64),
            _ => None,
        };
        self.typed(name, "a whole number from 0", read)
    }

    /// A required integer from 0.
    pub(crate) fn required_count(&self, name: &'static str) -> Result<u64, Problem> {
        let value = self.count(name)?;
        self.required(name, "a whole number from 0", value)
    }

    /// An optional number.
    pub(crate) fn number(&self, name: &'static str) -> Result<Option<f64>, Problem> {
        self.typed(name, "a number", Value::as_f64)
    }

    /// An optional list.
    pub(crate) fn optional_list(&self, name: &'static str) -> Result<Option<&'a Vec<Value>>, Problem> {
        self.typed(name, "a list", Value::as_array)
    }

    /// A required list.
    pub(crate) fn list(&self, name: &'static str) -> Result<&'a Vec<Value>, Problem> {
        let value = self.optional_list(name)?;
        self.required(name, "a list", value)
    }

    /// A required list of texts.
    pub(crate) fn texts(&self, name: &'static str) -> Result<Vec<String>, Problem> {
        let wanted = "a list of texts";
        let read = |value: &Value| {
            let items = value.as_array()?.iter();
            items.map(|item| item.as_str().map(str::to_owned)).collect()
        };
        let value = self.typed(name, wanted, read)?;
        self.required(name, wanted, value)
    }

    /// A required object.
    pub(crate) fn object(&self, name: &'static str) -> Result<&'a serde_json::Map<String, Value>, Problem> {
        let value = self.typed(name, "an object", Value::as_object)?;
        self.required(name, "an object", value)
    }

    /// An optional literal, comparable with values of the kind.
    pub(crate) fn operand(&self, name: &'static str, kind: Kind) -> Result<Option<Operand>, Problem> {
        let wanted = format!("a value that can be compared with {}", kind.name());
        self.typed(name, &wanted, |value| Operand::new(kind, value))
    }

    /// The share of values that must meet the expectation, default 1.
    pub(crate) fn mostly(&self) -> Result<f64, Problem> {
        let read = |value: &Value| value.as_f64().filter(|share| (0.0..=1.0).contains(share));
        Ok(self.typed("mostly", "a share from 0 to 1", read)?.unwrap_or(1.0))
    }

    /// A required regular expression.
    pub(crate) fn regex(&self, name: &'static str) -> Result<Pattern, Problem> {
        compile(name, self.text(name)?)
    }

    /// A required, non-empty list of regular expressions.
    pub(crate) fn regexes(&self, name: &'static str) -> Result<Vec<Pattern>, Problem> {
        let patterns = self.texts(name)?;
        if patterns.is_empty() {
            return Err(format!("argument '{name}' is []: give at least one regular expression"));
        }
        patterns.iter().map(|pattern| compile(name, pattern)).collect()
    }

    /// Rejects arguments whose name was never read.
    pub(crate) fn finish(self) -> Result<(), Problem> {
        let known = self.known.into_inner();
        let known: Vec<&str> = known.into_iter().filter(|name| !COMMON.contains(name)).collect();
        let unknown = self
            .expectation
            .kwargs
            .keys()
            .find(|name| !known.contains(&name.as_str()) && !COMMON.contains(&name.as_str()));
        match unknown {
            None => Ok(()),
            Some(name) => {
                let mut known = known;
                known.sort_unstable();
                known.dedup();
                Err(format!("argument '{name}' is unknown: it takes {}", known.join(", ")))
            }
        }
    }
}

fn compile(name: &str, pattern: &str) -> Result<Pattern, Problem> {
    Pattern::new(pattern)
        .map_err(|reason| format!("argument '{name}' is '{pattern}', no regular expression that can be used: {reason}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn expectation(kwargs: &Value) -> ExpectationConfiguration {
        serde_json::from_value(json!({"type": "expect_x", "kwargs": kwargs})).unwrap()
    }

    #[test]
    fn wrong_arguments_are_named_with_what_would_be_right() {
        let expectation = expectation(&json!({
            "column": 1, "mostly": 1.2, "regex": "(?=a", "min_value": "x", "value_set": "abc", "stricktly": true,
        }));
        let arguments = Arguments::new(&expectation);
        let check = |problem: Option<Problem>, expected: &str| assert_eq!(problem.unwrap(), expected);
        check(arguments.text("column").err(), "argument 'column' is 1: give a text");
        check(
            arguments.text("column_A").err(),
            "argument 'column_A' is missing: give a text",
        );
        check(
            arguments.mostly().err(),
            "argument 'mostly' is 1.2: give a share from 0 to 1",
        );
        check(
            arguments.operand("min_value", Kind::Integer).err(),
            "argument 'min_value' is \"x\": give a value that can be compared with whole numbers",
        );
        check(
            arguments.list("value_set").err(),
            "argument 'value_set' is \"abc\": give a list",
        );
        let regex = arguments.regex("regex").unwrap_err();
        assert!(
            regex.starts_with("argument 'regex' is '(?=a', no regular expression"),
            "{regex}"
        );
        check(
            arguments.finish().err(),
            "argument 'stricktly' is unknown: it takes column, column_A, min_value, mostly, regex, value_set",
        );
    }
}
