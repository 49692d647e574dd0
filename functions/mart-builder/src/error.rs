//! What can go wrong in a build.

use cardlake_aws::data_api::DataApiError;
use cardlake_aws::storage::StorageError;
use cardlake_core::assets::AssetError;
use cardlake_core::config::ConfigError;
use cardlake_core::error::{ErrorKind, StageError};
use cardlake_report::{DefinitionError, RenderError};

/// Why a tick failed.
#[derive(Debug, thiserror::Error)]
pub enum MartBuilderError {
    /// The settings are wrong.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The project's files cannot be read.
    #[error(transparent)]
    Assets(#[from] AssetError),
    /// The project says something that cannot be, or that is not supported.
    #[error(transparent)]
    Project(#[from] ProjectError),
    /// The selection is wrong.
    #[error("selection '{selection}': {problem}")]
    Selection {
        /// As the event says.
        selection: String,
        /// What is wrong.
        problem: String,
    },
    /// State or results cannot be read or written.
    #[error(transparent)]
    Storage(#[from] StorageError),
    /// The Data API refuses or cannot answer.
    #[error(transparent)]
    DataApi(#[from] DataApiError),
    /// The cursor is not one of ours, or its state is gone.
    #[error("the cursor cannot be understood: {cause}; start over without one")]
    Cursor {
        /// What is wrong with it.
        cause: String,
    },
    /// A statement that belongs to no model failed.
    #[error("{statement} failed: {error}")]
    Statement {
        /// Which one.
        statement: String,
        /// Redshift's error.
        error: String,
    },
    /// Models could not be built, or data tests of severity error failed.
    #[error("{}", .failures.join("; "))]
    BuildFailed {
        /// One sentence for each: model or test, file, error, key of the compiled SQL.
        failures: Vec<String>,
    },
    /// A definition of the dashboard is wrong.
    #[error(transparent)]
    DashboardDefinition(#[from] DefinitionError),
    /// The dashboard cannot be rendered: an internal bug. A panel that fails is a warning.
    #[error(transparent)]
    Dashboard(#[from] RenderError),
    /// Something has no JSON form or no rendering: a defect.
    #[error("cannot write {what}: {cause}")]
    Internal {
        /// What was made.
        what: &'static str,
        /// Why not.
        cause: String,
    },
}

impl StageError for MartBuilderError {
    fn kind(&self) -> ErrorKind {
        match self {
            Self::Config(error) => error.kind(),
            Self::Assets(error) => error.kind(),
            Self::Project(_) | Self::DashboardDefinition(_) => ErrorKind::Configuration,
            Self::Selection { .. } | Self::Cursor { .. } => ErrorKind::InvalidEvent,
            Self::Storage(error) => error.kind(),
            Self::DataApi(error) => error.kind(),
            Self::Statement { .. } => ErrorKind::StatementFailed,
            Self::BuildFailed { .. } => ErrorKind::BuildFailed,
            Self::Dashboard(_) | Self::Internal { .. } => ErrorKind::Internal,
        }
    }
}

/// A mistake in the dbt project.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{file}{}: {problem}", line.map(|line| format!(":{line}")).unwrap_or_default())]
pub struct ProjectError {
    /// The file, from the project's folder.
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
