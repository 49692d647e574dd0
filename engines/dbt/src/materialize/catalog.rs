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

/// The columns of the relations of a warehouse with their types.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ColumnTypes(BTreeMap<String, Vec<(String, String)>>);

impl ColumnTypes {
    /// The query whose rows [`Self::new`] takes: schema, table, column, type, and its length, precision and scale.
    pub const QUERY: &'static str = "select table_schema, table_name, column_name, data_type, character_maximum_length,\n\
        numeric_precision, numeric_scale from information_schema.columns\n\
        where table_schema not in ('information_schema', 'pg_catalog')\n\
        order by table_schema, table_name, ordinal_position";

    /// From the rows of [`Self::QUERY`].
    #[must_use]
    pub fn new(rows: &[Row]) -> Self {
        let mut relations: BTreeMap<String, Vec<(String, String)>> = BTreeMap::new();
        for row in rows {
            if let [schema, table, column, data_type, length, precision, scale] = row.as_slice() {
                // The catalog has the standard's names; these are the ones that people write.
                let data_type = type_of(data_type, length, precision, scale)
                    .replace("character varying", "varchar")
                    .replace("timestamp without time zone", "timestamp")
                    .replace("timestamp with time zone", "timestamptz");
                let columns = relations.entry(key(&schema.text(), &table.text()).to_lowercase());
                columns.or_default().push((column.text(), data_type));
            }
        }
        Self(relations)
    }

    /// Whether there is no column.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Names and types of the columns of a relation, in its order; none if there is no such relation.
    pub(crate) fn of(&self, schema: &str, table: &str) -> &[(String, String)] {
        self.0
            .get(&key(schema, table).to_lowercase())
            .map_or(&[], Vec::as_slice)
    }
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
    Some(Column {
        name: name.text(),
        data_type: type_of(data_type, length, precision, scale),
    })
}

/// A type with its size, from the catalog's columns.
fn type_of(data_type: &Cell, length: &Cell, precision: &Cell, scale: &Cell) -> String {
    let data_type = data_type.text();
    match (length.integer(), precision.integer(), scale.integer()) {
        (Some(length), ..) if data_type.starts_with("character") => format!("{data_type}({length})"),
        (_, Some(precision), Some(scale)) if data_type == "numeric" => format!("numeric({precision},{scale})"),
        _ => data_type,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_of_the_catalog_are_shown_as_they_are_written() {
        let text = |text: &str| Cell::Text(text.to_owned());
        let row = |name: &str, data_type: &str, size: [Cell; 3]| {
            [text("Raw"), text("cards"), text(name), text(data_type)]
                .into_iter()
                .chain(size)
                .collect::<Row>()
        };
        let none = || [Cell::Null, Cell::Null, Cell::Null];
        let rows = [
            row("id", "character varying", [Cell::Integer(36), Cell::Null, Cell::Null]),
            row("amount", "numeric", [Cell::Null, Cell::Integer(18), Cell::Integer(2)]),
            row("at", "timestamp without time zone", none()),
            row("seen", "bigint", [Cell::Null, Cell::Integer(64), Cell::Integer(0)]),
        ];
        let types = ColumnTypes::new(&rows);
        let found = types
            .of("raw", "Cards")
            .iter()
            .map(|(name, data_type)| (name.as_str(), data_type.as_str()));
        let expected = [
            ("id", "varchar(36)"),
            ("amount", "numeric(18,2)"),
            ("at", "timestamp"),
            ("seen", "bigint"),
        ];
        assert!(found.eq(expected), "{types:?}");
        assert!(types.of("raw", "other").is_empty());
    }
}
