//! The explorer: numbers by day and dimension that the reader of the page filters, compares and drills into.
//!
//! ```text
//! definition   explore.yml: a query, its dimensions and measures, queries of the details
//! cube         the result as compact JSON inside the page
//! details      queries that the page's filters narrow, for a page that is served
//! bundle       the script
//! ```
//!
//! The script is made by `web/` (TypeScript, bundled with uPlot) and committed, so that a build needs no Node.js.

mod bundle;
mod cube;
mod definition;
mod details;

pub(crate) use bundle::{SCRIPT, STYLE};
pub(crate) use cube::{View, view};
pub(crate) use definition::ExploreDefinition;
pub use details::{DetailError, DetailRows, Filters};

use serde::Serialize;

/// What a page can do that a server answers.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Live {
    /// Folder that questions are saved in; `None`: they are offered as a file.
    pub saves_to: Option<String>,
    /// Models that a question can name, with their columns.
    pub models: Vec<Model>,
}

/// A model that a question can name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Model {
    /// As in `ref('name')`.
    pub name: String,
    /// Names of its columns.
    pub columns: Vec<String>,
}

#[cfg(test)]
mod tests;
