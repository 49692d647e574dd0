//! Arguments of the commands.

use cardlake_core::events::DEFAULT_RETENTION_DAYS;
use cardlake_core::paths::parse_day;
use chrono::NaiveDate;
use clap::{Args, ValueEnum};
use std::path::PathBuf;

/// Location of a lake on this machine.
#[derive(Debug, Clone, Args)]
pub struct DataDir {
    /// Directory of the lake and the warehouse.
    #[arg(long, value_name = "DIR", default_value = DataDir::DEFAULT, env = DataDir::VARIABLE)]
    pub data_dir: PathBuf,
}

impl DataDir {
    const DEFAULT: &'static str = ".cardlake";
    const VARIABLE: &'static str = "CARDLAKE_DATA_DIR";

    /// The option that names this directory to another command of the same shell; empty if none is needed.
    pub(crate) fn option(&self) -> String {
        let default = std::env::var_os(Self::VARIABLE).map_or_else(|| PathBuf::from(Self::DEFAULT), PathBuf::from);
        if self.data_dir == default {
            String::new()
        } else {
            format!(" --data-dir {}", quoted(&self.data_dir.to_string_lossy()))
        }
    }
}

/// A word of a shell command.
fn quoted(word: &str) -> String {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"/._-".contains(&byte);
    if !word.is_empty() && word.bytes().all(is_plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', r"'\''"))
    }
}

/// Shares of late, repeated and corrupt rows among synthetic transactions.
#[derive(Debug, Clone, Args)]
pub struct Rates {
    /// Share of rows that arrive one or two days late.
    #[arg(long, value_name = "F", default_value_t = 0.05, value_parser = parse_rate)]
    pub late_rate: f64,
    /// Share of rows that repeat another row's transaction_id.
    #[arg(long, value_name = "F", default_value_t = 0.02, value_parser = parse_rate)]
    pub dup_rate: f64,
    /// Share of rows that violate the contract.
    #[arg(long, value_name = "F", default_value_t = 0.005, value_parser = parse_rate)]
    pub corrupt_rate: f64,
}

/// Synthetic transactions.
#[derive(Debug, Clone, Args)]
pub struct Synthetic {
    /// Transactions to generate per day.
    #[arg(long, value_name = "N", default_value_t = 100_000)]
    pub rows: u64,
    /// Seed of the generator: the same seed and day give the same rows.
    #[arg(long, value_name = "N", default_value_t = 42)]
    pub seed: u64,
    #[command(flatten)]
    #[allow(missing_docs)]
    pub rates: Rates,
}

/// Options of `cardlake run`.
#[derive(Debug, Clone, Args)]
#[command(after_help = "\
Examples:
  # Yesterday, 100,000 synthetic transactions
  cardlake run

  # Three days, in order
  cardlake run --from 2026-01-13 --to 2026-01-15

  # Every day found in the file names
  cardlake run --input ./landing

With --input no data is generated. File names hold the dataset and the date (transactions_2026-01-15.csv, also \
.jsonl, .gz, .zst), or the directory is a tree DATASET/ingest_date=YYYY-MM-DD/FILE.")]
pub struct RunArgs {
    /// Day to run.
    #[arg(long, value_name = "YYYY-MM-DD", value_parser = parse_date, conflicts_with_all = ["from", "to"])]
    pub date: Option<NaiveDate>,
    /// First day.
    #[arg(long, value_name = "YYYY-MM-DD", value_parser = parse_date)]
    pub from: Option<NaiveDate>,
    /// Last day, inclusive.
    #[arg(long, value_name = "YYYY-MM-DD", value_parser = parse_date)]
    pub to: Option<NaiveDate>,
    /// Directory with raw files to ingest, instead of synthetic data.
    #[arg(long, value_name = "DIR", conflicts_with = "rows")]
    pub input: Option<PathBuf>,
    #[command(flatten)]
    #[allow(missing_docs)]
    pub synthetic: Synthetic,
    /// Share of a dataset's day, 0 to 1, that may be quarantined or rejected before the run fails
    /// [default: CARDLAKE_QUARANTINE_THRESHOLD, else 0.05].
    #[arg(long, value_name = "F", value_parser = parse_share, conflicts_with = "aws")]
    pub quarantine_threshold: Option<f64>,
    /// Run the deployed stack (as named by the environment) on the files in its bronze bucket.
    #[arg(long, conflicts_with_all = ["input", "rows", "seed", "late_rate", "dup_rate", "corrupt_rate"])]
    pub aws: bool,
    #[command(flatten)]
    #[allow(missing_docs)]
    pub data: DataDir,
    /// Write the execution history of each day to this directory, as Step Functions events in JSON lines.
    #[arg(long, value_name = "DIR", conflicts_with = "aws")]
    pub history: Option<PathBuf>,
    /// Print one JSON document instead of a table.
    #[arg(long)]
    pub json: bool,
}

/// Options of `cardlake backfill`.
#[derive(Debug, Clone, Args)]
#[command(after_help = "\
Examples:
  # Accept rows that are up to nine days late
  cardlake backfill --from 2026-01-13 --to 2026-01-15 --late-window-days 9

  # Only rebuild the marts; a day that fails does not stop the next
  cardlake backfill --from 2026-01-13 --to 2026-01-15 \\
    --from-stage build --keep-going

  # Transform the raw files of a day again
  cardlake backfill --from 2026-01-14 --to 2026-01-14 --reprocess

  # In the deployed stack
  cardlake backfill --from 2026-01-13 --to 2026-01-15 --aws

Raw files are not touched unless --regenerate is given. Finished work is not repeated.")]
pub struct BackfillArgs {
    /// First day.
    #[arg(long, value_name = "YYYY-MM-DD", value_parser = parse_date)]
    pub from: NaiveDate,
    /// Last day, inclusive.
    #[arg(long, value_name = "YYYY-MM-DD", value_parser = parse_date)]
    pub to: NaiveDate,
    /// Transform every raw file again, finished ones included.
    #[arg(long)]
    pub reprocess: bool,
    /// Generate the raw files again, by --rows, --seed and the rates.
    #[arg(long)]
    pub regenerate: bool,
    /// Stage to start each day from.
    #[arg(long, value_enum, value_name = "STAGE", default_value_t = FromStage::Transform)]
    pub from_stage: FromStage,
    /// Continue with the next day after a failure.
    #[arg(long)]
    pub keep_going: bool,
    /// Reload the warehouse tables from scratch.
    #[arg(long)]
    pub full_refresh: bool,
    /// Accept rows up to N days late (default: per contract).
    #[arg(long, value_name = "N")]
    pub late_window_days: Option<u32>,
    /// Share of a dataset's day, 0 to 1, that may be quarantined or rejected before the run fails
    /// [default: CARDLAKE_QUARANTINE_THRESHOLD, else 0.05].
    #[arg(long, value_name = "F", value_parser = parse_share, conflicts_with = "aws")]
    pub quarantine_threshold: Option<f64>,
    /// Start the backfill of the deployed stack (as named by the environment), and follow it.
    #[arg(long)]
    pub aws: bool,
    #[command(flatten)]
    #[allow(missing_docs)]
    pub synthetic: Synthetic,
    #[command(flatten)]
    #[allow(missing_docs)]
    pub data: DataDir,
    /// Print one JSON document instead of a table.
    #[arg(long)]
    pub json: bool,
}

/// First stage of a backfill.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum FromStage {
    /// Transform the raw files, then everything after.
    Transform,
    /// Load the warehouse from silver, then build the marts.
    Load,
    /// Build the marts.
    Build,
}

impl FromStage {
    /// Name of the stage in the state machines.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Transform => "transform",
            Self::Load => "load",
            Self::Build => "build",
        }
    }
}

/// Options of `cardlake status`.
#[derive(Debug, Clone, Args)]
#[command(after_help = "\
Examples:
  cardlake status --last 3
  cardlake status --aws --json")]
pub struct StatusArgs {
    /// Number of runs to list.
    #[arg(long, value_name = "N", default_value_t = 10)]
    pub last: usize,
    /// List the runs of the deployed stack (as named by the environment).
    #[arg(long)]
    pub aws: bool,
    #[command(flatten)]
    #[allow(missing_docs)]
    pub data: DataDir,
    /// Print the run records as JSON instead of a table.
    #[arg(long)]
    pub json: bool,
}

/// Options of `cardlake up`.
#[derive(Debug, Clone, Args)]
#[command(after_help = "\
Examples:
  # Any free ports
  cardlake up > cardlake.env

  # In another shell
  . ./cardlake.env
  aws s3 ls s3://cardlake-bronze/
  aws redshift-data list-tables \\
    --workgroup-name cardlake --database cardlake
  cargo lambda watch

  # Given ports
  cardlake up --s3-port 9000 --secrets-port 9001 --redshift-data-port 9002

  # Any client of Redshift or PostgreSQL, on port 5439
  . ./cardlake.env
  psql -c 'select * from mart_sales_daily limit 10'

  # With nothing in them, for the tests of another project
  cardlake up --empty --redshift-port 0 --json

Prints export lines for a shell: endpoints, credentials (new on every start), region, the login of the warehouse \
(PGHOST, PGPORT, PGUSER, PGPASSWORD, PGDATABASE), and the settings of the functions. The servers listen on 127.0.0.1 only.")]
pub struct UpArgs {
    /// Port of S3.
    #[arg(long, value_name = "PORT", default_value_t = 0, hide_default_value = true)]
    pub s3_port: u16,
    /// Use this S3 endpoint for COPY/UNLOAD instead of starting the built-in one.
    #[arg(long, value_name = "URL", conflicts_with_all = ["s3_port", "transform"])]
    pub s3_endpoint: Option<String>,
    /// Port of Secrets Manager.
    #[arg(long, value_name = "PORT", default_value_t = 0, hide_default_value = true)]
    pub secrets_port: u16,
    /// Port of the Redshift Data API.
    #[arg(long, value_name = "PORT", default_value_t = 0, hide_default_value = true)]
    pub redshift_data_port: u16,
    /// Port for clients of Redshift and PostgreSQL: 5439, or any free one if that is taken; 0 takes any free one.
    #[arg(long, value_name = "PORT")]
    pub redshift_port: Option<u16>,
    /// Transform each object put into bronze, as the S3 trigger does. Events that fail three times go to dead-letters/ in
    /// the data directory.
    #[arg(long)]
    pub transform: bool,
    /// Start with nothing, in a folder that is removed at the end: no bucket, no table, and of the secrets the login alone.
    #[arg(long, conflicts_with = "transform")]
    pub empty: bool,
    /// Print one line with an object of names and values instead of export lines.
    #[arg(long)]
    pub json: bool,
    #[command(flatten)]
    #[allow(missing_docs)]
    pub data: DataDir,
}

/// Options of `cardlake sql`.
#[derive(Debug, Clone, Args)]
#[command(after_help = "\
Examples:
  cardlake sql 'select * from mart_sales_daily order by day limit 10'
  cardlake sql --format csv 'select * from raw.cards' > cards.csv
  cardlake sql --aws 'select count(*) from fact_transactions'

  # A file, or another program's output
  cardlake sql --file questions.sql
  echo 'select current_date' | cardlake sql -

  # At a prompt, with history and completion
  cardlake sql

Several statements are separated by semicolons, and each commits by itself; the first that fails is the last. While \
another cardlake has the data directory open, queries are run through it.")]
pub struct SqlArgs {
    /// SQL statements, or - for those on standard input; every schema of the warehouse is on the search path (default: at a
    /// terminal, those that are typed).
    #[arg(allow_hyphen_values = true)]
    pub statement: Option<String>,
    /// Read the statements from this file.
    #[arg(long, value_name = "FILE", conflicts_with = "statement")]
    pub file: Option<PathBuf>,
    /// Rows to print of each result (default: 200 on a terminal, else all).
    #[arg(long, value_name = "N")]
    pub limit: Option<usize>,
    /// Output format.
    #[arg(long, value_enum, default_value_t = SqlFormat::Table)]
    pub format: SqlFormat,
    /// In CSV, put an apostrophe before texts that a spreadsheet would take for formulas (= + - @).
    #[arg(long)]
    pub escape_formulas: bool,
    /// Query the warehouse of the deployed stack (as named by the environment).
    #[arg(long)]
    pub aws: bool,
    #[command(flatten)]
    #[allow(missing_docs)]
    pub data: DataDir,
}

/// Options of `cardlake report`.
#[derive(Debug, Clone, Args)]
#[command(after_help = "\
Examples:
  cardlake report --open
  cardlake report --serve --port 8080
  cardlake report --out report.html

The page is self-contained: it can be mailed, opened offline, and printed.")]
pub struct ReportArgs {
    /// Output file [default: report.html in the data directory].
    #[arg(long, value_name = "FILE")]
    pub out: Option<PathBuf>,
    /// Serve the page on 127.0.0.1 until Ctrl-C, with drill-down to rows and questions in SQL.
    #[arg(long)]
    pub serve: bool,
    /// Port to serve on (0: any free port).
    #[arg(
        long,
        value_name = "PORT",
        default_value_t = 0,
        hide_default_value = true,
        requires = "serve"
    )]
    pub port: u16,
    /// Open the page in a browser.
    #[arg(long)]
    pub open: bool,
    #[command(flatten)]
    #[allow(missing_docs)]
    pub data: DataDir,
}

/// Options of `cardlake doctor`.
#[derive(Debug, Clone, Args)]
#[command(after_help = "\
Examples:
  cardlake doctor
  cardlake doctor --aws --json")]
pub struct DoctorArgs {
    /// Also call every service of the deployed stack once.
    #[arg(long)]
    pub aws: bool,
    /// Print one JSON document instead of a table.
    #[arg(long)]
    pub json: bool,
    #[command(flatten)]
    #[allow(missing_docs)]
    pub data: DataDir,
}

/// Options of `cardlake completions`.
#[derive(Debug, Clone, Args)]
#[command(after_help = "\
Examples:
  cardlake completions bash > /etc/bash_completion.d/cardlake
  cardlake completions zsh > ~/.zfunc/_cardlake
  cardlake completions fish > ~/.config/fish/completions/cardlake.fish")]
pub struct CompletionsArgs {
    /// Shell to complete for.
    pub shell: clap_complete::Shell,
}

/// Options of `cardlake man`.
#[derive(Debug, Clone, Args)]
#[command(after_help = "\
Examples:
  cardlake man --out ./man && man ./man/cardlake-run.1
  cardlake man --format markdown --out docs")]
pub struct ManArgs {
    /// Output directory.
    #[arg(long, value_name = "DIR", default_value = "man")]
    pub out: PathBuf,
    /// Output format.
    #[arg(long, value_enum, default_value_t = ManFormat::Roff)]
    pub format: ManFormat,
}

/// Format of the manual.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum ManFormat {
    /// A page for `man` per command.
    Roff,
    /// One page of all commands: cli.md.
    Markdown,
}

/// Options of `cardlake optimize`.
#[derive(Debug, Clone, Args)]
#[command(after_help = "\
Examples:
  cardlake optimize
  cardlake optimize --dataset transactions --from 2026-01-01 --to 2026-01-31

No row changes, and a later load copies none again. The replaced files stay until a vacuum.")]
pub struct OptimizeArgs {
    /// Dataset to optimize (default: all).
    #[arg(long, value_name = "D")]
    pub dataset: Option<String>,
    /// First event day (default: the first one in the table).
    #[arg(long, value_name = "DATE", value_parser = parse_date)]
    pub from: Option<NaiveDate>,
    /// Last event day (default: the last one in the table).
    #[arg(long, value_name = "DATE", value_parser = parse_date)]
    pub to: Option<NaiveDate>,
    /// Print one JSON document instead of a table.
    #[arg(long)]
    pub json: bool,
    #[command(flatten)]
    #[allow(missing_docs)]
    pub data: DataDir,
}

/// Options of `cardlake vacuum`.
#[derive(Debug, Clone, Args)]
#[command(after_help = "\
Examples:
  cardlake vacuum
  cardlake vacuum --dataset transactions --retention-days 30 --delete

Dry run unless --delete is given. Files younger than the retention are kept, as are the data files of every version \
that was current within it.")]
pub struct VacuumArgs {
    /// Dataset to vacuum (default: all).
    #[arg(long, value_name = "D")]
    pub dataset: Option<String>,
    /// Retention in days, for unreferenced files and earlier table versions.
    #[arg(long, value_name = "N", default_value_t = DEFAULT_RETENTION_DAYS)]
    pub retention_days: u32,
    /// Delete the files that are listed.
    #[arg(long)]
    pub delete: bool,
    /// Print one JSON document instead of a table.
    #[arg(long)]
    pub json: bool,
    #[command(flatten)]
    #[allow(missing_docs)]
    pub data: DataDir,
}

/// Output format of rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum SqlFormat {
    /// Aligned columns.
    Table,
    /// Comma-separated values with a header row.
    Csv,
    /// JSON array of objects.
    Json,
}

pub(crate) fn parse_date(text: &str) -> Result<NaiveDate, String> {
    parse_day(text).ok_or_else(|| "not a date: write it as 2026-01-15".to_owned())
}

pub(crate) fn parse_share(text: &str) -> Result<f64, String> {
    let share = text.parse::<f64>().ok().filter(|share| (0.0..=1.0).contains(share));
    share.ok_or_else(|| "expected a share from 0 to 1, such as 0.05".to_owned())
}

fn parse_rate(text: &str) -> Result<f64, String> {
    let rate = text
        .parse::<f64>()
        .map_err(|_| "not a number: write a share such as 0.05".to_owned())?;
    if (0.0..=0.5).contains(&rate) {
        Ok(rate)
    } else {
        Err("expected a share from 0 to 0.5".to_owned())
    }
}
