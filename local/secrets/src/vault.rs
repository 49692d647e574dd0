//! The file that holds the secrets. Every method blocks.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use cardlake_loopback::durable;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use thiserror::Error;

/// What can go wrong with the file.
#[derive(Debug, Error)]
pub(crate) enum VaultError {
    #[error("cannot {action} {path}: {source}")]
    Io {
        action: &'static str,
        path: PathBuf,
        source: io::Error,
    },
    #[error(
        "{path} is not a file of secrets ({source}): put back a copy of it. It holds the keys of the tokens; new ones give the \
         same customers and cards other tokens than silver has"
    )]
    Format { path: PathBuf, source: serde_json::Error },
}

/// All secrets, by name.
pub(crate) type Secrets = BTreeMap<String, Secret>;

/// A secret and its versions.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct Secret {
    pub(crate) arn: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) description: Option<String>,
    pub(crate) created: DateTime<Utc>,
    pub(crate) changed: DateTime<Utc>,
    /// When it is gone for good, if it is to be deleted. Until then it can be restored.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) deletion: Option<DateTime<Utc>>,
    /// By identifier.
    pub(crate) versions: BTreeMap<String, Version>,
}

/// A version of a secret. Not `Debug`: its value must not reach a log.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct Version {
    pub(crate) value: SecretValue,
    pub(crate) created: DateTime<Utc>,
    pub(crate) stages: Vec<String>,
}

/// The value of a version.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum SecretValue {
    String(String),
    /// In Base64, as it travels.
    Binary(String),
}

/// The open file.
pub(crate) struct Vault {
    path: PathBuf,
    secrets: Mutex<Secrets>,
}

impl Vault {
    /// Opens `secrets.json` in `folder`; without the file there are no secrets yet.
    pub(crate) fn open(folder: &Path) -> Result<Self, VaultError> {
        let io = |action, path: &Path| {
            let path = path.to_owned();
            move |source| VaultError::Io { action, path, source }
        };
        durable::create_folders(folder).map_err(io("create the folder", folder))?;
        let path = folder.join("secrets.json");
        let secrets = match fs::read(&path) {
            Ok(text) => serde_json::from_slice(&text).map_err(|source| VaultError::Format {
                path: path.clone(),
                source,
            })?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => Secrets::new(),
            Err(error) => return Err(io("read", &path)(error)),
        };
        Ok(Self {
            path,
            secrets: Mutex::new(secrets),
        })
    }

    /// Reads under the lock.
    pub(crate) fn read<T>(&self, read: impl FnOnce(&Secrets) -> T) -> T {
        read(&self.secrets.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Changes the secrets and the file; if either fails, neither is changed.
    pub(crate) fn change<T, E: From<VaultError>>(
        &self,
        change: impl FnOnce(&mut Secrets) -> Result<T, E>,
    ) -> Result<T, E> {
        let mut secrets = self.secrets.lock().unwrap_or_else(PoisonError::into_inner);
        let mut changed = secrets.clone();
        let result = change(&mut changed)?;
        self.save(&changed)?;
        *secrets = changed;
        Ok(result)
    }

    fn save(&self, secrets: &Secrets) -> Result<(), VaultError> {
        let io = |source| VaultError::Io {
            action: "write",
            path: self.path.clone(),
            source,
        };
        let text = serde_json::to_vec_pretty(secrets).map_err(|source| VaultError::Format {
            path: self.path.clone(),
            source,
        })?;
        durable::replace_file(&self.path, &self.path.with_extension("json.part"), &text).map_err(io)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_foreign_file_is_refused_with_its_path() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("secrets.json"), "[1]").unwrap();
        let Err(error) = Vault::open(folder.path()) else {
            panic!("it was opened")
        };
        assert!(
            error.to_string().contains("secrets.json is not a file of secrets"),
            "{error}"
        );
    }

    #[test]
    fn a_change_that_fails_leaves_everything_as_it_was() {
        let folder = tempfile::tempdir().unwrap();
        let vault = Vault::open(folder.path()).unwrap();
        let failed: Result<(), VaultError> = vault.change(|secrets| {
            let now = Utc::now();
            let (arn, versions) = (String::new(), BTreeMap::new());
            secrets.insert(
                "s".to_owned(),
                Secret {
                    arn,
                    description: None,
                    created: now,
                    changed: now,
                    deletion: None,
                    versions,
                },
            );
            Err(VaultError::Io {
                action: "test",
                path: PathBuf::new(),
                source: io::ErrorKind::Other.into(),
            })
        });
        assert!(failed.is_err());
        assert_eq!(vault.read(Secrets::len), 0);
        assert!(!folder.path().join("secrets.json").exists());
    }
}
