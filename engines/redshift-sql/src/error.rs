//! Errors of statements, in Redshift's wording where Redshift has one.

/// Why a statement was refused, or failed when it was executed. `Display` is the `Error` of `DescribeStatement`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SqlError {
    /// The text is not a statement of the Redshift dialect.
    #[error("ERROR: syntax error: {0}")]
    Syntax(String),
    /// Valid in Redshift, but not supported here. Names the construct.
    #[error("ERROR: {0} is not supported by the local Redshift")]
    Unsupported(String),
    /// An error that Redshift reports itself, in Redshift's words and without the leading `ERROR: `.
    #[error("ERROR: {0}")]
    Redshift(String),
    /// A NULL for a column that is NOT NULL.
    #[error("ERROR: Cannot insert a NULL value into column {0}")]
    NullValue(String),
    /// There is no space for the data or the temporary files of the statement; with the engine's message.
    #[error("ERROR: Disk Full DETAIL: {0}")]
    DiskFull(String),
    /// The statement was cancelled while it ran.
    #[error("ERROR: Query cancelled on user's request")]
    Cancelled,
}

impl SqlError {
    /// A construct that is valid in Redshift and not supported here.
    pub fn unsupported(construct: impl Into<String>) -> Self {
        Self::Unsupported(construct.into())
    }

    /// An error in Redshift's own words, without the leading `ERROR: `.
    pub fn redshift(message: impl Into<String>) -> Self {
        Self::Redshift(message.into())
    }
}
