//! A Redshift on loopback, with DuckDB as the engine: the Data API, and PostgreSQL's protocol.
//!
//! Input: requests of any AWS SDK (JSON 1.1, signed with Signature Version 4 by the configured key). Output: responses by
//! the service model of `redshift-data`. Statements are Redshift SQL: `cardlake-redshift-sql` translates them for DuckDB, and
//! each runs asynchronously on a connection of its own. COPY and UNLOAD read and write S3 through the given client.
//!
//! Guarantee: a construct that is not supported fails with an error that names it; nothing is left out that would change a
//! result. Failure: errors of statements appear in `DescribeStatement`, in Redshift's wording where it has one.
//! `docs/local-redshift.md` lists what is supported and what differs.
//!
//! The layers, from the wire to the engine: `server` (HTTP), `operations` and `protocol` (the API), `statements`, `runner`
//! and `statement` (states and threads), `wire` (PostgreSQL's protocol), `session` (transactions), `copy`, `unload` and `definitions` (statements of several
//! steps), `executor` (one connection), `engine` (DuckDB).

mod catalog;
mod copy;
mod copy_text;
mod cursors;
mod definitions;
mod engine;
mod engine_error;
mod error;
mod executor;
mod history;
mod load_error;
mod locks;
mod objects;
mod operand_types;
mod operations;
mod options;
mod protocol;
mod query_types;
mod results;
mod runner;
mod server;
mod service;
mod session;
mod staging;
mod statement;
mod statements;
mod unload;
mod wire;

pub use error::RedshiftError;
pub use options::{KnownSecrets, RedshiftOptions, WireOptions};
pub use server::{RedshiftServer, start};
