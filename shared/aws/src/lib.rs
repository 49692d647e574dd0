//! The AWS services that stages use, and the Lambda runtime around a handler.
//!
//! Only [`storage`] names the S3 SDK for objects, only [`data_api`] the Redshift Data API SDK, only [`token_keys`] reads
//! the secret with the token keys; everything else speaks in the types of these modules. This crate must not know Delta,
//! Parquet, a stage or a dataset by name.

pub mod clients;
pub mod data_api;
pub mod lease;
pub mod metrics;
pub mod run_records;
pub mod runtime;
pub mod service_error;
pub mod storage;
pub mod telemetry;
pub mod token_keys;
