//! A Secrets Manager server on the loopback interface.
//!
//! Input: the SDKs' requests in AWS JSON 1.1, signed with the server's credentials: secrets are created, written, read,
//! described, listed, deleted, restored. Output: Secrets Manager's answers and typed errors. `GetCallerIdentity` of STS is
//! answered, too: tools send it first.
//!
//! Guarantee: secrets are kept in one file that only its owner may read (mode 0600), replaced as a whole by each write;
//! a name always has the same ARN; values never reach a log. Versions carry the stages `AWSCURRENT` and `AWSPREVIOUS` as
//! in Secrets Manager; a version without a stage is forgotten.
//!
//! Failure: an error of Secrets Manager. A parameter or operation that is not known here is refused, not ignored.
//!
//! Not here: rotation, tags, replication, KMS keys. The values are not encrypted: the server is for secrets of
//! a local run.

mod identity;
mod operations;
mod server;
mod vault;

pub use server::{SecretNames, SecretsServer, SecretsServerError, SecretsServerOptions, start};
