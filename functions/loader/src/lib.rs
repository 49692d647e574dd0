//! The loader: Delta to Redshift, through the Redshift Data API.
//!
//! Input: a batch date, and which datasets; silver tables and the warehouse say the rest. Output: for each dataset the
//! Delta version that the warehouse holds, the rows copied and the rows in all.
//!
//! The stage works in ticks. The first one pins the Delta versions and reads the ledger `ops.loads`; the next ones submit
//! one transaction per dataset with changes, in parallel, and poll them:
//!
//! ```text
//! ledger ──► load ──► done          conflict or moved ledger: back to the ledger, a few times
//!   ▲         │
//!   └─────────┴────► diagnosis ──► error with file, row, column and reason
//! ```
//!
//! A load takes the files that are in the table now and were not when the ledger row was written, copies them into a
//! temporary table by position (one for each order of columns that the footers of the files show, so that a contract may
//! gain a column anywhere), derives the partition columns (they are not in the files), leaves out the rows that the raw
//! table has just so, and merges the rest on the primary key. Before it commits, rows, distinct keys and checksums of
//! every touched partition are held against the files: a difference rolls everything back.
//!
//! Why that is exact: a commit that takes a key away from a silver table says so, and then the table is loaded anew.
//! Otherwise a file is removed only because its rows live on in rewritten files, or because a newer row has the same key;
//! either way every row that changed is in a file that is new. So the removed files need no look, and a merge of the new
//! files gives the table of the Delta version. Inside one version a key occurs once, so the merge never meets two rows for
//! one target.
//!
//! What it costs: comparison, merge and balance check read the event days that the commits touched, and no others
//! (`days.rs`); a key that has moved to another day has left a removed file on the old one.
//!
//! Guarantees: data, ledger row and added columns of a dataset are one transaction. Doing a tick twice, losing one or
//! being killed between submit and poll changes nothing, since every submission carries a client token. Two loaders at
//! once end like one: each transaction starts with a check of the ledger row that it was planned from and takes a lock
//! on it, so the second one fails and plans anew. Missed days are caught up with; `full_refresh` deletes and inserts
//! everything (no TRUNCATE: it commits).
//!
//! The action `bootstrap` (`bootstrap.rs`) makes the users, schemas and grants that the stages need in the warehouse, where they
//! are missing. It is the only thing here that takes an administrator, and a function of its own with his password runs it.
//!
//! Failure: `Cardlake.BooksImbalance` with the partitions that differ; `Cardlake.StatementFailed` with the statement, Redshift's words and, for COPY, where the data is wrong.

mod bootstrap;
mod checksums;
mod contents;
mod context;
mod copy_manifest;
mod cursor;
mod days;
mod error;
mod handler;
mod load;
mod outcome;
mod plan;
mod quarantine;
mod silver;
mod silver_file;
mod sql;
mod staging;
mod start;
mod tick;

#[cfg(test)]
mod tests;

pub use context::Context;
pub use error::LoaderError;
pub use handler::{Output, handle, load_tick};
