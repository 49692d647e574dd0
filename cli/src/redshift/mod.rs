//! A Redshift Data API server on loopback, with DuckDB as the engine.
//!
//! Input: requests of any AWS SDK (JSON 1.1, signed with Signature Version 4 for the configured key). Output: what the
//! service model of `redshift-data` describes. Statements are Redshift SQL: they are parsed, rewritten for DuckDB
//! and run asynchronously, each on a connection of its own. COPY and UNLOAD read and write S3 through the given
//! client.
//!
//! Guarantee: a construct that this server does not know fails with an error that names it; none is left out that would
//! change a result. Failure: statements report errors in `DescribeStatement`, in Redshift's words where it has words for
//! them. `docs/local-redshift.md` lists what is supported and what differs.
//!
//! The layers, from the wire to the engine: `server` (HTTP), `operations` and `protocol` (the API),
//! `statements` and `runner` (states and threads), `session` (transactions), `sql` (translation), `copy`, `unload`,
//! `definitions` and `results` (execution), `engine` (DuckDB).

mod arithmetic;
mod catalog;
mod copy;
mod copy_text;
mod definitions;
mod engine;
mod engine_error;
mod error;
mod objects;
mod operations;
mod protocol;
mod results;
mod runner;
mod server;
mod session;
mod sql;
mod statements;
#[cfg(test)]
mod tests;
mod unload;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

pub use error::RedshiftError;
pub use server::{RedshiftServer, start};

use statements::Statements;

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
}

/// Says which secrets there are.
pub trait KnownSecrets: std::fmt::Debug + Send + Sync {
    /// Whether there is a secret with this name or ARN.
    fn contains(&self, name_or_arn: &str) -> bool;
}

/// What the operations work with.
pub(crate) struct Service {
    statements: Arc<Statements>,
    credentials: ServerCredentials,
    known_secrets: Arc<dyn KnownSecrets>,
    access_log: Option<AccessLog>,
}
