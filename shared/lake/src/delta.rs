//! Delta tables in the silver bucket: the only module that uses the Delta kernel and `object_store`.
//!
//! A [`DeltaTable`] is a table at one version. It lists the active data files, looks up transactions, compares the files of two
//! versions, and commits: files to add and remove, new columns of the contract, and one transaction ID in one version, which is
//! written only if it does not exist yet. Data files are uploaded before the commit; the log only references them.
//!
//! A commit is atomic. Its outcome is known even if the response of the store was lost: the transaction ID is looked up before a
//! conflict or failure is reported.

mod cleanup;
mod commit;
mod create;
mod engine;
mod error;
mod files;
mod history;
mod request;
mod schema;
mod statistics;
mod table;

pub use cleanup::obsolete_log_files;
pub use engine::DeltaStore;
pub use error::DeltaError;
pub use files::{ActiveFile, FileChanges};
pub use request::{CommitOutcome, CommitRequest};
pub use table::DeltaTable;
