//! The options of a server.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use cardlake_loopback::{AccessLog, ServerCredentials};

/// How the server is set up.
#[derive(Debug, Clone)]
pub struct RedshiftOptions {
    /// A loopback address; port 0 takes a free one.
    pub listen: SocketAddr,
    /// The file of the database, made if it does not exist. One process at a time can have it open.
    pub database_file: PathBuf,
    /// The name of the one database, as clients give it in `Database`.
    pub database: String,
    /// The one workgroup, as clients give it in `WorkgroupName`, by name or ARN; without it, every workgroup is taken. A
    /// cluster is never looked at closely: its name stands for the same database.
    pub workgroup: Option<String>,
    /// Reads and writes the objects of COPY and UNLOAD.
    pub s3: aws_sdk_s3::Client,
    /// The key that requests must be signed with.
    pub credentials: ServerCredentials,
    /// The region that error texts name.
    pub region: String,
    /// The secrets that are accepted as `SecretArn`.
    pub known_secrets: Arc<dyn KnownSecrets>,
    /// The memory that DuckDB may use, as DuckDB writes it (`2GB`); DuckDB's own limit, four fifths of the machine's,
    /// when there is none. Most of what does not fit is spilled to files beside the database; a MERGE has to fit.
    pub memory_limit: Option<String>,
    /// The bytes that a result may have, as it is encoded; Redshift's limit, 500 MB, when there is none.
    pub max_result_bytes: Option<usize>,
    /// Where requests are noted.
    pub access_log: Option<AccessLog>,
    /// How clients of PostgreSQL and Redshift connect; not at all when there is nothing.
    pub wire: Option<WireOptions>,
}

/// How the server speaks PostgreSQL's protocol.
#[derive(Clone)]
pub struct WireOptions {
    /// A loopback address; port 0 takes a free one.
    pub listen: SocketAddr,
    /// Whether any free port is taken if that of `listen` is not free.
    pub or_any_port: bool,
    /// The one user.
    pub user: String,
    /// The user's password.
    pub password: String,
}

impl std::fmt::Debug for WireOptions {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut fields = formatter.debug_struct("WireOptions");
        fields
            .field("listen", &self.listen)
            .field("or_any_port", &self.or_any_port);
        fields.field("user", &self.user).finish_non_exhaustive()
    }
}

/// Says which secrets there are.
pub trait KnownSecrets: std::fmt::Debug + Send + Sync {
    /// Whether there is a secret with this name or ARN.
    fn contains(&self, name_or_arn: &str) -> bool;
}
