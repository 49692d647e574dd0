//! Actions `day` and `plan`: which day a scheduled run is about, and which datasets have bronze objects on a day.

use crate::context::Context;
use crate::delivery::Delivery;
use crate::error::ReconcilerError;
use cardlake_core::events::{DayOutput, PlanOutput, PlannedDataset};
use cardlake_core::paths::bronze_prefix;
use chrono::{DateTime, Days, NaiveDate, Utc};
use futures::future::try_join_all;

/// The day in UTC that lies `days_back` days before the schedule's.
pub(crate) fn day(scheduled_time: DateTime<Utc>, days_back: u32) -> Result<DayOutput, ReconcilerError> {
    let day = scheduled_time
        .date_naive()
        .checked_sub_days(Days::new(days_back.into()));
    let batch_date = day.ok_or_else(|| {
        ReconcilerError::InvalidEvent(format!(
            "there is no day {days_back} days before {scheduled_time}: give a smaller days_back"
        ))
    })?;
    Ok(DayOutput { batch_date })
}

/// Lists the day's prefix of every dataset that has a contract. Objects that are not input do not count.
pub(crate) async fn plan(context: &Context, batch_date: NaiveDate) -> Result<PlanOutput, ReconcilerError> {
    // Contracts come sorted by dataset, and `try_join_all` keeps the order.
    let listings = context.contracts.iter().map(|contract| async move {
        let delivery = Delivery::list(context, &contract.dataset, batch_date).await?;
        Ok::<_, ReconcilerError>(PlannedDataset {
            dataset: contract.dataset.clone(),
            prefix: bronze_prefix(&contract.dataset, batch_date),
            objects: delivery.inputs.len() as u64,
            bytes: delivery.inputs.iter().map(|(object, _)| object.size).sum(),
        })
    });
    let mut datasets = try_join_all(listings).await?;
    datasets.retain(|planned| planned.objects > 0);
    Ok(PlanOutput { batch_date, datasets })
}
