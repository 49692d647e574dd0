//! Settings, clients and the parsed project: made once, used by every invocation.

use crate::dashboard;
use crate::error::MartBuilderError;
use crate::files::Files;
use cardlake_aws::clients::Aws;
use cardlake_aws::data_api::{DataApi, Warehouse};
use cardlake_aws::lease::Lease;
use cardlake_aws::runtime::Resources;
use cardlake_aws::storage::Storage;
use cardlake_core::assets::AssetFolder;
use cardlake_core::config::{LakeConfig, Variables, WarehouseConfig};
use cardlake_core::paths;
use cardlake_dbt::{Graph, Invocation, Manifest, Project, ProjectFile};
use cardlake_report::Dashboard;
use std::sync::{Arc, Mutex, PoisonError};

/// Settings and clients of the stage.
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
    /// Serialises builds and loads of one warehouse: builds create the same relations, and their input must not change
    /// between the first model and the last test.
    pub(crate) lease: Option<Lease>,
    /// The manifest of the last tick: parsing takes longer than most ticks.
    pub(crate) prepared: Mutex<Option<Arc<Prepared>>>,
}

/// The project, parsed for one invocation.
pub(crate) struct Prepared {
    pub(crate) manifest: Manifest,
    pub(crate) graph: Graph,
}

impl Context {
    /// From the settings and the project files of the resources.
    ///
    /// # Errors
    /// A variable is missing or wrong, or a project file is.
    pub async fn new(resources: Resources) -> Result<Self, MartBuilderError> {
        let Resources { variables, aws, assets } = resources;
        let files = assets.list(AssetFolder::Warehouse)?.into_iter();
        let files: Vec<_> = files.map(|asset| ProjectFile::new(asset.path, asset.text)).collect();
        Self::for_project(variables, &aws, &files)
    }

    /// For any dbt project.
    ///
    /// # Errors
    /// A variable is missing or wrong, or a project file is.
    pub fn for_project(mut variables: Variables, aws: &Aws, files: &[ProjectFile]) -> Result<Self, MartBuilderError> {
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

    /// The project parsed for an invocation, which is cached.
    pub(crate) fn prepare(&self, invocation: Invocation) -> Result<Arc<Prepared>, MartBuilderError> {
        let mut cached = self.prepared.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(prepared) = cached.as_ref()
            && *prepared.manifest.invocation() == invocation
        {
            return Ok(Arc::clone(prepared));
        }
        let manifest = Manifest::parse(&self.project, invocation)?;
        let graph = Graph::new(&manifest)?;
        let prepared = Arc::new(Prepared { manifest, graph });
        *cached = Some(Arc::clone(&prepared));
        Ok(prepared)
    }
}
