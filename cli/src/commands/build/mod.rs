//! `cardlake build`: builds and tests a dbt project with the mart builder, in the local warehouse or a deployed one.

mod display;
mod report;

use crate::arguments::{DataDir, parse_date};
use crate::console::Console;
use crate::environment::{Environment, SILVER};
use crate::error::{CliError, print};
use crate::interrupt::Interrupt;
use crate::remote::{Stack, silver_bucket};
use cardlake_aws::clients::Aws;
use cardlake_aws::lease::EXPIRY;
use cardlake_aws::run_records;
use cardlake_aws::runtime::Resources;
use cardlake_aws::storage::Storage;
use cardlake_core::assets::AssetFolder;
use cardlake_core::config::Variables;
use cardlake_core::env;
use cardlake_core::error::with_causes;
use cardlake_core::events::{MartBuilderEvent, MartBuilderOutput, TickStatus};
use cardlake_core::run_record::RunOutcome;
use cardlake_dbt::{ProjectFile, read_folder};
use cardlake_mart_builder::compile::{Request, compile};
use cardlake_mart_builder::{Context, cancel, handle, progress};
use chrono::{Days, NaiveDate, Utc};
use clap::Args;
use display::Display;
use report::BuildReport;
use serde_json::{Map, Value, json};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{Duration, Instant};

/// Between two ticks: statements of a local warehouse take milliseconds, those of a deployed one seconds.
const WAIT: Duration = Duration::from_millis(20);
const WAIT_FOR_AWS: Duration = Duration::from_secs(1);
/// Time limit for cancelling a build.
const STOP_WITHIN: Duration = Duration::from_secs(10);
/// Number of runs searched for the newest day.
const RUNS: usize = 30;

/// The warehouse and lake of a build.
struct Place {
    variables: Variables,
    aws: Aws,
    storage: Storage,
    silver_bucket: String,
    /// Where a reader finds the objects of the silver bucket.
    silver: String,
    wait: Duration,
}

impl Place {
    fn local(environment: &Environment) -> Self {
        Self {
            variables: environment.variables(),
            aws: environment.aws().clone(),
            storage: environment.storage().clone(),
            silver_bucket: SILVER.to_owned(),
            silver: environment
                .object_path(SILVER, "")
                .display()
                .to_string()
                .trim_end_matches('/')
                .to_owned(),
            wait: WAIT,
        }
    }

    async fn deployed() -> Result<Self, CliError> {
        let stack = Stack::connect().await?;
        let silver_bucket = silver_bucket()?;
        Ok(Self {
            variables: Variables::from_process(),
            aws: stack.aws().clone(),
            storage: stack.storage(),
            silver: format!("s3://{silver_bucket}"),
            silver_bucket,
            wait: WAIT_FOR_AWS,
        })
    }
}

/// Options of `cardlake build`.
#[derive(Debug, Clone, Args)]
#[command(after_help = "\
Examples:
  # All models and tests, as of the last day that was run
  cardlake build

  # What was known on an older day
  cardlake build --date 2026-01-13 --as-of

  # The facts and their descendants
  cardlake build --select fact_transactions+

  # All marts but one
  cardlake build --select tag:mart \\
    --exclude path:models/marts/mart_rfm_customer.sql

  # What failed or was skipped last time
  cardlake build --select result:error result:fail result:skipped

  # Also what has not changed, e.g. after rows were edited by hand
  cardlake build --force

  # Another project; its SQL without a warehouse
  cardlake build --project ./shop --vars '{\"region\": \"north\"}'
  cardlake build --project ./shop --compile-only --out ./compiled

Selections use dbt's syntax: names, folders, tag:, path:, source:, config.materialized:, test_type:, result:; + before or \
after for ancestors or descendants, 2+ for two levels, a comma for an intersection, a blank for a union.")]
pub struct BuildArgs {
    /// Folder of the dbt project (default: the bundled project).
    #[arg(long, value_name = "DIR")]
    pub project: Option<PathBuf>,
    /// Batch date, the "today" of every model (default: the newest day that was run, else yesterday). An older one needs
    /// --as-of.
    #[arg(long, value_name = "YYYY-MM-DD", value_parser = parse_date)]
    pub date: Option<NaiveDate>,
    /// Build as of --date even if it is older than the newest day that was run: tables, marts and report go back to it until
    /// the next build.
    #[arg(long, requires = "date")]
    pub as_of: bool,
    /// Nodes to build, in dbt's selection syntax (default: all).
    #[arg(long, value_name = "SELECTION", num_args = 1..)]
    pub select: Vec<String>,
    /// Nodes to exclude, in dbt's selection syntax.
    #[arg(long, value_name = "SELECTION", num_args = 1..)]
    pub exclude: Vec<String>,
    /// Override variables of the project, as a JSON object.
    #[arg(long, value_name = "JSON", value_parser = parse_vars, default_value = "{}", hide_default_value = true)]
    pub vars: Map<String, Value>,
    /// Rebuild incremental models, and run everything that is selected.
    #[arg(long)]
    pub full_refresh: bool,
    /// Also run what has not changed since the last build.
    #[arg(long)]
    pub force: bool,
    /// Build in the warehouse of the deployed stack named by the environment.
    #[arg(long, conflicts_with = "compile_only")]
    pub aws: bool,
    /// Only write compiled SQL and manifest.json, as for an empty warehouse; needs no warehouse.
    #[arg(long)]
    pub compile_only: bool,
    /// Output folder of --compile-only.
    #[arg(
        long,
        value_name = "DIR",
        default_value = "target/compiled",
        requires = "compile_only"
    )]
    pub out: PathBuf,
    #[command(flatten)]
    #[allow(missing_docs)]
    pub data: DataDir,
    /// Print one JSON document instead of a table.
    #[arg(long)]
    pub json: bool,
}

fn parse_vars(text: &str) -> Result<Map<String, Value>, String> {
    match serde_json::from_str(text) {
        Ok(Value::Object(vars)) => Ok(vars),
        Ok(_) => Err("not an object: write variables as {\"name\": \"value\"}".to_owned()),
        Err(error) => Err(format!("not JSON: {error}")),
    }
}

/// Builds the project and prints the result of each model and test.
///
/// # Errors
/// Wrong usage, the project or the selection is wrong, or the warehouse cannot be opened. A model or test that fails is
/// reported like the others and gives exit code 1.
pub(crate) async fn build(args: BuildArgs, console: Console) -> Result<ExitCode, CliError> {
    if args.compile_only {
        return compile_only(&args);
    }
    let files = args.project.as_deref().map(project_files).transpose()?;
    let (report, shortage) = if args.aws {
        let report = run(Place::deployed().await?, &args, files.as_deref(), console).await?;
        (report, None)
    } else {
        // Another project may do without rows: its first build makes the warehouse.
        if args.project.is_none() {
            Environment::require(&args.data.data_dir)?;
        }
        let environment = Environment::open(&args.data.data_dir).await?;
        let built = run(Place::local(&environment), &args, files.as_deref(), console).await;
        let shortage = environment.shortage();
        environment.close().await?;
        let report = built.map_err(|error| error.short_of_space(shortage.clone()))?;
        (report, shortage)
    };
    console.print(args.json, &report, || report.text())?;
    match report.failure() {
        None => Ok(ExitCode::SUCCESS),
        Some(failure) => Err(failure.short_of_space(shortage)),
    }
}

async fn run(
    place: Place,
    args: &BuildArgs,
    files: Option<&[ProjectFile]>,
    console: Console,
) -> Result<BuildReport, CliError> {
    let failed = |error: &(dyn std::error::Error + 'static)| CliError::caused("build", error);
    let runs = run_records::last(&place.storage, &place.silver_bucket, RUNS).await;
    let runs = runs.map_err(|error| CliError::caused("look for the last run", &error))?;
    let context = match files {
        Some(files) => Context::for_project(place.variables, &place.aws, files),
        None => {
            let resources = Resources::new(place.variables, place.aws, cardlake_assets::embedded());
            Context::new(resources).await
        }
    };
    let context = context.map_err(|error| failed(&error))?;
    let newest = runs.iter().map(|run| run.batch_date).max();
    let yesterday = || Utc::now().date_naive() - Days::new(1);
    let batch_date = args.date.or(newest).unwrap_or_else(yesterday);
    let complete = run_records::newest_day(&place.storage, &place.silver_bucket).await;
    let complete = complete.map_err(|error| CliError::caused("look for the last run", &error))?;
    // As the mart builder decides.
    let as_of = complete
        .filter(|_| !args.as_of)
        .map_or(batch_date, |day| day.max(batch_date));
    let of_the_day = runs.into_iter().filter(|run| run.batch_date == as_of);
    // Shown on the dashboard.
    let (books, audits) = of_the_day
        .filter_map(|run| match run.outcome {
            RunOutcome::Succeeded { books, audits, .. } => Some((Some(books), audits)),
            RunOutcome::Failed(_) => None,
        })
        .next()
        .unwrap_or_default();
    let mut event = MartBuilderEvent {
        batch_date,
        run_id: format!("build-{batch_date}-{}", uuid::Uuid::new_v4().simple()),
        select: joined(&args.select),
        exclude: joined(&args.exclude),
        vars: args.vars.clone(),
        full_refresh: args.full_refresh,
        force: args.force,
        as_of: args.as_of,
        books,
        audits,
        cursor: None,
    };
    // From here on Ctrl-C cancels the build instead of ending the process, so that the lease is released.
    let mut interrupt = Interrupt::listen().map_err(|error| failed(&error))?;
    let started = Instant::now();
    let mut display = Display::new(console.shows_progress(args.json));
    let outcome = loop {
        let outcome = handle(event.clone(), &context).await;
        if display.is_visible() {
            display.show(&nodes(&context, &event.run_id).await?);
        }
        match outcome {
            Ok(output) if output.status == TickStatus::Succeeded => break Ok(output),
            Ok(MartBuilderOutput { cursor, .. }) => event.cursor = cursor,
            Err(error) => break Err(error),
        }
        // A tick is never interrupted, so that its submissions are known.
        tokio::select! {
            () = tokio::time::sleep(place.wait) => {}
            () = interrupt.requested() => {
                display.finish();
                return Err(stopped(&context, &event.run_id).await);
            }
        }
    };
    display.finish();
    let nodes = nodes(&context, &event.run_id).await?;
    match outcome {
        // Nothing was started: the project or the selection is wrong.
        Err(error) if nodes.is_empty() => Err(failed(&error)),
        outcome => Ok(BuildReport::new(
            as_of,
            &event.run_id,
            started.elapsed(),
            nodes,
            outcome,
            &place.silver,
        )),
    }
}

/// Cancels the build.
async fn stopped(context: &Context, run_id: &str) -> CliError {
    let interrupted = CliError::interrupted("what was built stays, nothing was published");
    match tokio::time::timeout(STOP_WITHIN, cancel::stop(context, run_id)).await {
        Ok(Ok(())) => interrupted.hint("run the same command again"),
        outcome => {
            let why = outcome.map_or_else(
                |_| "no answer".to_owned(),
                |outcome| outcome.err().map_or_else(String::new, |error| with_causes(&error)),
            );
            interrupted.hint(format!(
                "other builds and loads have to wait for up to {} minutes: {why}",
                EXPIRY.num_minutes()
            ))
        }
    }
}

async fn nodes(context: &Context, run_id: &str) -> Result<Vec<progress::NodeProgress>, CliError> {
    let nodes = progress::nodes(context, run_id).await;
    nodes.map_err(|error| CliError::caused("read how far the build is", &error))
}

fn joined(selection: &[String]) -> Option<String> {
    (!selection.is_empty()).then(|| selection.join(" "))
}

/// The files of a dbt project.
pub(super) fn project_files(folder: &Path) -> Result<Vec<ProjectFile>, CliError> {
    if !folder.join("dbt_project.yml").is_file() {
        return Err(
            CliError::usage(format!("there is no dbt_project.yml in {}", folder.display()))
                .hint("--project takes the folder of a dbt project"),
        );
    }
    read_folder(folder).map_err(|error| CliError::caused("read the project", &error))
}

/// The files of the project in the folder, or of the bundled one.
pub(super) fn files_of(project: Option<&Path>) -> Result<Vec<ProjectFile>, CliError> {
    let Some(folder) = project else {
        let assets = cardlake_assets::embedded().or_folder(std::env::var(env::ASSETS_DIR).ok());
        let files = assets.list(AssetFolder::Warehouse);
        let files = files.map_err(|error| CliError::caused("read the project", &error))?;
        let files = files.into_iter();
        return Ok(files.map(|asset| ProjectFile::new(asset.path, asset.text)).collect());
    };
    project_files(folder)
}

fn compile_only(args: &BuildArgs) -> Result<ExitCode, CliError> {
    let (select, exclude) = (joined(&args.select), joined(&args.exclude));
    let request = Request {
        batch_date: args.date.unwrap_or_else(|| Utc::now().date_naive() - Days::new(1)),
        select: select.as_deref(),
        exclude: exclude.as_deref(),
        vars: args.vars.clone(),
    };
    let files = files_of(args.project.as_deref())?;
    let project = compile(&files, &request).map_err(|error| CliError::caused("compile the project", &error))?;
    let folder = args.out.join(&project.name);
    for (path, sql) in &project.files {
        write(&folder.join(path), sql)?;
    }
    let manifest = args.out.join("manifest.json");
    write(&manifest, &format!("{:#}\n", project.manifest))?;
    let written = json!({"folder": folder, "manifest": manifest, "files": project.files.keys().collect::<Vec<_>>()});
    print(args.json, &written, || {
        format!(
            "{} models and tests compiled, in {}\n",
            project.files.len(),
            folder.display()
        )
    })?;
    Ok(ExitCode::SUCCESS)
}

/// Writes a file and the folders above it.
pub(super) fn write(path: &Path, text: &str) -> Result<(), CliError> {
    let folder = path.parent().unwrap_or(Path::new("."));
    std::fs::create_dir_all(folder)
        .and_then(|()| std::fs::write(path, text))
        .map_err(|error| CliError::caused(&format!("write {}", path.display()), &error).writing(path))
}
