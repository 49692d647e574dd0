//! One tick of a build: the state is read, moved on and saved.

use crate::artifacts::result_statuses;
use crate::dashboard;
use crate::error::MartBuilderError;
use crate::files::Files;
use crate::graph::Graph;
use crate::jinja::Invocation;
use crate::manifest::Manifest;
use crate::project::Project;
use crate::run::Run;
use crate::selection::Selection;
use crate::state::{BuildState, FORMAT_VERSION, NodeState, Phase, Status};
use cardlake_aws::clients::Aws;
use cardlake_aws::data_api::{DataApi, Warehouse};
use cardlake_aws::lease::Lease;
use cardlake_aws::runtime::Resources;
use cardlake_aws::storage::Storage;
use cardlake_core::assets::{Asset, AssetFolder};
use cardlake_core::config::{LakeConfig, Variables, WarehouseConfig};
use cardlake_core::events::{MartBuilderEvent, MartBuilderOutput, TickStatus};
use cardlake_core::paths;
use cardlake_report::Dashboard;
use chrono::NaiveDate;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use uuid::{Builder, Uuid};

/// The schema that models are built in, unless they are configured otherwise.
pub const TARGET_SCHEMA: &str = "analytics";
/// The variable of the project that holds the batch date.
const PROCESS_DATE: &str = "process_date";

/// Settings and clients of the stage, made once.
pub struct Context {
    pub(crate) project: Project,
    /// The panels that the project defines.
    pub(crate) dashboard: Dashboard,
    pub(crate) silver_bucket: String,
    pub(crate) gold_bucket: String,
    pub(crate) database: String,
    pub(crate) copy_role_arn: Option<String>,
    pub(crate) files: Box<dyn Files>,
    pub(crate) warehouse: Box<dyn DataApi>,
    /// Builds and loads of one warehouse follow one another: builds make the same relations, and what a build reads must
    /// not change between its first model and its last test.
    pub(crate) lease: Option<Lease>,
    /// The project as the last tick saw it: to read it takes longer than most ticks.
    pub(crate) prepared: Mutex<Option<Arc<Prepared>>>,
}

/// A project ready to be built, for one invocation.
pub(crate) struct Prepared {
    pub(crate) manifest: Manifest,
    pub(crate) graph: Graph,
}

impl Context {
    /// From the settings; reads the dbt project.
    ///
    /// # Errors
    /// A variable is missing or wrong, or the project's files are.
    pub async fn new(resources: Resources) -> Result<Self, MartBuilderError> {
        let Resources { variables, aws, assets } = resources;
        Self::for_project(variables, &aws, &assets.list(AssetFolder::Warehouse)?)
    }

    /// For any dbt project: `files` are those of its folder, with paths from there.
    ///
    /// # Errors
    /// A variable is missing or wrong, or a file of the project is.
    pub fn for_project(mut variables: Variables, aws: &Aws, files: &[Asset]) -> Result<Self, MartBuilderError> {
        let lake = LakeConfig::read(&mut variables);
        let config = WarehouseConfig::read(&mut variables);
        let config = variables.finish(config)?;
        let storage = Storage::new(aws.s3());
        Ok(Self {
            lease: Some(Lease::new(storage.clone(), &lake.silver_bucket, paths::WAREHOUSE_LEASE)),
            project: Project::load(files)?,
            dashboard: dashboard::definitions(files)?,
            silver_bucket: lake.silver_bucket,
            gold_bucket: lake.gold_bucket,
            database: config.database.clone(),
            copy_role_arn: config.copy_role_arn.clone(),
            files: Box::new(storage),
            warehouse: Box::new(Warehouse::new(aws.redshift_data(), config)),
            prepared: Mutex::new(None),
        })
    }

    fn prepare(&self, invocation: Invocation) -> Result<Arc<Prepared>, MartBuilderError> {
        let mut known = self.prepared.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(prepared) = known.as_ref()
            && *prepared.manifest.engine.invocation == invocation
        {
            return Ok(Arc::clone(prepared));
        }
        let manifest = Manifest::new(&self.project, invocation)?;
        let graph = Graph::new(&manifest)?;
        let prepared = Arc::new(Prepared { manifest, graph });
        *known = Some(Arc::clone(&prepared));
        Ok(prepared)
    }
}

/// What the next tick has to know: the rest is in the state.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Cursor {
    format_version: u32,
    generation: u32,
}

/// Does what can be done now and says whether to come back. While another run loads or builds, that is nothing.
///
/// # Errors
/// A model or test failed, the project is wrong, a service refused: see [`MartBuilderError`].
pub async fn handle(event: MartBuilderEvent, context: &Context) -> Result<MartBuilderOutput, MartBuilderError> {
    let Some(lease) = &context.lease else {
        return tick(event, context).await;
    };
    let (holder, cursor) = (event.run_id.clone(), event.cursor.clone());
    let has_ended = |output: &MartBuilderOutput| output.status == TickStatus::Succeeded;
    let output = lease.tick(&holder, tick(event, context), has_ended).await?;
    Ok(output.unwrap_or_else(|| waiting(cursor)))
}

async fn tick(event: MartBuilderEvent, context: &Context) -> Result<MartBuilderOutput, MartBuilderError> {
    let key = paths::build_state(&event.run_id);
    let stored = load(context, &key).await?;
    let generation = match (&event.cursor, &stored) {
        (Some(cursor), _) => Some(generation(cursor, stored.as_ref())?),
        // The answer of the first tick was lost.
        (None, Some(state)) if is_under_way(state) && state.belongs_to(&event, &context.project.fingerprint) => {
            Some(state.generation)
        }
        (None, _) => None,
    };
    let next = stored.as_ref().map_or(1, |state| state.generation + 1);
    let prepared = context.prepare(invocation(&event, context, generation.unwrap_or(next)))?;
    let Prepared { manifest, graph } = prepared.as_ref();
    let state = match stored.filter(|_| generation.is_some()) {
        Some(state) => state,
        None => begin(&event, context, manifest, graph, next).await?,
    };
    let mut run = Run {
        event: &event,
        context,
        manifest,
        graph,
        state,
    };
    let ended = !is_under_way(&run.state);
    run.advance().await?;
    if !ended {
        save(context, &key, &run.state).await?;
    }
    match run.state.phase {
        Phase::Failed => Err(run.failure()),
        Phase::Succeeded => Ok(succeeded(&run)),
        Phase::Inspecting | Phase::Building | Phase::Publishing => running(&run.state),
    }
}

const fn is_under_way(state: &BuildState) -> bool {
    !matches!(state.phase, Phase::Succeeded | Phase::Failed)
}

pub(crate) async fn load(context: &Context, key: &str) -> Result<Option<BuildState>, MartBuilderError> {
    let Some(bytes) = context.files.get(&context.silver_bucket, key).await? else {
        return Ok(None);
    };
    let state: BuildState = serde_json::from_slice(&bytes).map_err(|error| MartBuilderError::Cursor {
        cause: format!("s3://{}/{key} is not a state: {error}", context.silver_bucket),
    })?;
    if state.format_version != FORMAT_VERSION {
        return Err(MartBuilderError::Cursor {
            cause: format!(
                "the state has format version {}, not {FORMAT_VERSION}",
                state.format_version
            ),
        });
    }
    Ok(Some(state))
}

async fn save(context: &Context, key: &str, state: &BuildState) -> Result<(), MartBuilderError> {
    let bytes = serde_json::to_vec(state).map_err(|error| MartBuilderError::Internal {
        what: "the state",
        cause: error.to_string(),
    })?;
    Ok(context.files.put(&context.silver_bucket, key, bytes).await?)
}

/// The build that a cursor speaks of, which must be the one whose state is there.
fn generation(cursor: &Value, stored: Option<&BuildState>) -> Result<u32, MartBuilderError> {
    let wrong = |cause: String| MartBuilderError::Cursor { cause };
    let cursor = Cursor::deserialize(cursor).map_err(|error| wrong(error.to_string()))?;
    match stored {
        Some(state) if state.generation == cursor.generation && cursor.format_version == FORMAT_VERSION => {
            Ok(cursor.generation)
        }
        Some(_) => Err(wrong("another build of this run has begun since".to_owned())),
        None => Err(wrong("its state is gone".to_owned())),
    }
}

/// What all templates see. The invocation id is made from the run's, so that a tick done twice renders the same.
fn invocation(event: &MartBuilderEvent, context: &Context, generation: u32) -> Invocation {
    let digest: [u8; 32] = Sha256::digest(format!("{}\n{generation}", event.run_id)).into();
    let mut id = [0; 16];
    id.copy_from_slice(&digest[..16]);
    let id: Uuid = Builder::from_random_bytes(id).into_uuid();
    Invocation {
        invocation_id: id.to_string(),
        database: context.database.clone(),
        full_refresh: event.full_refresh,
        ..invocation_without_run(&context.project, event.batch_date, &event.vars)
    }
}

/// What all templates see when nothing runs. `vars` win over the project's own; the batch date over both.
pub(crate) fn invocation_without_run(
    project: &Project,
    batch_date: NaiveDate,
    vars: &Map<String, Value>,
) -> Invocation {
    let mut all = project.vars.clone();
    all.extend(vars.clone());
    all.insert(PROCESS_DATE.to_owned(), Value::from(batch_date.to_string()));
    Invocation {
        project: project.name.clone(),
        invocation_id: Uuid::nil().to_string(),
        batch_date,
        vars: all,
        database: "cardlake".to_owned(),
        schema: TARGET_SCHEMA.to_owned(),
        full_refresh: false,
    }
}

async fn begin(
    event: &MartBuilderEvent,
    context: &Context,
    manifest: &Manifest,
    graph: &Graph,
    generation: u32,
) -> Result<BuildState, MartBuilderError> {
    let selection = Selection {
        select: event.select.as_deref(),
        exclude: event.exclude.as_deref(),
        last_results: last_results(event, context).await?,
    };
    let selected = selection.nodes(manifest, graph)?;
    tracing::info!(run_id = event.run_id, nodes = selected.len(), "build begins");
    Ok(BuildState {
        format_version: FORMAT_VERSION,
        run_id: event.run_id.clone(),
        generation,
        batch_date: event.batch_date,
        select: event.select.clone(),
        exclude: event.exclude.clone(),
        vars: event.vars.clone(),
        full_refresh: event.full_refresh,
        project: context.project.fingerprint.clone(),
        phase: Phase::Inspecting,
        inspection: None,
        inspections: 0,
        failure: None,
        existing: BTreeMap::new(),
        nodes: selected.into_iter().map(|id| (id, NodeState::pending())).collect(),
        running: Vec::new(),
        publications: BTreeMap::new(),
        panels: BTreeMap::new(),
        panel_warnings: Vec::new(),
    })
}

/// How the nodes of the last build ended, by id; read only for a selection that asks.
async fn last_results(
    event: &MartBuilderEvent,
    context: &Context,
) -> Result<BTreeMap<String, String>, MartBuilderError> {
    let asks = |text: &Option<String>| text.as_ref().is_some_and(|text| text.contains("result:"));
    if !asks(&event.select) && !asks(&event.exclude) {
        return Ok(BTreeMap::new());
    }
    let stored = context
        .files
        .get(&context.silver_bucket, paths::LAST_RUN_RESULTS)
        .await?;
    Ok(stored.map(|bytes| result_statuses(&bytes)).unwrap_or_default())
}

fn running(state: &BuildState) -> Result<MartBuilderOutput, MartBuilderError> {
    let cursor = Cursor {
        format_version: FORMAT_VERSION,
        generation: state.generation,
    };
    let cursor = serde_json::to_value(cursor).map_err(|error| MartBuilderError::Internal {
        what: "the cursor",
        cause: error.to_string(),
    })?;
    Ok(waiting(Some(cursor)))
}

/// Nothing is done yet.
const fn waiting(cursor: Option<Value>) -> MartBuilderOutput {
    MartBuilderOutput {
        status: TickStatus::Running,
        cursor,
        marts: BTreeMap::new(),
        tests_passed: 0,
        warnings: Vec::new(),
        failed_panels: 0,
        report: None,
    }
}

/// What a build has come to whose marts are published.
pub(crate) fn succeeded(run: &Run<'_>) -> MartBuilderOutput {
    let state = &run.state;
    let marts = state.publications.iter();
    MartBuilderOutput {
        status: TickStatus::Succeeded,
        cursor: None,
        marts: marts
            .map(|(name, publication)| (name.clone(), publication.rows.unwrap_or_default()))
            .collect(),
        tests_passed: state.count(Status::Pass),
        warnings: run.warnings().into_iter().chain(state.panel_warnings.clone()).collect(),
        failed_panels: state.panel_warnings.len() as u64,
        report: (!state.panels.is_empty()).then(|| paths::REPORT.to_owned()),
    }
}
