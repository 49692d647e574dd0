//! `cardlake quarantine`: which rows were refused, why, and the days that have some once more.

use crate::arguments::{DataDir, parse_date, parse_share};
use crate::commands::backfill;
use crate::console::Console;
use crate::environment::{Environment, SILVER};
use crate::error::{CliError, print};
use crate::run::report::RunsReport;
use crate::table::{count, new_table, notable, right};
use cardlake_aws::storage::StorageError;
use cardlake_core::contract::Contracts;
use cardlake_core::paths::{BronzeKey, all_object_records_prefix};
use cardlake_core::records::ObjectRecord;
use chrono::NaiveDate;
use clap::{Args, Subcommand};
use comfy_table::Cell;
use serde::{Deserialize, Serialize};
use serde_json::json;
use std::collections::{BTreeMap, BTreeSet};
use std::ops::ControlFlow;
use std::process::ExitCode;

/// Options of `cardlake quarantine`.
#[derive(Debug, Clone, Args)]
#[command(after_help = "\
Examples:
  # What was quarantined since a day
  cardlake quarantine list --from 2026-01-13

  # The rows of a day with one reason
  cardlake quarantine show --dataset transactions --date 2026-01-15 \\
    --reason 'currency: not an allowed value'

  # Run the days again after a rule of the contract has changed
  cardlake quarantine replay --dataset transactions

  # Count the reasons
  cardlake sql 'select reason, count(*) from raw.quarantine group by reason'")]
pub struct QuarantineArgs {
    #[command(subcommand)]
    action: Action,
}

impl QuarantineArgs {
    /// Location of the lake.
    pub(crate) const fn data(&self) -> &DataDir {
        match &self.action {
            Action::List(args) => &args.data,
            Action::Show(args) => &args.data,
            Action::Replay(args) => &args.selection.data,
        }
    }
}

#[derive(Debug, Clone, Subcommand)]
enum Action {
    /// Count quarantined rows by day, dataset and reason.
    List(Selection),
    /// Print quarantined rows of a dataset and day, personal data masked.
    Show(ShowArgs),
    /// Run the days with quarantined rows again, under the present contracts.
    Replay(ReplayArgs),
}

/// Which quarantined rows.
#[derive(Debug, Clone, Args)]
struct Selection {
    /// Dataset (default: all).
    #[arg(long, value_name = "D")]
    dataset: Option<String>,
    /// First day.
    #[arg(long, value_name = "YYYY-MM-DD", value_parser = parse_date)]
    from: Option<NaiveDate>,
    /// Last day, inclusive.
    #[arg(long, value_name = "YYYY-MM-DD", value_parser = parse_date)]
    to: Option<NaiveDate>,
    #[command(flatten)]
    data: DataDir,
    /// Print one JSON document instead of a table.
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Clone, Args)]
struct ShowArgs {
    /// Dataset.
    #[arg(long, value_name = "D")]
    dataset: String,
    /// Day of delivery.
    #[arg(long, value_name = "YYYY-MM-DD", value_parser = parse_date)]
    date: NaiveDate,
    /// Rows with this reason only.
    #[arg(long, value_name = "TEXT")]
    reason: Option<String>,
    /// Rows to print at most.
    #[arg(long, value_name = "N", default_value_t = 20)]
    limit: usize,
    #[command(flatten)]
    data: DataDir,
    /// Print one JSON document instead of a table.
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Clone, Args)]
struct ReplayArgs {
    #[command(flatten)]
    selection: Selection,
    /// Share of a dataset's day, 0 to 1, that may be quarantined or rejected before the run fails
    /// [default: CARDLAKE_QUARANTINE_THRESHOLD, else 0.05].
    #[arg(long, value_name = "F", value_parser = parse_share)]
    quarantine_threshold: Option<f64>,
}

/// Quarantined rows of a dataset and day.
#[derive(Debug, Default, Serialize)]
struct Quarantined {
    batch_date: NaiveDate,
    dataset: String,
    /// Rows in quarantine.
    rows: u64,
    /// Those of them by reason; a row that violates several rules counts under each.
    reasons: BTreeMap<String, u64>,
    /// Objects that are rejected as a whole, with the reason.
    rejected: BTreeMap<String, String>,
}

/// A line of a quarantine file.
#[derive(Debug, Serialize, Deserialize)]
struct Row {
    object: String,
    row: u64,
    reasons: Vec<String>,
    raw: String,
}

/// Runs the action.
///
/// # Errors
/// There is no lake yet, the dataset is unknown, or something cannot be read. A day that fails is exit code 1.
pub(crate) async fn quarantine(args: QuarantineArgs, console: Console) -> Result<ExitCode, CliError> {
    match args.action {
        Action::List(selection) => list(&selection).await,
        Action::Show(args) => show(&args, console).await,
        Action::Replay(args) => replay(&args, console).await,
    }
}

async fn list(selection: &Selection) -> Result<ExitCode, CliError> {
    let environment = Environment::open_existing(&selection.data.data_dir).await?;
    let found = quarantined(&environment, selection).await;
    environment.close().await?;
    let found = found?;
    print(selection.json, &found, || table(&found))?;
    Ok(ExitCode::SUCCESS)
}

fn table(found: &[Quarantined]) -> String {
    if found.is_empty() {
        return "Nothing is in quarantine.\n".to_owned();
    }
    let mut table = new_table(&["day", "dataset", "rows", "reason"]);
    for day in found {
        let (mut date, mut dataset) = (Cell::new(day.batch_date), Cell::new(&day.dataset));
        let reasons = day.reasons.iter().map(|(reason, rows)| (count(*rows), reason.clone()));
        let rejected = day
            .rejected
            .iter()
            .map(|(object, reason)| (right("object".to_owned()), format!("{object}: {reason}")));
        for (rows, reason) in reasons.chain(rejected) {
            let (date, dataset) = (
                std::mem::replace(&mut date, Cell::new("")),
                std::mem::replace(&mut dataset, Cell::new("")),
            );
            table.add_row([date, dataset, notable(rows), Cell::new(reason)]);
        }
    }
    format!("{table}\n")
}

/// The contracts, among which there has to be that of the dataset, if one is named.
fn contracts(environment: &Environment, dataset: Option<&str>) -> Result<Contracts, CliError> {
    let contracts = Contracts::load(&environment.assets());
    let contracts = contracts.map_err(|error| CliError::caused("read the contracts", &error))?;
    if let Some(dataset) = dataset {
        contracts
            .get(dataset)
            .map_err(|error| CliError::caused("look into the quarantine", &error))?;
    }
    Ok(contracts)
}

/// Every dataset and day with quarantined rows or rejected objects, by day.
async fn quarantined(environment: &Environment, selection: &Selection) -> Result<Vec<Quarantined>, CliError> {
    let contracts = contracts(environment, selection.dataset.as_deref())?;
    let wanted =
        |date: NaiveDate| selection.from.is_none_or(|from| from <= date) && selection.to.is_none_or(|to| date <= to);
    let failed = |error: StorageError| CliError::caused("read the object records", &error);
    let mut days: BTreeMap<(NaiveDate, String), Quarantined> = BTreeMap::new();
    let datasets = contracts.iter().map(|contract| contract.dataset.as_str());
    for dataset in datasets.filter(|name| selection.dataset.as_deref().is_none_or(|dataset| dataset == *name)) {
        let prefix = all_object_records_prefix(dataset);
        for object in environment.storage().list(SILVER, &prefix).await.map_err(failed)? {
            // The key of a record is that of its object below another prefix.
            let of = object.key.strip_prefix("_objects/").and_then(BronzeKey::parse);
            if of.is_none_or(|key| !wanted(key.ingest_date)) {
                continue;
            }
            let record: Option<ObjectRecord> = environment
                .storage()
                .get_json(SILVER, &object.key)
                .await
                .map_err(failed)?;
            let Some(record) = record.filter(|record| record.quarantine.is_some() || record.rejection.is_some()) else {
                continue;
            };
            let day = days
                .entry((record.ingest_date, dataset.to_owned()))
                .or_insert_with(|| Quarantined {
                    batch_date: record.ingest_date,
                    dataset: dataset.to_owned(),
                    ..Quarantined::default()
                });
            day.rows += record.counts.quarantined;
            for (reason, rows) in record.quarantine.into_iter().flat_map(|file| file.reasons) {
                *day.reasons.entry(reason).or_default() += rows;
            }
            day.rejected
                .extend(record.rejection.map(|reason| (record.source.key, reason)));
        }
    }
    Ok(days.into_values().collect())
}

async fn show(args: &ShowArgs, console: Console) -> Result<ExitCode, CliError> {
    let environment = Environment::open_existing(&args.data.data_dir).await?;
    let rows = rows(&environment, args).await;
    environment.close().await?;
    let mut rows = rows?;
    let is_cut = rows.len() > args.limit;
    rows.truncate(args.limit);
    print(args.json, &rows, || {
        if rows.is_empty() {
            return "No such row is in quarantine.\n".to_owned();
        }
        let mut table = new_table(&["object", "row", "reasons", "raw"]);
        for row in &rows {
            table.add_row([
                Cell::new(&row.object),
                count(row.row),
                Cell::new(row.reasons.join("; ")),
                Cell::new(&row.raw),
            ]);
        }
        format!("{table}\n")
    })?;
    if is_cut {
        console.note("More such rows are in quarantine: raise --limit.\n");
    }
    Ok(ExitCode::SUCCESS)
}

/// The rows asked for, and one more than the limit if there are more.
async fn rows(environment: &Environment, args: &ShowArgs) -> Result<Vec<Row>, CliError> {
    contracts(environment, Some(&args.dataset))?;
    let failed = |error: &(dyn std::error::Error + 'static)| CliError::caused("read the quarantine", error);
    let prefix = BronzeKey {
        dataset: args.dataset.clone(),
        ingest_date: args.date,
        name: String::new(),
    };
    let prefix = prefix.quarantine();
    let prefix = prefix.trim_end_matches(".jsonl");
    let listed = environment.storage().list(SILVER, prefix).await;
    let mut rows: Vec<Row> = Vec::new();
    for object in listed.map_err(|error| failed(&error))? {
        let visit = |line: &[u8]| {
            if rows.len() > args.limit {
                return Ok(ControlFlow::Break(()));
            }
            let row: Row = serde_json::from_slice(line).map_err(std::io::Error::from)?;
            if args.reason.as_ref().is_none_or(|reason| row.reasons.contains(reason)) {
                rows.push(row);
            }
            Ok::<_, ShowError>(ControlFlow::Continue(()))
        };
        let read = environment.storage().lines(SILVER, &object.key, visit).await;
        read.map_err(|error| failed(&error))?;
    }
    Ok(rows)
}

/// Why a quarantine file cannot be shown.
#[derive(Debug, thiserror::Error)]
enum ShowError {
    #[error(transparent)]
    Storage(#[from] StorageError),
    #[error("a line is not a quarantined row")]
    Line(#[from] std::io::Error),
}

async fn replay(args: &ReplayArgs, console: Console) -> Result<ExitCode, CliError> {
    let selection = &args.selection;
    let mut environment = Environment::open_existing(&selection.data.data_dir).await?;
    environment.limit_quarantine(args.quarantine_threshold);
    let found = quarantined(&environment, selection).await?;
    let days: BTreeSet<NaiveDate> = found.iter().map(|day| day.batch_date).collect();
    if days.is_empty() {
        environment.close().await?;
        let nothing = RunsReport::new(Vec::new(), Vec::new());
        console.print(selection.json, &nothing, || "Nothing is in quarantine.\n".to_owned())?;
        return Ok(ExitCode::SUCCESS);
    }
    let input = json!({ "dates": days });
    let (data, as_json) = (&selection.data, selection.json);
    backfill::finish("replay", environment, input, days.len(), data, as_json, console).await
}
