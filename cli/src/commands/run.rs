//! `cardlake run`: days through the whole pipeline, one after the other.

use crate::arguments::{RunArgs, Synthetic};
use crate::commands::status;
use crate::console::Console;
use crate::environment::Environment;
use crate::error::CliError;
use crate::input::{Input, put_into_bronze};
use crate::outcome::DayOutcome;
use crate::progress::Progress;
use crate::remote::Stack;
use crate::run::{report::RunsReport, run_day};
use crate::welcome::{self, Origin};
use cardlake_core::config::Variables;
use cardlake_core::contract::Contracts;
use cardlake_core::env;
use cardlake_core::events::UnreadFile;
use cardlake_core::text::printable;
use chrono::{Days, NaiveDate, Utc};
use serde_json::{Value, json};
use std::fs;
use std::io::{BufWriter, Write};
use std::path::Path;
use std::process::ExitCode;

/// Runs the days and prints what came of them.
///
/// # Errors
/// Wrong usage, or the local servers cannot be started. A day that fails is reported like the others and gives exit
/// code 1; the days after it are not run.
pub(crate) async fn run(args: RunArgs, console: Console) -> Result<ExitCode, CliError> {
    if args.aws {
        return deployed(&args, console).await;
    }
    let input = args.input.as_deref().map(scan).transpose()?;
    let days = days(&args, input.as_ref())?;
    let is_first = !args.json && !Environment::exists(&args.data.data_dir);
    if is_first {
        let folder = args.input.as_deref();
        let origin = folder.map_or(Origin::Synthetic(args.synthetic.rows), Origin::Folder);
        console.note(&welcome::before(&args.data.data_dir, days.len(), origin));
    }
    let mut environment = Environment::open(&args.data.data_dir).await?;
    environment.limit_quarantine(args.quarantine_threshold);
    let ignored = input.as_ref().map(|input| input.ignored.clone()).unwrap_or_default();
    for UnreadFile { file, reason } in &ignored {
        console.note(&format!("not taken: {}: {reason}\n", printable(file)));
    }
    let progress = Progress::new(console.shows_progress(args.json), days.len());
    let mut outcomes: Vec<DayOutcome> = Vec::new();
    for day in days {
        if let Some(input) = &input {
            put_into_bronze(input, day, environment.storage(), crate::environment::BRONZE)
                .await
                .map_err(|error| error.short_of_space(environment.shortage()))?;
        }
        let outcome = run_day(&environment, day, execution_input(&args, day), &progress).await?;
        if let Some(folder) = &args.history {
            write_history(folder, &outcome)?;
        }
        let failed = outcome.failure.is_some();
        outcomes.push(outcome);
        if failed {
            break;
        }
    }
    progress.finish();
    let shortage = environment.shortage();
    let closed = environment.close().await;
    let next = welcome::after(outcomes.last(), &args.data.option());
    let report = RunsReport::new(outcomes, ignored);
    console.print(args.json, &report, || report.table(&args.data.data_dir))?;
    if is_first {
        console.note(&next);
    }
    match report.failure() {
        None => closed.map(|()| ExitCode::SUCCESS),
        Some(failure) => Err(failure.short_of_space(shortage)),
    }
}

/// Looks through the folder of `--input`, by the contracts that the stages will use.
fn scan(folder: &Path) -> Result<Input, CliError> {
    let assets = cardlake_assets::embedded().or_folder(Variables::from_process().optional(env::ASSETS_DIR));
    let contracts = Contracts::load(&assets).map_err(|error| CliError::caused("read the contracts", &error))?;
    Input::scan(folder, &contracts)
}

/// The same by the deployed state machine: what lies in its bronze bucket, one day after the other.
async fn deployed(args: &RunArgs, console: Console) -> Result<ExitCode, CliError> {
    let days = days(args, None)?;
    let stack = Stack::connect().await?;
    let progress = Progress::new(console.shows_progress(args.json), days.len());
    let mut runs = Vec::new();
    let mut outcome = Ok(());
    for day in days {
        let name = format!("{day}_{}", uuid::Uuid::new_v4().simple());
        let input = json!({ "batch_date": day });
        let (_, ended) = stack
            .run(env::DAILY_STATE_MACHINE_ARN, &name, &input, &progress)
            .await?;
        progress.next_day();
        runs.push((day, name));
        outcome = ended;
        if outcome.is_err() {
            break;
        }
    }
    let records = stack.run_records(&runs).await?;
    progress.finish();
    console.print(args.json, &records, || status::text(&records))?;
    outcome.map(|()| ExitCode::SUCCESS)
}

/// The events of a day's execution, in `FOLDER/<day>.jsonl`.
fn write_history(folder: &Path, outcome: &DayOutcome) -> Result<(), CliError> {
    let path = folder.join(format!("{}.jsonl", outcome.batch_date));
    let write = || -> std::io::Result<()> {
        fs::create_dir_all(folder)?;
        let mut file = BufWriter::new(fs::File::create(&path)?);
        for event in &outcome.history {
            serde_json::to_writer(&mut file, event)?;
            file.write_all(b"\n")?;
        }
        file.flush()
    };
    write().map_err(|error| CliError::caused(&format!("write {}", path.display()), &error).writing(&path))
}

/// The days asked for, in order.
fn days(args: &RunArgs, input: Option<&Input>) -> Result<Vec<NaiveDate>, CliError> {
    let present = input.map(Input::days);
    let (from, to) = match (args.date, args.from, args.to, &present) {
        (Some(date), ..) => (date, date),
        (None, None, None, Some(present)) => return Ok(present.iter().copied().collect()),
        (None, None, None, None) => {
            let yesterday = Utc::now().date_naive() - Days::new(1);
            (yesterday, yesterday)
        }
        (None, from, to, present) => {
            let first = present.as_ref().and_then(|days| days.first().copied());
            let last = present.as_ref().and_then(|days| days.last().copied());
            match (from.or(first), to.or(last)) {
                (Some(from), Some(to)) => (from, to),
                (Some(from), None) => return Err(half_open("--to", "--from", from)),
                (None, Some(to)) => return Err(half_open("--from", "--to", to)),
                (None, None) => return Err(CliError::usage("no day is given")),
            }
        }
    };
    days_between(from, to)
}

/// Only the files of `--input` tell where a range ends that has one end.
fn half_open(missing: &str, given: &str, day: NaiveDate) -> CliError {
    CliError::usage(format!("{given} {day} is given without {missing}"))
        .hint(format!("add {missing}, or give --date {day} to run that day alone"))
}

/// The days from one to another, both included.
pub(crate) fn days_between(from: NaiveDate, to: NaiveDate) -> Result<Vec<NaiveDate>, CliError> {
    if from > to {
        return Err(CliError::usage(format!("--from {from} lies after --to {to}")).hint("swap the two dates"));
    }
    Ok(from.iter_days().take_while(|day| *day <= to).collect())
}

/// What the state machine is started with.
fn execution_input(args: &RunArgs, day: NaiveDate) -> Value {
    if args.input.is_some() {
        return json!({ "batch_date": day });
    }
    json!({ "batch_date": day, "generate": generation(&args.synthetic) })
}

/// What the generator is asked for.
pub(crate) fn generation(synthetic: &Synthetic) -> Value {
    let rates = &synthetic.rates;
    json!({
        "rows": synthetic.rows,
        "seed": synthetic.seed,
        "late_rate": rates.late_rate,
        "duplicate_rate": rates.dup_rate,
        "corrupt_rate": rates.corrupt_rate,
        "parts": std::thread::available_parallelism().map_or(1, usize::from),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;

    #[derive(Parser)]
    struct Command {
        #[command(flatten)]
        run: RunArgs,
    }

    fn days_of(arguments: &[&str]) -> Result<Vec<NaiveDate>, CliError> {
        let command = Command::try_parse_from(std::iter::once(&"run").chain(arguments)).unwrap();
        days(&command.run, None)
    }

    #[test]
    fn a_range_has_two_ends() {
        let range = days_of(&["--from", "2026-01-13", "--to", "2026-01-15"]).unwrap();
        assert_eq!(range.len(), 3);
        let error = |arguments: &[&str]| days_of(arguments).unwrap_err().to_string();
        assert_eq!(
            error(&["--from", "2026-01-13"]),
            "error: --from 2026-01-13 is given without --to (hint: add --to, or give --date 2026-01-13 to run that day \
             alone)"
        );
        assert!(error(&["--to", "2026-01-13"]).starts_with("error: --to 2026-01-13 is given without --from"));
    }
}
