//! Query results as the engine reads them.

/// A value of a result row.
#[derive(Debug, Clone, PartialEq)]
pub enum Cell {
    /// Null.
    Null,
    /// Any integer type.
    Integer(i64),
    /// Any floating-point type.
    Double(f64),
    /// Boolean.
    Boolean(bool),
    /// Every other type as text: DECIMAL, dates and timestamps included.
    Text(String),
}

/// A row of a result.
pub type Row = Vec<Cell>;

impl Cell {
    /// As text; null is empty.
    pub(crate) fn text(&self) -> String {
        match self {
            Self::Null => String::new(),
            Self::Integer(number) => number.to_string(),
            Self::Double(number) => number.to_string(),
            Self::Boolean(truth) => truth.to_string(),
            Self::Text(text) => text.clone(),
        }
    }

    /// The integer, also if it arrived as text (SUM returns DECIMAL).
    pub(crate) fn integer(&self) -> Option<i64> {
        match self {
            Self::Integer(number) => Some(*number),
            Self::Text(text) => text.trim().parse().ok(),
            _ => None,
        }
    }

    /// The truth value, also if it arrived as a number.
    pub(crate) const fn boolean(&self) -> Option<bool> {
        match self {
            Self::Boolean(truth) => Some(*truth),
            Self::Integer(number) => Some(*number != 0),
            _ => None,
        }
    }
}
