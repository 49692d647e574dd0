//! The command line: subcommands, dispatch, exit codes.
//!
//! Standard output carries data only (tables, CSV, JSON); progress and errors go to standard error. Exit codes: 0 done,
//! 1 failed, 2 wrong usage, 130 interrupted.

use crate::arguments::{
    BackfillArgs, CompletionsArgs, DoctorArgs, ManArgs, OptimizeArgs, ReportArgs, RunArgs, SqlArgs, StatusArgs, UpArgs,
    VacuumArgs,
};
use crate::commands;
use crate::commands::build::BuildArgs;
use crate::commands::docs::DocsArgs;
use crate::commands::generate::GenerateArgs;
use crate::commands::profile::ProfileArgs;
use crate::commands::quarantine::QuarantineArgs;
use crate::commands::validate::ValidateArgs;
use crate::console::{Console, Standard};
use crate::error::CliError;
use crate::full_disk;
use crate::interrupt;
use crate::usage;
use crate::welcome;
use cardlake_core::text::printable;
use clap::{CommandFactory, Parser, Subcommand};
use std::io::Write;
use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

/// A card-transaction lakehouse on one machine: raw files in, tested marts out.
#[derive(Debug, Parser)]
#[command(
    name = "cardlake",
    version,
    about = ABOUT,
    after_help = EXAMPLES,
    propagate_version = true,
    disable_help_flag = true,
    disable_version_flag = true
)]
struct Cli {
    #[command(flatten)]
    console: Console,
    #[command(flatten)]
    _standard: Standard,
    #[command(subcommand)]
    command: Command,
}

const ABOUT: &str = "A card-transaction lakehouse on one machine: raw files in, tested marts out";

const EXAMPLES: &str = "\
Examples:
  # Three synthetic days through the whole pipeline
  cardlake run --from 2026-01-13 --to 2026-01-15

  # Your own files
  cardlake run --input ./landing

  # Ask the warehouse; open the dashboard
  cardlake sql 'select * from mart_sales_daily order by day limit 10'
  cardlake report --open

  # Rebuild a model and its descendants
  cardlake build --select mart_rfm_customer+

  # Check any files against a Great Expectations suite
  cardlake validate --suite expectations/cards.json --data cards.parquet

Environment: CARDLAKE_DATA_DIR is the default of --data-dir. CARDLAKE_ASSETS_DIR is a folder with contracts/, \
expectations/, warehouse/ and statemachine/ to use instead of the built-in ones. RUST_LOG filters log messages. \
NO_COLOR turns colours off. With --aws, the variables that docs/configuration.md lists name the deployed stack, and \
credentials and region are found as by the AWS CLI.

Exit code: 0 done, 1 failed, 2 wrong usage, 130 interrupted.";

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the pipeline for one or more days.
    Run(RunArgs),
    /// Re-run past days, in order.
    Backfill(BackfillArgs),
    /// List recent runs.
    Status(StatusArgs),
    /// Serve S3, Secrets Manager and the Redshift Data API to other programs until Ctrl-C.
    Up(UpArgs),
    /// Run a Redshift SQL query against the local warehouse.
    Sql(SqlArgs),
    /// Generate synthetic raw files (local directory or S3) and print the expected row counts.
    Generate(GenerateArgs),
    /// Write the dashboard of the last run; serve it or open it in a browser.
    Report(ReportArgs),
    /// Validate Parquet or CSV files against a Great Expectations suite.
    Validate(ValidateArgs),
    /// Make a Great Expectations suite from Parquet or CSV files.
    Profile(ProfileArgs),
    /// Merge small data files of the Delta tables.
    Optimize(OptimizeArgs),
    /// List (or delete) files that no retained Delta version references.
    Vacuum(VacuumArgs),
    /// List, show or replay quarantined rows.
    Quarantine(QuarantineArgs),
    /// Build and test a dbt project in the local (or a deployed) warehouse.
    Build(BuildArgs),
    /// Write the documentation of a dbt project: lineage, models, columns, tests.
    Docs(DocsArgs),
    /// Check the environment: data directory, disk space, ports; with --aws, the deployed stack.
    Doctor(DoctorArgs),
    /// Print shell completions.
    Completions(CompletionsArgs),
    /// Write the manual pages.
    Man(ManArgs),
}

/// Runs the command line of this process.
#[must_use]
pub fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => return refused(&error),
    };
    let Cli { console, command, .. } = cli;
    console.start_logging();
    let data_dir = command.data_dir().map(Path::to_owned);
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return report(&CliError::caused("start", &error)),
    };
    let outcome = runtime.block_on(async {
        interrupt::report_large_files().map_err(|error| CliError::caused("start", &error))?;
        if command.ends_by_itself() {
            return execute(command, console).await;
        }
        tokio::select! {
            outcome = execute(command, console) => outcome,
            _ = interrupt::requested() => Err(interrupted()),
        }
    });
    // Abandons work on other threads, such as a running warehouse statement.
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
        Command::Profile(args) => commands::profile::profile(args).await,
        Command::Optimize(args) => commands::optimize::optimize(args).await,
        Command::Vacuum(args) => commands::vacuum::vacuum(args).await,
        Command::Quarantine(args) => commands::quarantine::quarantine(args, console).await,
        Command::Build(args) => commands::build::build(args, console).await,
        Command::Docs(args) => commands::docs::docs(args).await,
        Command::Doctor(args) => commands::doctor::doctor(args).await,
        Command::Completions(args) => commands::manual::completions(&args, Cli::command()),
        Command::Man(args) => commands::manual::man(&args, Cli::command()),
    }
}

impl Command {
    /// Data directory that the command works on.
    fn data_dir(&self) -> Option<&Path> {
        let data = match self {
            Self::Run(args) => &args.data,
            Self::Backfill(args) => &args.data,
            Self::Status(args) => &args.data,
            Self::Up(args) => &args.data,
            Self::Sql(args) => &args.data,
            Self::Report(args) => &args.data,
            Self::Optimize(args) => &args.data,
            Self::Vacuum(args) => &args.data,
            Self::Quarantine(args) => args.data(),
            Self::Build(args) => &args.data,
            Self::Docs(args) => &args.data,
            Self::Doctor(args) => &args.data,
            Self::Generate(_) | Self::Validate(_) | Self::Profile(_) | Self::Completions(_) | Self::Man(_) => {
                return None;
            }
        };
        Some(&data.data_dir)
    }

    /// Whether the command handles Ctrl-C itself.
    fn ends_by_itself(&self) -> bool {
        match self {
            Self::Up(_) | Self::Build(_) => true,
            Self::Report(args) => args.serve,
            Self::Sql(args) => args.is_interactive(),
            Self::Run(args) => args.aws,
            Self::Backfill(args) => args.aws,
            _ => false,
        }
    }
}

fn report(error: &CliError) -> ExitCode {
    let label = console::style(error.label()).for_stderr().red().bold();
    // Standard error may be closed.
    let _ = writeln!(std::io::stderr(), "{label}: {}", printable(&error.description()));
    error.exit_code()
}

/// Prints help and version as clap does, a welcome if there is no command, and a usage error as one line with a hint.
fn refused(error: &clap::Error) -> ExitCode {
    // Standard output or error may be closed.
    if !error.use_stderr() {
        let _ = error.print();
        return ExitCode::SUCCESS;
    }
    let is_bare = std::env::args_os().len() < 2;
    if is_bare && error.kind() == clap::error::ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand {
        let _ = std::io::stderr().write_all(welcome::NO_COMMAND.as_bytes());
        return ExitCode::from(2);
    }
    report(&usage::explained(error, &Cli::command(), std::env::args_os()))
}

#[cfg(test)]
mod tests;
