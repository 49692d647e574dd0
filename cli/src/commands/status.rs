//! `cardlake status`: the last runs.

use crate::access::Access;
use crate::arguments::StatusArgs;
use crate::environment::SILVER;
use crate::error::{CliError, print};
use crate::remote::{Stack, silver_bucket};
use crate::table::{bad, count, fit, good, new_table, notable, numbers_from, right};
use cardlake_aws::run_records;
use cardlake_core::records::BatchCounts;
use cardlake_core::run_record::{Failure, RunOutcome, RunRecord};
use comfy_table::Cell;
use std::fmt::Write;
use std::process::ExitCode;

/// Prints the last runs, the latest first.
///
/// # Errors
/// There is no lake yet, or a run record cannot be read.
pub(crate) async fn status(args: StatusArgs) -> Result<ExitCode, CliError> {
    let records = if args.aws {
        let (stack, silver) = (Stack::connect().await?, silver_bucket()?);
        run_records::last(&stack.storage(), &silver, args.last).await
    } else {
        let access = Access::open(&args.data.data_dir).await?;
        let records = run_records::last(access.storage(), SILVER, args.last).await;
        access.close().await?;
        records
    };
    let records = records.map_err(|error| CliError::caused("read the run records", &error))?;
    print(args.json, &records, || {
        if records.is_empty() {
            "no runs yet: start one with `cardlake run`\n".to_owned()
        } else {
            text(&records)
        }
    })?;
    Ok(ExitCode::SUCCESS)
}

/// The runs as a table, and why those failed that did.
pub(crate) fn text(records: &[RunRecord]) -> String {
    let mut table = new_table(&[
        "day",
        "outcome",
        "started (UTC)",
        "seconds",
        "bronze",
        "silver +",
        "quarantined",
        "marts",
    ]);
    let mut failures = String::new();
    for record in records {
        let (started, ended) = (record.execution.started_at, record.execution.ended_at);
        let seconds = started
            .zip(ended)
            .map(|(from, to)| (to - from).num_milliseconds() as f64 / 1000.0);
        let mut row = vec![Cell::new(record.batch_date)];
        let started = started.map_or_else(String::new, |time| time.format("%Y-%m-%d %H:%M:%S").to_string());
        let seconds = right(seconds.map_or_else(String::new, |seconds| format!("{seconds:.1}")));
        match &record.outcome {
            RunOutcome::Succeeded { books, marts, .. } => {
                let sum = |count: fn(&BatchCounts) -> u64| {
                    books.datasets.values().map(|books| count(&books.counts)).sum::<u64>()
                };
                let quarantined = sum(|counts| counts.quarantined);
                row.extend([
                    good(Cell::new("succeeded")),
                    Cell::new(started),
                    seconds,
                    count(sum(|counts| counts.bronze_rows)),
                    count(sum(|counts| counts.silver_rows_added)),
                    if quarantined == 0 {
                        count(0)
                    } else {
                        notable(count(quarantined))
                    },
                    right(marts.marts.len().to_string()),
                ]);
            }
            RunOutcome::Failed(failure) => {
                let Failure {
                    stage, error, message, ..
                } = failure;
                // Writing to a String cannot fail.
                let _ = writeln!(
                    failures,
                    " {} failed at {stage}: {message} ({error}, execution {})",
                    record.batch_date, record.run_id
                );
                row.extend([bad(Cell::new("FAILED")), Cell::new(started), seconds]);
            }
        }
        table.add_row(row);
    }
    numbers_from(&mut table, 3);
    // Marts, silver, bronze, seconds.
    let left_out = fit(&mut table, &[7, 5, 4, 3]);
    if !failures.is_empty() {
        failures.insert(0, '\n');
    }
    format!("{table}\n{left_out}{failures}")
}
