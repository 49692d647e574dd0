//! Any order of batches leads to the same table: random histories against a simple model.

use crate::common::{Lake, Row, date, transaction_id};
use cardlake_core::events::ReconcilerEvent;
use chrono::{Duration, Utc};
use proptest::prelude::*;
use std::collections::{BTreeMap, BTreeSet};

/// An object as a source delivers it, or takes it back.
#[derive(Debug, Clone)]
struct Delivery {
    day: u32,
    name: &'static str,
    /// `None`: the object is removed from bronze.
    rows: Option<Vec<Row>>,
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
        let rows = prop::option::weighted(0.8, prop::collection::vec(row(day), 0..10));
        rows.prop_map(move |rows| Delivery { day, name, rows, run })
    })
}

/// Place of a version in the order of versions: day of delivery, number of the delivery, row.
type Place = (u32, usize, usize);

/// An object: number of its delivery, and its rows.
type Object = (usize, Vec<Row>);

/// What silver holds is a function of what bronze held when each day was run last.
#[derive(Default)]
struct Model {
    bronze: BTreeMap<(u32, &'static str), Object>,
    /// As of the last run of each object's day.
    applied: BTreeMap<(u32, &'static str), Object>,
    /// The days that were run.
    runs: BTreeSet<u32>,
}

impl Model {
    fn run(&mut self, day: u32) {
        self.runs.insert(day);
        self.applied.retain(|object, _| object.0 != day);
        let delivered = self.bronze.iter().filter(|(object, _)| object.0 == day);
        self.applied
            .extend(delivered.map(|(object, rows)| (*object, rows.clone())));
    }

    /// The latest version of each key.
    fn latest(&self) -> BTreeMap<u32, (Place, Row)> {
        let mut latest: BTreeMap<u32, (Place, Row)> = BTreeMap::new();
        for ((day, _), (sequence, rows)) in &self.applied {
            for (index, row) in rows.iter().enumerate() {
                let place = (*day, *sequence, index);
                let slot = latest.entry(row.id).or_insert_with(|| (place, row.clone()));
                if place > slot.0 {
                    *slot = (place, row.clone());
                }
            }
        }
        latest
    }

    fn bronze_rows(&self, day: u32) -> u64 {
        let of_day = self.applied.iter().filter(|(object, _)| object.0 == day);
        of_day.map(|(_, (_, rows))| rows.len() as u64).sum()
    }

    fn contents(&self) -> BTreeMap<String, (i64, u32, String)> {
        crate::common::expected(self.latest().values().map(|(_, row)| row))
    }
}

async fn play(history: &[Delivery]) {
    let mut lake = Lake::start().await;
    let mut model = Model::default();
    let run = async |model: &mut Model, day: u32| {
        // Nobody reconciles a day of which nothing was ever delivered.
        if !model.runs.contains(&day) && !model.bronze.keys().any(|object| object.0 == day) {
            return;
        }
        model.run(day);
        let published = lake.run(day).await;
        assert!(published.counts.balanced(), "{published:?}");
        assert_eq!(published.counts.bronze_rows, model.bronze_rows(day));
        assert_eq!(published.table_rows, model.latest().len() as u64);
        assert_eq!(lake.contents().await, model.contents(), "after {}", date(day));
    };
    for (sequence, delivery) in history.iter().enumerate() {
        let object = (delivery.day, delivery.name);
        match &delivery.rows {
            // The bytes that an object has, or had when its day was run, are nothing new, neither for the lake nor for the model.
            Some(rows) if model.bronze.get(&object).is_some_and(|(_, before)| before == rows) => continue,
            Some(rows) if model.applied.get(&object).is_some_and(|(_, before)| before == rows) => continue,
            Some(rows) => {
                lake.deliver(delivery.name, delivery.day, rows).await;
                model.bronze.insert(object, (sequence, rows.clone()));
            }
            None => {
                lake.remove(delivery.name, delivery.day).await;
                model.bronze.remove(&object);
            }
        }
        if delivery.run {
            run(&mut model, delivery.day).await;
        }
    }
    let days: BTreeSet<u32> = history.iter().map(|delivery| delivery.day).collect();
    // Twice: a row that came back is in the books of its own day when that is run again.
    for &day in days.iter().chain(&days) {
        run(&mut model, day).await;
    }
    let log = lake.log_files();
    for &day in &model.runs {
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
        rows: Some(rows),
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
