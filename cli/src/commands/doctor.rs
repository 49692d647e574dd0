//! `cardlake doctor`: what would be in the way, before it is.

use crate::arguments::DoctorArgs;
use crate::commands::sql::ask;
use crate::environment::Environment;
use crate::error::{CliError, print};
use crate::full_disk::{self, SPACE_OF_A_DAY};
use crate::remote::{Stack, required};
use crate::table::{bad, good, new_table, notable};
use cardlake_core::contract::Contracts;
use cardlake_core::env;
use cardlake_core::error::with_causes;
use comfy_table::Cell;
use serde::Serialize;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::ExitCode;

/// Below this, a few days of a million rows may not fit.
const MINIMUM_DISK_BYTES: u64 = 5 << 30;

/// How a check ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
enum Finding {
    Good,
    /// Something will not work, and most will.
    Warning,
    Bad,
}

#[derive(Debug, Serialize)]
struct Check {
    what: String,
    finding: Finding,
    told: String,
}

impl Check {
    fn new(what: impl Into<String>, outcome: Result<String, String>) -> Self {
        let (finding, told) = match outcome {
            Ok(told) => (Finding::Good, told),
            Err(told) => (Finding::Bad, told),
        };
        Self {
            what: what.into(),
            finding,
            told,
        }
    }
}

/// Checks this machine, and the deployed stack if asked to, and prints what was found.
///
/// # Errors
/// Standard output cannot be written. What is in the way gives exit code 1.
pub(crate) async fn doctor(args: DoctorArgs) -> Result<ExitCode, CliError> {
    let mut checks = vec![
        data_directory(&args.data.data_dir).await,
        disk(&args.data.data_dir),
        project_files(),
    ];
    checks.extend(readers(&args.data.data_dir));
    if args.aws {
        checks.extend(stack().await);
    }
    let is_bad = checks.iter().any(|check| check.finding == Finding::Bad);
    print(args.json, &checks, || {
        let mut table = new_table(&["", "what", "found"]);
        for check in &checks {
            let sign = match check.finding {
                Finding::Good => good(Cell::new("ok")),
                Finding::Warning => notable(Cell::new("warning")),
                Finding::Bad => bad(Cell::new("BAD")),
            };
            table.add_row([sign, Cell::new(&check.what), Cell::new(&check.told)]);
        }
        format!("{table}\n")
    })?;
    Ok(ExitCode::from(u8::from(is_bad)))
}

/// Opens the lake, servers and warehouse included: nothing less proves that they start.
async fn data_directory(path: &Path) -> Check {
    let what = format!("data directory {}", path.display());
    let existed = path.exists();
    let outcome = match Environment::open(path).await {
        Ok(environment) => environment.close().await,
        Err(error) => Err(error),
    };
    if !existed {
        // It was made to see whether it can be made.
        let _ = std::fs::remove_dir_all(path);
    }
    let outcome = outcome.map(|()| "can be written; S3, secrets and warehouse start".to_owned());
    Check::new(what, outcome.map_err(|error| error.to_string()))
}

/// Who else of this machine can read the lake: nothing to tell of one that this version made.
fn readers(path: &Path) -> Option<Check> {
    let folder = std::fs::metadata(path).ok().filter(std::fs::Metadata::is_dir)?;
    (folder.permissions().mode() & 0o077 != 0).then(|| Check {
        what: "privacy".to_owned(),
        finding: Finding::Warning,
        told: format!(
            "other users of this machine can read card numbers in the lake: chmod 700 {}",
            path.display()
        ),
    })
}

fn disk(path: &Path) -> Check {
    let present = path
        .ancestors()
        .find(|folder| folder.is_dir() && !folder.as_os_str().is_empty());
    let folder = present.unwrap_or_else(|| Path::new("."));
    let space = fs4::available_space(folder);
    let told = full_disk::free_space(folder);
    match space {
        Ok(bytes) if bytes < MINIMUM_DISK_BYTES => Check {
            what: "disk".to_owned(),
            finding: Finding::Warning,
            told: format!("{}: {SPACE_OF_A_DAY}", told.unwrap_or_default()),
        },
        _ => Check::new("disk", told.map_err(|error| error.to_string())),
    }
}

fn project_files() -> Check {
    let loaded = Contracts::load(&cardlake_assets::embedded());
    let names = |contracts: Contracts| {
        let names: Vec<String> = contracts.iter().map(|contract| contract.dataset.clone()).collect();
        names.join(", ")
    };
    Check::new("contracts", loaded.map(names).map_err(|error| with_causes(&error)))
}

/// One real call to every service that the commands use.
async fn stack() -> Vec<Check> {
    let stack = match Stack::connect().await {
        Ok(stack) => stack,
        Err(error) => return vec![Check::new("AWS credentials", Err(error.to_string()))],
    };
    let region = stack.aws().sdk().region().map(ToString::to_string).unwrap_or_default();
    let mut checks = vec![Check::new("AWS credentials", Ok(format!("found, region {region}")))];
    for variable in [env::BRONZE_BUCKET, env::SILVER_BUCKET, env::GOLD_BUCKET] {
        let outcome = match required(variable, "a bucket") {
            Ok(bucket) => {
                let listed = stack
                    .aws()
                    .s3()
                    .list_objects_v2()
                    .bucket(&bucket)
                    .max_keys(1)
                    .send()
                    .await;
                listed
                    .map(|_| format!("{bucket} can be listed"))
                    .map_err(|error| with_causes(&error))
            }
            Err(error) => Err(error.to_string()),
        };
        checks.push(Check::new(variable, outcome));
    }
    for variable in [env::DAILY_STATE_MACHINE_ARN, env::BACKFILL_STATE_MACHINE_ARN] {
        let found = stack.state_machine(variable).await;
        let outcome = found
            .map(|name| format!("{name} is there"))
            .map_err(|error| error.to_string());
        checks.push(Check::new(variable, outcome));
    }
    let outcome = match stack.warehouse() {
        Ok(warehouse) => ask(&warehouse, "select 1").await,
        Err(error) => Err(error),
    };
    let outcome = outcome.map(|_| "answers".to_owned());
    checks.push(Check::new("warehouse", outcome.map_err(|error| error.to_string())));
    checks
}
