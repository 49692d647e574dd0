//! What can be wrong with a statement, in Redshift's wording where Redshift has one.

/// Why a statement was refused or failed. `Display` gives the text that `DescribeStatement` returns in `Error`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum SqlError {
    /// The text is not a statement of the Redshift dialect.
    #[error("ERROR: syntax error: {0}")]
    Syntax(String),
    /// Valid in Redshift, but this server does not do it. Names the construct.
    #[error("ERROR: {0} is not supported by the local Redshift")]
    Unsupported(String),
    /// An error that Redshift reports itself, in Redshift's words and without the leading `ERROR: `.
    #[error("ERROR: {0}")]
    Redshift(String),
    /// The statement was cancelled while it ran.
    #[error("ERROR: Query cancelled on user's request")]
    Cancelled,
}

impl SqlError {
    /// A construct that is valid in Redshift and that this server does not do.
    pub(crate) fn unsupported(construct: impl Into<String>) -> Self {
        Self::Unsupported(construct.into())
    }

    /// An error in Redshift's own words, without the leading `ERROR: `.
    pub(crate) fn redshift(message: impl Into<String>) -> Self {
        Self::Redshift(message.into())
    }
}
