//! The generator's answer to an event: a day of bronze objects in S3.

use crate::error::Error;
use crate::options::DayOptions;
use crate::upload::{Destination, upload_day};
use cardlake_aws::metrics::{self, Metric, Subject};
use cardlake_aws::runtime::Resources;
use cardlake_aws::storage::Storage;
use cardlake_core::env;
use cardlake_core::events::{GeneratorEvent, GeneratorOutput};

/// Settings and clients of the stage.
#[derive(Debug, Clone)]
pub struct Context {
    bronze: Destination,
}

impl Context {
    /// Reads the settings and makes the clients.
    ///
    /// # Errors
    /// All mistakes in the settings.
    #[expect(clippy::unused_async, reason = "all stages are made alike")]
    pub async fn new(resources: Resources) -> Result<Self, Error> {
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

/// Writes the objects of a day. The same event writes the same bytes again.
///
/// # Errors
/// Options that cannot be, or an object that cannot be written.
pub async fn handle(event: GeneratorEvent, context: &Context) -> Result<GeneratorOutput, Error> {
    let options = DayOptions::new(&event)?;
    let batch_date = event.batch_date;
    let output = upload_day(options, &context.bronze, |_| {}).await?;
    tracing::info!(%batch_date, objects = output.objects.len(), rows = ?output.rows, "bronze objects generated");
    for (dataset, rows) in &output.rows {
        metrics::record(&Subject::Dataset(dataset.clone()), &[(Metric::RowsGenerated, *rows)]);
    }
    Ok(output)
}
