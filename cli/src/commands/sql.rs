//! `cardlake sql`: one statement to the warehouse, through the Data API like any client.

use crate::arguments::{SqlArgs, SqlFormat};
use crate::environment::Environment;
use crate::error::{CliError, printed};
use crate::remote::Stack;
use crate::table::{fit, new_table};
use cardlake_aws::data_api::{
    DataApi as _, ResultSet, StatementErrorKind, StatementState, Submission, Value, Warehouse, client_token,
};
use comfy_table::CellAlignment;
use serde_json::{Map, json};
use std::io::{BufWriter, Write};
use std::process::ExitCode;
use std::time::Duration;

/// How often a running statement is looked at.
pub(super) const LOOK_EVERY: Duration = Duration::from_millis(50);

/// Runs the statement and prints its rows.
///
/// # Errors
/// There is no warehouse yet, or the statement fails.
pub(crate) async fn sql(args: SqlArgs) -> Result<ExitCode, CliError> {
    if args.aws {
        let rows = ask(&Stack::connect().await?.warehouse()?, &args.statement).await?;
        printed(print(&rows, args.format))?;
        return Ok(ExitCode::SUCCESS);
    }
    let environment = Environment::open_existing(&args.data.data_dir).await?;
    let outcome = match environment.warehouse() {
        Ok(warehouse) => ask(&warehouse, &args.statement).await,
        Err(error) => Err(error),
    };
    let outcome = outcome.map_err(|error| error.short_of_space(environment.shortage()));
    let closed = environment.close().await;
    let rows = outcome?;
    printed(print(&rows, args.format))?;
    closed.map(|()| ExitCode::SUCCESS)
}

/// The rows of a statement; none when it has no result.
///
/// # Errors
/// The statement fails, or the service refuses.
pub(crate) async fn ask(warehouse: &Warehouse, statement: &str) -> Result<ResultSet, CliError> {
    let failed = |error: &(dyn std::error::Error + 'static)| CliError::caused("ask the warehouse", error);
    let submission = Submission {
        name: "cardlake sql".to_owned(),
        token: client_token(&[&uuid::Uuid::new_v4().to_string()]),
        statements: vec![statement.to_owned()],
    };
    let id = warehouse.submit(&submission).await.map_err(|error| failed(&error))?;
    let mut ticks = tokio::time::interval(LOOK_EVERY);
    loop {
        ticks.tick().await;
        match warehouse.poll(&id).await.map_err(|error| failed(&error))? {
            StatementState::Running => {}
            StatementState::Finished { statements } => {
                if statements.iter().any(|statement| statement.has_result) {
                    return warehouse.results(&id).await.map_err(|error| failed(&error));
                }
                return Ok(ResultSet::default());
            }
            StatementState::Failed { error, .. } => {
                let is_missing = error.kind == StatementErrorKind::DoesNotExist;
                let failed = CliError::failed(error.message);
                return Err(if is_missing {
                    failed.hint("tables are listed by: select table_schema, table_name from information_schema.tables")
                } else {
                    failed
                });
            }
        }
    }
}

fn json_value(value: &Value) -> serde_json::Value {
    match value {
        Value::Null => serde_json::Value::Null,
        Value::Integer(number) => json!(number),
        Value::Double(number) => json!(number),
        Value::Boolean(truth) => json!(truth),
        Value::Text(text) => json!(text),
    }
}

fn print(rows: &ResultSet, format: SqlFormat) -> std::io::Result<()> {
    let mut out = BufWriter::new(std::io::stdout().lock());
    match format {
        SqlFormat::Table => {
            let mut table = new_table(&rows.columns);
            for record in &rows.rows {
                table.add_row(record.iter().map(Value::display));
            }
            for (index, column) in table.column_iter_mut().enumerate() {
                if rows
                    .rows
                    .iter()
                    .all(|record| matches!(record[index], Value::Integer(_) | Value::Double(_) | Value::Null))
                {
                    column.set_cell_alignment(CellAlignment::Right);
                }
            }
            fit(&mut table, &[]);
            writeln!(out, "{table}")?;
            writeln!(
                out,
                "{} row{}",
                rows.rows.len(),
                if rows.rows.len() == 1 { "" } else { "s" }
            )?;
        }
        SqlFormat::Csv => {
            let mut writer = csv::Writer::from_writer(&mut out);
            writer.write_record(&rows.columns)?;
            for record in &rows.rows {
                writer.write_record(record.iter().map(Value::display))?;
            }
            writer.flush()?;
        }
        SqlFormat::Json => {
            let object = |record: &Vec<Value>| -> Map<String, serde_json::Value> {
                rows.columns
                    .iter()
                    .cloned()
                    .zip(record.iter().map(json_value))
                    .collect()
            };
            let objects: Vec<_> = rows.rows.iter().map(object).collect();
            serde_json::to_writer_pretty(&mut out, &objects)?;
            writeln!(out)?;
        }
    }
    out.flush()
}
