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
    /// An error that Redshift reports itself.
    #[error("ERROR: {message}")]
    Redshift {
        /// Redshift's words, without the leading `ERROR: `.
        message: String,
        /// The SQLSTATE of the class of error, `XX000` where Redshift tells no class.
        state: &'static str,
    },
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
        Self::classed(INTERNAL, message)
    }

    /// An error in Redshift's own words whose class clients tell by its SQLSTATE.
    pub fn classed(state: &'static str, message: impl Into<String>) -> Self {
        Self::Redshift {
            message: message.into(),
            state,
        }
    }

    /// The SQLSTATE, by PostgreSQL's table of error codes: <https://www.postgresql.org/docs/current/errcodes-appendix.html>.
    pub fn state(&self) -> &'static str {
        match self {
            Self::Syntax(_) => "42601",
            Self::Unsupported(_) => "0A000",
            Self::Redshift { state, .. } => state,
            Self::NullValue(_) => "23502",
            Self::DiskFull(_) => "53100",
            Self::Cancelled => "57014",
        }
    }
}

/// The SQLSTATE of an error without a class of its own.
const INTERNAL: &str = "XX000";
