//! Action `plan`: which datasets have bronze objects on a day.

use crate::error::ReconcilerError;
use crate::handler::Context;
use cardlake_shared::events::{PlanOutput, PlannedDataset};
use cardlake_shared::paths::{BronzeKey, bronze_prefix};
use chrono::NaiveDate;
use futures::future::try_join_all;

/// Lists the day's prefix of every dataset that has a contract. Keys that are no input do not count.
pub(crate) async fn plan(context: &Context, batch_date: NaiveDate) -> Result<PlanOutput, ReconcilerError> {
    // Contracts come sorted by dataset, and `try_join_all` keeps the order.
    let listings = context.contracts.iter().map(|contract| async move {
        let prefix = bronze_prefix(&contract.dataset, batch_date);
        let mut objects = context.storage.list(&context.lake.bronze_bucket, &prefix).await?;
        objects.retain(|object| BronzeKey::parse(&object.key).is_some());
        Ok::<_, ReconcilerError>(PlannedDataset {
            dataset: contract.dataset.clone(),
            prefix,
            objects: objects.len() as u64,
            bytes: objects.iter().map(|object| object.size).sum(),
        })
    });
    let mut datasets = try_join_all(listings).await?;
    datasets.retain(|planned| planned.objects > 0);
    Ok(PlanOutput { batch_date, datasets })
}
