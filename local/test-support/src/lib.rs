//! What tests, benchmarks and examples share. A dev-dependency only.
//!
//! [`LoopbackLake`] is the local S3 with the lake's buckets and real SDK clients; [`transactions`] delivers silver files as
//! the transformer would; [`fake_warehouse`] is a scripted Redshift Data API; [`Function`] runs a built function with a
//! Lambda runtime API; [`browser`] renders pages in headless Chromium; [`usage`] measures the current process.

#![expect(clippy::unwrap_used, reason = "helpers of tests fail loudly, as tests do")]

pub mod browser;
pub mod fake_warehouse;
mod function;
mod lake;
pub mod transactions;
pub mod usage;

pub use function::Function;
pub use lake::{BRONZE, GOLD, LoopbackLake, SILVER};
