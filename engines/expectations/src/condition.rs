//! Row conditions: the rows that an expectation is restricted to.
//!
//! Both forms of Great Expectations are supported: condition objects (`comparison`, `nullity`, `and`, `or`), and texts in the
//! query language of pandas as far as row conditions use it: `country == "SE" and not (amount * 2 > limit or note.isnull())`.
//! Null compares as in pandas: it is different from everything, and neither smaller nor larger than anything.
//!
//! Comparisons of a column with literals, by far the most frequent conditions, are evaluated as such; anything else is a
//! [`formula`], evaluated row by row.

use crate::operand::Operand;
use crate::table::{BuildError, Table};
use crate::value::{Column, array};
use arrow::array::{Array, BooleanArray, RecordBatch};
use arrow::buffer::BooleanBuffer;
use arrow::error::ArrowError;
use formula::{Builder, Formula};
use serde_json::Value;
use syntax::{Expression, Operator, parse};

mod formula;
mod scalar;
mod syntax;

/// A condition on the columns of a row.
#[derive(Debug)]
pub(crate) enum Condition {
    /// An operand that equals no value and is not comparable with any is left out.
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
    Not(Box<Condition>),
    /// Anything else, with the columns that it reads.
    Formula(Formula, Vec<String>),
}

impl Condition {
    /// Reads the argument `row_condition`.
    pub(crate) fn new(value: &Value, table: &Table) -> Result<Self, BuildError> {
        let condition = Self::lowered(&expression(value)?, table)?;
        let mut columns = Vec::new();
        condition.add_columns(&mut columns);
        if columns.is_empty() {
            return Err(format!("{value} reads no column").into());
        }
        Ok(condition)
    }

    fn lowered(expression: &Expression, table: &Table) -> Result<Self, BuildError> {
        let all = |parts: &[Expression]| {
            let parts = parts.iter().map(|part| Self::lowered(part, table));
            parts.collect::<Result<Vec<_>, _>>()
        };
        match expression {
            Expression::All(parts) => return Ok(Self::All(all(parts)?)),
            Expression::Any(parts) => return Ok(Self::Any(all(parts)?)),
            Expression::Not(of) => return Ok(Self::Not(Box::new(Self::lowered(of, table)?))),
            Expression::Call(name, of, arguments) if arguments.is_empty() => {
                let wanted = match name.as_str() {
                    "isnull" | "isna" => Some(true),
                    "notnull" | "notna" | "notNull" => Some(false),
                    _ => None,
                };
                if let (Some(wanted), Expression::Column(column)) = (wanted, of.as_ref()) {
                    table.any(column)?;
                    let column = column.clone();
                    return Ok(Self::Null { column, wanted });
                }
            }
            Expression::Comparison(first, compared) => {
                if let [(operator, second)] = compared.as_slice() {
                    let simple = match (first.as_ref(), second) {
                        (Expression::Column(column), Expression::Literal(literal)) => {
                            Self::comparison(column, *operator, literal, table)?
                        }
                        (Expression::Literal(literal), Expression::Column(column)) => match reversed(*operator) {
                            Some(operator) => Self::comparison(column, operator, literal, table)?,
                            None => None,
                        },
                        _ => None,
                    };
                    if let Some(simple) = simple {
                        return Ok(simple);
                    }
                }
            }
            _ => {}
        }
        let mut builder = Builder {
            table,
            columns: Vec::new(),
        };
        let (formula, sort) = builder.build(expression)?;
        if sort != formula::Sort::Truth {
            return Err("it is neither true nor false: compare it with something"
                .to_owned()
                .into());
        }
        Ok(Self::Formula(formula, builder.columns))
    }

    /// A column compared with a literal or a list of them; `None` if that takes a formula.
    fn comparison(
        column: &str,
        operator: Operator,
        literal: &Value,
        table: &Table,
    ) -> Result<Option<Self>, BuildError> {
        let kind = table.kind(column)?;
        let operator = match operator {
            Operator::Equal => Operator::In,
            Operator::NotEqual => Operator::NotIn,
            other => other,
        };
        let is_equality = matches!(operator, Operator::In | Operator::NotIn);
        let one = std::slice::from_ref(literal);
        let literals = match literal {
            Value::Array(items) if is_equality => items.as_slice(),
            Value::Array(_) => return Ok(None),
            _ => one,
        };
        let mut operands = Vec::with_capacity(literals.len());
        for literal in literals {
            match Operand::new(kind, literal) {
                Some(operand) => operands.push(operand),
                // A text is no number, whichever one.
                None if is_equality => {}
                None => {
                    let kind = kind.name();
                    return Err(format!("{literal} cannot be compared with column {column} of {kind}").into());
                }
            }
        }
        Ok(Some(Self::Comparison {
            column: column.to_owned(),
            operator,
            operands,
        }))
    }

    /// Appends the columns that it reads.
    pub(crate) fn add_columns(&self, columns: &mut Vec<String>) {
        match self {
            Self::Comparison { column, .. } | Self::Null { column, .. } => columns.push(column.clone()),
            Self::All(parts) | Self::Any(parts) => parts.iter().for_each(|part| part.add_columns(columns)),
            Self::Not(of) => of.add_columns(columns),
            Self::Formula(_, names) => columns.extend(names.iter().cloned()),
        }
    }

    /// Whether each row meets it; never null.
    ///
    /// # Errors
    /// As [`Column::in_batch`], or the backtracking limit of a regular expression was exceeded.
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
            Self::Not(of) => Ok(!&of.rows(batch)?),
            Self::Null { column, wanted } => {
                let nulls = array(batch, column)?.logical_nulls();
                let is_null = |row| nulls.as_ref().is_some_and(|nulls| nulls.is_null(row));
                Ok(BooleanBuffer::collect_bool(rows, |row| is_null(row) == *wanted))
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
            Self::Formula(formula, names) => {
                let columns = formula::columns(batch, names)?;
                let mut kept = Vec::with_capacity(rows);
                for row in 0..rows {
                    kept.push(formula.holds(&columns, row)?);
                }
                Ok(BooleanBuffer::from(kept))
            }
        }
    }
}

fn compares(column: &Column<'_>, row: usize, operator: Operator, operands: &[Operand]) -> bool {
    use std::cmp::Ordering;
    if column.is_null(row) {
        return operator == Operator::NotIn;
    }
    let order = |operand: &Operand| operand.order(column, row);
    let any = |wanted: fn(Ordering) -> bool| operands.iter().filter_map(order).any(wanted);
    match operator {
        Operator::In | Operator::Equal => any(Ordering::is_eq),
        Operator::NotIn | Operator::NotEqual => !any(Ordering::is_eq),
        Operator::Less => any(Ordering::is_lt),
        Operator::LessOrEqual => any(Ordering::is_le),
        Operator::Greater => any(Ordering::is_gt),
        Operator::GreaterOrEqual => any(Ordering::is_ge),
    }
}

/// The operator for the two sides exchanged.
const fn reversed(operator: Operator) -> Option<Operator> {
    Some(match operator {
        Operator::Equal => Operator::Equal,
        Operator::NotEqual => Operator::NotEqual,
        Operator::Less => Operator::Greater,
        Operator::LessOrEqual => Operator::GreaterOrEqual,
        Operator::Greater => Operator::Less,
        Operator::GreaterOrEqual => Operator::LessOrEqual,
        Operator::In | Operator::NotIn => return None,
    })
}

/// The expression of a condition in either form.
fn expression(value: &Value) -> Result<Expression, BuildError> {
    let wrong = || BuildError::Problem(format!("{value} is no condition of Great Expectations"));
    let field = |name: &str| value.get(name).ok_or_else(wrong);
    let text = |value: &Value| {
        let text = value.as_str().ok_or_else(wrong)?;
        parse(text).map_err(|rest| {
            let place = if rest.is_empty() { "its end".to_owned() } else { format!("'{rest}'") };
            BuildError::Problem(format!(
                "'{text}' is not understood at {place}: write comparisons such as country == \"SE\", joined by and, or, not"
            ))
        })
    };
    let column = || {
        let name = value
            .pointer("/column/name")
            .and_then(Value::as_str)
            .ok_or_else(wrong)?;
        Ok::<_, BuildError>(Box::new(Expression::Column(name.to_owned())))
    };
    let parts = || -> Result<Vec<Expression>, BuildError> {
        field("conditions")?
            .as_array()
            .ok_or_else(wrong)?
            .iter()
            .map(expression)
            .collect()
    };
    match value.get("type").and_then(Value::as_str) {
        None if value.is_string() => text(value),
        Some("pass_through") => text(field("pass_through_filter")?),
        Some("and") => Ok(Expression::All(parts()?)),
        Some("or") => Ok(Expression::Any(parts()?)),
        Some("nullity") => {
            let is_null = field("is_null")?.as_bool().ok_or_else(wrong)?;
            let name = if is_null { "isnull" } else { "notnull" };
            Ok(Expression::Call(name.to_owned(), column()?, Vec::new()))
        }
        Some("comparison") => {
            let operator = match field("operator")?.as_str() {
                Some("==") => Operator::Equal,
                Some("!=") => Operator::NotEqual,
                Some("<") => Operator::Less,
                Some("<=") => Operator::LessOrEqual,
                Some(">") => Operator::Greater,
                Some(">=") => Operator::GreaterOrEqual,
                Some("IN") => Operator::In,
                Some("NOT_IN") => Operator::NotIn,
                _ => return Err(wrong()),
            };
            let parameter = Expression::Literal(field("parameter")?.clone());
            Ok(Expression::Comparison(column()?, vec![(operator, parameter)]))
        }
        _ => Err(wrong()),
    }
}

#[cfg(test)]
mod tests;
