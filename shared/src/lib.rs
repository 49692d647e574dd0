//! What every stage of cardlake shares.
//!
//! Layers point one way: the stage crates under `functions/` depend on this crate, and this crate depends on none of
//! them. Only [`storage`] names the S3 SDK, only [`delta`] names the Delta kernel, only [`data_api`] names the Redshift
//! Data API SDK; everything else speaks in the types of these modules.

pub mod assets;
pub mod aws;
pub mod config;
pub mod contract;
pub mod data_api;
pub mod delta;
pub mod env;
pub mod error;
pub mod events;
pub mod lease;
pub mod metrics;
pub mod parquet;
pub mod paths;
pub mod pii;
pub mod records;
pub mod run_record;
pub mod runtime;
pub mod sql;
pub mod storage;
pub mod telemetry;
pub mod text;
