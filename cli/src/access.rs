//! Reading a lake that this process opens, or that another one has open.
//!
//! Commands that read use the servers of the process that holds the data directory, and name the process if they cannot.

use crate::environment::Environment;
use crate::error::CliError;
use crate::holder::{Holder, RunningServers, held, try_lock};
use crate::shortage::Shortage;
use cardlake_aws::clients::{Aws, Endpoints};
use cardlake_aws::data_api::Warehouse;
use cardlake_aws::storage::Storage;
use cardlake_core::assets::Assets;
use cardlake_core::config::{Variables, WarehouseConfig};
use cardlake_core::env;
use cardlake_loopback::ServerCredentials;
use std::collections::HashMap;
use std::path::Path;
use std::time::Duration;

/// How long to wait for another process to start its servers.
const LOOKS: u32 = 50;
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// A lake that can be read.
pub(crate) enum Access {
    /// Opened by this process.
    Own(Box<Environment>),
    /// Open in another process.
    Served(Box<Served>),
}

/// A lake that another process has open.
pub(crate) struct Served {
    pid: u32,
    aws: Aws,
    storage: Storage,
    settings: HashMap<String, String>,
}

impl Access {
    /// Opens a data directory that a run has made before, or reaches the process that has it open.
    ///
    /// # Errors
    /// There is no warehouse in the folder, or another process holds it and does not answer.
    pub(crate) async fn open(data_dir: &Path) -> Result<Self, CliError> {
        Environment::require(data_dir)?;
        for _ in 0..LOOKS {
            if try_lock(data_dir)?.is_some() {
                let environment = Environment::open_existing(data_dir).await?;
                return Ok(Self::Own(Box::new(environment)));
            }
            let holder = Holder::read(data_dir);
            if let Some((pid, servers)) = holder.and_then(|holder| Some((holder.pid, holder.servers?))) {
                return Ok(Self::Served(Box::new(Served::new(pid, servers))));
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
        Err(held(data_dir))
    }

    /// Objects of the lake.
    pub(crate) const fn storage(&self) -> &Storage {
        match self {
            Self::Own(environment) => environment.storage(),
            Self::Served(served) => &served.storage,
        }
    }

    /// Its warehouse.
    ///
    /// # Errors
    /// The settings of the other process do not say where it is.
    pub(crate) fn warehouse(&self) -> Result<Warehouse, CliError> {
        match self {
            Self::Own(environment) => environment.warehouse(),
            Self::Served(served) => {
                let mut variables = Variables::new(served.settings.clone());
                let config = WarehouseConfig::read(&mut variables);
                let config = variables.finish(config);
                let config = config.map_err(|error| CliError::caused("reach the warehouse", &error))?;
                Ok(Warehouse::new(served.aws.redshift_data(), config))
            }
        }
    }

    /// The project's files.
    pub(crate) fn assets(&self) -> Assets {
        match self {
            Self::Own(environment) => environment.assets(),
            Self::Served(served) => {
                cardlake_assets::embedded().or_folder(served.settings.get(env::ASSETS_DIR).cloned())
            }
        }
    }

    /// The process that has the lake open, if it is another one.
    pub(crate) const fn holder(&self) -> Option<u32> {
        match self {
            Self::Own(_) => None,
            Self::Served(served) => Some(served.pid),
        }
    }

    /// The last write that had no space.
    pub(crate) fn shortage(&self) -> Option<Shortage> {
        match self {
            Self::Own(environment) => environment.shortage(),
            Self::Served(_) => None,
        }
    }

    /// Stops what this process has started.
    ///
    /// # Errors
    /// As of [`Environment::close`].
    pub(crate) async fn close(self) -> Result<(), CliError> {
        match self {
            Self::Own(environment) => environment.close().await,
            Self::Served(_) => Ok(()),
        }
    }
}

impl Served {
    fn new(pid: u32, servers: RunningServers) -> Self {
        let credentials = ServerCredentials {
            access_key_id: servers.access_key_id,
            secret_access_key: servers.secret_access_key,
        };
        let endpoints = Endpoints {
            s3: Some(servers.s3),
            redshift_data: Some(servers.redshift_data),
            ..Endpoints::default()
        };
        let aws = Aws::new(crate::environment::sdk_config(&credentials), endpoints);
        Self {
            pid,
            storage: Storage::new(aws.s3()),
            aws,
            settings: servers.settings,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::holder::HOLDER;
    use std::os::unix::fs::PermissionsExt;

    #[tokio::test(flavor = "multi_thread")]
    async fn a_lake_that_is_open_is_read_through_the_process_that_has_it() {
        let folder = tempfile::tempdir().unwrap();
        let refused = Access::open(folder.path()).await.err().unwrap().to_string();
        assert!(refused.contains("there is no warehouse in"), "{refused}");
        let question = Environment::open(&folder.path().join("a?b"))
            .await
            .err()
            .unwrap()
            .to_string();
        assert!(question.contains("cannot be in a path with '?'"), "{question}");
        let environment = Environment::open(folder.path()).await.unwrap();
        let error = Environment::open(folder.path()).await.err().unwrap().to_string();
        let pid = std::process::id();
        assert!(
            error.contains(&format!("another cardlake (process {pid}) is using")),
            "{error}"
        );

        let put = environment.storage().put("cardlake-silver", "a", b"b".to_vec()).await;
        put.unwrap();
        let access = Access::open(folder.path()).await.unwrap();
        assert_eq!(access.holder(), Some(pid));
        let read = access.storage().get("cardlake-silver", "a").await.unwrap();
        assert_eq!(read.as_deref(), Some(&b"b"[..]));

        let path = folder.path().join(HOLDER);
        let mode = std::fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "it holds the key of the servers");
        access.close().await.unwrap();
        environment.close().await.unwrap();
        assert!(!path.exists());
        let access = Access::open(folder.path()).await.unwrap();
        assert_eq!(access.holder(), None);
        access.close().await.unwrap();
    }
}
