//! Dashboards as data: YAML definitions and query results in, one self-contained HTML page out. Pure: no I/O, no clock.
//!
//! ```text
//! Dashboard::parse(files)             definitions: `page.yml` and one `<panel>.yml` for each panel
//! dashboard.queries(date, relations)  SQL to run, by name
//! dashboard.draw(date, answers, live) panels and tiles; a panel that fails shows its error
//! panels.page(facts)                  the page, with what only the caller knows (tables, warnings, drawings)
//! ```
//!
//! The page needs nothing but itself: charts are SVG inside it, and there are no references to other servers. Each chart has
//! a text alternative, a table with its numbers, and its query. With an explorer the page has its numbers and one script,
//! which the page's content security policy names by its hash; without scripts everything else is shown all the same.
//!
//! Guarantee: one panel's failure (its query, a missing column, a text that cannot be rendered) does not affect the
//! others; [`Panels::failures`] lists them. Failure: [`DefinitionError`] names file and field, before any query runs.

mod charts;
mod definition;
mod draft;
mod explore;
mod facts;
mod page;
mod panel;
mod query;
mod relation;
mod table;
mod template;
mod text;

pub use charts::{Bars, Chart, ChartError, Columns, HeatMap};
pub use definition::{Dashboard, DefinitionError};
pub use draft::{Draft, DraftChart, DraftChartKind, SaveError, Saved};
pub use explore::{DetailError, DetailRows, Filters, Live, Model};
pub use facts::{Body, Facts, Section, TextTable, Tile};
pub use page::{Document, Failure, Panels, RenderError};
pub use query::{Answer, Query};
pub use relation::Relation;
pub use table::{Table, Value};
pub use text::{compact, grouped, listing, percent, thousands};

#[cfg(test)]
mod tests;
