//! Random histories of a lake: files that arrive, arrive again, are corrected and are removed, runs of days, and runs that are
//! killed at any of their requests. The end is that of a simple model.

use crate::crash::{Work, interrupted};
use crate::faults::Fault;
use crate::support::{self, DATASET, Lake, Options, SILVER, bronze_key, deliver, files_below, transaction_id};
use cardlake_core::error::ErrorKind;
use cardlake_core::records::ObjectRecord;
use cardlake_test_support::BRONZE;
use chrono::Timelike;
use proptest::prelude::*;
use std::collections::BTreeMap;
use std::path::Path;

/// Histories that are tried unless `PROPTEST_CASES` says otherwise.
const CASES: u32 = 4;
/// Days, far enough apart that a key can move beyond the late window.
const DAYS: [u32; 4] = [10, 11, 12, 18];
/// Names whose order is not that of their delivery.
const NAMES: [&str; 3] = ["a_v10.csv", "a_v9.csv", "a.csv"];
/// More requests than a run of a day has.
const REQUESTS: usize = 90;

/// A row of one of a few keys, so that versions meet.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Row {
    number: u32,
    day: u32,
    amount: u32,
    broken: bool,
}

/// A file, by the indices of its day and name.
type File = (usize, usize);

#[derive(Debug, Clone)]
enum Event {
    /// A file arrives, or is corrected.
    Deliver(File, Vec<Row>),
    /// The same bytes arrive again.
    Redeliver(File),
    /// A file is removed.
    Withdraw(File),
    /// A day is run.
    Run(usize),
    /// A day is run, and the process ends at this request.
    Kill(usize, usize),
}

fn row(day: usize) -> impl Strategy<Value = Row> {
    let delivered = DAYS[day];
    (0..5_u32, 0..4_u32, 0..3_u32, prop::bool::weighted(0.15)).prop_map(move |(number, back, amount, broken)| Row {
        number,
        day: delivered + 1 - back,
        amount,
        broken,
    })
}

fn event() -> impl Strategy<Value = Event> {
    let file = || (0..DAYS.len(), 0..NAMES.len());
    let deliver =
        file().prop_flat_map(|file| prop::collection::vec(row(file.0), 0..6).prop_map(move |rows| (file, rows)));
    prop_oneof![
        5 => deliver.prop_map(|(file, rows)| Event::Deliver(file, rows)),
        1 => file().prop_map(Event::Redeliver),
        1 => file().prop_map(Event::Withdraw),
        3 => (0..DAYS.len()).prop_map(Event::Run),
        3 => (0..DAYS.len(), 0..REQUESTS).prop_map(|(day, at)| Event::Kill(day, at)),
    ]
}

/// Place of a version in the order of versions: day of delivery, time of the object, its key, row.
type Place = (usize, u32, &'static str, usize);

/// What was last applied of a file, and the minute that the lake knows it by.
type Applied = (u32, Vec<Row>);

#[derive(Debug, Default)]
struct Model {
    /// What lies in bronze.
    present: BTreeMap<File, Vec<Row>>,
    /// Contents of each file by the minute in which they arrived.
    arrived: BTreeMap<(File, u32), Vec<Row>>,
    /// The files that the table is made of.
    applied: BTreeMap<File, Applied>,
    /// Whether the content of a file was ever taken back.
    takes_back: bool,
}

impl Model {
    /// A day is applied as it lies in bronze: what is not there any more, or was corrected, leaves the table, and what it had
    /// replaced comes back. `minute` tells the time that the lake knows a file by.
    fn run(&mut self, day: usize, minute: impl Fn(File) -> u32) {
        let present = &self.present;
        let of_day = self.applied.iter().filter(|(file, _)| file.0 == day);
        self.takes_back |= of_day
            .into_iter()
            .any(|(file, (_, rows))| present.get(file) != Some(rows));
        self.applied.retain(|file, _| file.0 != day);
        for (file, rows) in self.present.iter().filter(|(file, _)| file.0 == day) {
            let minute = minute(*file);
            assert_eq!(
                self.arrived.get(&(*file, minute)),
                Some(rows),
                "{file:?} at minute {minute}"
            );
            self.applied.insert(*file, (minute, rows.clone()));
        }
    }

    /// Rows that a day delivered, and those of them that break a rule.
    fn rows_of(&self, day: usize) -> (u64, u64) {
        let files = || self.applied.iter().filter(|(file, _)| file.0 == day);
        let rows = || files().flat_map(|(_, (_, rows))| rows);
        (rows().count() as u64, rows().filter(|row| row.broken).count() as u64)
    }

    /// Amount and day of each key: those of its latest valid version.
    fn table(&self) -> BTreeMap<String, (String, u32)> {
        let mut latest: BTreeMap<u32, (Place, &Row)> = BTreeMap::new();
        for (file, (minute, rows)) in &self.applied {
            for (index, row) in rows.iter().enumerate().filter(|(_, row)| !row.broken) {
                let version = ((file.0, *minute, NAMES[file.1], index), row);
                let slot = latest.entry(row.number).or_insert(version);
                *slot = version.max(*slot);
            }
        }
        let rows = latest.values().map(|(_, row)| row);
        rows.map(|row| (transaction_id(row.number), (format!("{}.50", row.amount), row.day)))
            .collect()
    }
}

/// Puts the rows into bronze, in this minute.
fn put(root: &Path, (day, name): File, minute: u32, rows: &[Row]) {
    let text = |row: &Row| {
        let text = support::row(row.number, row.day, row.amount);
        if row.broken { text.replace("KRW", "?") } else { text }
    };
    let rows: Vec<String> = rows.iter().map(text).collect();
    deliver(root, DAYS[day], NAMES[name], minute, &rows);
}

/// The minute of the object that the record of a file is about.
fn recorded_minute(root: &Path, (day, name): File) -> u32 {
    let key = format!("_objects/{}.json", bronze_key(DAYS[day], NAMES[name]));
    let record = std::fs::read(root.join(SILVER).join(key)).unwrap();
    let record: ObjectRecord = serde_json::from_slice(&record).unwrap();
    record.source.last_modified.minute()
}

/// Versions of the table.
fn versions(root: &Path) -> usize {
    let log = files_below(&root.join(SILVER).join(DATASET).join("_delta_log"));
    log.keys().filter(|name| name.ends_with(".json")).count()
}

/// Runs a day and holds the outcome against the model.
async fn run(root: &Path, model: &mut Model, day: usize) {
    let lake = Lake::open(root, Options::default()).await;
    let published = lake.run(DAYS[day], None).await.unwrap();
    model.run(day, |file| recorded_minute(root, file));
    let counts = published.counts;
    assert!(counts.balanced(), "{counts:?}");
    assert_eq!(
        (counts.bronze_rows, counts.quarantined),
        model.rows_of(day),
        "day {}",
        DAYS[day]
    );
    let table = lake.amounts_and_days().await;
    assert_eq!(table, model.table(), "after day {}", DAYS[day]);
    assert_eq!(published.table_rows, table.len() as u64);
    lake.close().await;
}

async fn play(history: &[Event]) {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path();
    let mut model = Model::default();
    let has_files = |model: &Model, day: usize| model.present.keys().any(|file| file.0 == day);
    for (minute, event) in (0..).zip(history) {
        match event {
            Event::Deliver(file, rows) => {
                // The bytes that a file has already are a re-delivery.
                put(root, *file, minute, rows);
                model.present.insert(*file, rows.clone());
                model.arrived.insert((*file, minute), rows.clone());
            }
            Event::Redeliver(file) => {
                if let Some(rows) = model.present.get(file) {
                    put(root, *file, minute, rows);
                    model.arrived.insert((*file, minute), rows.clone());
                }
            }
            Event::Withdraw(file) => {
                if model.present.remove(file).is_some() {
                    let key = bronze_key(DAYS[file.0], NAMES[file.1]);
                    std::fs::remove_file(root.join(BRONZE).join(key)).unwrap();
                }
            }
            Event::Run(day) if has_files(&model, *day) => run(root, &mut model, *day).await,
            Event::Kill(day, at) if has_files(&model, *day) => {
                let before = versions(root);
                let (outcome, _) = interrupted(root, Work::Day(DAYS[*day]), Fault::Killed, *at).await;
                let is_committed = versions(root) > before;
                // Either it had fewer requests, or it saw its connections cut before it was stopped itself.
                if let Some(Err(failed)) = outcome {
                    assert_eq!(failed.kind, ErrorKind::Transient, "{failed:?}");
                }
                if is_committed {
                    model.run(*day, |file| recorded_minute(root, file));
                }
            }
            Event::Run(_) | Event::Kill(..) => {}
        }
    }
    let days: Vec<usize> = (0..DAYS.len()).filter(|day| has_files(&model, *day)).collect();
    for &day in &days {
        run(root, &mut model, day).await;
    }
    // A day that was applied before another one took rows back looks once whether its own come back.
    if model.takes_back {
        for &day in &days {
            run(root, &mut model, day).await;
        }
    }
    // Whatever was killed: nothing is left to do, and a vacuum takes nothing that is needed.
    let log = versions(root);
    let options = Options {
        now: Some(support::after_the_retention()),
        ..Options::default()
    };
    let lake = Lake::open(root, options).await;
    for &day in &days {
        lake.run(DAYS[day], None).await.unwrap();
    }
    assert_eq!(versions(root), log);
    lake.vacuum(false).await.unwrap();
    assert_eq!(lake.amounts_and_days().await, model.table(), "after the vacuum");
    lake.close().await;
}

proptest! {
    #![proptest_config(ProptestConfig { max_shrink_iters: 100, ..support::property_tests(CASES) })]

    #[test]
    fn any_history_with_killed_runs_ends_as_one_without(history in prop::collection::vec(event(), 4..14)) {
        support::block_on(play(&history));
    }
}
