//! What every stage speaks: data contracts, stage events, stored documents, lake keys, settings, errors, personal data.
//!
//! No I/O but the reading of project files ([`assets`]). This crate must not know AWS, Lambda, Parquet, a stage or a
//! dataset by name.

pub mod assets;
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
