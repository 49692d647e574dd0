//! The dashboard of a build: definitions from the project's files, answers of the warehouse, and the facts of the run.
//!
//! The page itself is [`cardlake_report`]'s; here is what a run knows and no query asks for. The daily build and
//! `cardlake report` run the queries with [`PanelQuery`] and render with [`page`].

mod facts;
mod queries;
#[cfg(test)]
mod tests;

pub use facts::RunFacts;
pub use queries::PanelQuery;

use cardlake_dbt::ProjectFile;
use cardlake_report::{Answer, Dashboard, DefinitionError, Document, Live, RenderError};

/// How many earlier runs the page shows.
pub const EARLIER_RUNS: usize = 30;
/// Folder of the definitions in a dbt project. dbt does not read it.
const FOLDER: &str = "dashboard/";

/// The dashboard of a dbt project, given its files; one without panels if the project has no such folder.
///
/// # Errors
/// A definition is wrong: the error names file and field.
pub fn definitions(files: &[ProjectFile]) -> Result<Dashboard, DefinitionError> {
    let files = files.iter().filter(|file| file.path.starts_with(FOLDER));
    Dashboard::parse(files.map(|file| (file.path.as_str(), file.text.as_str())))
}

/// A dashboard as HTML.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page {
    /// The document.
    pub html: String,
    /// Its content security policy.
    pub policy: String,
    /// One sentence for each panel that failed; the page shows them, too.
    pub warnings: Vec<String>,
}

/// The page of a run. A panel that fails shows its error and is a warning. `live`: what the server of the page can do, if it
/// has one.
///
/// # Errors
/// See [`RenderError`]: an internal bug.
pub fn page(
    dashboard: &Dashboard,
    answers: &[Answer],
    run: &RunFacts<'_>,
    live: Option<&Live>,
) -> Result<Page, RenderError> {
    let panels = dashboard.draw(run.batch_date, answers, live);
    let warnings: Vec<String> = panels.failures().iter().map(ToString::to_string).collect();
    let Document { html, policy } = panels.page(run.facts(warnings.len()))?;
    Ok(Page { html, policy, warnings })
}
