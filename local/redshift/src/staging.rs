//! Folders for the files of one COPY or UNLOAD.

use std::path::{Path, PathBuf};

use cardlake_redshift_sql::SqlError;
use uuid::Uuid;

/// A folder for the files of one statement, removed with all its files when it is dropped.
pub(crate) struct StagingFolder {
    pub(crate) path: PathBuf,
}

impl StagingFolder {
    /// Creates a folder under `parent`.
    pub(crate) fn new(parent: &Path) -> Result<Self, SqlError> {
        let path = parent.join(Uuid::new_v4().simple().to_string());
        std::fs::create_dir_all(&path)
            .map_err(|error| SqlError::redshift(format!("cannot create the folder {}: {error}", path.display())))?;
        Ok(Self { path })
    }
}

impl Drop for StagingFolder {
    fn drop(&mut self) {
        if let Err(error) = std::fs::remove_dir_all(&self.path) {
            tracing::warn!(folder = %self.path.display(), %error, "a staging folder could not be removed");
        }
    }
}
