//! Any order of batches leads to the same table: random histories against a simple model.

use crate::common::{Lake, Row, date, transaction_id};
use cardlake_core::events::ReconcilerEvent;
use chrono::{Duration, Utc};
use proptest::prelude::*;
use std::collections::BTreeMap;

/// An object as a source delivers it.
#[derive(Debug, Clone)]
struct Delivery {
    day: u32,
    name: &'static str,
    rows: Vec<Row>,
    /// Whether the batch is reconciled before the next delivery.
    run: bool,
}

/// A row of one of a few keys, so that versions meet, with any event day and time that the transformer lets pass: from two
/// days before the delivery to one after it.
fn row(delivered: u32) -> impl Strategy<Value = Row> {
    (0..5_u32, 0..4_u32, 0..2_u32, 0..2_i64, 0..4_usize).prop_map(move |(id, day, second, amount, category)| Row {
        id,
        day: delivered - 2 + day,
        second,
        amount,
        category: category / 3,
    })
}

/// Days far enough apart that a key can move beyond the late window.
fn delivery() -> impl Strategy<Value = Delivery> {
    let name = prop::sample::select(vec![
        "a.csv",
        "a-fix.csv",
        "a (1).csv",
        "a_v9.csv",
        "a_v10.csv",
        "0.csv",
    ]);
    let day = prop_oneof![5..10_u32, 3..16_u32];
    (day, name, any::<bool>()).prop_flat_map(|(day, name, run)| {
        prop::collection::vec(row(day), 0..10).prop_map(move |rows| Delivery { day, name, rows, run })
    })
}

/// Place of a version in the order of versions: day of delivery, number of the delivery, row.
type Place = (u32, usize, usize);

#[derive(Default)]
struct Model {
    /// Delivered and not reconciled, by object.
    pending: BTreeMap<(u32, &'static str), (usize, Vec<Row>)>,
    /// Latest version of each key.
    latest: BTreeMap<u32, (Place, Row)>,
    bronze_rows: BTreeMap<u32, u64>,
}

impl Model {
    fn deliver(&mut self, sequence: usize, delivery: &Delivery) {
        let object = (delivery.day, delivery.name);
        self.pending.insert(object, (sequence, delivery.rows.clone()));
    }

    fn run(&mut self, day: u32) {
        let objects: Vec<_> = self.pending.keys().filter(|object| object.0 == day).copied().collect();
        for object in objects {
            let Some((sequence, rows)) = self.pending.remove(&object) else {
                continue;
            };
            *self.bronze_rows.entry(day).or_default() += rows.len() as u64;
            for (index, row) in rows.into_iter().enumerate() {
                let place = (day, sequence, index);
                let slot = self.latest.entry(row.id).or_insert_with(|| (place, row.clone()));
                if place > slot.0 {
                    *slot = (place, row);
                }
            }
        }
    }

    fn contents(&self) -> BTreeMap<String, (i64, u32, String)> {
        crate::common::expected(self.latest.values().map(|(_, row)| row))
    }
}

async fn play(history: &[Delivery]) {
    let mut lake = Lake::start().await;
    let mut model = Model::default();
    let mut present = BTreeMap::new();
    let run = async |model: &mut Model, day: u32| {
        model.run(day);
        let published = lake.run(day).await;
        assert!(published.counts.balanced(), "{published:?}");
        assert_eq!(
            published.counts.bronze_rows,
            model.bronze_rows.get(&day).copied().unwrap_or_default()
        );
        assert_eq!(published.table_rows, model.latest.len() as u64);
        assert_eq!(lake.contents().await, model.contents(), "after {}", date(day));
    };
    for (sequence, delivery) in history.iter().enumerate() {
        // The bytes that an object has already are nothing new, neither for the lake nor for the model.
        let before = present.insert((delivery.day, delivery.name), &delivery.rows);
        if before != Some(&delivery.rows) {
            lake.deliver(delivery.name, delivery.day, &delivery.rows).await;
            model.deliver(sequence, delivery);
            if delivery.run {
                run(&mut model, delivery.day).await;
            }
        }
    }
    let days: std::collections::BTreeSet<u32> = history.iter().map(|delivery| delivery.day).collect();
    for &day in &days {
        run(&mut model, day).await;
    }
    let log = lake.log_files();
    for &day in &days {
        assert_eq!(lake.reconcile(day).await.unwrap().candidate, None);
    }
    assert_eq!(lake.log_files(), log);
    lake.set_time(Utc::now() + Duration::days(8)).await;
    let vacuum = ReconcilerEvent::Vacuum {
        dataset: Some("transactions".into()),
        retention_days: 7,
        dry_run: false,
    };
    lake.handle(vacuum).await.unwrap();
    assert_eq!(lake.contents().await, model.contents(), "after the vacuum");
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 16, max_shrink_iters: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_history_leads_to_the_latest_version_of_every_row(history in prop::collection::vec(delivery(), 1..9)) {
        runtime().block_on(play(&history));
    }
}

#[test]
fn a_batch_made_up_for_does_not_undo_what_was_confirmed_after_it() {
    let row = |amount| Row {
        id: 0,
        day: 7,
        second: 0,
        amount,
        category: 0,
    };
    let delivery = |day, rows: Vec<Row>| Delivery {
        day,
        name: "a.csv",
        rows,
        run: true,
    };
    let other = Row { id: 2, ..row(9) };
    runtime().block_on(play(&[
        delivery(7, vec![row(1)]),
        delivery(9, vec![row(1), other]),
        delivery(8, vec![row(2)]),
    ]));
    assert!(transaction_id(0) < transaction_id(2));
}
