//! Queries of the warehouse's catalog: existing relations, and the columns of a query. No I/O.

use super::table::{Column, Existing};
use crate::jinja::Relation;
use crate::result::{Cell, Row};
use crate::sql::{identifier, literal, relation};
use std::collections::BTreeMap;

/// Creates the schemas, then lists relations and columns in them: the results of the last two statements.
pub(crate) fn inspection(schemas: &[&str]) -> Vec<String> {
    let names = schemas
        .iter()
        .map(|schema| literal(schema))
        .collect::<Vec<_>>()
        .join(", ");
    let mut statements: Vec<_> = schemas
        .iter()
        .map(|schema| format!("create schema if not exists {}", identifier(schema)))
        .collect();
    statements.push(format!(
        "select table_schema, table_name, table_type from information_schema.tables\n\
         where table_schema in ({names}) order by table_schema, table_name"
    ));
    statements.push(format!(
        "select table_schema, table_name, column_name from information_schema.columns\n\
         where table_schema in ({names}) order by table_schema, table_name, ordinal_position"
    ));
    statements
}

/// Existing relations by `schema.name`, from the results of [`crate::Schedule::inspection`].
#[must_use]
pub fn existing_relations(tables: &[Row], columns: &[Row]) -> BTreeMap<String, Existing> {
    let mut found = BTreeMap::new();
    for row in tables {
        if let [schema, name, kind] = row.as_slice() {
            let existing = Existing {
                is_view: kind.text().to_ascii_uppercase().contains("VIEW"),
                columns: Vec::new(),
            };
            found.insert(key(&schema.text(), &name.text()), existing);
        }
    }
    for row in columns {
        if let [schema, name, column] = row.as_slice()
            && let Some(existing) = found.get_mut(&key(&schema.text(), &name.text()))
        {
            existing.columns.push(column.text());
        }
    }
    found
}

/// A relation's key in the map of existing ones.
pub(crate) fn key(schema: &str, name: &str) -> String {
    format!("{schema}.{name}")
}

/// Statements that return the columns of a query: name, type, length, precision, scale. The result is that of the second
/// last statement.
pub(crate) fn probe(target: &Relation, query: &str) -> Vec<String> {
    let name = format!("{}__probe", target.identifier);
    let table = relation(&target.schema, &name);
    vec![
        format!("drop table if exists {table}"),
        format!("create table {table} as\nselect * from (\n{query}\n) as dbt_probe limit 0"),
        format!(
            "select column_name, data_type, character_maximum_length, numeric_precision, numeric_scale\n\
             from information_schema.columns\nwhere table_schema = {} and table_name = {}\norder by ordinal_position",
            literal(&target.schema),
            literal(&name)
        ),
        format!("drop table {table}"),
    ]
}

/// A row of [`probe`]'s result.
pub(crate) fn probed_column(row: &[Cell]) -> Option<Column> {
    let [name, data_type, length, precision, scale] = row else {
        return None;
    };
    let data_type = data_type.text();
    let data_type = match (length.integer(), precision.integer(), scale.integer()) {
        (Some(length), ..) if data_type.starts_with("character") => format!("{data_type}({length})"),
        (_, Some(precision), Some(scale)) if data_type == "numeric" => format!("numeric({precision},{scale})"),
        _ => data_type,
    };
    Some(Column {
        name: name.text(),
        data_type,
    })
}
