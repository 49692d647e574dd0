//! `cardlake docs`: writes the documentation of a dbt project as one HTML page.

use super::build::{compiled, write};
use crate::error::{CliError, print};
use cardlake_mart_builder::compile::Request;
use chrono::{Days, Utc};
use clap::Args;
use serde_json::json;
use std::path::PathBuf;
use std::process::ExitCode;

/// Options of `cardlake docs`.
#[derive(Debug, Clone, Args)]
#[command(after_help = "\
Examples:
  cardlake docs --out docs.html
  cardlake docs --project ./shop --out shop.html")]
pub struct DocsArgs {
    /// Folder of the dbt project (default: the bundled project).
    #[arg(long, value_name = "DIR")]
    pub project: Option<PathBuf>,
    /// Output file.
    #[arg(long, value_name = "FILE", default_value = "target/docs.html")]
    pub out: PathBuf,
    /// Print one JSON document instead of a sentence.
    #[arg(long)]
    pub json: bool,
}

/// Writes the page and says where it is.
///
/// # Errors
/// The project is wrong, or the page cannot be written.
pub(crate) fn docs(args: &DocsArgs) -> Result<ExitCode, CliError> {
    let request = Request {
        batch_date: Utc::now().date_naive() - Days::new(1),
        ..Request::default()
    };
    let project = compiled(args.project.as_deref(), &request)?;
    write(&args.out, &project.docs)?;
    let written = json!({"project": project.name, "page": args.out});
    print(args.json, &written, || {
        format!("{} is described in {}\n", project.name, args.out.display())
    })?;
    Ok(ExitCode::SUCCESS)
}
