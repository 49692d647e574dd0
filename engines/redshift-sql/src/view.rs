//! CREATE VIEW.

use std::ops::ControlFlow;

use sqlparser::ast::{CreateView, Query, TableFactor, Visit, Visitor};

use crate::columns;
use crate::command::Command;
use crate::definition::View;
use crate::error::SqlError;
use crate::names::{Relation, last_part};
use crate::rewrite;

/// Translates a CREATE VIEW.
pub(crate) fn create(view: &mut CreateView, database: &str) -> Result<Command, SqlError> {
    if view.materialized || view.temporary || view.if_not_exists {
        return Err(SqlError::unsupported(
            "CREATE VIEW with MATERIALIZED, TEMPORARY or IF NOT EXISTS",
        ));
    }
    if view.with_no_schema_binding {
        check_qualified(&view.query)?;
    }
    let relation = Relation::new(&view.name, database)?;
    rewrite::query(&mut view.query, database)?;
    columns::name_columns(&mut view.query);
    Ok(Command::CreateView(View {
        relation,
        or_replace: view.or_replace,
        columns: view.columns.iter().map(|column| column.name.value.clone()).collect(),
        query: view.query.to_string(),
    }))
}

/// The tables of a late-binding view must be qualified.
fn check_qualified(query: &Query) -> Result<(), SqlError> {
    struct Names {
        ctes: Vec<String>,
        unqualified: Vec<String>,
    }
    impl Visitor for Names {
        type Break = ();
        fn pre_visit_query(&mut self, query: &Query) -> ControlFlow<()> {
            if let Some(with) = &query.with {
                self.ctes
                    .extend(with.cte_tables.iter().map(|cte| cte.alias.name.value.clone()));
            }
            ControlFlow::Continue(())
        }
        fn pre_visit_table_factor(&mut self, factor: &TableFactor) -> ControlFlow<()> {
            if let TableFactor::Table { name, .. } = factor
                && name.0.len() == 1
            {
                self.unqualified.push(last_part(name));
            }
            ControlFlow::Continue(())
        }
    }
    let mut names = Names {
        ctes: Vec::new(),
        unqualified: Vec::new(),
    };
    let _ = query.visit(&mut names);
    if names.unqualified.iter().all(|name| names.ctes.contains(name)) {
        Ok(())
    } else {
        Err(SqlError::redshift(
            "All the relation names inside should be qualified when creating views with no schema binding.",
        ))
    }
}
