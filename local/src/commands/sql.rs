//! `cardlake sql`: one statement to the local warehouse, through the Data API like any client.

use crate::cli::{SqlArgs, SqlFormat};
use crate::environment::Environment;
use crate::error::{CliError, printed};
use aws_sdk_redshiftdata::types::{Field, StatusString};
use cardlake_shared::data_api;
use comfy_table::{CellAlignment, Table, presets};
use serde_json::{Map, Value};
use std::io::{BufWriter, Write};
use std::process::ExitCode;

/// Runs the statement and prints its rows.
///
/// # Errors
/// There is no warehouse yet, or the statement fails.
pub(crate) async fn sql(args: SqlArgs) -> Result<ExitCode, CliError> {
    let environment = Environment::open_existing(&args.data.data_dir).await?;
    let outcome = execute(&environment, &args.statement).await;
    let closed = environment.close().await;
    let rows = outcome?;
    printed(print(&rows, args.format))?;
    closed.map(|()| ExitCode::SUCCESS)
}

struct Rows {
    columns: Vec<String>,
    records: Vec<Vec<Value>>,
}

async fn execute(environment: &Environment, statement: &str) -> Result<Rows, CliError> {
    let client = environment.aws().redshift_data();
    let failed = |error: &dyn std::error::Error| CliError::caused("ask the warehouse", error);
    let submitted = client
        .execute_statement()
        .workgroup_name(crate::environment::WORKGROUP)
        .database(crate::environment::DATABASE)
        .sql(statement)
        .send()
        .await
        .map_err(|error| failed(&error))?;
    let id = submitted.id().unwrap_or_default();
    let description = loop {
        let description = client.describe_statement().id(id).wait_time_seconds(30).send().await;
        let description = description.map_err(|error| failed(&error))?;
        match description.status() {
            Some(StatusString::Finished) => break description,
            Some(StatusString::Failed | StatusString::Aborted) => {
                return Err(
                    CliError::failed(description.error().unwrap_or("the statement failed").to_owned())
                        .hint("tables are listed by: select table_schema, table_name from information_schema.tables"),
                );
            }
            _ => {}
        }
    };
    let mut rows = Rows {
        columns: Vec::new(),
        records: Vec::new(),
    };
    if description.has_result_set() != Some(true) {
        return Ok(rows);
    }
    let mut pages = client.get_statement_result().id(id).into_paginator().send();
    while let Some(page) = pages.next().await {
        let page = page.map_err(|error| failed(&error))?;
        if rows.columns.is_empty() {
            rows.columns = page
                .column_metadata()
                .iter()
                .map(|column| column.name().unwrap_or("?").to_owned())
                .collect();
        }
        rows.records
            .extend(page.records().iter().map(|record| record.iter().map(value).collect()));
    }
    Ok(rows)
}

/// The rows of a query, for other commands.
///
/// # Errors
/// The statement fails.
pub(crate) async fn ask(environment: &Environment, statement: &str) -> Result<Vec<Vec<data_api::Value>>, CliError> {
    let rows = execute(environment, statement).await?.records;
    let value = |value: Value| match value {
        Value::Bool(truth) => data_api::Value::Boolean(truth),
        Value::Number(number) => match number.as_i64() {
            Some(integer) => data_api::Value::Integer(integer),
            None => data_api::Value::Double(number.as_f64().unwrap_or_default()),
        },
        Value::String(text) => data_api::Value::Text(text),
        Value::Null | Value::Array(_) | Value::Object(_) => data_api::Value::Null,
    };
    Ok(rows
        .into_iter()
        .map(|row| row.into_iter().map(value).collect())
        .collect())
}

fn value(field: &Field) -> Value {
    match field {
        Field::StringValue(text) => Value::from(text.as_str()),
        Field::LongValue(number) => Value::from(*number),
        Field::DoubleValue(number) => Value::from(*number),
        Field::BooleanValue(truth) => Value::from(*truth),
        _ => Value::Null,
    }
}

fn text(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

fn print(rows: &Rows, format: SqlFormat) -> std::io::Result<()> {
    let mut out = BufWriter::new(std::io::stdout().lock());
    match format {
        SqlFormat::Table => {
            let mut table = Table::new();
            table
                .load_preset(presets::UTF8_HORIZONTAL_ONLY)
                .set_header(&rows.columns);
            for record in &rows.records {
                table.add_row(record.iter().map(text));
            }
            for (index, column) in table.column_iter_mut().enumerate() {
                if rows
                    .records
                    .iter()
                    .all(|record| record[index].is_number() || record[index].is_null())
                {
                    column.set_cell_alignment(CellAlignment::Right);
                }
            }
            writeln!(out, "{table}")?;
            writeln!(
                out,
                "{} row{}",
                rows.records.len(),
                if rows.records.len() == 1 { "" } else { "s" }
            )?;
        }
        SqlFormat::Csv => {
            let mut writer = csv::Writer::from_writer(&mut out);
            writer.write_record(&rows.columns)?;
            for record in &rows.records {
                writer.write_record(record.iter().map(text))?;
            }
            writer.flush()?;
        }
        SqlFormat::Json => {
            let object = |record: &Vec<Value>| -> Map<String, Value> {
                rows.columns.iter().cloned().zip(record.iter().cloned()).collect()
            };
            let objects: Vec<_> = rows.records.iter().map(object).collect();
            serde_json::to_writer_pretty(&mut out, &objects)?;
            writeln!(out)?;
        }
    }
    out.flush()
}
