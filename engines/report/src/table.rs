//! Results of queries.

/// A value of a result.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// NULL.
    Null,
    /// Integers of any width.
    Integer(i64),
    /// Floating-point numbers.
    Double(f64),
    /// Truth values.
    Boolean(bool),
    /// Everything else: text, decimals, dates and timestamps.
    Text(String),
}

impl Value {
    /// As text; NULL is empty.
    pub(crate) fn display(&self) -> String {
        match self {
            Self::Null => String::new(),
            Self::Integer(number) => number.to_string(),
            Self::Double(number) => number.to_string(),
            Self::Boolean(truth) => truth.to_string(),
            Self::Text(text) => text.clone(),
        }
    }

    /// As a number; zero for NULL and for what is not a number.
    pub(crate) fn number(&self) -> f64 {
        match self {
            Self::Integer(number) => *number as f64,
            Self::Double(number) => *number,
            Self::Text(text) => text.parse().unwrap_or_default(),
            Self::Null | Self::Boolean(_) => 0.0,
        }
    }
}

/// The result of a query.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Table {
    /// Column names.
    pub columns: Vec<String>,
    /// Rows; each has one value per column.
    pub rows: Vec<Vec<Value>>,
}
