//! Settings and clients of the stage, made once for each process.

use crate::error::LoaderError;
use crate::silver::{Lake, Silver};
use cardlake_aws::data_api::{DataApi, Warehouse};
use cardlake_aws::lease::Lease;
use cardlake_aws::runtime::Resources;
use cardlake_aws::storage::Storage;
use cardlake_core::config::{LakeConfig, WarehouseConfig};
use cardlake_core::contract::Contracts;
use cardlake_core::paths;

/// Settings and clients of the stage.
pub struct Context {
    pub(crate) contracts: Contracts,
    pub(crate) silver_bucket: String,
    pub(crate) copy_role_arn: Option<String>,
    /// Name of the database in the warehouse.
    pub(crate) database: String,
    pub(crate) silver: Box<dyn Silver>,
    pub(crate) warehouse: Box<dyn DataApi>,
    /// Serialises loads and builds of one warehouse: what a build reads must not change while it runs.
    pub(crate) lease: Option<Lease>,
}

impl Context {
    /// Reads settings and contracts and creates the clients; sends no request.
    ///
    /// # Errors
    /// A variable is missing or wrong, or a contract is.
    pub async fn new(resources: Resources) -> Result<Self, LoaderError> {
        let Resources {
            mut variables,
            aws,
            assets,
        } = resources;
        let lake = LakeConfig::read(&mut variables);
        let config = WarehouseConfig::read(&mut variables);
        let config = variables.finish(config)?;
        let storage = Storage::new(aws.s3());
        Ok(Self {
            lease: Some(Lease::new(storage, &lake.silver_bucket, paths::WAREHOUSE_LEASE)),
            contracts: Contracts::load(&assets)?,
            copy_role_arn: config.copy_role_arn.clone(),
            database: config.database.clone(),
            silver: Box::new(Lake::new(&aws, &lake.silver_bucket)?),
            silver_bucket: lake.silver_bucket,
            warehouse: Box::new(Warehouse::new(aws.redshift_data(), config)),
        })
    }
}
