//! The whole pipeline on one machine, and the operator's tool.
//!
//! [`cli`] parses what a person asks for; [`environment`] starts the servers that stand in for AWS on loopback (S3,
//! Secrets Manager, the Redshift Data API); [`run`] drives days through the project's own state machine with
//! the very handlers that run in Lambda. Nothing depends on this crate.

mod access;
mod arguments;
pub mod cli;
mod commands;
mod console;
pub mod environment;
mod error;
mod full_disk;
mod holder;
mod input;
mod interrupt;
mod invoker;
mod lake_action;
mod login;
mod outcome;
mod progress;
mod reference;
mod remote;
pub mod run;
pub mod s3_events;
mod shortage;
mod table;
mod usage;
mod welcome;

pub use error::CliError;
