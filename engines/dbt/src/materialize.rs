//! Materialisations: the statements, in one transaction, that build a node's relation. No I/O.

pub(crate) mod catalog;
mod seed;
mod snapshot;
mod table;

pub use seed::Limits;
pub use table::{Column, Existing};

use crate::jinja::Relation;
use crate::project::config::{Materialization, ModelConfig, OnSchemaChange, Strategy};
use crate::sql::{identifier, identifiers, relation};
use chrono::NaiveDate;
use seed::Seed;
use snapshot::Snapshot;
use table::storage;

/// Whether the statements depend on the columns of the model's query.
pub(crate) fn wants_columns(config: &ModelConfig, existing: Option<&Existing>, incremental: bool) -> bool {
    match config.materialization {
        Materialization::Snapshot => existing.is_some(),
        _ => incremental && config.on_schema_change != OnSchemaChange::Ignore,
    }
}

/// Whether `is_incremental()` is true: an incremental model whose table exists, and no full refresh.
pub(crate) fn is_incremental(config: &ModelConfig, existing: Option<&Existing>, full_refresh: bool) -> bool {
    config.materialization == Materialization::Incremental
        && existing.is_some_and(|existing| !existing.is_view && !existing.columns.is_empty())
        && !config.full_refresh.unwrap_or(full_refresh)
}

/// A node to build.
pub(crate) struct Build<'a> {
    pub(crate) config: &'a ModelConfig,
    pub(crate) relation: &'a Relation,
    pub(crate) existing: Option<&'a Existing>,
    pub(crate) incremental: bool,
    pub(crate) batch_date: NaiveDate,
    /// Columns of the query, required if [`wants_columns`].
    pub(crate) columns: Option<&'a [Column]>,
    /// The compiled query; of a seed, its CSV text.
    pub(crate) query: &'a str,
    pub(crate) limits: Limits,
}

impl Build<'_> {
    /// The statements without hooks; none for an ephemeral model. The error is a message.
    pub(crate) fn statements(&self) -> Result<Vec<String>, String> {
        Ok(match self.config.materialization {
            Materialization::Ephemeral => Vec::new(),
            Materialization::View => self.view(),
            Materialization::Incremental if self.incremental => self.increment()?,
            Materialization::Table | Materialization::Incremental => self.table(),
            Materialization::Snapshot => self.snapshot()?,
            Materialization::Seed => self.seed()?,
        })
    }

    fn snapshot(&self) -> Result<Vec<String>, String> {
        let snapshot = self.config.snapshot.as_ref();
        let snapshot = Snapshot {
            config: self.config,
            snapshot: snapshot.ok_or("the snapshot has no configuration")?,
            relation: self.relation,
            batch_date: self.batch_date,
            query: self.query,
        };
        match self.existing {
            None => Ok(snapshot.first()),
            Some(Existing { is_view: true, .. }) => Err(format!(
                "{} is a view: a snapshot cannot take its place, drop it or give the snapshot an alias",
                self.target()
            )),
            Some(existing) => {
                let columns = self.columns.ok_or("the columns of the query are not known")?;
                Ok(snapshot.next(existing, columns))
            }
        }
    }

    fn seed(&self) -> Result<Vec<String>, String> {
        let (temporary, mut statements) = self.temporary();
        statements.extend(Seed::read(self.query, self.config)?.statements(
            &temporary,
            &storage(self.config),
            self.limits,
        )?);
        self.swap(&temporary, &mut statements);
        Ok(statements)
    }

    /// Drops and creates the view: `create or replace` cannot change columns.
    fn view(&self) -> Vec<String> {
        let binding = if self.config.bind {
            ""
        } else {
            "\nwith no schema binding"
        };
        let mut statements = self.drop_existing();
        statements.push(format!("create view {} as\n{}{binding}", self.target(), self.query));
        statements
    }

    /// Builds a temporary table and swaps it in: the table is never missing, and late-binding views survive.
    fn table(&self) -> Vec<String> {
        let (temporary, mut statements) = self.temporary();
        statements.push(format!(
            "create table {temporary}{}\nas\n{}",
            storage(self.config),
            self.query
        ));
        self.swap(&temporary, &mut statements);
        statements
    }

    /// The temporary name of the new table, and the statement that frees it.
    fn temporary(&self) -> (String, Vec<String>) {
        let name = format!("{}__tmp", self.relation.identifier);
        let temporary = relation(&self.relation.schema, &name);
        let free = format!("drop table if exists {temporary}");
        (temporary, vec![free])
    }

    fn swap(&self, temporary: &str, statements: &mut Vec<String>) {
        statements.extend(self.drop_existing());
        statements.push(format!(
            "alter table {temporary} rename to {}",
            identifier(&self.relation.identifier)
        ));
    }

    fn drop_existing(&self) -> Vec<String> {
        let kind = match self.existing {
            None => return Vec::new(),
            Some(Existing { is_view: true, .. }) => "view",
            Some(Existing { is_view: false, .. }) => "table",
        };
        vec![format!("drop {kind} if exists {} cascade", self.target())]
    }

    fn increment(&self) -> Result<Vec<String>, String> {
        let changes = identifier(&format!("{}__tmp", self.relation.identifier));
        let target = self.target();
        let (mut statements, columns) = self.schema_change()?;
        let columns = columns.as_slice();
        let names = identifiers(columns.iter().map(String::as_str));
        let insert = format!("insert into {target} ({names})\nselect {names} from {changes}");
        statements.push(format!("create temp table {changes} as\n{}", self.query));
        match self.config.strategy {
            Strategy::Append => statements.push(insert),
            Strategy::DeleteInsert => {
                let keys = self.config.unique_key.iter().map(|key| {
                    let key = identifier(key);
                    format!("{target}.{key} = {changes}.{key}")
                });
                let keys = keys.collect::<Vec<_>>().join(" and ");
                statements.push(format!("delete from {target} using {changes}\nwhere {keys}"));
                statements.push(insert);
            }
            Strategy::Merge => statements.push(self.merge(&target, &changes, columns)),
        }
        Ok(statements)
    }

    /// Applies `on_schema_change`: the statements, and the columns to insert.
    fn schema_change(&self) -> Result<(Vec<String>, Vec<String>), String> {
        let known = self.existing.map_or(&[][..], |existing| &existing.columns);
        let Some(wanted) = self.columns else {
            return Ok((Vec::new(), known.to_vec()));
        };
        let target = self.target();
        let new: Vec<_> = wanted.iter().filter(|column| !known.contains(&column.name)).collect();
        let is_gone = |name: &&String| !wanted.iter().any(|column| column.name == **name);
        let gone: Vec<_> = known.iter().filter(is_gone).collect();
        let policy = self.config.on_schema_change;
        if policy == OnSchemaChange::Fail && !(new.is_empty() && gone.is_empty()) {
            let list = |names: Vec<&str>| {
                if names.is_empty() {
                    "none".to_owned()
                } else {
                    names.join(", ")
                }
            };
            return Err(format!(
                "the query has other columns than {target} (on_schema_change is fail): new are {}, gone are {}; build it \
                 with full_refresh, or choose append_new_columns or sync_all_columns",
                list(new.iter().map(|column| column.name.as_str()).collect()),
                list(gone.iter().map(|name| name.as_str()).collect())
            ));
        }
        let mut statements: Vec<_> = new
            .iter()
            .map(|column| {
                format!(
                    "alter table {target} add column {} {}",
                    identifier(&column.name),
                    column.data_type
                )
            })
            .collect();
        if policy == OnSchemaChange::SyncAllColumns {
            let drops = gone
                .iter()
                .map(|name| format!("alter table {target} drop column {}", identifier(name)));
            statements.extend(drops);
        }
        Ok((statements, wanted.iter().map(|column| column.name.clone()).collect()))
    }

    /// Redshift's MERGE takes a table as source, and no alias for the target.
    fn merge(&self, target: &str, changes: &str, columns: &[String]) -> String {
        let keys = self.config.unique_key.iter().map(|key| {
            let key = identifier(key);
            format!("{target}.{key} = incoming.{key}")
        });
        let mut updated: Vec<_> = columns.iter().filter(|column| self.is_updated(column)).collect();
        if updated.is_empty() {
            // The clause is required; setting a key to itself has no effect.
            updated.extend(self.config.unique_key.first());
        }
        let updates = updated.into_iter().map(|column| {
            let column = identifier(column);
            format!("  {column} = incoming.{column}")
        });
        let values = columns.iter().map(|column| format!("incoming.{}", identifier(column)));
        format!(
            "merge into {target} using {changes} as incoming on {}\n\
             when matched then update set\n{}\n\
             when not matched then insert ({})\nvalues ({})",
            keys.collect::<Vec<_>>().join(" and "),
            updates.collect::<Vec<_>>().join(",\n"),
            identifiers(columns.iter().map(String::as_str)),
            values.collect::<Vec<_>>().join(", ")
        )
    }

    fn is_updated(&self, column: &String) -> bool {
        let config = self.config;
        if config.merge_update_columns.is_empty() {
            !config.unique_key.contains(column) && !config.merge_exclude_columns.contains(column)
        } else {
            config.merge_update_columns.contains(column)
        }
    }

    fn target(&self) -> String {
        self.relation.sql()
    }
}

#[cfg(test)]
mod tests;
