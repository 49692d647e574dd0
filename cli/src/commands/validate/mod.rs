//! `cardlake validate`: Parquet or CSV files against a Great Expectations suite, evaluated as in the pipeline.

mod csv;
pub(super) mod data;
mod database;
mod text;

use crate::error::{CliError, printed};
use cardlake_expectations::{DocsPage, ResultFormat, SQL_TABLE, Severity, Source, Suite, ValidationResult, evaluate};
use clap::{Args, ValueEnum};
use database::Queryable;
use serde_json::{Map, Value};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Instant;

/// Options of `cardlake validate`.
#[derive(Debug, Clone, Args)]
#[command(after_help = "\
Examples:
  # A Delta table
  cardlake validate --suite expectations/cards.json \\
    --data .cardlake/s3/cardlake-silver/cards

  # A file; list met expectations as well, or write a page
  cardlake validate --suite orders.json --data orders.csv.gz --all
  cardlake validate --suite orders.json --data orders.parquet --docs page.html

  # For machines
  cardlake validate --suite orders.json --data exports/ \\
    --json --result-format complete

  # Queries of a suite run in DuckDB; they find other tables by name
  cardlake validate --suite orders.json --data orders.parquet \\
    --table shops=shops.csv

Data: one file (.parquet, .csv, .csv.gz, .csv.zst) or a folder of them. A folder with a Delta log is read as the \
newest version of that table. Parts of a path such as day=2026-01-15 are partition columns of Parquet files. The type \
of a CSV column is the narrowest one that fits all its values; a column of digits holds numbers.

Exit code: 0 if no expectation of the severity of --fail-on or above failed, 1 if one did or the data cannot be read, \
2 for wrong usage, an invalid suite, or expectations that could not be checked.")]
pub(crate) struct ValidateArgs {
    /// The suite: a file in the JSON of Great Expectations 1.x (or older).
    #[arg(long, value_name = "FILE")]
    suite: PathBuf,
    /// The data to validate.
    #[arg(long, value_name = "FILE|DIR")]
    data: PathBuf,
    /// Another table for the queries of the suite; its name is the one that they use. Repeatable.
    #[arg(long = "table", value_name = "NAME=FILE|DIR", value_parser = parse_table)]
    tables: Vec<(String, PathBuf)>,
    /// Value of a parameter of the suite; as JSON, or else a text. Repeatable.
    #[arg(long = "param", value_name = "NAME=VALUE", value_parser = parse_parameter)]
    parameters: Vec<(String, Value)>,
    /// Level of detail of --json.
    #[arg(long, value_enum, default_value_t = Format::Summary, ignore_case = true)]
    result_format: Format,
    /// Lowest severity of a failed expectation that gives exit code 1.
    #[arg(long, value_enum, default_value_t = FailOn::Critical)]
    fail_on: FailOn,
    /// Also list the expectations that were met.
    #[arg(long, conflicts_with = "json")]
    all: bool,
    /// Also write the result as a self-contained HTML page.
    #[arg(long, value_name = "FILE")]
    docs: Option<PathBuf>,
    /// Print the result as Great Expectations JSON instead of a table.
    #[arg(long)]
    json: bool,
}

/// As Great Expectations names them; case does not matter.
#[derive(Debug, Clone, Copy, ValueEnum)]
#[value(rename_all = "SCREAMING_SNAKE_CASE")]
enum Format {
    /// Whether it was met.
    BooleanOnly,
    /// Counts and examples.
    Basic,
    /// Also the most frequent unexpected values, and the row numbers of the examples.
    Summary,
    /// Also the unexpected values, up to 1,000.
    Complete,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum FailOn {
    /// Only critical ones, as in the pipeline.
    Critical,
    /// Warnings as well.
    Warning,
    /// Any.
    Info,
}

impl From<Format> for ResultFormat {
    fn from(format: Format) -> Self {
        match format {
            Format::BooleanOnly => Self::BooleanOnly,
            Format::Basic => Self::Basic,
            Format::Summary => Self::Summary,
            Format::Complete => Self::Complete,
        }
    }
}

impl From<FailOn> for Severity {
    fn from(fail_on: FailOn) -> Self {
        match fail_on {
            FailOn::Critical => Self::Critical,
            FailOn::Warning => Self::Warning,
            FailOn::Info => Self::Info,
        }
    }
}

/// Evaluates the suite and prints the result.
///
/// # Errors
/// Wrong usage, or the data cannot be read.
pub(crate) async fn validate(args: ValidateArgs) -> Result<ExitCode, CliError> {
    let mut suite = read_suite(&args.suite)?;
    suite.suite_parameters.extend(args.parameters);
    let started = Instant::now();
    let table: Arc<dyn Source> = data::open("--data", &args.data).await?.into();
    let rows = table.rows();
    let mut others: Vec<(String, Arc<dyn Source>)> = Vec::with_capacity(args.tables.len());
    for (name, path) in args.tables {
        if name == SQL_TABLE || others.iter().any(|(known, _)| *known == name) {
            return Err(CliError::usage(format!("--table {name}: this name is taken")).hint("give it another one"));
        }
        others.push((name, data::open("--table", &path).await?.into()));
    }
    let table = Queryable::new(table, others);
    let asked = ResultFormat::from(args.result_format);
    // The table and the page show values whatever the document says.
    let format = if args.json && args.docs.is_none() {
        asked
    } else {
        asked.max(ResultFormat::Summary)
    };
    let result = evaluate(&suite, &table, format, meta(&suite, &args.data, rows)).await;
    let mut result = result.map_err(|error| CliError::caused("validate the data", &error))?;
    if let Some(path) = &args.docs {
        write_docs(path, &args.data, &result)?;
    }
    let mut out = std::io::stdout().lock();
    printed(if args.json {
        if asked == ResultFormat::BooleanOnly {
            result.results.iter_mut().for_each(|each| each.result.clear());
        }
        serde_json::to_writer_pretty(&mut out, &result)
            .map_err(std::io::Error::from)
            .and_then(|()| writeln!(out))
    } else {
        let seconds = started.elapsed().as_secs_f64();
        write!(out, "{}", text::table(&result, rows, seconds, args.all))
    })?;
    let refusals = result.refusals();
    if let Some(first) = refusals.first() {
        let more = match refusals.len() - 1 {
            0 => String::new(),
            more => format!(" (and {more} more that were not checked)"),
        };
        return Err(CliError::usage(format!("{first}{more}")).hint("correct the suite, or the data it is for"));
    }
    let failed = result.failed_at_least(args.fail_on.into());
    Ok(if failed { ExitCode::from(1) } else { ExitCode::SUCCESS })
}

/// A table beside the validated one.
fn parse_table(text: &str) -> Result<(String, PathBuf), String> {
    match text.split_once('=') {
        Some((name, path)) if !name.is_empty() && !path.is_empty() => Ok((name.to_owned(), PathBuf::from(path))),
        _ => Err("give a name and a file or folder, e.g. shops=shops.parquet".to_owned()),
    }
}

/// A parameter of the suite.
fn parse_parameter(text: &str) -> Result<(String, Value), String> {
    let (name, value) = text.split_once('=').ok_or("give a name and a value, e.g. limit=100")?;
    let value = serde_json::from_str(value).unwrap_or_else(|_| Value::from(value));
    Ok((name.to_owned(), value))
}

fn read_suite(path: &Path) -> Result<Suite, CliError> {
    let name = path.display().to_string();
    let text = std::fs::read_to_string(path).map_err(|error| {
        CliError::usage(format!("cannot read the suite {name}: {error}"))
            .hint("--suite names a file in the JSON of Great Expectations; the project's own are in expectations/")
    })?;
    Suite::from_json(&name, &text).map_err(|error| {
        CliError::usage(error.to_string())
            .hint("save it with Great Expectations, or see expectations/ for how it looks")
    })
}

/// The metadata of the result.
fn meta(suite: &Suite, data: &Path, rows: u64) -> Map<String, Value> {
    let version = suite.meta.get("great_expectations_version").cloned();
    Map::from_iter([
        ("great_expectations_version".to_owned(), version.unwrap_or(Value::Null)),
        ("data".to_owned(), data.display().to_string().into()),
        ("rows".to_owned(), rows.into()),
    ])
}

fn write_docs(path: &Path, data: &Path, result: &ValidationResult) -> Result<(), CliError> {
    let page = DocsPage {
        title: data.display().to_string(),
        subtitle: String::new(),
        note: String::new(),
        result,
        trend: Vec::new(),
    };
    let html = page.html().map_err(|error| CliError::caused("make the page", &error))?;
    std::fs::write(path, html)
        .map_err(|error| CliError::caused(&format!("write {}", path.display()), &error).writing(path))
}
