//! Errors in definition files.

use crate::template;

/// Error in a definition file.
#[derive(Debug, thiserror::Error)]
pub enum DefinitionError {
    /// Not YAML, an unknown or missing field, or a value of another type.
    #[error("{file}: {source}")]
    Yaml {
        /// The file.
        file: String,
        /// Line and field.
        source: Box<serde_saphyr::Error>,
    },
    /// A template that cannot be parsed.
    #[error("{file}: {field}: {}", template::explain(.source))]
    Template {
        /// The file.
        file: String,
        /// The field.
        field: String,
        /// What is wrong with it.
        source: minijinja::Error,
    },
    /// A file or field that does not fit the others.
    #[error("{file}: {problem}")]
    Invalid {
        /// The file.
        file: String,
        /// The field, what is wrong, and what to do.
        problem: String,
    },
}

/// An error of a file that does not fit the others.
pub(crate) fn invalid(file: &str, problem: String) -> DefinitionError {
    DefinitionError::Invalid {
        file: file.to_owned(),
        problem,
    }
}
