//! Shared vocabulary of the stages: data contracts, stage events, stored documents, object keys, settings, errors, personal
//! data.
//!
//! Performs no I/O except reading project files ([`assets`]). This crate must not know AWS, Lambda, Parquet, or a stage or
//! dataset by name.

pub mod assets;
pub mod bronze;
pub mod config;
pub mod contract;
pub mod env;
pub mod error;
pub mod events;
pub mod paths;
pub mod pii;
pub mod records;
pub mod run_record;
pub mod sql;
pub mod text;
