//! The project's own files: contracts, expectation suites, the dbt project, the state machines.
//!
//! They are embedded at build time, so a function or the `cardlake` command runs from any folder. A folder with the
//! same layout takes their place when [`crate::env::ASSETS_DIR`] names one: a new dataset can be tried without a build.

use crate::error::{ErrorKind, StageError};
use include_dir::{Dir, include_dir};
use std::path::PathBuf;

static CONTRACTS: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/../contracts");
static EXPECTATIONS: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/../expectations");
static WAREHOUSE: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/../warehouse");
static STATE_MACHINES: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/../statemachine");

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
    /// The folder's name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Contracts => "contracts",
            Self::Expectations => "expectations",
            Self::Warehouse => "warehouse",
            Self::StateMachines => "statemachine",
        }
    }

    fn embedded(self) -> &'static Dir<'static> {
        match self {
            Self::Contracts => &CONTRACTS,
            Self::Expectations => &EXPECTATIONS,
            Self::Warehouse => &WAREHOUSE,
            Self::StateMachines => &STATE_MACHINES,
        }
    }
}

/// A text file of the project.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Asset {
    /// Path inside the folder, with `/` between its parts.
    pub path: String,
    /// The whole text.
    pub text: String,
}

/// Why a project file could not be read.
#[derive(Debug, thiserror::Error)]
pub enum AssetError {
    /// The folder or a file of it cannot be read.
    #[error("cannot read {path}: {source}")]
    Read {
        /// What was read.
        path: String,
        /// Why not.
        source: std::io::Error,
    },
    /// The file holds something other than UTF-8.
    #[error("{path} is not UTF-8 text")]
    NotText {
        /// The file.
        path: String,
    },
    /// There is no such file.
    #[error("there is no {path} among the project files")]
    Missing {
        /// The file.
        path: String,
    },
}

impl StageError for AssetError {
    fn kind(&self) -> ErrorKind {
        ErrorKind::Configuration
    }
}

/// Where the project files come from.
#[derive(Debug, Clone, Default)]
pub enum Assets {
    /// Those of the build.
    #[default]
    Embedded,
    /// Those below a folder.
    Folder(PathBuf),
}

impl Assets {
    /// From the folder if one is named, else those of the build.
    #[must_use]
    pub fn from_setting(folder: Option<String>) -> Self {
        folder.map_or(Self::Embedded, |path| Self::Folder(path.into()))
    }

    /// All text files of a folder and its subfolders, sorted by path. Hidden files are left out.
    ///
    /// # Errors
    /// A file that cannot be read or is not text.
    pub fn list(&self, folder: AssetFolder) -> Result<Vec<Asset>, AssetError> {
        let mut found = Vec::new();
        match self {
            Self::Embedded => list_embedded(folder.embedded(), &mut found)?,
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

fn list_embedded(dir: &Dir<'static>, found: &mut Vec<Asset>) -> Result<(), AssetError> {
    for file in dir.files() {
        let path = file.path().to_string_lossy().replace('\\', "/");
        if is_hidden(&path) {
            continue;
        }
        let text = file
            .contents_utf8()
            .ok_or_else(|| AssetError::NotText { path: path.clone() })?;
        found.push(Asset {
            text: text.to_owned(),
            path,
        });
    }
    dir.dirs().try_for_each(|inner| list_embedded(inner, found))
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
