//! The process that holds a data directory: who it is, and how to reach its servers.
//!
//! It is written to a file of the data directory for its owner only, since the key of the servers is in it. The file means
//! something while the directory is locked.

use crate::error::CliError;
use serde::{Deserialize, Serialize};
use std::collections::HashMap;
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

/// The file that says who holds a data directory.
pub(crate) const HOLDER: &str = "holder.json";
/// The process that holds a data directory.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Holder {
    /// Its process id.
    pub(crate) pid: u32,
    /// Its servers, once they run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) servers: Option<RunningServers>,
}

/// How to reach the servers of another process.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RunningServers {
    pub(crate) access_key_id: String,
    pub(crate) secret_access_key: String,
    pub(crate) s3: String,
    pub(crate) redshift_data: String,
    /// The settings of the stages.
    pub(crate) settings: HashMap<String, String>,
}

impl Holder {
    /// This process, whose servers do not run yet.
    pub(crate) fn starting() -> Self {
        Self {
            pid: std::process::id(),
            servers: None,
        }
    }

    /// Writes the file, readable by its owner only.
    ///
    /// # Errors
    /// The folder cannot be written.
    pub(crate) fn write(&self, data_dir: &Path) -> io::Result<()> {
        let (path, new) = (data_dir.join(HOLDER), data_dir.join("holder.json.new"));
        // A file that is there already would keep its mode.
        Self::remove(&new);
        let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&new)?;
        file.write_all(&serde_json::to_vec(self)?)?;
        fs::rename(new, path)
    }

    /// Removes the file of a data directory, with the key in it.
    pub(crate) fn clear(data_dir: &Path) {
        Self::remove(&data_dir.join(HOLDER));
    }

    fn remove(path: &Path) {
        // It means nothing once the lock is free.
        let _ = fs::remove_file(path);
    }

    /// What the file of a data directory says.
    pub(crate) fn read(data_dir: &Path) -> Option<Self> {
        let bytes = fs::read(data_dir.join(HOLDER)).ok()?;
        serde_json::from_slice(&bytes).ok()
    }
}

/// Locks a data directory for this process.
///
/// # Errors
/// Another process holds it; it is named.
pub(crate) fn lock(data_dir: &Path) -> Result<File, CliError> {
    match try_lock(data_dir)? {
        Some(file) => Ok(file),
        None => Err(held(data_dir)),
    }
}

/// The lock of a data directory; `None` if another process has it.
///
/// # Errors
/// The file cannot be made or locked.
pub(crate) fn try_lock(data_dir: &Path) -> Result<Option<File>, CliError> {
    let path = data_dir.join("lock");
    let failed = |error: &io::Error| {
        let failed = CliError::caused(&format!("lock {}", path.display()), error);
        match error.kind() {
            io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => {
                failed.hint("reading needs to write there, too: copy the folder, or ask the user that it belongs to")
            }
            _ => failed,
        }
    };
    let file = File::create(&path).map_err(|error| failed(&error))?;
    match file.try_lock() {
        Ok(()) => Ok(Some(file)),
        Err(TryLockError::WouldBlock) => Ok(None),
        Err(TryLockError::Error(error)) => Err(failed(&error)),
    }
}

/// Another process holds a data directory; it is named.
pub(crate) fn held(data_dir: &Path) -> CliError {
    let process = Holder::read(data_dir).map_or_else(String::new, |holder| format!(" (process {})", holder.pid));
    CliError::failed(format!("another cardlake{process} is using {}", data_dir.display()))
        .hint("wait for it to end, or give another folder with --data-dir")
}
