//! The whole pipeline on one machine, and the operator's tool.
//!
//! [`cli`] parses what a person asks for; [`environment`] starts the servers that stand in for AWS on loopback (S3,
//! Secrets Manager, the Redshift Data API); [`run`] drives days through the project's own state machine with
//! the very handlers that run in Lambda. Nothing depends on this crate.

pub mod access_log;
mod arguments;
pub mod cli;
mod commands;
mod console;
pub mod environment;
mod error;
mod full_disk;
mod input;
mod invoker;
pub mod loopback;
mod outcome;
mod progress;
pub mod redshift;
mod remote;
pub mod run;
pub mod s3_events;
pub mod s3_server;
pub mod secrets_server;
pub mod sigv4;
mod table;
mod usage;

pub use error::CliError;
