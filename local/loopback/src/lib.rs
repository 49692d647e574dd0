//! What the local servers share: the loopback listener, the HTTP server, the keys they accept, the signature check, request hooks, the
//! access log, durable files, and the classification of full-disk errors.
//!
//! It knows the AWS wire protocol of none of them: S3, Secrets Manager and the Redshift Data API are crates on top.

pub mod access_log;
mod credentials;
mod disk;
pub mod durable;
mod hook;
mod listen;
mod serve;
pub mod signature;

pub use access_log::{Access, AccessLog};
pub use credentials::ServerCredentials;
pub use disk::{NoSpace, NoSpaceLog};
pub use hook::{HookDecision, RecordedRequest, RequestHook, RequestLog};
pub use listen::{ListenError, listen};
pub use serve::{PATIENCE, PatientBody, serve};
pub use signature::{SignatureError, SignedRequest};
