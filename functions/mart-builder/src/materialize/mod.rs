//! The statements that turn a model's query into a relation: one transaction each. Pure: no I/O.

mod seed;
mod snapshot;

use crate::jinja::Relation;
use crate::project::config::{Materialization, ModelConfig, OnSchemaChange, Strategy};
use cardlake_core::sql::{identifier, identifiers, literal, relation};
use chrono::NaiveDate;
use seed::Seed;
use serde::{Deserialize, Serialize};
use snapshot::Snapshot;

/// What a name stands for in the warehouse right now.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Existing {
    /// A view, not a table.
    pub(crate) is_view: bool,
    /// Columns in order; of views not all are known.
    pub(crate) columns: Vec<String>,
}

/// A column of a query, with its type as SQL writes it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Column {
    pub(crate) name: String,
    pub(crate) data_type: String,
}

/// Whether the columns of a model's query have to be known before its statements can be written.
pub(crate) fn wants_columns(config: &ModelConfig, existing: Option<&Existing>, incremental: bool) -> bool {
    match config.materialization {
        Materialization::Snapshot => existing.is_some(),
        _ => incremental && config.on_schema_change != OnSchemaChange::Ignore,
    }
}

/// Statements whose last result gives the columns of a query: name, type, length, precision, scale.
pub(crate) fn probe(target: &Relation, query: &str) -> Vec<String> {
    let name = format!("{}__probe", target.identifier);
    let beside = relation(&target.schema, &name);
    vec![
        format!("drop table if exists {beside}"),
        format!("create table {beside} as\nselect * from (\n{query}\n) as dbt_probe limit 0"),
        format!(
            "select column_name, data_type, character_maximum_length, numeric_precision, numeric_scale\n\
             from information_schema.columns\nwhere table_schema = {} and table_name = {}\norder by ordinal_position",
            literal(&target.schema),
            literal(&name)
        ),
        format!("drop table {beside}"),
    ]
}

/// Whether a build only takes in new rows: the model is incremental, its table is there, and nobody wants it made anew.
pub(crate) fn is_incremental(config: &ModelConfig, existing: Option<&Existing>, full_refresh: bool) -> bool {
    config.materialization == Materialization::Incremental
        && existing.is_some_and(|existing| !existing.is_view && !existing.columns.is_empty())
        && !config.full_refresh.unwrap_or(full_refresh)
}

/// A model about to be built.
pub(crate) struct Build<'a> {
    pub(crate) config: &'a ModelConfig,
    pub(crate) relation: &'a Relation,
    pub(crate) existing: Option<&'a Existing>,
    pub(crate) incremental: bool,
    pub(crate) batch_date: NaiveDate,
    /// Columns of the query, where [`wants_columns`] wanted them.
    pub(crate) columns: Option<&'a [Column]>,
    /// The compiled query; the text of a seed's file.
    pub(crate) query: &'a str,
}

impl Build<'_> {
    /// The statements without hooks; none for an ephemeral model. The error is a sentence.
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
        let (beside, mut statements) = self.beside();
        statements.extend(Seed::read(self.query, self.config)?.statements(&beside, &storage(self.config))?);
        self.swap(&beside, &mut statements);
        Ok(statements)
    }

    /// Dropped and made in one transaction: `create or replace` cannot change the columns of a view.
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

    /// Built beside the old one, then put in its place: readers never miss it, and late-binding views survive.
    fn table(&self) -> Vec<String> {
        let (beside, mut statements) = self.beside();
        statements.push(format!(
            "create table {beside}{}\nas\n{}",
            storage(self.config),
            self.query
        ));
        self.swap(&beside, &mut statements);
        statements
    }

    /// The name of the new table until it takes the old one's place, which must be free.
    fn beside(&self) -> (String, Vec<String>) {
        let name = format!("{}__tmp", self.relation.identifier);
        let beside = relation(&self.relation.schema, &name);
        let free = format!("drop table if exists {beside}");
        (beside, vec![free])
    }

    fn swap(&self, beside: &str, statements: &mut Vec<String>) {
        statements.extend(self.drop_existing());
        statements.push(format!(
            "alter table {beside} rename to {}",
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
        let news = identifier(&format!("{}__tmp", self.relation.identifier));
        let target = self.target();
        let (mut statements, columns) = self.schema_change()?;
        let columns = columns.as_slice();
        let names = identifiers(columns.iter().map(String::as_str));
        let insert = format!("insert into {target} ({names})\nselect {names} from {news}");
        statements.push(format!("create temp table {news} as\n{}", self.query));
        match self.config.strategy {
            Strategy::Append => statements.push(insert),
            Strategy::DeleteInsert => {
                let keys = self.config.unique_key.iter().map(|key| {
                    let key = identifier(key);
                    format!("{target}.{key} = {news}.{key}")
                });
                let keys = keys.collect::<Vec<_>>().join(" and ");
                statements.push(format!("delete from {target} using {news}\nwhere {keys}"));
                statements.push(insert);
            }
            Strategy::Merge => statements.push(self.merge(&target, &news, columns)),
        }
        Ok(statements)
    }

    /// What makes the table's columns those of the query, and the columns that rows then have.
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

    /// MERGE takes a table as source, and no alias for the target.
    fn merge(&self, target: &str, news: &str, columns: &[String]) -> String {
        let keys = self.config.unique_key.iter().map(|key| {
            let key = identifier(key);
            format!("{target}.{key} = incoming.{key}")
        });
        let mut updated: Vec<_> = columns.iter().filter(|column| self.is_updated(column)).collect();
        if updated.is_empty() {
            // The clause must be there: a key that is set to itself changes nothing.
            updated.extend(self.config.unique_key.first());
        }
        let updates = updated.into_iter().map(|column| {
            let column = identifier(column);
            format!("  {column} = incoming.{column}")
        });
        let values = columns.iter().map(|column| format!("incoming.{}", identifier(column)));
        format!(
            "merge into {target} using {news} as incoming on {}\n\
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

/// Where Redshift puts the rows of a table.
pub(crate) fn storage(config: &ModelConfig) -> String {
    let dist = match config.dist.as_deref() {
        None => String::new(),
        Some(style @ ("all" | "even" | "auto")) => format!("\ndiststyle {style}"),
        Some(column) => format!("\ndiststyle key distkey ({})", identifier(column)),
    };
    if config.sort.is_empty() {
        return dist;
    }
    let kind = if config.interleaved { "interleaved" } else { "compound" };
    let columns = identifiers(config.sort.iter().map(String::as_str));
    format!("{dist}\n{kind} sortkey ({columns})")
}

#[cfg(test)]
mod tests;
