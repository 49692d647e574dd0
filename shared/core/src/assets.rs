//! Project files: contracts, expectation suites, the dbt project, the state machines.
//!
//! Binaries embed them (crate `cardlake-assets`), so that a function or the `cardlake` command runs from any folder.
//! [`crate::env::ASSETS_DIR`] replaces them with a folder of the same layout, to try a new dataset without a build. Libraries
//! take an [`Assets`], independent of the source.

use crate::error::{ErrorKind, StageError};
use std::path::PathBuf;

/// One of the folders of project files.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AssetFolder {
    /// `contracts/`: one Open Data Contract Standard file for each dataset.
    Contracts,
    /// `expectations/`: one Great Expectations suite for each dataset.
    Expectations,
    /// `warehouse/`: the dbt project.
    Warehouse,
    /// `statemachine/`: Amazon States Language files.
    StateMachines,
}

impl AssetFolder {
    /// Name of the folder.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Contracts => "contracts",
            Self::Expectations => "expectations",
            Self::Warehouse => "warehouse",
            Self::StateMachines => "statemachine",
        }
    }
}

/// A text file of the project.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Asset {
    /// Path inside the folder, with `/` between its parts.
    pub path: String,
    /// Contents.
    pub text: String,
}

/// Why a project file could not be read.
#[derive(Debug, thiserror::Error)]
pub enum AssetError {
    /// The folder or a file of it cannot be read.
    #[error("cannot read {path}: {source}")]
    Read {
        /// Path.
        path: String,
        /// Cause.
        source: std::io::Error,
    },
    /// The file is not UTF-8.
    #[error("{path} is not UTF-8 text")]
    NotText {
        /// File.
        path: String,
    },
    /// Missing file.
    #[error("there is no {path} among the project files")]
    Missing {
        /// File.
        path: String,
    },
}

impl StageError for AssetError {
    fn kind(&self) -> ErrorKind {
        ErrorKind::Configuration
    }
}

/// Lists the embedded files of a folder, hidden ones included, in any order.
pub type EmbeddedFiles = fn(AssetFolder) -> Result<Vec<Asset>, AssetError>;

/// Source of the project files.
#[derive(Debug, Clone)]
pub enum Assets {
    /// Files embedded in the binary.
    Embedded(EmbeddedFiles),
    /// Files below a folder.
    Folder(PathBuf),
}

impl Assets {
    /// Uses the folder if given, otherwise the embedded files.
    #[must_use]
    pub fn or_folder(self, folder: Option<String>) -> Self {
        folder.map_or(self, |path| Self::Folder(path.into()))
    }

    /// All text files of a folder and its subfolders, sorted by path, hidden files excluded.
    ///
    /// # Errors
    /// A file that cannot be read or is not text.
    pub fn list(&self, folder: AssetFolder) -> Result<Vec<Asset>, AssetError> {
        let mut found = Vec::new();
        match self {
            Self::Embedded(files) => found.extend(files(folder)?.into_iter().filter(|asset| !is_hidden(&asset.path))),
            Self::Folder(root) => list_folder(&root.join(folder.name()), "", &mut found)?,
        }
        found.sort_by(|a, b| a.path.cmp(&b.path));
        Ok(found)
    }

    /// One file.
    ///
    /// # Errors
    /// No such file, or it cannot be read.
    pub fn read(&self, folder: AssetFolder, path: &str) -> Result<Asset, AssetError> {
        self.list(folder)?
            .into_iter()
            .find(|asset| asset.path == path)
            .ok_or_else(|| AssetError::Missing {
                path: format!("{}/{path}", folder.name()),
            })
    }
}

fn list_folder(folder: &std::path::Path, prefix: &str, found: &mut Vec<Asset>) -> Result<(), AssetError> {
    let read_error = |source| AssetError::Read {
        path: folder.display().to_string(),
        source,
    };
    for entry in std::fs::read_dir(folder).map_err(read_error)? {
        let entry = entry.map_err(read_error)?;
        let name = entry.file_name().to_string_lossy().into_owned();
        let path = format!("{prefix}{name}");
        if is_hidden(&path) {
            continue;
        }
        if entry.path().is_dir() {
            list_folder(&entry.path(), &format!("{path}/"), found)?;
        } else {
            let bytes = std::fs::read(entry.path()).map_err(|source| AssetError::Read {
                path: path.clone(),
                source,
            })?;
            let text = String::from_utf8(bytes).map_err(|_| AssetError::NotText { path: path.clone() })?;
            found.push(Asset { path, text });
        }
    }
    Ok(())
}

fn is_hidden(path: &str) -> bool {
    path.rsplit('/').next().is_some_and(|name| name.starts_with('.'))
}
