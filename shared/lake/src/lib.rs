//! Formats of the lake: the Delta log ([`delta`]) and its Parquet files ([`parquet`]).
//!
//! Only [`delta`] uses the Delta kernel and its object store. This crate must not know a stage or dataset by name.

pub mod delta;
pub mod parquet;
