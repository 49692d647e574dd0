//! The statements of a seed: a table from a CSV file. No I/O.
//!
//! Types are inferred as in dbt: integer, number, date, timestamp, boolean, else text; `column_types` overrides. Empty
//! fields and `null` are null.

use crate::project::config::ModelConfig;
use crate::sql::{identifier, literal};
use chrono::{NaiveDate, NaiveDateTime};

/// Limits of the service that runs the statements.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of a statement.
    pub statement_bytes: usize,
    /// Statements of a submission.
    pub statements: usize,
}

/// Bytes of an INSERT besides its rows.
const OTHER_BYTES: usize = 10_000;
/// Statements of a seed besides its rows, hooks included.
const OTHER_STATEMENTS: usize = 8;

/// A parsed seed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Seed {
    /// Name and type of each column.
    columns: Vec<(String, String)>,
    /// Rows; `None` is null.
    rows: Vec<Vec<Option<String>>>,
}

impl Seed {
    /// Parses a CSV file; the error is a message with the line.
    pub(crate) fn read(text: &str, config: &ModelConfig) -> Result<Self, String> {
        let mut reader = csv::ReaderBuilder::new()
            .delimiter(config.delimiter)
            .from_reader(text.trim_start_matches('\u{feff}').as_bytes());
        let names: Vec<String> = reader
            .headers()
            .map_err(|error| error.to_string())?
            .iter()
            .map(|name| name.trim().to_owned())
            .collect();
        if names.iter().any(String::is_empty) {
            return Err("line 1: every column needs a name".to_owned());
        }
        let field = |field: &str| {
            let field = field.trim();
            (!field.is_empty() && !field.eq_ignore_ascii_case("null")).then(|| field.to_owned())
        };
        let rows = reader.records().map(|record| Ok(record?.iter().map(field).collect()));
        let rows: Vec<Vec<Option<String>>> = rows
            .collect::<Result<_, csv::Error>>()
            .map_err(|error| error.to_string())?;
        let columns = names.into_iter().enumerate().map(|(index, name)| {
            let values = || rows.iter().filter_map(|row| row.get(index)?.as_deref());
            let given = config.column_types.get(&name).and_then(serde_json::Value::as_str);
            let found = given.map_or_else(|| data_type(values), str::to_owned);
            (name, found)
        });
        Ok(Self {
            columns: columns.collect(),
            rows,
        })
    }

    /// Creates and fills the table; the error is a message.
    pub(crate) fn statements(&self, table: &str, storage: &str, limits: Limits) -> Result<Vec<String>, String> {
        let max_row_bytes = limits.statement_bytes.saturating_sub(OTHER_BYTES);
        let columns = self
            .columns
            .iter()
            .map(|(name, kind)| format!("  {} {kind}", identifier(name)));
        let columns = columns.collect::<Vec<_>>().join(",\n");
        let mut statements = vec![format!("create table {table} (\n{columns}\n){storage}")];
        let mut values = String::new();
        for (index, row) in self.rows.iter().enumerate() {
            let row = self.row(row);
            if row.len() > max_row_bytes {
                return Err(format!("row {} is longer than a statement may be", index + 1));
            }
            if !values.is_empty() && values.len() + row.len() > max_row_bytes {
                statements.push(format!("insert into {table} values\n{values}"));
                values.clear();
            }
            if !values.is_empty() {
                values.push_str(",\n");
            }
            values.push_str(&row);
        }
        if !values.is_empty() {
            statements.push(format!("insert into {table} values\n{values}"));
        }
        if statements.len() + OTHER_STATEMENTS > limits.statements {
            return Err("the file is too large for a seed: deliver it as a dataset".to_owned());
        }
        Ok(statements)
    }

    fn row(&self, row: &[Option<String>]) -> String {
        let values = self.columns.iter().zip(row).map(|((_, kind), value)| match value {
            None => "null".to_owned(),
            Some(value) if matches!(kind.as_str(), "integer" | "bigint" | "boolean") => value.to_lowercase(),
            Some(value) => format!("cast({} as {kind})", literal(value)),
        });
        format!("({})", values.collect::<Vec<_>>().join(", "))
    }
}

/// The narrowest type that holds all values.
fn data_type<'a, V: Iterator<Item = &'a str>>(values: impl Fn() -> V) -> String {
    let all = |check: fn(&str) -> bool| values().next().is_some() && values().all(check);
    if all(|value| value.parse::<i32>().is_ok()) {
        "integer".to_owned()
    } else if all(|value| value.parse::<i64>().is_ok()) {
        "bigint".to_owned()
    } else if all(|value| value.parse::<f64>().is_ok_and(f64::is_finite)) {
        "double precision".to_owned()
    } else if all(|value| value.parse::<NaiveDate>().is_ok()) {
        "date".to_owned()
    } else if all(is_timestamp) {
        "timestamp".to_owned()
    } else if all(|value| matches!(value.to_lowercase().as_str(), "true" | "false")) {
        "boolean".to_owned()
    } else {
        let longest = values().map(str::len).max().unwrap_or_default();
        format!("varchar({})", longest.clamp(16, 65_535))
    }
}

fn is_timestamp(value: &str) -> bool {
    ["%Y-%m-%d %H:%M:%S%.f", "%Y-%m-%dT%H:%M:%S%.f"]
        .iter()
        .any(|format| NaiveDateTime::parse_from_str(value, format).is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::project::config::model_config;
    use crate::project::resource::ResourceKind;
    use serde_json::json;

    const LIMITS: Limits = Limits {
        statement_bytes: 100_000,
        statements: 40,
    };

    fn statements(text: &str, settings: &serde_json::Value) -> Result<Vec<String>, String> {
        let config = model_config(ResourceKind::Seed, "seeds/s.csv", settings.as_object().unwrap()).unwrap();
        Seed::read(text, &config)?.statements("s", "", LIMITS)
    }

    #[test]
    fn types_are_found_and_values_cannot_leave_their_literals() {
        let text = "id,big,rate,day,at,flag,name,code\n1,3000000000,1.5,2026-01-15,2026-01-15 10:00:00,true,O'Hara,007\n\
                    2,1,2,2026-01-16,2026-01-15T10:00:00.5,FALSE,,null\n";
        let found = statements(text, &json!({"column_types": {"code": "varchar(3)"}})).unwrap();
        insta::assert_snapshot!(found.join(";\n"), @r#"
        create table s (
          "id" integer,
          "big" bigint,
          "rate" double precision,
          "day" date,
          "at" timestamp,
          "flag" boolean,
          "name" varchar(16),
          "code" varchar(3)
        );
        insert into s values
        (1, 3000000000, cast('1.5' as double precision), cast('2026-01-15' as date), cast('2026-01-15 10:00:00' as timestamp), true, cast('O''Hara' as varchar(16)), cast('007' as varchar(3))),
        (2, 1, cast('2' as double precision), cast('2026-01-16' as date), cast('2026-01-15T10:00:00.5' as timestamp), false, null, null)
        "#);
    }

    #[test]
    fn many_rows_go_into_several_statements_and_too_many_are_refused() {
        let rows = |count: usize| format!("t\n{}", "abcdefghijklmnopqrstuvwxyz\n".repeat(count));
        let found = statements(&rows(5000), &json!({})).unwrap();
        assert_eq!(found.len(), 4);
        assert!(found.iter().all(|statement| statement.len() < LIMITS.statement_bytes));
        let error = statements(&rows(100_000), &json!({})).unwrap_err();
        assert!(error.contains("too large for a seed"), "{error}");
    }

    #[test]
    fn a_broken_file_is_reported_with_its_line() {
        let error = statements("a,b\n1,2\n3\n", &json!({})).unwrap_err();
        assert!(error.contains("line: 3"), "{error}");
    }
}
