//! Mart builder: builds, tests and publishes the dbt project `warehouse/` in Redshift, through the Data API.
//!
//! Input: a batch date, the "today" of every model. Output: row counts of the published marts, tests passed, warnings, and
//! the report's key. In between: views and tables in the target schema, every published mart as Parquet in gold, the
//! report, and dbt's `manifest.json` and `run_results.json`.
//!
//! ```text
//! context            settings, clients, the parsed project
//! handler            one tick: load the state, advance it, save it
//! run/               inspect, poll, submit, publish
//! state, state_store the build between two ticks
//! last_build         what the last complete build left: nodes that have not changed do not run
//! publication, dashboard   what goes to gold
//! invocation, compile      the dbt engine's settings; compiling without a warehouse
//! cancel, progress         for a caller that waits: stop a build, show its nodes
//! ```
//!
//! The dbt engine is `cardlake-dbt`. The stage works in ticks: the state is in silver under the run's id, the cursor only
//! refers to it. A tick polls running statements and submits ready nodes: a model once its parents are built and tested,
//! its tests once it is built. Independent nodes run concurrently, up to a limit. A failed node skips its descendants and
//! nothing else. Nothing is published to gold unless everything selected was built and tested.
//!
//! Guarantees: a model is replaced in one transaction, so readers see the old or the new one. A tick that is repeated,
//! lost, or killed between submit and save has no effect, since every submission carries a client token. Neither SQL nor
//! artifacts contain the time of day; the report lists earlier runs.
//!
//! Failure: `Cardlake.BuildFailed` with model or test, file, Redshift's error and the key of the compiled SQL.

mod as_of;
pub mod cancel;
pub mod compile;
mod context;
pub mod dashboard;
mod error;
mod files;
mod handler;
mod invocation;
mod last_build;
pub mod progress;
mod publication;
mod run;
mod state;
mod state_store;

#[cfg(test)]
mod tests;

pub use context::Context;
pub use error::{BuildFailures, MartBuilderError, NodeFailure};
pub use handler::handle;
pub use invocation::TARGET_SCHEMA;
