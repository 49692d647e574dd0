//! `cardlake status`: the last runs.

use crate::cli::StatusArgs;
use crate::environment::{Environment, SILVER};
use crate::error::{CliError, print};
use crate::remote::{Stack, silver_bucket};
use crate::run::report::new_table;
use cardlake_shared::run_record::{RunOutcome, RunRecord};
use cardlake_shared::text::thousands;
use comfy_table::{Cell, CellAlignment, Table};
use std::process::ExitCode;

/// Prints the last runs, the latest first.
///
/// # Errors
/// There is no lake yet, or a run record cannot be read.
pub(crate) async fn status(args: StatusArgs) -> Result<ExitCode, CliError> {
    let records = if args.aws {
        let (stack, silver) = (Stack::connect().await?, silver_bucket()?);
        RunRecord::last(&stack.storage(), &silver, args.last).await
    } else {
        let environment = Environment::open_existing(&args.data.data_dir).await?;
        let records = RunRecord::last(environment.storage(), SILVER, args.last).await;
        environment.close().await?;
        records
    };
    let records = records.map_err(|error| CliError::caused("read the run records", &error))?;
    print(args.json, &records, || {
        if records.is_empty() {
            "no runs yet: start one with `cardlake run`\n".to_owned()
        } else {
            format!("{}\n", table(&records))
        }
    })?;
    Ok(ExitCode::SUCCESS)
}

pub(crate) fn table(records: &[RunRecord]) -> Table {
    let mut table = new_table(&[
        "day",
        "outcome",
        "started (UTC)",
        "seconds",
        "bronze",
        "silver +",
        "quarantined",
        "marts",
        "run",
        "what failed",
    ]);
    for record in records {
        let right = |text: String| Cell::new(text).set_alignment(CellAlignment::Right);
        let (started, ended) = (record.execution.started_at, record.execution.ended_at);
        let seconds = started
            .zip(ended)
            .map(|(from, to)| (to - from).num_milliseconds() as f64 / 1000.0);
        let mut row = vec![Cell::new(record.batch_date)];
        let (outcome, counts, marts, failure) = match &record.outcome {
            RunOutcome::Succeeded { books, marts, .. } => {
                let sum = |count: fn(&cardlake_shared::records::BatchCounts) -> u64| {
                    thousands(books.datasets.values().map(|books| count(&books.counts)).sum())
                };
                let counts = [
                    sum(|counts| counts.bronze_rows),
                    sum(|counts| counts.silver_rows_added),
                    sum(|counts| counts.quarantined),
                ];
                ("succeeded", counts, marts.marts.len().to_string(), String::new())
            }
            RunOutcome::Failed(failure) => {
                let what = format!("{}: {}", failure.stage, failure.error);
                ("failed", [const { String::new() }; 3], String::new(), what)
            }
        };
        row.push(Cell::new(outcome));
        row.push(Cell::new(started.map_or_else(String::new, |time| {
            time.format("%Y-%m-%d %H:%M:%S").to_string()
        })));
        row.push(right(
            seconds.map_or_else(String::new, |seconds| format!("{seconds:.1}")),
        ));
        row.extend(counts.map(right));
        row.push(right(marts));
        row.push(Cell::new(&record.run_id));
        row.push(Cell::new(failure));
        table.add_row(row);
    }
    table
}
