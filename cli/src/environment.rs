//! The stand-ins for AWS on this machine, and the stages wired to them.
//!
//! ```text
//! DATA_DIR/s3/<bucket>/<key>      objects as plain files: Delta tables open straight from here
//! DATA_DIR/warehouse.duckdb       the warehouse
//! DATA_DIR/secrets/               secrets, readable by their owner alone
//! DATA_DIR/lock                   held by the one process that may write
//! ```

use crate::error::CliError;
use crate::holder::{self, Holder, RunningServers};
use crate::login::{Login, secret};
use crate::shortage::{Place, Shortage};
use aws_config::{AppName, BehaviorVersion, Region, SdkConfig};
use base64::Engine as _;
use cardlake_aws::clients::{Aws, Endpoints};
use cardlake_aws::data_api::Warehouse;
use cardlake_aws::runtime::Resources;
use cardlake_aws::storage::Storage;
use cardlake_core::assets::Assets;
use cardlake_core::config::{Variables, WarehouseConfig};
use cardlake_core::env;
use cardlake_core::paths;
use cardlake_local_redshift::{KnownSecrets, RedshiftOptions, RedshiftServer, WireOptions};
use cardlake_local_s3::{self as s3_server, CreatedObject, S3Server, S3ServerOptions};
use cardlake_local_secrets::{self as secrets_server, SecretNames, SecretsServer, SecretsServerOptions};
use cardlake_loopback::{AccessLog, NoSpaceLog, RequestHook, ServerCredentials, durable};
use std::collections::HashMap;
use std::fs::File;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tokio::sync::mpsc::UnboundedSender;

/// Bucket of the raw files.
pub const BRONZE: &str = "cardlake-bronze";
/// Bucket of the Delta tables.
pub const SILVER: &str = "cardlake-silver";
/// Bucket of the published marts.
pub const GOLD: &str = "cardlake-gold";
/// Name of the local workgroup.
pub const WORKGROUP: &str = "cardlake";
/// Name of the local database.
pub const DATABASE: &str = "cardlake";
/// Secret with the keys of the tokens.
pub const TOKEN_KEY_SECRET: &str = "cardlake/token-keys";

/// Under this name the warehouse reads and writes objects for COPY and UNLOAD.
pub const WAREHOUSE: &str = "warehouse";

/// The warehouse in a data directory.
const WAREHOUSE_FILE: &str = "warehouse.duckdb";

const REGION: &str = "us-east-1";

/// How the servers are started. Ports are on the loopback interface; 0 takes any free one.
#[derive(Debug, Clone, Default)]
pub struct Servers {
    /// Port of S3.
    pub s3_port: u16,
    /// External S3 endpoint, used instead of starting a server; its buckets must already exist.
    pub s3_endpoint: Option<String>,
    /// Port of Secrets Manager.
    pub secrets_port: u16,
    /// Port of the Redshift Data API.
    pub redshift_data_port: u16,
    /// Port of Redshift's own protocol, which is PostgreSQL's; not served when there is none.
    pub redshift_port: Option<RedshiftPort>,
    /// Sees every request to S3.
    pub s3_hook: Option<Arc<dyn RequestHook>>,
    /// Receives every object that is written to S3.
    pub s3_created: Option<UnboundedSender<CreatedObject>>,
    /// Records the requests to all servers; S3 takes this or a hook.
    pub log: Option<AccessLog>,
    /// No lake: neither its buckets nor the key of its tokens.
    pub no_lake: bool,
}

/// Where clients of Redshift and PostgreSQL connect.
#[derive(Debug, Clone, Copy)]
pub struct RedshiftPort {
    /// The port.
    pub port: u16,
    /// Whether any free one is taken if that one is not free.
    pub or_any: bool,
}

/// Running servers over one data directory.
pub struct Environment {
    aws: Aws,
    endpoints: Endpoints,
    storage: Storage,
    credentials: ServerCredentials,
    variables: HashMap<String, String>,
    s3_endpoint: String,
    // None with an external endpoint.
    s3: Option<S3Server>,
    secrets: SecretsServer,
    redshift: RedshiftServer,
    // None when nobody may connect.
    login: Option<Login>,
    data_dir: PathBuf,
    temporary: NoSpaceLog,
    // Held as long as the servers run; the lock goes with the handle.
    _lock: File,
}

impl Environment {
    /// Opens a data directory, making it if need be, and starts the servers on free loopback ports.
    ///
    /// # Errors
    /// The folder cannot be written, another process has it open, or a server cannot start.
    pub async fn open(data_dir: &Path) -> Result<Self, CliError> {
        Self::open_with(data_dir, Servers::default()).await
    }

    /// As [`Self::open`], with the given servers.
    ///
    /// # Errors
    /// As [`Self::open`]; also when a port is in use.
    pub async fn open_with(data_dir: &Path, servers: Servers) -> Result<Self, CliError> {
        let opened = Self::start(data_dir, servers).await;
        opened.map_err(|error| error.writing(data_dir))
    }

    async fn start(data_dir: &Path, servers: Servers) -> Result<Self, CliError> {
        let doing = format!("use the folder {}", data_dir.display());
        // DuckDB takes what follows for options, and looks for the log of the database elsewhere.
        let absolute = std::path::absolute(data_dir).map_err(|error| CliError::caused(&doing, &error))?;
        if absolute.as_os_str().as_encoded_bytes().contains(&b'?') {
            let problem = CliError::failed(format!("cannot {doing}: the warehouse cannot be in a path with '?'"));
            return Err(problem.hint("give another one with --data-dir"));
        }
        durable::create_folders(data_dir)
            .map_err(|error| CliError::caused(&doing, &error).hint("give another one with --data-dir"))?;
        let data_dir = data_dir
            .canonicalize()
            .map_err(|error| CliError::caused(&doing, &error))?;
        let lock = holder::lock(&data_dir)?;
        let mut holder = Holder::starting();
        let holding = |error: std::io::Error| CliError::caused(&doing, &error);
        holder.write(&data_dir).map_err(holding)?;
        // The key is for these servers on loopback alone; they refuse any other.
        let credentials = ServerCredentials {
            access_key_id: "cardlake".to_owned(),
            secret_access_key: uuid::Uuid::new_v4().simple().to_string(),
        };
        let listen = |port: u16| SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        let log = servers.log;
        let (s3, s3_endpoint) = match servers.s3_endpoint {
            Some(endpoint) => (None, endpoint),
            None => {
                let logged = log
                    .as_ref()
                    .map(|log| log.s3_hook(data_dir.join("s3"), credentials.clone()));
                let buckets: &[&str] = if servers.no_lake { &[] } else { &[BRONZE, SILVER, GOLD] };
                let options = S3ServerOptions {
                    listen: listen(servers.s3_port),
                    root: data_dir.join("s3"),
                    buckets: buckets.iter().map(|bucket| (*bucket).to_owned()).collect(),
                    credentials: credentials.clone(),
                    hook: servers.s3_hook.or(logged),
                    created: servers.s3_created,
                };
                let server = s3_server::start(options)
                    .await
                    .map_err(|error| CliError::caused("start the S3 server", &error))?;
                let endpoint = server.endpoint_url();
                (Some(server), endpoint)
            }
        };
        let secrets = secrets_server::start(SecretsServerOptions {
            listen: listen(servers.secrets_port),
            folder: data_dir.join("secrets"),
            credentials: credentials.clone(),
            access_log: log.clone(),
        })
        .await
        .map_err(|error| CliError::caused("start the secrets server", &error))?;
        let sdk = sdk_config(&credentials);
        let process = Variables::from_process();
        let mut endpoints = Endpoints {
            s3: Some(s3_endpoint.clone()),
            secrets_manager: Some(secrets.endpoint_url()),
            sns: process.optional(env::AWS_ENDPOINT_URL_SNS),
            ..Endpoints::default()
        };
        let login = match servers.redshift_port {
            Some(_) => Some(Login::of(&Aws::new(sdk.clone(), endpoints.clone()), DATABASE).await?),
            None => None,
        };
        let wire = servers
            .redshift_port
            .zip(login.as_ref())
            .map(|(port, login)| WireOptions {
                listen: listen(port.port),
                or_any_port: port.or_any,
                user: login.username.clone(),
                password: login.password.clone(),
            });
        let redshift = cardlake_local_redshift::start(RedshiftOptions {
            listen: listen(servers.redshift_data_port),
            database_file: data_dir.join(WAREHOUSE_FILE),
            database: DATABASE.to_owned(),
            workgroup: Some(WORKGROUP.to_owned()),
            s3: Aws::new(sdk_config(&credentials.of(WAREHOUSE)), endpoints.clone()).s3(),
            credentials: credentials.clone(),
            region: REGION.to_owned(),
            known_secrets: Arc::new(LocalSecrets(secrets.names())),
            memory_limit: None,
            max_result_bytes: None,
            access_log: log,
            wire,
        })
        .await
        .map_err(|error| CliError::caused("start the warehouse", &error))?;
        endpoints.redshift_data = Some(redshift.endpoint_url());
        let aws = Aws::new(sdk, endpoints.clone());
        if !servers.no_lake {
            make_token_key(&aws).await?;
        }
        let login = match (login, redshift.wire_addr()) {
            (Some(login), Some(address)) => Some(login.publish(&aws, address).await?),
            _ => None,
        };
        let storage = Storage::new(aws.s3());
        // The folder is locked: whoever held the lease is gone. Of another S3 that cannot be said.
        if s3.is_some() && !servers.no_lake {
            let cleared = storage.delete(SILVER, paths::WAREHOUSE_LEASE).await;
            cleared.map_err(|error| CliError::caused(&doing, &error))?;
        }
        let mut variables: HashMap<String, String> = [
            (env::BRONZE_BUCKET, BRONZE),
            (env::SILVER_BUCKET, SILVER),
            (env::GOLD_BUCKET, GOLD),
            (env::REDSHIFT_WORKGROUP, WORKGROUP),
            (env::REDSHIFT_DATABASE, DATABASE),
            (env::TOKEN_KEY_SECRET, TOKEN_KEY_SECRET),
        ]
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .into();
        // Project files to be tried without a build, the threshold, and a topic, are those of this process. A topic wants an endpoint: with
        // the credentials of these servers nobody else would take a message.
        let has_topic = process.optional(env::AWS_ENDPOINT_URL_SNS).is_some();
        let mut of_process = vec![env::ASSETS_DIR, env::QUARANTINE_THRESHOLD];
        of_process.extend(has_topic.then_some(env::NOTIFICATION_TOPIC_ARN));
        for name in of_process {
            variables.extend(process.optional(name).map(|value| (name.to_owned(), value)));
        }
        holder.servers = Some(RunningServers {
            access_key_id: credentials.access_key_id.clone(),
            secret_access_key: credentials.secret_access_key.clone(),
            s3: s3_endpoint.clone(),
            redshift_data: redshift.endpoint_url(),
            settings: variables.clone(),
        });
        holder.write(&data_dir).map_err(holding)?;
        Ok(Self {
            aws,
            endpoints,
            storage,
            credentials,
            variables,
            s3_endpoint,
            s3,
            secrets,
            redshift,
            login,
            data_dir,
            temporary: NoSpaceLog::default(),
            _lock: lock,
        })
    }

    /// Whether a run has made this data directory before.
    #[must_use]
    pub fn exists(data_dir: &Path) -> bool {
        data_dir.join(WAREHOUSE_FILE).is_file()
    }

    /// Opens a data directory that a run has made before.
    ///
    /// # Errors
    /// As [`Self::open`]; also when there is no warehouse in the folder.
    pub async fn open_existing(data_dir: &Path) -> Result<Self, CliError> {
        Self::require(data_dir)?;
        Self::open(data_dir).await
    }

    /// Whether a run has made this data directory before, as an error.
    ///
    /// # Errors
    /// There is no warehouse in the folder.
    pub(crate) fn require(data_dir: &Path) -> Result<(), CliError> {
        if Self::exists(data_dir) {
            return Ok(());
        }
        Err(
            CliError::failed(format!("there is no warehouse in {}", data_dir.display()))
                .hint("make one with `cardlake run`, or name its folder with --data-dir"),
        )
    }

    /// Clients for the servers.
    #[must_use]
    pub const fn aws(&self) -> &Aws {
        &self.aws
    }

    /// Clients for the servers that sign as a stage: each has a key of its own, as each function has a role of its own.
    #[must_use]
    pub fn aws_of(&self, stage: &str) -> Aws {
        Aws::new(sdk_config(&self.credentials.of(stage)), self.endpoints.clone())
    }

    /// Objects of the local S3.
    #[must_use]
    pub const fn storage(&self) -> &Storage {
        &self.storage
    }

    /// The local warehouse, as a client of the Data API.
    ///
    /// # Errors
    /// Never: the settings are this environment's own.
    pub fn warehouse(&self) -> Result<Warehouse, CliError> {
        let mut variables = self.variables();
        let config = WarehouseConfig::read(&mut variables);
        let config = variables.finish(config);
        let config = config.map_err(|error| CliError::caused("reach the warehouse", &error))?;
        Ok(Warehouse::new(self.aws.redshift_data(), config))
    }

    /// Gives the stages a setting, in place of their default or of that of this process.
    pub fn set(&mut self, name: &str, value: String) {
        self.variables.insert(name.to_owned(), value);
    }

    /// Sets the share of a dataset's day that may be quarantined, if one is given.
    pub(crate) fn limit_quarantine(&mut self, share: Option<f64>) {
        if let Some(share) = share {
            self.set(env::QUARANTINE_THRESHOLD, share.to_string());
        }
    }

    /// The settings of the stages.
    #[must_use]
    pub fn variables(&self) -> Variables {
        Variables::new(self.variables.clone())
    }

    /// What the context of a stage is made from.
    #[must_use]
    pub fn resources(&self) -> Resources {
        Resources::new(self.variables(), self.aws.clone(), cardlake_assets::embedded())
    }

    /// The same, with the credentials of one function.
    #[must_use]
    pub fn resources_of(&self, function: &str) -> Resources {
        Resources {
            aws: self.aws_of(function),
            ..self.resources()
        }
    }

    /// The project's files: contracts, suites, models, state machines.
    #[must_use]
    pub fn assets(&self) -> Assets {
        cardlake_assets::embedded().or_folder(self.variables.get(env::ASSETS_DIR).cloned())
    }

    /// What another process needs in its environment to use these servers with any AWS SDK, and to run the stages: name
    /// and value, the stages' settings last, each group sorted.
    #[must_use]
    pub fn exports(&self) -> Vec<(String, String)> {
        let mut exports: Vec<(String, String)> = [
            ("AWS_ACCESS_KEY_ID", self.credentials.access_key_id.clone()),
            // Readers on top of object_store (delta-rs, Polars) refuse an endpoint without TLS otherwise.
            ("AWS_ALLOW_HTTP", "true".to_owned()),
            // Some SDKs know only the older name.
            ("AWS_DEFAULT_REGION", REGION.to_owned()),
            ("AWS_ENDPOINT_URL_REDSHIFT_DATA", self.redshift.endpoint_url()),
            ("AWS_ENDPOINT_URL_S3", self.s3_endpoint.clone()),
            ("AWS_ENDPOINT_URL_SECRETS_MANAGER", self.secrets.endpoint_url()),
            ("AWS_ENDPOINT_URL_STS", self.secrets.endpoint_url()),
            ("AWS_REGION", REGION.to_owned()),
            ("AWS_SECRET_ACCESS_KEY", self.credentials.secret_access_key.clone()),
            // A token left over from real credentials does not belong to this key.
            ("AWS_SESSION_TOKEN", String::new()),
        ]
        .map(|(name, value)| (name.to_owned(), value))
        .into();
        exports.extend(self.login.iter().flat_map(Login::exports));
        let mut settings: Vec<_> = self.variables.clone().into_iter().collect();
        settings.sort();
        exports.extend(settings);
        exports
    }

    /// The port for clients of Redshift and PostgreSQL, if they may connect.
    #[must_use]
    pub fn redshift_port(&self) -> Option<u16> {
        self.redshift.wire_addr().map(|address| address.port())
    }

    /// The file that holds an object.
    #[must_use]
    pub fn object_path(&self, bucket: &str, key: &str) -> PathBuf {
        self.data_dir.join("s3").join(bucket).join(key)
    }

    /// Where stages record that their temporary files had no space.
    pub(crate) fn temporary_space(&self) -> &NoSpaceLog {
        &self.temporary
    }

    /// The last write that had no space, of a server or of a stage's temporary files.
    pub(crate) fn shortage(&self) -> Option<Shortage> {
        let of_servers = self.s3.as_ref().and_then(S3Server::no_space);
        let of_servers = of_servers.or_else(|| self.redshift.no_space());
        let in_data_dir = of_servers.map(|reason| Shortage {
            reason,
            place: Place::Path(self.data_dir.clone()),
        });
        in_data_dir.or_else(|| {
            self.temporary.last().map(|reason| Shortage {
                reason,
                place: Place::Temporary,
            })
        })
    }

    /// Stops the servers, once what they are doing is done.
    ///
    /// # Errors
    /// A statement of the warehouse does not come to an end.
    pub async fn close(self) -> Result<(), CliError> {
        Holder::clear(&self.data_dir);
        let stopped = self.redshift.shutdown().await;
        self.secrets.shutdown().await;
        if let Some(s3) = self.s3 {
            s3.shutdown().await;
        }
        stopped.map_err(|error| CliError::caused("stop the warehouse", &error))
    }
}

/// The secrets of the local Secrets Manager, as the warehouse asks for them.
#[derive(Debug)]
struct LocalSecrets(SecretNames);

impl KnownSecrets for LocalSecrets {
    fn contains(&self, name_or_arn: &str) -> bool {
        self.0.contains(name_or_arn)
    }
}

pub(crate) fn sdk_config(credentials: &ServerCredentials) -> SdkConfig {
    let keys = aws_credential_types::Credentials::new(
        credentials.access_key_id.clone(),
        credentials.secret_access_key.clone(),
        None,
        None,
        "cardlake",
    );
    let provider = aws_credential_types::provider::SharedCredentialsProvider::new(keys);
    let mut builder = SdkConfig::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::from_static(REGION))
        .credentials_provider(provider);
    // By this name the local S3 knows its own clients. It is a valid one.
    builder.set_app_name(AppName::new("cardlake").ok());
    builder.build()
}

/// The key of the tokens is made once for each data directory and never leaves it.
async fn make_token_key(aws: &Aws) -> Result<(), CliError> {
    let failed = |error| CliError::caused("look for the token key", &error);
    if secret(aws, TOKEN_KEY_SECRET).await.map_err(failed)?.is_some() {
        return Ok(());
    }
    let mut key = [0_u8; 32];
    getrandom::fill(&mut key).map_err(|error| CliError::caused("make the token key", &error))?;
    let encoded = base64::engine::general_purpose::STANDARD.encode(key);
    let secret = serde_json::json!({ "current": "1", "keys": { "1": encoded } }).to_string();
    let made = aws.secrets_manager().create_secret();
    let made = made.name(TOKEN_KEY_SECRET).secret_string(secret).send().await;
    made.map_err(|error| CliError::caused("make the token key", &error))?;
    Ok(())
}
