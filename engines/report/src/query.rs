//! The SQL of a dashboard: what to run, and what came back.

use crate::definition::Dashboard;
use crate::relation::Relation;
use crate::table::Table;
use crate::template;
use chrono::NaiveDate;

/// A query to run. Each is independent of the others: run one per transaction, so that a failing one does not affect the
/// rest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Query {
    /// Identifies it in the [`Answer`].
    pub name: String,
    /// The statement, or why there is none; then the message is the answer.
    pub sql: Result<String, String>,
}

/// The answer to a [`Query`].
#[derive(Debug, Clone, PartialEq)]
pub struct Answer {
    /// Name of the query.
    pub name: String,
    /// The statement, to be shown on the page.
    pub sql: Option<String>,
    /// Rows, or why there are none.
    pub result: Result<Table, String>,
}

/// Name of the query of a page-wide value. A dot occurs in no panel's name.
pub(crate) fn value_query(name: &str) -> String {
    format!("values.{name}")
}

impl Dashboard {
    /// The queries of all panels, of the explorer and of page-wide values; without those that need a [`Relation::LeftOut`].
    pub fn queries(&self, batch_date: NaiveDate, relation: &dyn Fn(&str) -> Relation) -> Vec<Query> {
        let panels = self
            .panels
            .iter()
            .map(|panel| (panel.id.clone(), &panel.definition.sql));
        let values = self
            .page
            .values
            .iter()
            .map(|(name, value)| (value_query(name), &value.sql));
        let explore = self.explore.iter();
        let explore = explore.map(|explore| (explore.id.clone(), &explore.definition.sql));
        panels
            .chain(explore)
            .chain(values)
            .filter_map(|(name, sql)| {
                let sql = template::sql(sql, batch_date, relation).transpose()?;
                Some(Query { name, sql })
            })
            .collect()
    }
}
