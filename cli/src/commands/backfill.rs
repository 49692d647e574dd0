//! `cardlake backfill`: days of the past once more, in order.

use crate::arguments::{BackfillArgs, DataDir, FromStage};
use crate::commands::run::{days_between, generation};
use crate::commands::status;
use crate::console::Console;
use crate::environment::Environment;
use crate::error::CliError;
use crate::progress::Progress;
use crate::remote::Stack;
use crate::run::backfill::backfill as run_backfill;
use crate::run::report::RunsReport;
use cardlake_core::env;
use chrono::NaiveDate;
use md5::{Digest as _, Md5};
use serde_json::{Value, json};
use std::process::ExitCode;

/// Runs the days and prints what came of them.
///
/// # Errors
/// Wrong usage, or there is no lake yet. Days that fail are reported like the others and give exit code 1.
pub(crate) async fn backfill(args: BackfillArgs, console: Console) -> Result<ExitCode, CliError> {
    if args.from_stage != FromStage::Transform && (args.reprocess || args.regenerate) {
        return Err(
            CliError::usage("--reprocess and --regenerate begin with bronze, --from-stage behind it")
                .hint("leave one of them out"),
        );
    }
    let days = days_between(args.from, args.to)?;
    let input = json!({
        "dates": days,
        "generate": args.regenerate.then(|| generation(&args.synthetic)),
        "reprocess": args.reprocess,
        "from_stage": args.from_stage.name(),
        "full_refresh": args.full_refresh,
        "late_window_days": args.late_window_days,
        "keep_going": args.keep_going,
    });
    if args.aws {
        let progress = Progress::new(console.shows_progress(args.json), days.len());
        return deployed(&args, console, &days, &input, &progress).await;
    }
    let mut environment = Environment::open_existing(&args.data.data_dir).await?;
    environment.limit_quarantine(args.quarantine_threshold);
    let days = days.len();
    finish("backfill", environment, input, days, &args.data, args.json, console).await
}

/// Runs the days that `input` names, which are so many, and prints their outcome; `what` names the command in errors.
///
/// # Errors
/// The local servers cannot be started or ended; a day that fails is an error after the summary.
pub(crate) async fn finish(
    what: &str,
    environment: Environment,
    input: Value,
    days: usize,
    data: &DataDir,
    json: bool,
    console: Console,
) -> Result<ExitCode, CliError> {
    let progress = Progress::new(console.shows_progress(json), days);
    let outcome = run_backfill(&environment, input, &progress).await?;
    progress.finish();
    let shortage = environment.shortage();
    let closed = environment.close().await;
    let report = RunsReport::new(outcome.days, Vec::new());
    console.print(json, &report, || report.table(&data.data_dir))?;
    match (report.failure(), outcome.failure) {
        (None, None) => closed.map(|()| ExitCode::SUCCESS),
        (Some(failure), _) => Err(failure.short_of_space(shortage)),
        (None, Some((error, cause))) => {
            let failure = CliError::failed(format!("the {what} failed: {cause} ({error})"));
            Err(failure.short_of_space(shortage))
        }
    }
}

/// The same by the deployed state machine, followed to its end.
async fn deployed(
    args: &BackfillArgs,
    console: Console,
    days: &[NaiveDate],
    input: &Value,
    progress: &Progress,
) -> Result<ExitCode, CliError> {
    let stack = Stack::connect().await?;
    let name = format!("cardlake-{}", uuid::Uuid::new_v4().simple());
    let (execution, ended) = stack
        .run(env::BACKFILL_STATE_MACHINE_ARN, &name, input, progress)
        .await?;
    // The name that the state machine gives to the execution of a day.
    let run = |day: &NaiveDate| format!("{day}_{}", hex::encode(Md5::digest(execution.as_bytes())));
    let runs: Vec<(NaiveDate, String)> = days.iter().map(|day| (*day, run(day))).collect();
    let records = stack.run_records(&runs).await?;
    progress.finish();
    console.print(args.json, &records, || status::text(&records))?;
    ended.map(|()| ExitCode::SUCCESS)
}
