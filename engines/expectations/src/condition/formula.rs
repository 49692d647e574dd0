//! Formulas: row conditions beyond comparisons of one column with literals. Type-checked when built, evaluated row by row.

use super::scalar::{Scalar, arithmetic, cell, function, opposite, part_of};
use super::syntax::{Expression, FUNCTIONS, Operator};
use crate::operand::moment;
use crate::pattern::Pattern;
use crate::table::{BuildError, Table};
use crate::value::{Column, Kind};
use arrow::array::RecordBatch;
use arrow::error::ArrowError;
use serde_json::Value;
use std::borrow::Cow;
use std::cmp::Ordering;

/// Result type of a formula.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Sort {
    Truth,
    Number,
    Text,
    Moment,
    /// Always null.
    Nothing,
}

impl Sort {
    const fn name(self) -> &'static str {
        match self {
            Self::Truth => "truth values",
            Self::Number => "numbers",
            Self::Text => "text",
            Self::Moment => "dates and times",
            Self::Nothing => "nulls",
        }
    }

    /// Whether values of the two can be larger or smaller than one another.
    const fn has_order_with(self, other: Self) -> bool {
        use Sort::{Moment, Nothing, Number, Text, Truth};
        matches!(
            (self, other),
            (Truth | Number, Truth | Number) | (Text, Text) | (Moment, Moment) | (Nothing, _) | (_, Nothing)
        )
    }
}

/// A method of texts.
#[derive(Debug)]
pub(crate) enum OfText {
    Matches(Pattern),
    Contains(String),
    StartsWith(String),
    EndsWith(String),
    Length,
    Lower,
    Upper,
    Trimmed,
}

/// A formula, with the columns that it reads by number.
#[derive(Debug)]
pub(crate) enum Formula {
    Column(usize),
    Constant(Scalar<'static>),
    All(Vec<Formula>),
    Any(Vec<Formula>),
    Not(Box<Formula>),
    Compare(Operator, Box<Formula>, Box<Formula>),
    In(Box<Formula>, Vec<Scalar<'static>>),
    IsNull(Box<Formula>),
    Arithmetic(&'static str, Box<Formula>, Box<Formula>),
    Negative(Box<Formula>),
    Function(&'static str, Box<Formula>),
    OfText(OfText, Box<Formula>),
    OfMoment(&'static str, Box<Formula>),
}

const PARTS: [&str; 8] = [
    "dt.year",
    "dt.month",
    "dt.day",
    "dt.hour",
    "dt.minute",
    "dt.second",
    "dt.dayofweek",
    "dt.weekday",
];

/// Builds formulas for a table.
pub(super) struct Builder<'a> {
    pub(super) table: &'a Table,
    /// The names of the columns.
    pub(super) columns: Vec<String>,
}

impl Builder<'_> {
    /// The formula of an expression, and its result type.
    ///
    /// # Errors
    /// The table lacks a column, or values cannot be used in this way.
    pub(super) fn build(&mut self, expression: &Expression) -> Result<(Formula, Sort), BuildError> {
        Ok(match expression {
            Expression::Column(name) => {
                let sort = match self.table.kind(name)? {
                    Kind::Text => Sort::Text,
                    Kind::Boolean => Sort::Truth,
                    Kind::Date | Kind::Timestamp { .. } => Sort::Moment,
                    Kind::Nothing | Kind::Other => Sort::Nothing,
                    Kind::Integer | Kind::Float | Kind::Decimal { .. } => Sort::Number,
                };
                let known = self.columns.iter().position(|known| known == name);
                let place = known.unwrap_or_else(|| {
                    self.columns.push(name.clone());
                    self.columns.len() - 1
                });
                (Formula::Column(place), sort)
            }
            Expression::Literal(value) => {
                let (scalar, sort) = constant(value)?;
                (Formula::Constant(scalar), sort)
            }
            Expression::All(parts) => (Formula::All(self.truths(parts)?), Sort::Truth),
            Expression::Any(parts) => (Formula::Any(self.truths(parts)?), Sort::Truth),
            Expression::Not(of) => (Formula::Not(Box::new(self.of(of, Sort::Truth)?)), Sort::Truth),
            Expression::Negative(of) => {
                let of = self.of(of, Sort::Number)?;
                (Formula::Negative(Box::new(of)), Sort::Number)
            }
            Expression::Arithmetic(operator, a, b) => {
                let (a, b) = (self.of(a, Sort::Number)?, self.of(b, Sort::Number)?);
                (Formula::Arithmetic(operator, Box::new(a), Box::new(b)), Sort::Number)
            }
            Expression::Comparison(first, compared) => {
                let mut parts = Vec::with_capacity(compared.len());
                let mut before = first.as_ref();
                for (operator, next) in compared {
                    parts.push(self.comparison(before, *operator, next)?);
                    before = next;
                }
                (Formula::All(parts), Sort::Truth)
            }
            Expression::Call(name, of, arguments) => self.call(name, of, arguments)?,
        })
    }

    fn truths(&mut self, parts: &[Expression]) -> Result<Vec<Formula>, BuildError> {
        parts.iter().map(|part| self.of(part, Sort::Truth)).collect()
    }

    /// The formula of an expression that must have this result type.
    fn of(&mut self, expression: &Expression, wanted: Sort) -> Result<Formula, BuildError> {
        let (formula, sort) = self.build(expression)?;
        let fits = sort == wanted || sort == Sort::Nothing || (wanted == Sort::Number && sort == Sort::Truth);
        if fits {
            Ok(formula)
        } else {
            Err(format!("it has {} where {} are needed", sort.name(), wanted.name()).into())
        }
    }

    fn comparison(&mut self, a: &Expression, operator: Operator, b: &Expression) -> Result<Formula, BuildError> {
        let (first, sort) = self.build(a)?;
        if let Expression::Literal(Value::Array(items)) = b {
            let items = items.iter().map(|item| Ok(adapted(constant(item)?, sort).0));
            let found = Formula::In(Box::new(first), items.collect::<Result<_, BuildError>>()?);
            return match operator {
                Operator::In | Operator::Equal => Ok(found),
                Operator::NotIn | Operator::NotEqual => Ok(Formula::Not(Box::new(found))),
                _ => Err("a list is neither larger nor smaller than a value".to_owned().into()),
            };
        }
        if matches!(operator, Operator::In | Operator::NotIn) {
            return Err("'in' needs a list, e.g. [1, 2]".to_owned().into());
        }
        let (second, other) = self.build(b)?;
        // A literal text is a time beside times.
        let (first, sort) = adapted_formula(first, sort, other);
        let (second, other) = adapted_formula(second, other, sort);
        let is_equality = matches!(operator, Operator::Equal | Operator::NotEqual);
        if !is_equality && !sort.has_order_with(other) {
            return Err(format!("it compares {} with {}", sort.name(), other.name()).into());
        }
        Ok(Formula::Compare(operator, Box::new(first), Box::new(second)))
    }

    fn call(
        &mut self,
        name: &str,
        of: &Expression,
        arguments: &[(Option<String>, Value)],
    ) -> Result<(Formula, Sort), BuildError> {
        let argument = |place: usize, wanted: &str| {
            let by_name = arguments.iter().find(|(name, _)| name.as_deref() == Some(wanted));
            let by_place = arguments.get(place).filter(|(name, _)| name.is_none());
            by_name.or(by_place).map(|(_, value)| value)
        };
        let unknown = || BuildError::Problem(format!("'{name}' with these arguments is not known"));
        let pattern = || argument(0, "pat").and_then(Value::as_str).ok_or_else(unknown);
        if let Some(function) = FUNCTIONS.iter().find(|function| **function == name) {
            let of = self.of(of, Sort::Number)?;
            return Ok((Formula::Function(function, Box::new(of)), Sort::Number));
        }
        if let Some(part) = PARTS.iter().find(|part| **part == name) {
            let of = self.of(of, Sort::Moment)?;
            return Ok((Formula::OfMoment(part, Box::new(of)), Sort::Number));
        }
        match name {
            "isnull" | "isna" => return Ok((Formula::IsNull(Box::new(self.build(of)?.0)), Sort::Truth)),
            "notnull" | "notna" | "notNull" => {
                let is_null = Formula::IsNull(Box::new(self.build(of)?.0));
                return Ok((Formula::Not(Box::new(is_null)), Sort::Truth));
            }
            "isin" => {
                let list = Expression::Literal(argument(0, "values").cloned().ok_or_else(unknown)?);
                return Ok((self.comparison(of, Operator::In, &list)?, Sort::Truth));
            }
            "between" => {
                let bound = |place, name| {
                    argument(place, name)
                        .cloned()
                        .map(Expression::Literal)
                        .ok_or_else(unknown)
                };
                let (least, most) = match argument(2, "inclusive").map_or(Some("both"), Value::as_str) {
                    Some("both") => (Operator::GreaterOrEqual, Operator::LessOrEqual),
                    Some("neither") => (Operator::Greater, Operator::Less),
                    Some("left") => (Operator::GreaterOrEqual, Operator::Less),
                    Some("right") => (Operator::Greater, Operator::LessOrEqual),
                    _ => return Err(unknown()),
                };
                let parts = vec![
                    self.comparison(of, least, &bound(0, "left")?)?,
                    self.comparison(of, most, &bound(1, "right")?)?,
                ];
                return Ok((Formula::All(parts), Sort::Truth));
            }
            _ => {}
        }
        let compile = |pattern: String| {
            // A null is found nowhere, whatever `na` says, unless it says that it is.
            Pattern::new(&pattern).map(OfText::Matches).map_err(BuildError::Problem)
        };
        if argument(3, "na").is_some_and(|na| na == &Value::Bool(true)) {
            return Err("'na=True' is not supported: write … or column.isnull()"
                .to_owned()
                .into());
        }
        let (method, sort) = match name {
            "str.contains" => {
                let pattern = pattern()?;
                let ignore_case = argument(1, "case") == Some(&Value::Bool(false));
                let method = match (argument(4, "regex") == Some(&Value::Bool(false)), ignore_case) {
                    (true, false) => OfText::Contains(pattern.to_owned()),
                    (true, true) => compile(format!("(?i:{})", regex_syntax::escape(pattern)))?,
                    (false, true) => compile(format!("(?i:{pattern})"))?,
                    (false, false) => compile(pattern.to_owned())?,
                };
                (method, Sort::Truth)
            }
            "str.match" => (compile(format!(r"\A(?:{})", pattern()?))?, Sort::Truth),
            "str.fullmatch" => (compile(format!(r"\A(?:{})\Z", pattern()?))?, Sort::Truth),
            "str.startswith" => (OfText::StartsWith(pattern()?.to_owned()), Sort::Truth),
            "str.endswith" => (OfText::EndsWith(pattern()?.to_owned()), Sort::Truth),
            "str.len" => (OfText::Length, Sort::Number),
            "str.lower" => (OfText::Lower, Sort::Text),
            "str.upper" => (OfText::Upper, Sort::Text),
            "str.strip" if arguments.is_empty() => (OfText::Trimmed, Sort::Text),
            _ => return Err(unknown()),
        };
        Ok((Formula::OfText(method, Box::new(self.of(of, Sort::Text)?)), sort))
    }
}

fn constant(value: &Value) -> Result<(Scalar<'static>, Sort), BuildError> {
    Ok(match value {
        Value::Null => (Scalar::Null, Sort::Nothing),
        Value::Bool(truth) => (Scalar::Truth(*truth), Sort::Truth),
        Value::Number(number) => match number
            .as_i64()
            .map(i128::from)
            .or_else(|| number.as_u64().map(i128::from))
        {
            Some(whole) => (Scalar::Whole(whole), Sort::Number),
            None => (Scalar::Number(number.as_f64().unwrap_or(f64::NAN)), Sort::Number),
        },
        Value::String(text) => (Scalar::Text(Cow::Owned(text.clone())), Sort::Text),
        Value::Array(_) | Value::Object(_) => return Err(format!("{value} has no place there").into()),
    })
}

/// A text beside times, as a time.
fn adapted((scalar, sort): (Scalar<'static>, Sort), other: Sort) -> (Scalar<'static>, Sort) {
    match (&scalar, other) {
        (Scalar::Text(text), Sort::Moment) => match moment(text) {
            Some(time) => (Scalar::Moment(time), Sort::Moment),
            None => (scalar, sort),
        },
        _ => (scalar, sort),
    }
}

fn adapted_formula(formula: Formula, sort: Sort, other: Sort) -> (Formula, Sort) {
    match formula {
        Formula::Constant(scalar) => {
            let (scalar, sort) = adapted((scalar, sort), other);
            (Formula::Constant(scalar), sort)
        }
        formula => (formula, sort),
    }
}

/// The columns of a batch that a formula reads.
///
/// # Errors
/// As [`Column::in_batch`].
pub(super) fn columns<'a>(batch: &'a RecordBatch, names: &[String]) -> Result<Vec<Column<'a>>, ArrowError> {
    names.iter().map(|name| Column::in_batch(batch, name)).collect()
}

impl Formula {
    /// Whether a row meets it; null does not.
    ///
    /// # Errors
    /// The backtracking limit of a regular expression was exceeded.
    pub(super) fn holds(&self, columns: &[Column<'_>], row: usize) -> Result<bool, ArrowError> {
        Ok(match self {
            Self::All(parts) => {
                for part in parts {
                    if !part.holds(columns, row)? {
                        return Ok(false);
                    }
                }
                true
            }
            Self::Any(parts) => {
                for part in parts {
                    if part.holds(columns, row)? {
                        return Ok(true);
                    }
                }
                false
            }
            Self::Not(of) => !of.holds(columns, row)?,
            other => matches!(other.value(columns, row)?, Scalar::Truth(true)),
        })
    }

    fn value<'a>(&'a self, columns: &[Column<'a>], row: usize) -> Result<Scalar<'a>, ArrowError> {
        Ok(match self {
            Self::All(_) | Self::Any(_) | Self::Not(_) => Scalar::Truth(self.holds(columns, row)?),
            Self::Column(place) => columns.get(*place).map_or(Scalar::Null, |column| cell(column, row)),
            Self::Constant(scalar) => scalar.clone(),
            Self::IsNull(of) => Scalar::Truth(matches!(of.value(columns, row)?, Scalar::Null)),
            Self::In(of, items) => {
                let value = of.value(columns, row)?;
                Scalar::Truth(items.iter().any(|item| value.order(item) == Some(Ordering::Equal)))
            }
            Self::Compare(operator, a, b) => {
                let order = a.value(columns, row)?.order(&b.value(columns, row)?);
                Scalar::Truth(match operator {
                    Operator::Equal | Operator::In => order == Some(Ordering::Equal),
                    Operator::NotEqual | Operator::NotIn => order != Some(Ordering::Equal),
                    Operator::Less => order.is_some_and(Ordering::is_lt),
                    Operator::LessOrEqual => order.is_some_and(Ordering::is_le),
                    Operator::Greater => order.is_some_and(Ordering::is_gt),
                    Operator::GreaterOrEqual => order.is_some_and(Ordering::is_ge),
                })
            }
            Self::Arithmetic(operator, a, b) => arithmetic(operator, &a.value(columns, row)?, &b.value(columns, row)?),
            Self::Negative(of) => opposite(&of.value(columns, row)?),
            Self::Function(name, of) => function(name, &of.value(columns, row)?),
            Self::OfText(method, of) => match of.value(columns, row)? {
                Scalar::Text(text) => of_text(method, &text)?,
                _ => Scalar::Null,
            },
            Self::OfMoment(part, of) => match of.value(columns, row)? {
                Scalar::Moment(time) => part_of(part, time),
                _ => Scalar::Null,
            },
        })
    }
}

fn of_text(method: &OfText, text: &str) -> Result<Scalar<'static>, ArrowError> {
    Ok(match method {
        OfText::Matches(pattern) => {
            let found = pattern.is_match(text);
            Scalar::Truth(found.map_err(|error| ArrowError::ExternalError(Box::new(error)))?)
        }
        OfText::Contains(part) => Scalar::Truth(text.contains(part.as_str())),
        OfText::StartsWith(part) => Scalar::Truth(text.starts_with(part.as_str())),
        OfText::EndsWith(part) => Scalar::Truth(text.ends_with(part.as_str())),
        OfText::Length => Scalar::Whole(text.chars().count() as i128),
        OfText::Lower => Scalar::Text(Cow::Owned(text.to_lowercase())),
        OfText::Upper => Scalar::Text(Cow::Owned(text.to_uppercase())),
        OfText::Trimmed => Scalar::Text(Cow::Owned(text.trim().to_owned())),
    })
}
