//! Settings and clients of the stage, made once for each process.

use crate::error::ReconcilerError;
use cardlake_aws::runtime::Resources;
use cardlake_aws::storage::Storage;
use cardlake_core::config::LakeConfig;
use cardlake_core::contract::Contracts;
use cardlake_core::env;
use cardlake_lake::delta::DeltaStore;
use chrono::{DateTime, Utc};

/// Allowed unusable share of a batch (0 to 1), unless set otherwise.
pub(crate) const DEFAULT_QUARANTINE_THRESHOLD: f64 = 0.05;

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
    /// Reads settings and contracts and creates the clients; sends no request. Requires a multi-threaded tokio runtime.
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

    /// Fixes the current time, which `vacuum` counts its retention from.
    #[must_use]
    pub const fn at(mut self, now: DateTime<Utc>) -> Self {
        self.now = Some(now);
        self
    }

    /// The current time; the only place of the stage that reads the clock.
    pub(crate) fn now(&self) -> DateTime<Utc> {
        self.now.unwrap_or_else(Utc::now)
    }
}
