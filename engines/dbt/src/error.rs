//! Errors of the engine.

/// Why a project cannot be compiled.
#[derive(Debug, thiserror::Error)]
pub enum DbtError {
    /// The project is wrong, or uses something that is not supported.
    #[error(transparent)]
    Project(#[from] ProjectError),
    /// The selection is wrong.
    #[error(transparent)]
    Selection(#[from] SelectionError),
    /// The documentation cannot be rendered.
    #[error(transparent)]
    Docs(#[from] DocsError),
}

/// A mistake in a dbt project.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{file}{}: {problem}", line.map(|line| format!(":{line}")).unwrap_or_default())]
pub struct ProjectError {
    /// The file, relative to the project's folder.
    pub file: String,
    /// The line, if known; the first is 1.
    pub line: Option<u32>,
    /// What is wrong, and what to do.
    pub problem: String,
}

impl ProjectError {
    pub(crate) fn new(file: &str, problem: impl Into<String>) -> Self {
        Self {
            file: file.to_owned(),
            line: None,
            problem: problem.into(),
        }
    }
}

/// A selection that is malformed, unsupported or matches nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("selection '{selection}': {problem}")]
pub struct SelectionError {
    /// The selection as given.
    pub selection: String,
    /// What is wrong.
    pub problem: String,
}

/// The documentation cannot be rendered: an internal bug.
#[derive(Debug, thiserror::Error)]
pub enum DocsError {
    /// The page.
    #[error(transparent)]
    Page(#[from] cardlake_pages::PageError),
    /// The drawing of the lineage.
    #[error("cannot draw the lineage: {0:#}")]
    Lineage(#[from] minijinja::Error),
}
