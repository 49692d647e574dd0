//! The files of a dbt project, from wherever they come, and how to read them from a folder.

use std::path::Path;

/// Extensions of the files that a project consists of.
const EXTENSIONS: [&str; 6] = ["sql", "yml", "yaml", "md", "csv", "py"];
/// Top-level folders that dbt generates.
const GENERATED: [&str; 4] = ["target", "logs", "dbt_packages", "dbt_internal_packages"];

/// A text file of a dbt project.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProjectFile {
    /// Path relative to the project's folder, with `/` as separator.
    pub path: String,
    /// The whole text.
    pub text: String,
}

impl ProjectFile {
    /// A file from its path and text.
    pub fn new(path: impl Into<String>, text: impl Into<String>) -> Self {
        Self {
            path: path.into(),
            text: text.into(),
        }
    }
}

/// A project folder that cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum ProjectFolderError {
    /// The folder or a file in it cannot be read.
    #[error("cannot read {path}")]
    Read {
        /// The folder or file.
        path: String,
        /// The I/O error.
        #[source]
        source: std::io::Error,
    },
    /// The file is not UTF-8.
    #[error("{path} is not UTF-8 text")]
    NotText {
        /// The file.
        path: String,
        /// Where it is not.
        #[source]
        source: std::string::FromUtf8Error,
    },
}

/// All files of a project, sorted by path. Hidden files, files that dbt generates and files of other kinds are left out.
///
/// # Errors
/// A folder or file cannot be read, or a file is not UTF-8.
pub fn read_folder(folder: &Path) -> Result<Vec<ProjectFile>, ProjectFolderError> {
    let mut found = Vec::new();
    visit(folder, "", &mut found)?;
    found.sort_by(|a, b| a.path.cmp(&b.path));
    Ok(found)
}

fn visit(folder: &Path, prefix: &str, found: &mut Vec<ProjectFile>) -> Result<(), ProjectFolderError> {
    let failed = |path: &Path, source| ProjectFolderError::Read {
        path: path.display().to_string(),
        source,
    };
    for entry in std::fs::read_dir(folder).map_err(|source| failed(folder, source))? {
        let path = entry.map_err(|source| failed(folder, source))?.path();
        let name = path
            .file_name()
            .map(|name| name.to_string_lossy().into_owned())
            .unwrap_or_default();
        if name.starts_with('.') {
            continue;
        }
        if path.is_dir() {
            if !(prefix.is_empty() && GENERATED.contains(&name.as_str())) {
                visit(&path, &format!("{prefix}{name}/"), found)?;
            }
        } else if name
            .rsplit_once('.')
            .is_some_and(|(_, extension)| EXTENSIONS.contains(&extension))
        {
            let bytes = std::fs::read(&path).map_err(|source| failed(&path, source))?;
            let text = String::from_utf8(bytes).map_err(|source| ProjectFolderError::NotText {
                path: path.display().to_string(),
                source,
            })?;
            found.push(ProjectFile::new(format!("{prefix}{name}"), text));
        }
    }
    Ok(())
}
