//! Settings of a dbt invocation: what templates see in this pipeline.

use cardlake_core::events::MartBuilderEvent;
use cardlake_dbt::{Invocation, Project};
use chrono::NaiveDate;
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};
use uuid::{Builder, Uuid};

/// The default schema of models.
pub const TARGET_SCHEMA: &str = "analytics";
/// The database in compiled SQL without a warehouse.
const DEFAULT_DATABASE: &str = "cardlake";
/// The project variable that holds the batch date.
const PROCESS_DATE: &str = "process_date";

/// Of a build. The invocation id is derived from the run's, so that a repeated tick renders the same text.
pub(crate) fn of_build(event: &MartBuilderEvent, project: &Project, database: &str, generation: u32) -> Invocation {
    let digest: [u8; 32] = Sha256::digest(format!("{}\n{generation}", event.run_id)).into();
    let mut id = [0; 16];
    id.copy_from_slice(&digest[..16]);
    let id: Uuid = Builder::from_random_bytes(id).into_uuid();
    Invocation {
        invocation_id: id.to_string(),
        database: database.to_owned(),
        full_refresh: event.full_refresh,
        ..without_warehouse(project, event.batch_date, &event.vars)
    }
}

/// Of a compilation. `vars` override the project's own, the batch date overrides both.
pub(crate) fn without_warehouse(project: &Project, batch_date: NaiveDate, vars: &Map<String, Value>) -> Invocation {
    let mut all = project.vars.clone();
    all.extend(vars.clone());
    all.insert(PROCESS_DATE.to_owned(), Value::from(batch_date.to_string()));
    Invocation {
        project: project.name.clone(),
        invocation_id: Uuid::nil().to_string(),
        batch_date,
        vars: all,
        database: DEFAULT_DATABASE.to_owned(),
        schema: TARGET_SCHEMA.to_owned(),
        full_refresh: false,
    }
}
