//! Errors of the stage.

use cardlake_aws::data_api::DataApiError;
use cardlake_aws::storage::StorageError;
use cardlake_core::assets::AssetError;
use cardlake_core::config::ConfigError;
use cardlake_core::error::{ErrorKind, StageError};
use cardlake_dbt::{DocsError, ProjectError, SelectionError};
use cardlake_report::{DefinitionError, RenderError};
use std::fmt;

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
    #[error("{0}")]
    BuildFailed(BuildFailures),
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
            Self::BuildFailed(_) => ErrorKind::BuildFailed,
            Self::Docs(_) | Self::Dashboard(_) | Self::Internal { .. } => ErrorKind::Internal,
        }
    }
}

/// Failures that a message names; the state of the run has them all.
const NAMED: usize = 5;

/// Models and tests that failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BuildFailures {
    /// By id.
    pub failed: Vec<NodeFailure>,
    /// Models and tests that did not run, since they depend on them.
    pub skipped: u64,
    /// The silver bucket, which holds the compiled SQL.
    pub bucket: String,
}

/// A model or test that failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NodeFailure {
    /// `model`, `snapshot`, `seed` or `test`.
    pub kind: &'static str,
    /// Its name.
    pub name: String,
    /// The file of the project that defines it.
    pub file: String,
    /// Redshift's error, or a test's finding.
    pub message: String,
    /// Key of the compiled SQL.
    pub compiled: String,
}

impl BuildFailures {
    /// The message, with the compiled SQL in the folder or bucket `place`.
    #[must_use]
    pub fn message(&self, place: &str) -> String {
        let sentence = |node: &NodeFailure| {
            let NodeFailure {
                kind,
                name,
                file,
                message,
                compiled,
            } = node;
            format!("{kind} {name} ({file}) failed: {message}; compiled SQL: {place}/{compiled}")
        };
        let mut sentences: Vec<String> = self.failed.iter().take(NAMED).map(sentence).collect();
        if self.failed.len() > NAMED {
            sentences.push(format!("{} more failed", self.failed.len() - NAMED));
        }
        if self.skipped > 0 {
            sentences.push(format!(
                "{} models and tests that depend on them were skipped",
                self.skipped
            ));
        }
        sentences.join("; ")
    }
}

impl fmt::Display for BuildFailures {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.message(&format!("s3://{}", self.bucket)))
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
