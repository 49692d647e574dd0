//! Row conditions: the rows that an expectation is restricted to.
//!
//! Both forms of Great Expectations are supported: condition objects (`comparison`, `nullity`, `and`, `or`), and texts in the
//! subset of pandas' query language that row conditions use: `country == "SE" and (amount > 10 or note.isnull())`, also with
//! `&`, `|`, `in [...]`, `not in [...]` and `col("country")`. Null compares as in pandas: it is different from
//! everything, and neither smaller nor larger than anything.

use crate::operand::Operand;
use crate::table::{BuildError, Table};
use crate::value::Column;
use arrow::array::{BooleanArray, RecordBatch};
use arrow::buffer::BooleanBuffer;
use arrow::error::ArrowError;
use serde_json::{Value, json};

/// A condition on the columns of a row.
#[derive(Debug)]
pub(crate) enum Condition {
    Comparison {
        column: String,
        operator: Operator,
        operands: Vec<Operand>,
    },
    Null {
        column: String,
        wanted: bool,
    },
    All(Vec<Condition>),
    Any(Vec<Condition>),
}

/// How a value is compared with its operands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Operator {
    In,
    NotIn,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

impl Condition {
    /// Reads the argument `row_condition`.
    pub(crate) fn new(value: &Value, table: &Table) -> Result<Self, BuildError> {
        match value {
            Value::String(text) => Self::from_value(&parse(text)?, table),
            other => Self::from_value(other, table),
        }
    }

    fn from_value(value: &Value, table: &Table) -> Result<Self, BuildError> {
        let wrong = || BuildError::Problem(format!("{value} is no condition of Great Expectations"));
        let column = || {
            value
                .pointer("/column/name")
                .and_then(Value::as_str)
                .map(str::to_owned)
                .ok_or_else(wrong)
        };
        let parts = || -> Result<Vec<Self>, BuildError> {
            let parts = value.get("conditions").and_then(Value::as_array).ok_or_else(wrong)?;
            parts.iter().map(|part| Self::from_value(part, table)).collect()
        };
        match value.get("type").and_then(Value::as_str) {
            Some("pass_through") => {
                let text = value
                    .get("pass_through_filter")
                    .and_then(Value::as_str)
                    .ok_or_else(wrong)?;
                Self::from_value(&parse(text)?, table)
            }
            Some("and") => Ok(Self::All(parts()?)),
            Some("or") => Ok(Self::Any(parts()?)),
            Some("nullity") => {
                let column = column()?;
                table.kind(&column)?;
                let wanted = value.get("is_null").and_then(Value::as_bool).ok_or_else(wrong)?;
                Ok(Self::Null { column, wanted })
            }
            Some("comparison") => {
                let column = column()?;
                let kind = table.kind(&column)?;
                let parameter = value.get("parameter").ok_or_else(wrong)?;
                let operator = match value.get("operator").and_then(Value::as_str) {
                    Some("==" | "IN") => Operator::In,
                    Some("!=" | "NOT_IN") => Operator::NotIn,
                    Some("<") => Operator::Less,
                    Some("<=") => Operator::LessOrEqual,
                    Some(">") => Operator::Greater,
                    Some(">=") => Operator::GreaterOrEqual,
                    _ => return Err(wrong()),
                };
                let one = std::slice::from_ref(parameter);
                let literals = parameter.as_array().map_or(one, Vec::as_slice);
                let operands = literals.iter().map(|literal| {
                    Operand::new(kind, literal).ok_or_else(|| {
                        BuildError::Problem(format!(
                            "{literal} cannot be compared with column {column} of {}",
                            kind.name()
                        ))
                    })
                });
                let operands = operands.collect::<Result<_, _>>()?;
                Ok(Self::Comparison {
                    column,
                    operator,
                    operands,
                })
            }
            _ => Err(wrong()),
        }
    }

    /// Appends the columns that it reads.
    pub(crate) fn add_columns(&self, columns: &mut Vec<String>) {
        match self {
            Self::Comparison { column, .. } | Self::Null { column, .. } => columns.push(column.clone()),
            Self::All(parts) | Self::Any(parts) => parts.iter().for_each(|part| part.add_columns(columns)),
        }
    }

    /// Whether each row meets it; never null.
    ///
    /// # Errors
    /// As [`Column::in_batch`].
    pub(crate) fn evaluate(&self, batch: &RecordBatch) -> Result<BooleanArray, ArrowError> {
        Ok(BooleanArray::new(self.rows(batch)?, None))
    }

    fn rows(&self, batch: &RecordBatch) -> Result<BooleanBuffer, ArrowError> {
        let rows = batch.num_rows();
        match self {
            Self::All(parts) => {
                parts.iter().try_fold(
                    BooleanBuffer::new_set(rows),
                    |kept, part| Ok(&kept & &part.rows(batch)?),
                )
            }
            Self::Any(parts) => parts.iter().try_fold(BooleanBuffer::new_unset(rows), |kept, part| {
                Ok(&kept | &part.rows(batch)?)
            }),
            Self::Null { column, wanted } => {
                let column = Column::in_batch(batch, column)?;
                Ok(BooleanBuffer::collect_bool(rows, |row| column.is_null(row) == *wanted))
            }
            Self::Comparison {
                column,
                operator,
                operands,
            } => {
                let column = Column::in_batch(batch, column)?;
                let meets = |row| compares(&column, row, *operator, operands);
                Ok(BooleanBuffer::collect_bool(rows, meets))
            }
        }
    }
}

fn compares(column: &Column<'_>, row: usize, operator: Operator, operands: &[Operand]) -> bool {
    if column.is_null(row) {
        return operator == Operator::NotIn;
    }
    let order = |operand: &Operand| operand.order(column, row);
    let any = |wanted: fn(std::cmp::Ordering) -> bool| operands.iter().filter_map(order).any(wanted);
    match operator {
        Operator::In => any(std::cmp::Ordering::is_eq),
        Operator::NotIn => !any(std::cmp::Ordering::is_eq),
        Operator::Less => any(std::cmp::Ordering::is_lt),
        Operator::LessOrEqual => any(std::cmp::Ordering::is_le),
        Operator::Greater => any(std::cmp::Ordering::is_gt),
        Operator::GreaterOrEqual => any(std::cmp::Ordering::is_ge),
    }
}

/// Parses a text into a condition object.
fn parse(text: &str) -> Result<Value, BuildError> {
    let wrong = |place: &str| {
        let place = if place.is_empty() {
            "its end".to_owned()
        } else {
            format!("'{place}'")
        };
        BuildError::Problem(format!(
            "'{text}' is not understood at {place}: write comparisons such as country == \"SE\", joined by and, or"
        ))
    };
    let mut parser = Parser { rest: text.trim() };
    match parser.any() {
        Some(condition) if parser.rest.is_empty() => Ok(condition),
        _ => Err(wrong(parser.rest)),
    }
}

/// Recursive-descent parser; `rest` is the unread text.
struct Parser<'a> {
    rest: &'a str,
}

impl<'a> Parser<'a> {
    /// Consumes a symbol or a word if it comes next.
    fn take(&mut self, token: &str) -> bool {
        let Some(rest) = self.rest.strip_prefix(token) else {
            return false;
        };
        let is_word = token.ends_with(|last: char| last.is_alphanumeric());
        if is_word && rest.starts_with(|next: char| next.is_alphanumeric() || next == '_') {
            return false;
        }
        self.rest = rest.trim_start();
        true
    }

    fn any(&mut self) -> Option<Value> {
        let mut parts = vec![self.all()?];
        while self.take("or") || self.take("|") {
            parts.push(self.all()?);
        }
        Some(if parts.len() == 1 {
            parts.remove(0)
        } else {
            json!({"type": "or", "conditions": parts})
        })
    }

    fn all(&mut self) -> Option<Value> {
        let mut parts = vec![self.one()?];
        while self.take("and") || self.take("&") {
            parts.push(self.one()?);
        }
        Some(if parts.len() == 1 {
            parts.remove(0)
        } else {
            json!({"type": "and", "conditions": parts})
        })
    }

    fn one(&mut self) -> Option<Value> {
        if self.take("(") {
            let inner = self.any()?;
            return self.take(")").then_some(inner);
        }
        let column = json!({"name": self.column()?});
        for (call, is_null) in [
            (".isnull()", true),
            (".isna()", true),
            (".notnull()", false),
            (".notNull()", false),
            (".notna()", false),
        ] {
            if self.take(call) {
                return Some(json!({"type": "nullity", "column": column, "is_null": is_null}));
            }
        }
        let operators = [
            ("==", "=="),
            ("!=", "!="),
            ("<=", "<="),
            (">=", ">="),
            ("<", "<"),
            (">", ">"),
            ("not in", "NOT_IN"),
            ("in", "IN"),
        ];
        let (_, operator) = operators.into_iter().find(|(token, _)| self.take(token))?;
        let parameter = if operator.ends_with("IN") {
            self.list()?
        } else {
            self.literal()?
        };
        Some(json!({"type": "comparison", "column": column, "operator": operator, "parameter": parameter}))
    }

    /// A name, `` `a name` `` or `col("a name")`.
    fn column(&mut self) -> Option<&'a str> {
        if self.take("col(") {
            let name = self.quoted()?;
            return self.take(")").then_some(name);
        }
        if self.rest.starts_with('`') {
            return self.quoted();
        }
        let end = self
            .rest
            .find(|next: char| !next.is_alphanumeric() && next != '_')
            .unwrap_or(self.rest.len());
        let (name, rest) = self.rest.split_at(end);
        self.rest = rest.trim_start();
        (!name.is_empty()).then_some(name)
    }

    /// A quoted text.
    fn quoted(&mut self) -> Option<&'a str> {
        let quote = self
            .rest
            .chars()
            .next()
            .filter(|quote| matches!(quote, '"' | '\'' | '`'))?;
        let (text, rest) = self.rest[1..].split_once(quote)?;
        self.rest = rest.trim_start();
        Some(text)
    }

    fn list(&mut self) -> Option<Value> {
        let close = if self.take("[") {
            "]"
        } else {
            self.take("(").then_some(")")?
        };
        let mut items = Vec::new();
        while !self.take(close) {
            items.push(self.literal()?);
            self.take(",");
        }
        Some(Value::Array(items))
    }

    fn literal(&mut self) -> Option<Value> {
        if self.rest.starts_with(['"', '\'']) {
            return self.quoted().map(Value::from);
        }
        for (word, truth) in [("True", true), ("true", true), ("False", false), ("false", false)] {
            if self.take(word) {
                return Some(Value::Bool(truth));
            }
        }
        let end = self
            .rest
            .find(|next: char| !next.is_ascii_alphanumeric() && !matches!(next, '.' | '-' | '+'));
        let (number, rest) = self.rest.split_at(end.unwrap_or(self.rest.len()));
        let number = serde_json::from_str(number).ok().filter(Value::is_number)?;
        self.rest = rest.trim_start();
        Some(number)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use arrow::array::{ArrayRef, Int64Array, StringArray};
    use std::sync::Arc;

    fn kept(condition: &Value) -> Result<Vec<usize>, BuildError> {
        let countries: ArrayRef = Arc::new(StringArray::from(vec![Some("SE"), Some("NO"), None, Some("SE")]));
        let amounts: ArrayRef = Arc::new(Int64Array::from(vec![Some(5), Some(50), Some(500), None]));
        let batch = RecordBatch::try_from_iter([("country", countries), ("amount", amounts)]).unwrap();
        let table = Table {
            schema: batch.schema(),
            rows: 4,
            reference_rows: 0,
            hashing: 1,
        };
        let condition = Condition::new(condition, &table)?;
        Ok(condition.evaluate(&batch).unwrap().values().set_indices().collect())
    }

    #[test]
    fn texts_and_objects_select_the_rows_that_pandas_selects() {
        for (condition, expected) in [
            (json!("country == \"SE\""), vec![0, 3]),
            (json!("country=='SE' and amount<10"), vec![0]),
            (json!("(country == \"NO\") | (amount >= 500)"), vec![1, 2]),
            (json!("country != \"SE\""), vec![1, 2]),
            (json!("country.isnull() or amount.isnull()"), vec![2, 3]),
            (json!("amount in [5, 50]"), vec![0, 1]),
            (json!("amount not in [5, 50]"), vec![2, 3]),
            (json!("col(\"amount\") > 7.5"), vec![1, 2]),
            (
                json!({"type": "pass_through", "pass_through_filter": "country==\"SE\""}),
                vec![0, 3],
            ),
            (
                json!({"type": "nullity", "column": {"name": "amount"}, "is_null": false}),
                vec![0, 1, 2],
            ),
            (
                json!({"type": "and", "conditions": [
                    {"type": "comparison", "column": {"name": "country"}, "operator": "IN", "parameter": ["SE", "NO"]},
                    {"type": "comparison", "column": {"name": "amount"}, "operator": ">", "parameter": 5},
                ]}),
                vec![1],
            ),
        ] {
            assert_eq!(kept(&condition).unwrap(), expected, "{condition}");
        }
    }

    #[test]
    fn what_is_not_understood_is_shown() {
        let problem = |condition: &str| match kept(&json!(condition)).unwrap_err() {
            BuildError::Problem(problem) => problem,
            BuildError::MissingColumn(column) => panic!("{column}"),
        };
        assert!(problem("amount ~ 5").contains("'amount ~ 5' is not understood at '~ 5'"));
        assert!(problem("amount >").contains("is not understood at its end"));
        assert_eq!(
            problem("amount == \"x\""),
            "\"x\" cannot be compared with column amount of whole numbers"
        );
        assert_eq!(
            kept(&json!("nope == 1")).unwrap_err(),
            BuildError::MissingColumn("nope".to_owned())
        );
    }
}
