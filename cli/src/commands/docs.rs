//! `cardlake docs`: writes the documentation of a dbt project as one HTML page.

use super::build::{files_of, write};
use super::sql::ask;
use crate::access::Access;
use crate::arguments::DataDir;
use crate::environment::Environment;
use crate::error::{CliError, print};
use cardlake_aws::data_api::ResultSet;
use cardlake_mart_builder::compile::{COLUMNS, documentation};
use chrono::{Days, Utc};
use clap::Args;
use serde_json::json;
use std::path::{Path, PathBuf};
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
    #[command(flatten)]
    #[allow(missing_docs)]
    pub data: DataDir,
}

/// Writes the page and says where it is. The types of the columns are those of the warehouse in the data directory.
///
/// # Errors
/// The project is wrong, the warehouse cannot be asked, or the page cannot be written.
pub(crate) async fn docs(args: DocsArgs) -> Result<ExitCode, CliError> {
    let files = files_of(args.project.as_deref())?;
    let columns = columns(&args.data.data_dir).await?;
    let has_types = columns.is_some();
    let batch_date = Utc::now().date_naive() - Days::new(1);
    let documentation = documentation(&files, batch_date, columns);
    let documentation = documentation.map_err(|error| CliError::caused("document the project", &error))?;
    write(&args.out, &documentation.page)?;
    let written = json!({"project": documentation.name, "page": args.out, "column_types": has_types});
    print(args.json, &written, || {
        let without = if has_types {
            String::new()
        } else {
            let folder = args.data.data_dir.display();
            format!(", without the types of columns: there is no warehouse in {folder}")
        };
        format!(
            "{} is described in {}{without}\n",
            documentation.name,
            args.out.display()
        )
    })?;
    Ok(ExitCode::SUCCESS)
}

/// The columns of the warehouse; `None` if there is none yet.
async fn columns(data_dir: &Path) -> Result<Option<ResultSet>, CliError> {
    if !Environment::exists(data_dir) {
        return Ok(None);
    }
    let access = Access::open(data_dir).await?;
    let columns = match access.warehouse() {
        Ok(warehouse) => ask(&warehouse, COLUMNS).await,
        Err(error) => Err(error),
    };
    access.close().await?;
    columns.map(Some)
}
