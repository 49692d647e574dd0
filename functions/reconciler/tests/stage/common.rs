//! The reconciler over a lake on loopback, whose silver files are delivered as the transformer leaves them.

use cardlake_core::contract::Contract;
use cardlake_core::env;
use cardlake_core::events::{PublishOutput, ReconcileOutput, ReconcilerEvent};
use cardlake_reconciler::{Context, Output, ReconcilerError, handle};
use cardlake_test_support::transactions::TransactionLake;
use chrono::{DateTime, Utc};
use std::ops::Deref;
use std::sync::Arc;

pub use cardlake_test_support::transactions::{Row, date, expected, transaction_id};
pub use cardlake_test_support::{BRONZE, SILVER};

pub struct Lake {
    inner: TransactionLake,
    context: Context,
}

impl Deref for Lake {
    type Target = TransactionLake;

    fn deref(&self) -> &TransactionLake {
        &self.inner
    }
}

impl Lake {
    pub async fn start() -> Self {
        let inner = TransactionLake::start().await;
        let context = Context::new(inner.lake.resources(&[])).await.unwrap();
        Self { inner, context }
    }

    /// From now on with another contract for `transactions`.
    pub async fn change_contract(&mut self, text: &str) {
        let assets = self.lake.folder().join(".assets");
        std::fs::create_dir_all(assets.join("contracts")).unwrap();
        std::fs::write(assets.join("contracts/transactions.yaml"), text).unwrap();
        let resources = self.lake.resources(&[(env::ASSETS_DIR, assets.to_str().unwrap())]);
        self.context = Context::new(resources).await.unwrap();
        self.inner.contract = Arc::new(Contract::from_yaml("transactions.yaml", text).unwrap());
    }

    /// From now on as if it were this time.
    pub async fn set_time(&mut self, now: DateTime<Utc>) {
        self.context = Context::new(self.lake.resources(&[])).await.unwrap().at(now);
    }

    pub async fn handle(&self, event: ReconcilerEvent) -> Result<Output, ReconcilerError> {
        handle(event, &self.context).await
    }

    pub async fn reconcile(&self, day: u32) -> Result<ReconcileOutput, ReconcilerError> {
        let event = ReconcilerEvent::Reconcile {
            batch_date: date(day),
            dataset: "transactions".into(),
            late_window_days: None,
        };
        match self.handle(event).await? {
            Output::Reconcile(output) => Ok(output),
            other => panic!("{other:?}"),
        }
    }

    pub async fn publish(&self, day: u32, candidate: Option<String>) -> Result<PublishOutput, ReconcilerError> {
        let event = ReconcilerEvent::Publish {
            batch_date: date(day),
            dataset: "transactions".into(),
            candidate,
        };
        match self.handle(event).await? {
            Output::Publish(output) => Ok(output),
            other => panic!("{other:?}"),
        }
    }

    /// Reconciles and publishes a day.
    pub async fn run(&self, day: u32) -> PublishOutput {
        let reconciled = self.reconcile(day).await.unwrap();
        let published = self.publish(day, reconciled.candidate).await.unwrap();
        assert_eq!(published.counts, reconciled.counts);
        published
    }
}
