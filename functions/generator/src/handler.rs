//! Handles an event: writes one day of bronze objects to S3.

use crate::context::Context;
use crate::error::GeneratorError;
use crate::options::DayOptions;
use crate::upload::upload_day;
use cardlake_aws::metrics::{self, Metric, Subject};
use cardlake_core::events::{GeneratorEvent, GeneratorOutput};

/// Writes the objects of a day. The same event overwrites the same objects with the same bytes.
///
/// # Errors
/// Invalid options, or an object that cannot be written.
pub async fn handle(event: GeneratorEvent, context: &Context) -> Result<GeneratorOutput, GeneratorError> {
    let options = DayOptions::new(&event)?;
    let batch_date = event.batch_date;
    let output = upload_day(options, &context.bronze, |_| {}).await?;
    tracing::info!(%batch_date, objects = output.objects.len(), rows = ?output.rows, "bronze objects generated");
    for (dataset, rows) in &output.rows {
        metrics::record(&Subject::Dataset(dataset.clone()), &[(Metric::RowsGenerated, *rows)]);
    }
    Ok(output)
}
