//! The handler: one action per event.

use crate::context::Context;
use crate::error::ReconcilerError;
use crate::{balance, optimize, plan, publish, reconcile, vacuum};
use cardlake_core::events::{
    BalanceOutput, DayOutput, OptimizeOutput, PlanOutput, PublishOutput, ReconcileOutput, ReconcilerEvent, VacuumOutput,
};
use serde::{Deserialize, Serialize};

/// The output of an action.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Output {
    /// Of `plan`.
    Plan(PlanOutput),
    /// Of `reconcile`.
    Reconcile(ReconcileOutput),
    /// Of `publish`.
    Publish(PublishOutput),
    /// Of `balance`.
    Balance(BalanceOutput),
    /// Of `optimize`.
    Optimize(OptimizeOutput),
    /// Of `vacuum`.
    Vacuum(VacuumOutput),
    /// Of `day`.
    Day(DayOutput),
}

/// Runs the action that the event names.
///
/// # Errors
/// See [`ReconcilerError`]. Nothing of a failed action is visible to readers of the table.
pub async fn handle(event: ReconcilerEvent, context: &Context) -> Result<Output, ReconcilerError> {
    match event {
        ReconcilerEvent::Day {
            scheduled_time,
            days_back,
        } => plan::day(scheduled_time, days_back).map(Output::Day),
        ReconcilerEvent::Plan { batch_date } => plan::plan(context, batch_date).await.map(Output::Plan),
        ReconcilerEvent::Reconcile {
            batch_date,
            dataset,
            late_window_days,
        } => reconcile::reconcile(context, batch_date, &dataset, late_window_days)
            .await
            .map(Output::Reconcile),
        ReconcilerEvent::Publish {
            batch_date,
            dataset,
            candidate,
        } => publish::publish(context, batch_date, &dataset, candidate.as_deref())
            .await
            .map(Output::Publish),
        ReconcilerEvent::Balance {
            batch_date,
            published,
            loaded,
        } => balance::balance(context, batch_date, &published, &loaded)
            .await
            .map(Output::Balance),
        ReconcilerEvent::Optimize { dataset, from, to } => optimize::optimize(context, dataset.as_deref(), from, to)
            .await
            .map(Output::Optimize),
        ReconcilerEvent::Vacuum {
            dataset,
            retention_days,
            dry_run,
        } => vacuum::vacuum(context, dataset.as_deref(), retention_days, dry_run)
            .await
            .map(Output::Vacuum),
    }
}
