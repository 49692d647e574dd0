//! What an invocation needs: the settings and the S3 client, made once per container.

use crate::error::GeneratorError;
use crate::upload::Destination;
use cardlake_aws::runtime::Resources;
use cardlake_aws::storage::Storage;
use cardlake_core::env;

/// Settings and clients of the stage.
#[derive(Debug, Clone)]
pub struct Context {
    pub(crate) bronze: Destination,
}

impl Context {
    /// Reads the settings and creates the clients.
    ///
    /// # Errors
    /// All invalid settings at once.
    #[expect(clippy::unused_async, reason = "the same signature in every stage")]
    pub async fn new(resources: Resources) -> Result<Self, GeneratorError> {
        let Resources { mut variables, aws, .. } = resources;
        let bronze_bucket = variables.required(env::BRONZE_BUCKET, "the bucket of the raw files");
        Ok(variables.finish(Self {
            bronze: Destination {
                storage: Storage::new(aws.s3()),
                bucket: bronze_bucket,
                prefix: String::new(),
            },
        })?)
    }
}
