//! Errors of the stage.

use cardlake_aws::data_api::DataApiError;
use cardlake_aws::storage::StorageError;
use cardlake_core::assets::AssetError;
use cardlake_core::config::ConfigError;
use cardlake_core::error::{ErrorKind, StageError};
use cardlake_dbt::{DocsError, ProjectError, SelectionError};
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
    /// The project is wrong, or uses something that is not supported.
    #[error(transparent)]
    Project(#[from] ProjectError),
    /// The selection is wrong.
    #[error(transparent)]
    Selection(#[from] SelectionError),
    /// The lineage cannot be rendered: an internal bug.
    #[error(transparent)]
    Docs(#[from] DocsError),
    /// State or results cannot be read or written.
    #[error(transparent)]
    Storage(#[from] StorageError),
    /// A Data API call failed.
    #[error(transparent)]
    DataApi(#[from] DataApiError),
    /// The cursor is malformed, or its state does not exist.
    #[error("the cursor cannot be understood: {0}; start over without one")]
    Cursor(#[from] CursorError),
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
    /// A document cannot be serialised: an internal bug.
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
            Self::Selection(_) | Self::Cursor(_) => ErrorKind::InvalidEvent,
            Self::Storage(error) => error.kind(),
            Self::DataApi(error) => error.kind(),
            Self::Statement { .. } => ErrorKind::StatementFailed,
            Self::BuildFailed { .. } => ErrorKind::BuildFailed,
            Self::Docs(_) | Self::Dashboard(_) | Self::Internal { .. } => ErrorKind::Internal,
        }
    }
}

/// Why a build cannot be continued.
#[derive(Debug, thiserror::Error)]
pub enum CursorError {
    /// It is not a cursor.
    #[error(transparent)]
    Malformed(#[from] serde_json::Error),
    /// Its state does not exist.
    #[error("its state is gone")]
    StateMissing,
    /// Another build of the run has begun since.
    #[error("another build of this run has begun since")]
    Superseded,
    /// The state is malformed.
    #[error("s3://{bucket}/{key} is not a state: {source}")]
    MalformedState {
        /// The silver bucket.
        bucket: String,
        /// The state's key.
        key: String,
        /// Why it cannot be read.
        #[source]
        source: serde_json::Error,
    },
    /// The state was written by another version of the program.
    #[error("the state has format version {found}, not {expected}")]
    FormatVersion {
        /// The state's version.
        found: u32,
        /// The program's version.
        expected: u32,
    },
}
