//! A dbt engine: parses dbt projects and produces the statements that build them in Redshift.
//!
//! ```text
//! project/    files: models, macros, properties, settings by folder
//! jinja/      dbt's Jinja
//! parse/      project + invocation -> manifest
//! manifest/   nodes with configuration, dependencies and SQL
//! graph, selection          dependencies, node selection
//! materialize/, data_tests  the statements of a node
//! node_state, schedule      ready nodes -> tasks; outcomes -> states
//! unchanged/  nodes whose code and inputs are those of the last build
//! artifacts, docs, compile  manifest.json, run_results.json, documentation
//! ```
//!
//! The engine connects to nothing: it returns statements as text and takes their results as [`Row`]s. The caller runs
//! them, keeps the [`NodeStates`] and decides how many tasks run at once:
//!
//! 1. [`Project::load`], [`Manifest::parse`], [`Graph::new`], [`Selection::nodes`]
//! 2. run [`Schedule::inspection`], pass its results to [`existing_relations`]
//! 3. until every state is over: [`Schedule::settle`], [`Schedule::tasks`], run them, report with [`Task::started`],
//!    [`Schedule::succeeded`] and [`failed`]
//!
//! Nothing reads the clock: "today" is [`Invocation::batch_date`]. The same project, invocation and warehouse give the
//! same statements and artifacts.

mod artifacts;
mod compile;
mod data_tests;
pub mod docs;
mod error;
mod graph;
mod jinja;
mod manifest;
mod materialize;
mod node_state;
mod parse;
mod project;
mod project_file;
mod result;
mod schedule;
mod selection;
mod sql;
mod unchanged;

pub use artifacts::{Compiled, RunResults, manifest_json, result_statuses, run_results_json};
pub use compile::{CompiledProject, compile, documentation};
pub use data_tests::TestNode;
pub use error::{DbtError, DocsError, ProjectError, SelectionError};
pub use graph::{Graph, Ids};
pub use jinja::{Invocation, Relation};
pub use manifest::{Manifest, ModelNode, Node};
pub use materialize::catalog::{ColumnTypes, existing_relations};
pub use materialize::{Column, Existing, Limits};
pub use node_state::{NodeState, NodeStates, Status};
pub use project::Project;
pub use project_file::{ProjectFile, ProjectFolderError, read_folder};
pub use result::{Cell, Row};
pub use schedule::{MAX_ATTEMPTS, Schedule, Task, failed};
pub use selection::Selection;
pub use unchanged::{Built, SourceVersions};
