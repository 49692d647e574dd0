//! Actions `day` and `plan`: which day a scheduled run is about, and which datasets have bronze objects on a day.

use crate::context::Context;
use crate::delivery::{Delivery, check};
use crate::error::ReconcilerError;
use crate::not_read::NotRead;
use crate::stray;
use cardlake_core::events::{DayOutput, PlanOutput, PlannedDataset};
use cardlake_core::paths::{bronze_prefix, candidates_prefix};
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

/// Lists the day's prefix of every dataset that has a contract, and what lies outside of all of them. Objects that are not
/// input do not count; they are named. A dataset without objects is reconciled if it had some before: their rows are withdrawn.
///
/// # Errors
/// Bronze cannot be listed; a file is missing, and the contract says to fail then.
pub(crate) async fn plan(context: &Context, batch_date: NaiveDate) -> Result<PlanOutput, ReconcilerError> {
    // Contracts come sorted by dataset, and `try_join_all` keeps the order.
    let listings = context.contracts.iter().map(|contract| async move {
        let delivery = Delivery::list(context, &contract.dataset, batch_date).await?;
        let planned = PlannedDataset {
            dataset: contract.dataset.clone(),
            prefix: bronze_prefix(&contract.dataset, batch_date),
            objects: delivery.inputs.len() as u64,
            bytes: delivery.inputs.iter().map(|(object, _)| object.size).sum(),
        };
        let is_reconciled = planned.objects > 0 || had_objects(context, &contract.dataset, batch_date).await?;
        let unmet = delivery.unmet(contract, batch_date, None);
        Ok::<_, ReconcilerError>((planned, is_reconciled, delivery.not_read, (contract.as_ref(), unmet)))
    });
    let (mut datasets, mut reconciled) = (Vec::new(), Vec::new());
    let (mut not_read, mut unmet) = (NotRead::default(), Vec::new());
    for (planned, is_reconciled, ignored, of_dataset) in try_join_all(listings).await? {
        not_read.extend(ignored);
        unmet.push(of_dataset);
        if is_reconciled {
            reconciled.push(planned.dataset.clone());
        }
        if planned.objects > 0 {
            datasets.push(planned);
        }
    }
    not_read.extend(stray::find(context).await?);
    for warning in not_read.warnings() {
        tracing::warn!(%batch_date, warning, "bronze");
    }
    check(batch_date, unmet, not_read.warnings())?;
    Ok(PlanOutput {
        batch_date,
        datasets,
        reconciled,
        ignored_objects: not_read.objects,
        ignored: not_read.files,
    })
}

/// Whether a candidate was written for the dataset and day, so that there may be rows to withdraw.
async fn had_objects(context: &Context, dataset: &str, batch_date: NaiveDate) -> Result<bool, ReconcilerError> {
    let prefix = candidates_prefix(dataset, batch_date);
    let candidates = context.storage.list(&context.lake.silver_bucket, &prefix).await?;
    Ok(!candidates.is_empty())
}
