//! The lake's formats: the Delta log ([`delta`]) and the Parquet files that it names ([`parquet`]).
//!
//! Only [`delta`] names the Delta kernel and its object store. This crate must not know a stage or a dataset by name.

pub mod delta;
pub mod parquet;
