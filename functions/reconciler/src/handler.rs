//! The handler: settings and clients once, then one action for each event.

use crate::error::ReconcilerError;
use crate::{balance, plan, publish, reconcile, vacuum};
use cardlake_aws::runtime::Resources;
use cardlake_aws::storage::Storage;
use cardlake_core::config::LakeConfig;
use cardlake_core::contract::Contracts;
use cardlake_core::env;
use cardlake_core::events::{
    BalanceOutput, DayOutput, PlanOutput, PublishOutput, ReconcileOutput, ReconcilerEvent, VacuumOutput,
};
use cardlake_lake::delta::DeltaStore;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

/// Share of a batch that may be unusable.
pub const DEFAULT_QUARANTINE_THRESHOLD: f64 = 0.05;

/// Settings and clients of the stage.
#[derive(Debug)]
pub struct Context {
    pub(crate) lake: LakeConfig,
    pub(crate) contracts: Contracts,
    pub(crate) storage: Storage,
    pub(crate) delta: DeltaStore,
    pub(crate) quarantine_threshold: f64,
    now: Option<DateTime<Utc>>,
}

impl Context {
    /// Reads settings and contracts and makes the clients; sends no request. To be called in a multi-threaded tokio
    /// runtime.
    ///
    /// # Errors
    /// A setting or a contract is missing or wrong.
    pub async fn new(resources: Resources) -> Result<Self, ReconcilerError> {
        let Resources {
            mut variables,
            aws,
            assets,
        } = resources;
        let lake = LakeConfig::read(&mut variables);
        let what = "a share from 0 to 1";
        let quarantine_threshold = variables.parsed(env::QUARANTINE_THRESHOLD, what, DEFAULT_QUARANTINE_THRESHOLD);
        if !(0.0..=1.0).contains(&quarantine_threshold) {
            variables.mistake(format!(
                "{} is {quarantine_threshold}: give it {what}",
                env::QUARANTINE_THRESHOLD
            ));
        }
        let lake = variables.finish(lake)?;
        Ok(Self {
            contracts: Contracts::load(&assets)?,
            storage: Storage::new(aws.s3()),
            delta: DeltaStore::new(&aws, &lake.silver_bucket)?,
            lake,
            quarantine_threshold,
            now: None,
        })
    }

    /// The same at another time: what `vacuum` takes for now.
    #[must_use]
    pub const fn at(mut self, now: DateTime<Utc>) -> Self {
        self.now = Some(now);
        self
    }

    /// The time; the only place of the stage that asks the clock.
    pub(crate) fn now(&self) -> DateTime<Utc> {
        self.now.unwrap_or_else(Utc::now)
    }
}

/// What an action gives.
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
    /// Of `vacuum`.
    Vacuum(VacuumOutput),
    /// Of `day`.
    Day(DayOutput),
}

/// Does what the event asks for.
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
        ReconcilerEvent::Vacuum {
            dataset,
            retention_days,
            dry_run,
        } => vacuum::vacuum(context, dataset.as_deref(), retention_days, dry_run)
            .await
            .map(Output::Vacuum),
    }
}
