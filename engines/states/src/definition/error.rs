//! Why a definition is rejected.

use thiserror::Error;

/// A definition that is rejected.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum DefinitionError {
    /// The text holds a placeholder without a value.
    #[error("the placeholder `${{{0}}}` has no value: pass one in the substitutions")]
    Placeholder(String),
    /// The text holds a template directive; only placeholders are known.
    #[error("the template directive `%{{` is not supported: use `${{name}}` placeholders only")]
    Directive,
    /// The text, with its placeholders filled, is not JSON.
    #[error("the definition is not JSON: {0}")]
    Json(String),
    /// A field is missing, unknown, or holds what it must not hold.
    #[error("{owner}, {field}: {problem}")]
    Field {
        /// Where the field is: ``state `Load` ``.
        owner: String,
        /// Its name.
        field: String,
        /// What is wrong with it.
        problem: String,
    },
    /// Something is wrong with a state, or with the whole machine.
    #[error("{owner}: {problem}")]
    Invalid {
        /// What is wrong: ``state `Load` `` or `the state machine`.
        owner: String,
        /// How it is wrong.
        problem: String,
    },
}
