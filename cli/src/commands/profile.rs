//! `cardlake profile`: a Great Expectations suite made from Parquet or CSV files.

use super::validate::data;
use crate::error::{CliError, printed};
use cardlake_expectations::profile as suite_of;
use clap::Args;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// Options of `cardlake profile`.
#[derive(Debug, Clone, Args)]
#[command(after_help = "\
Examples:
  # A draft to read and change, then the data of the next day
  cardlake profile --data orders-2026-01-15.parquet --out orders.json
  cardlake validate --suite orders.json --data orders-2026-01-16.parquet

  # To standard output
  cardlake profile --data .cardlake/s3/cardlake-silver/cards

The suite has the columns, their types, missing values, uniqueness, sets of few values, and ranges by quantiles. The data \
meets it; each expectation has a note on what it was made from.

Data: as for cardlake validate.")]
pub(crate) struct ProfileArgs {
    /// The data to describe.
    #[arg(long, value_name = "FILE|DIR")]
    data: PathBuf,
    /// The suite to write; default: standard output. An existing file is not replaced.
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Name of the suite; default: that of the data.
    #[arg(long)]
    name: Option<String>,
}

/// Writes the suite.
///
/// # Errors
/// The data cannot be read, or the suite not be written.
pub(crate) async fn profile(args: ProfileArgs) -> Result<ExitCode, CliError> {
    let table = data::open("--data", &args.data).await?;
    let name = args.name.unwrap_or_else(|| name_of(&args.data));
    let suite = suite_of(table.as_ref(), &name).await;
    let suite = suite.map_err(|error| CliError::caused("profile the data", &error))?;
    let text = suite.to_json();
    let mut out = std::io::stdout().lock();
    let Some(path) = &args.out else {
        printed(write!(out, "{text}"))?;
        return Ok(ExitCode::SUCCESS);
    };
    write_new(path, &text)?;
    let (count, rows) = (suite.expectations.len(), table.rows());
    printed(writeln!(
        out,
        "{}: {count} expectations from {rows} rows",
        path.display()
    ))?;
    Ok(ExitCode::SUCCESS)
}

/// The name of the file or folder without extensions.
fn name_of(data: &Path) -> String {
    let name = data.canonicalize().ok();
    let name = name.as_deref().unwrap_or(data).file_name().unwrap_or_default();
    let name = name.to_string_lossy();
    name.split('.').next().unwrap_or_default().to_owned()
}

/// Writes a file that is not there yet: a suite that was changed by hand is worth keeping.
fn write_new(path: &Path, text: &str) -> Result<(), CliError> {
    let file = std::fs::File::create_new(path);
    let written = file.and_then(|mut file| file.write_all(text.as_bytes()));
    written.map_err(|error| match error.kind() {
        std::io::ErrorKind::AlreadyExists => CliError::usage(format!("{} is there already", path.display()))
            .hint("give --out another name, or remove the file"),
        _ => CliError::caused(&format!("write {}", path.display()), &error).writing(path),
    })
}
