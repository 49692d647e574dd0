//! `cardlake backfill`: days of the past once more, in order.

use crate::cli::{BackfillArgs, FromStage};
use crate::commands::run::{days_between, generation};
use crate::environment::Environment;
use crate::error::{CliError, print};
use crate::progress::Progress;
use crate::run::backfill::backfill as run_backfill;
use crate::run::report::RunsReport;
use serde_json::json;
use std::io::IsTerminal;
use std::process::ExitCode;

/// Runs the days and prints what came of them.
///
/// # Errors
/// Wrong usage, or there is no lake yet. Days that fail are reported like the others and give exit code 1.
pub(crate) async fn backfill(args: BackfillArgs) -> Result<ExitCode, CliError> {
    if args.from_stage != FromStage::Transform && (args.reprocess || args.regenerate) {
        return Err(
            CliError::usage("--reprocess and --regenerate begin with bronze, --from-stage behind it")
                .hint("leave one of them out"),
        );
    }
    let days = days_between(args.from, args.to)?;
    let environment = Environment::open_existing(&args.data.data_dir).await?;
    let progress = Progress::new(std::io::stderr().is_terminal() && !args.json, days.len());
    let input = json!({
        "dates": days,
        "generate": args.regenerate.then(|| generation(&args.made_up)),
        "reprocess": args.reprocess,
        "from_stage": args.from_stage.name(),
        "full_refresh": args.full_refresh,
        "late_window_days": args.late_window_days,
        "keep_going": args.keep_going,
    });
    let outcome = run_backfill(&environment, input, &progress).await?;
    progress.finish();
    let closed = environment.close().await;
    let report = RunsReport::new(outcome.days);
    print(args.json, &report, || report.table(&args.data.data_dir))?;
    match (report.failure(), outcome.failure) {
        (None, None) => closed.map(|()| ExitCode::SUCCESS),
        (Some(failure), _) => Err(failure),
        (None, Some((error, cause))) => Err(CliError::failed(format!("the backfill failed: {cause} ({error})"))),
    }
}
