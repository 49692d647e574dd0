//! Why an expression is rejected.

use thiserror::Error;

use crate::data::paths::PathError;

/// The deepest nesting of calls.
pub(crate) const MAX_DEPTH: usize = 10;

/// An expression that is rejected when a definition is loaded.
#[derive(Debug, Error, PartialEq, Eq)]
pub(crate) enum IntrinsicError {
    #[error("the intrinsic function `{0}` is not known")]
    UnknownFunction(String),
    #[error("`{function}` takes {expected} arguments and has {given}")]
    Arguments {
        function: &'static str,
        expected: &'static str,
        given: usize,
    },
    #[error("the expression ends early or has an unexpected character at byte {0}")]
    Syntax(usize),
    #[error("calls are nested deeper than {MAX_DEPTH}")]
    TooDeep,
    #[error("the deep merge of `States.JsonMerge` is not supported: its third argument must be false")]
    DeepMerge,
    #[error(transparent)]
    Path(#[from] PathError),
}
