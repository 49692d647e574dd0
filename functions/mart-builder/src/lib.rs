//! The mart builder: runs the dbt project `warehouse/` in Redshift, through the Redshift Data API.
//!
//! Input: a batch date, which is the "today" of every model. Output: rows of the published marts, tests passed,
//! warnings, and the report's key. In between: views and tables in the warehouse's target schema, every published mart
//! as Parquet in gold, the report, and dbt's own `manifest.json` and `run_results.json`.
//!
//! ```text
//! project/   the files as written: models, macros, properties, configuration by folder
//! jinja/     the templates' language: what dbt gives to a template, made with minijinja
//! manifest   every model and data test with what it depends on
//! graph, selection          who waits for whom, and what a selection means
//! materialize/, data_tests  the SQL of a node
//! state, handler            the ticks
//! interruption              a build that is broken off
//! gold, dashboard, artifacts   what is published once everything is built and tested
//! offline, docs             compiled SQL, manifest and documentation without a warehouse
//! ```
//!
//! The stage works in ticks. State lies in silver under the run's id; the cursor only says that there is one. Each tick
//! looks at what runs and submits what has become ready: a model once all models that it selects from are built and
//! tested, its tests once it is built. Nodes that do not depend on each other run side by side, up to a limit. A failed
//! node skips what depends on it and nothing else. Nothing reaches gold unless everything selected was built and tested.
//!
//! Guarantees: a model is replaced in one transaction, so readers see the old one or the new one. Doing a tick twice,
//! losing one or being killed between submit and save changes nothing, since every submission carries a client token.
//! Neither SQL nor artifacts hold a clock's time; the report tells of earlier runs.
//!
//! Failure: `Cardlake.BuildFailed` with model or test, file, Redshift's error and the key of the compiled SQL.

mod artifacts;
pub mod dashboard;
mod data_tests;
mod docs;
pub mod error;
mod files;
mod gold;
mod graph;
pub mod handler;
pub mod interruption;
mod jinja;
mod manifest;
mod materialize;
pub mod offline;
pub mod progress;
mod project;
pub mod project_folder;
mod run;
mod selection;
mod state;

#[cfg(test)]
mod tests;

pub use error::MartBuilderError;
pub use handler::{Context, handle};
