//! The state that all requests share.

use std::sync::Arc;

use cardlake_loopback::{AccessLog, ServerCredentials};

use crate::options::KnownSecrets;
use crate::statements::Statements;

/// What operations work with.
pub(crate) struct Service {
    pub(crate) statements: Arc<Statements>,
    pub(crate) credentials: ServerCredentials,
    pub(crate) known_secrets: Arc<dyn KnownSecrets>,
    /// The workgroup to be named, if only one is taken.
    pub(crate) workgroup: Option<String>,
    pub(crate) access_log: Option<AccessLog>,
}
