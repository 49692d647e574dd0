//! The command line: what can be asked for, and how it ends.
//!
//! Standard output carries data only (tables, CSV, JSON); progress and errors go to standard error. Exit codes: 0 done,
//! 1 it failed, 2 wrong usage.

use crate::commands;
use crate::commands::build::BuildArgs;
use crate::commands::docs::DocsArgs;
use crate::commands::generate::GenerateArgs;
use crate::commands::validate::ValidateArgs;
use crate::console::Console;
use crate::error::CliError;
use crate::full_disk;
use cardlake_core::events::DEFAULT_RETENTION_DAYS;
use cardlake_core::paths::parse_day;
use chrono::NaiveDate;
use clap::{Args, Parser, Subcommand, ValueEnum};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

/// A card-transaction lakehouse on one machine: raw files in, tested marts out.
#[derive(Debug, Parser)]
#[command(name = "cardlake", version, about, after_help = EXAMPLES, propagate_version = true)]
struct Cli {
    #[command(flatten)]
    console: Console,
    #[command(subcommand)]
    command: Command,
}

const EXAMPLES: &str = "\
Examples:
  cardlake run --from 2026-01-13 --to 2026-01-15 --rows 100000
  cardlake run --date 2026-01-15 --input ./landing --json
  cardlake generate --date 2026-01-13 --days 3 --out ./landing
  cardlake backfill --from 2026-01-13 --to 2026-01-15 --from-stage build
  cardlake up --s3-port 9000 --redshift-port 9001
  cardlake validate --suite expectations/cards.json --data cards.parquet
  cardlake build --select mart_rfm_customer+ tag:fact
  cardlake report --open
  cardlake sql 'select day, sum(gross_sales) from mart_sales_daily group by day order by day'";

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the whole pipeline for one or several days.
    Run(RunArgs),
    /// Run days of the past once more, in order.
    Backfill(BackfillArgs),
    /// List the last runs.
    Status(StatusArgs),
    /// Keep S3, Secrets Manager and the Redshift Data API open for other programs, until Ctrl-C.
    Up(UpArgs),
    /// Ask the local warehouse, in Redshift SQL.
    Sql(SqlArgs),
    /// Make up raw files, in a folder or in S3, and say what the pipeline has to make of them.
    Generate(GenerateArgs),
    /// Make the dashboard of the last run; serve it, or open it in a browser.
    Report(ReportArgs),
    /// Hold a suite of Great Expectations against Parquet or CSV files.
    Validate(ValidateArgs),
    /// Show what the Delta tables do not need any more, or remove it.
    Vacuum(VacuumArgs),
    /// Build and test a dbt project in the local warehouse, or in a deployed one.
    Build(BuildArgs),
    /// Write the documentation of a dbt project: lineage, models, columns, tests.
    Docs(DocsArgs),
    /// Look for what would be in the way: folder, disk, ports; with --aws the deployed stack.
    Doctor(DoctorArgs),
    /// Print the completions of a shell.
    Completions(CompletionsArgs),
    /// Write the manual pages.
    Man(ManArgs),
}

/// Where a lake is kept on this machine.
#[derive(Debug, Clone, Args)]
pub struct DataDir {
    /// Folder of the lake and the warehouse.
    #[arg(long, value_name = "DIR", default_value = ".cardlake", env = "CARDLAKE_DATA_DIR")]
    pub data_dir: PathBuf,
}

/// What is special about made-up transactions.
#[derive(Debug, Clone, Args)]
pub struct Rates {
    /// Share of the rows that arrive one or two days late.
    #[arg(long, value_name = "F", default_value_t = 0.05, value_parser = parse_rate)]
    pub late_rate: f64,
    /// Share of the rows that repeat another row's transaction_id.
    #[arg(long, value_name = "F", default_value_t = 0.02, value_parser = parse_rate)]
    pub dup_rate: f64,
    /// Share of the rows that break the contract.
    #[arg(long, value_name = "F", default_value_t = 0.005, value_parser = parse_rate)]
    pub corrupt_rate: f64,
}

/// Transactions that are made up.
#[derive(Debug, Clone, Args)]
pub struct MadeUp {
    /// Transactions to make up for each day.
    #[arg(long, value_name = "N", default_value_t = 100_000)]
    pub rows: u64,
    /// Same seed, same day: same rows.
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
  cardlake run                                        yesterday, 100,000 made-up rows
  cardlake run --from 2026-01-13 --to 2026-01-15      three days, one after the other
  cardlake run --input ./landing                      every day that the files there name

With --input nothing is made up. File names hold the dataset and the date (transactions_2026-01-15.csv, also
.jsonl, .gz, .zst), or the folder is a tree DATASET/ingest_date=YYYY-MM-DD/FILE.")]
pub struct RunArgs {
    /// The day to run.
    #[arg(long, value_name = "YYYY-MM-DD", value_parser = parse_date, conflicts_with_all = ["from", "to"])]
    pub date: Option<NaiveDate>,
    /// First day.
    #[arg(long, value_name = "YYYY-MM-DD", value_parser = parse_date)]
    pub from: Option<NaiveDate>,
    /// Last day, this one included.
    #[arg(long, value_name = "YYYY-MM-DD", value_parser = parse_date)]
    pub to: Option<NaiveDate>,
    /// Folder with real files, instead of made-up ones.
    #[arg(long, value_name = "DIR", conflicts_with = "rows")]
    pub input: Option<PathBuf>,
    #[command(flatten)]
    #[allow(missing_docs)]
    pub made_up: MadeUp,
    /// Run the deployed stack that the environment names, on what lies in its bronze bucket.
    #[arg(long, conflicts_with_all = ["input", "rows", "seed", "late_rate", "dup_rate", "corrupt_rate"])]
    pub aws: bool,
    #[command(flatten)]
    #[allow(missing_docs)]
    pub data: DataDir,
    /// Folder for the events of each execution, as JSON lines in the words of Step Functions.
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
  cardlake backfill --from 2026-01-13 --to 2026-01-15 --late-window-days 9
  cardlake backfill --from 2026-01-13 --to 2026-01-15 --from-stage build --keep-going
  cardlake backfill --from 2026-01-14 --to 2026-01-14 --reprocess
  cardlake backfill --from 2026-01-13 --to 2026-01-15 --aws

Raw files stay as they are, unless --regenerate makes them up anew. What was done already is not done again.")]
pub struct BackfillArgs {
    /// First day.
    #[arg(long, value_name = "YYYY-MM-DD", value_parser = parse_date)]
    pub from: NaiveDate,
    /// Last day, this one included.
    #[arg(long, value_name = "YYYY-MM-DD", value_parser = parse_date)]
    pub to: NaiveDate,
    /// Transform every raw file again, also those that are done.
    #[arg(long)]
    pub reprocess: bool,
    /// Make up the raw files anew; --rows, --seed and the rates say how.
    #[arg(long)]
    pub regenerate: bool,
    /// Where each day begins.
    #[arg(long, value_enum, value_name = "STAGE", default_value_t = FromStage::Transform)]
    pub from_stage: FromStage,
    /// Go on with the next day when one fails.
    #[arg(long)]
    pub keep_going: bool,
    /// Fill the warehouse's tables from scratch.
    #[arg(long)]
    pub full_refresh: bool,
    /// Let rows in that are so many days late; default: as the contracts say.
    #[arg(long, value_name = "N")]
    pub late_window_days: Option<u32>,
    /// Start the backfill of the deployed stack that the environment names, and follow it.
    #[arg(long)]
    pub aws: bool,
    #[command(flatten)]
    #[allow(missing_docs)]
    pub made_up: MadeUp,
    #[command(flatten)]
    #[allow(missing_docs)]
    pub data: DataDir,
    /// Print one JSON document instead of a table.
    #[arg(long)]
    pub json: bool,
}

/// The stage that a backfill begins with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum FromStage {
    /// Raw files: everything.
    Transform,
    /// The warehouse: what silver has and the warehouse does not.
    Load,
    /// The marts.
    Build,
}

impl FromStage {
    /// As the state machines know it.
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
pub struct StatusArgs {
    /// How many runs.
    #[arg(long, value_name = "N", default_value_t = 10)]
    pub last: usize,
    /// Of the deployed stack that the environment names, instead of this machine.
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
  cardlake up                                             any free ports
  cardlake up --s3-port 9000 --secrets-port 9001 --redshift-port 9002
  cardlake up > cardlake.env                              and in another shell:
    . ./cardlake.env && aws s3 ls s3://cardlake-bronze/
    . ./cardlake.env && aws redshift-data list-tables --workgroup-name cardlake --database cardlake
    . ./cardlake.env && cargo lambda watch

What is printed are export lines for a shell: endpoints, the key that these servers accept (a new one every time), the
region, and the settings of the functions. The servers listen on 127.0.0.1 alone.")]
pub struct UpArgs {
    /// Port of S3.
    #[arg(long, value_name = "PORT", default_value_t = 0, hide_default_value = true)]
    pub s3_port: u16,
    /// Take another S3, such as LocalStack's, for COPY and UNLOAD, and start none.
    #[arg(long, value_name = "URL", conflicts_with_all = ["s3_port", "transform"])]
    pub s3_endpoint: Option<String>,
    /// Port of Secrets Manager.
    #[arg(long, value_name = "PORT", default_value_t = 0, hide_default_value = true)]
    pub secrets_port: u16,
    /// Port of the Redshift Data API.
    #[arg(long, value_name = "PORT", default_value_t = 0, hide_default_value = true)]
    pub redshift_port: u16,
    /// Transform every object that is put into bronze, as the S3 trigger does. An event that fails three times is kept in
    /// dead-letters/ of the data directory.
    #[arg(long)]
    pub transform: bool,
    #[command(flatten)]
    #[allow(missing_docs)]
    pub data: DataDir,
}

/// Options of `cardlake sql`.
#[derive(Debug, Clone, Args)]
pub struct SqlArgs {
    /// One statement; every schema of the warehouse is on the search path.
    pub statement: String,
    /// How to print the rows.
    #[arg(long, value_enum, default_value_t = SqlFormat::Table)]
    pub format: SqlFormat,
    /// Ask the warehouse of the deployed stack that the environment names.
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

One self-contained page: it can be mailed, opened without a network, and printed.")]
pub struct ReportArgs {
    /// Where to write the page [default: report.html in the data directory].
    #[arg(long, value_name = "FILE")]
    pub out: Option<PathBuf>,
    /// Serve the page on 127.0.0.1 until Ctrl-C.
    #[arg(long)]
    pub serve: bool,
    /// Port to serve on; 0: any free one.
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
pub struct DoctorArgs {
    /// Also make one real call to every service of the deployed stack.
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
    /// The shell.
    pub shell: clap_complete::Shell,
}

/// Options of `cardlake man`.
#[derive(Debug, Clone, Args)]
#[command(after_help = "\
Examples:
  cardlake man --out ./man && man ./man/cardlake-run.1")]
pub struct ManArgs {
    /// Folder for the pages, one for each command.
    #[arg(long, value_name = "DIR", default_value = "man")]
    pub out: PathBuf,
}

/// Options of `cardlake vacuum`.
#[derive(Debug, Clone, Args)]
#[command(after_help = "\
Without --delete nothing is removed. What is younger than the retention always stays, as does every data file of a
version that was the newest one within it.")]
pub struct VacuumArgs {
    /// Only this dataset.
    #[arg(long, value_name = "D")]
    pub dataset: Option<String>,
    /// Days that everything is kept for, earlier versions of the tables included.
    #[arg(long, value_name = "N", default_value_t = DEFAULT_RETENTION_DAYS)]
    pub retention_days: u32,
    /// Remove what is found.
    #[arg(long)]
    pub delete: bool,
    /// Print one JSON document instead of a table.
    #[arg(long)]
    pub json: bool,
    #[command(flatten)]
    #[allow(missing_docs)]
    pub data: DataDir,
}

/// How rows are printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum SqlFormat {
    /// Columns for people.
    Table,
    /// Comma-separated values with a header row.
    Csv,
    /// A list of objects.
    Json,
}

pub(crate) fn parse_date(text: &str) -> Result<NaiveDate, String> {
    parse_day(text).ok_or_else(|| "not a date: write it as 2026-01-15".to_owned())
}

fn parse_rate(text: &str) -> Result<f64, String> {
    let rate = text
        .parse::<f64>()
        .map_err(|_| "not a number: write a share such as 0.05".to_owned())?;
    if (0.0..=0.5).contains(&rate) {
        Ok(rate)
    } else {
        Err("a share from 0 to 0.5 is wanted".to_owned())
    }
}

/// Runs the command line of this process.
#[must_use]
pub fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => return usage(&error),
    };
    let Cli { console, command } = cli;
    console.start_logging();
    let data_dir = command.data_dir().map(Path::to_owned);
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return report(&CliError::caused("start", &error)),
    };
    let outcome = runtime.block_on(async {
        if command.ends_by_itself() {
            return execute(command, console).await;
        }
        tokio::select! {
            outcome = execute(command, console) => outcome,
            _ = tokio::signal::ctrl_c() => Err(interrupted()),
        }
    });
    // Work on other threads that nobody waits for any more, a statement of the warehouse say, is as if killed.
    runtime.shutdown_timeout(Duration::from_secs(1));
    match outcome {
        Ok(code) => code,
        Err(error) => report(&full_disk::explained(error, data_dir.as_deref())),
    }
}

fn interrupted() -> CliError {
    CliError::interrupted("what was committed stays, what was not is not visible")
        .hint("run the same command again: it goes on from there")
}

async fn execute(command: Command, console: Console) -> Result<ExitCode, CliError> {
    match command {
        Command::Run(args) => commands::run::run(args, console).await,
        Command::Backfill(args) => commands::backfill::backfill(args, console).await,
        Command::Status(args) => commands::status::status(args).await,
        Command::Up(args) => commands::up::up(args).await,
        Command::Sql(args) => commands::sql::sql(args).await,
        Command::Generate(args) => commands::generate::generate(args, console).await,
        Command::Report(args) => commands::report::report(args).await,
        Command::Validate(args) => commands::validate::validate(args).await,
        Command::Vacuum(args) => commands::vacuum::vacuum(args).await,
        Command::Build(args) => commands::build::build(args, console).await,
        Command::Docs(args) => commands::docs::docs(&args),
        Command::Doctor(args) => commands::doctor::doctor(args).await,
        Command::Completions(args) => commands::manual::completions(&args),
        Command::Man(args) => commands::manual::man(&args),
    }
}

impl Command {
    /// The folder of the lake that the command works on.
    fn data_dir(&self) -> Option<&Path> {
        let data = match self {
            Self::Run(args) => &args.data,
            Self::Backfill(args) => &args.data,
            Self::Status(args) => &args.data,
            Self::Up(args) => &args.data,
            Self::Sql(args) => &args.data,
            Self::Report(args) => &args.data,
            Self::Vacuum(args) => &args.data,
            Self::Build(args) => &args.data,
            Self::Doctor(args) => &args.data,
            Self::Generate(_) | Self::Validate(_) | Self::Docs(_) | Self::Completions(_) | Self::Man(_) => return None,
        };
        Some(&data.data_dir)
    }

    /// Whether the command itself waits for Ctrl-C.
    const fn ends_by_itself(&self) -> bool {
        match self {
            Self::Up(_) | Self::Build(_) => true,
            Self::Report(args) => args.serve,
            Self::Run(args) => args.aws,
            Self::Backfill(args) => args.aws,
            _ => false,
        }
    }
}

/// The whole command line, for completions and manual pages.
pub(crate) fn command() -> clap::Command {
    <Cli as clap::CommandFactory>::command()
}

fn report(error: &CliError) -> ExitCode {
    let text = error.to_string();
    let (kind, told) = text.split_once(':').unwrap_or(("error", &text));
    let kind = console::style(kind).for_stderr().red().bold();
    // Nothing is left to tell when standard error is closed.
    let _ = writeln!(std::io::stderr(), "{kind}:{told}");
    error.exit_code()
}

/// Help and version as clap prints them; a mistake in one line with a hint.
fn usage(error: &clap::Error) -> ExitCode {
    if !error.use_stderr() {
        let _ = error.print();
        return ExitCode::SUCCESS;
    }
    if error.kind() == clap::error::ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand {
        let _ = error.print();
        return ExitCode::from(2);
    }
    let text = error.render().to_string();
    let first = text
        .lines()
        .next()
        .unwrap_or_default()
        .trim_start_matches("error: ")
        .to_owned();
    // Clap knows which command was meant: its usage line names it.
    let usage = text.lines().find_map(|line| line.trim().strip_prefix("Usage: "));
    let words = usage.unwrap_or("cardlake").split_whitespace();
    let named = words.take_while(|word| word.bytes().all(|byte| byte.is_ascii_lowercase()));
    let mut command = named.collect::<Vec<_>>().join(" ");
    // It does not for values, which it names itself: the first word that is a command is the one.
    if usage.is_none() {
        let known = |word: &String| self::command().find_subcommand(word).is_some();
        if let Some(subcommand) = std::env::args().skip(1).find(known) {
            command = format!("{command} {subcommand}");
        }
    }
    report(&CliError::usage(first).hint(format!("see `{command} --help`")))
}
