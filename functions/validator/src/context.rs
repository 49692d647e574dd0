//! Settings, clients and project files of the stage.

use crate::error::ValidatorError;
use cardlake_aws::clients::Aws;
use cardlake_aws::runtime::Resources;
use cardlake_aws::storage::Storage;
use cardlake_core::assets::Assets;
use cardlake_core::contract::Contracts;
use cardlake_core::env;

/// Settings, clients and project files of the stage.
#[derive(Debug, Clone)]
pub struct Context {
    pub(crate) aws: Aws,
    pub(crate) storage: Storage,
    pub(crate) silver_bucket: String,
    pub(crate) assets: Assets,
    pub(crate) contracts: Contracts,
}

impl Context {
    /// Reads settings and contracts, and creates the clients.
    ///
    /// # Errors
    /// All mistakes in the settings; an invalid contract.
    #[expect(clippy::unused_async, reason = "the signature of every stage")]
    pub async fn new(resources: Resources) -> Result<Self, ValidatorError> {
        let Resources {
            mut variables,
            aws,
            assets,
        } = resources;
        let silver_bucket = variables.required(env::SILVER_BUCKET, "the bucket of the Delta tables");
        variables.finish(())?;
        Ok(Self {
            storage: Storage::new(aws.s3()),
            aws,
            silver_bucket,
            contracts: Contracts::load(&assets)?,
            assets,
        })
    }

    /// The address of an object in the silver bucket.
    pub(crate) fn address(&self, key: &str) -> String {
        format!("s3://{}/{key}", self.silver_bucket)
    }
}
