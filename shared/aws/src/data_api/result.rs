//! Values and results of statements.

use super::error::{DataApiError, DataApiErrorKind};

/// A value of a result.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// Null.
    Null,
    /// SMALLINT, INTEGER, BIGINT.
    Integer(i64),
    /// REAL, DOUBLE PRECISION.
    Double(f64),
    /// BOOLEAN.
    Boolean(bool),
    /// Everything else, DECIMAL, dates and timestamps included.
    Text(String),
}

impl Value {
    /// For people; null is empty.
    #[must_use]
    pub fn display(&self) -> String {
        match self {
            Self::Null => String::new(),
            Self::Integer(number) => number.to_string(),
            Self::Double(number) => number.to_string(),
            Self::Boolean(truth) => truth.to_string(),
            Self::Text(text) => text.clone(),
        }
    }

    /// The number, whether it came as one or as text (SUM gives DECIMAL, which travels as text).
    #[must_use]
    pub fn integer(&self) -> Option<i64> {
        match self {
            Self::Integer(number) => Some(*number),
            Self::Text(text) => text.trim().parse().ok(),
            _ => None,
        }
    }

    /// The truth value, whether it came as one or as a number.
    #[must_use]
    pub const fn boolean(&self) -> Option<bool> {
        match self {
            Self::Boolean(truth) => Some(*truth),
            Self::Integer(number) => Some(*number != 0),
            _ => None,
        }
    }
}

/// The result of one statement, all pages together.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ResultSet {
    /// Names of the columns.
    pub columns: Vec<String>,
    /// Rows; each has as many values as there are columns.
    pub rows: Vec<Vec<Value>>,
}

impl ResultSet {
    /// The only value of the only row, as a number that is not negative: what `select count(*)` gives.
    ///
    /// # Errors
    /// The result has another shape; `subject` names it in the error.
    pub fn count(&self, subject: &str) -> Result<u64, DataApiError> {
        let value = match self.rows.as_slice() {
            [row] => row.first().and_then(Value::integer),
            _ => None,
        };
        value
            .and_then(|number| u64::try_from(number).ok())
            .ok_or_else(|| DataApiError {
                kind: DataApiErrorKind::Result,
                operation: "read the count of",
                subject: subject.to_owned(),
                source: format!("expected one row with a count, the result has {} rows", self.rows.len()).into(),
            })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_count_is_read_from_numbers_and_from_decimal_text() {
        let one = |value| ResultSet {
            columns: vec!["count".to_owned()],
            rows: vec![vec![value]],
        };
        assert_eq!(one(Value::Integer(7)).count("t").unwrap(), 7);
        assert_eq!(one(Value::Text("7".to_owned())).count("t").unwrap(), 7);
        assert!(one(Value::Integer(-1)).count("t").is_err());
        assert!(ResultSet::default().count("t").is_err());
    }
}
