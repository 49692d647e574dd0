//! Rules that are widened and tightened: rows move between silver and quarantine, and the lake is as if it had never had others.

use crate::support::{self, DATASET, Lake, Options, SILVER, contract, copy_bronze, deliver, write_contract};
use proptest::prelude::*;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// Cases that are tried unless `PROPTEST_CASES` says otherwise.
const CASES: u32 = 4;
const DAYS: [u32; 3] = [13, 14, 18];
const NAMES: [&str; 2] = ["a.csv", "b.csv"];
const CHANNELS: [&str; 3] = ["online", "pos", "mobile"];

#[derive(Debug, Clone)]
struct Row {
    number: u32,
    amount: u32,
    channel: usize,
}

/// Channels that a contract allows.
type Allowed = BTreeSet<usize>;

fn allowed() -> impl Strategy<Value = Allowed> {
    prop::sample::subsequence((0..CHANNELS.len()).collect::<Vec<_>>(), 1..=CHANNELS.len())
        .prop_map(|channels| channels.into_iter().collect())
}

fn rows() -> impl Strategy<Value = Vec<Row>> {
    let row = (0..6_u32, 0..3_u32, 0..CHANNELS.len());
    let row = row.prop_map(|(number, amount, channel)| Row {
        number,
        amount,
        channel,
    });
    prop::collection::vec(row, 1..8)
}

/// The rows of each file, by the indices of its day and name; the order is that of the versions.
type Files = BTreeMap<(usize, usize), Vec<Row>>;

fn files() -> impl Strategy<Value = Files> {
    prop::collection::btree_map((0..DAYS.len(), 0..NAMES.len()), rows(), 1..5)
}

/// A folder with a contract that allows these channels.
fn assets(allowed: &Allowed) -> tempfile::TempDir {
    let names: Vec<&str> = allowed.iter().map(|channel| CHANNELS[*channel]).collect();
    let before = "validValues: [online, pos, mobile]";
    let text = contract().replace(before, &format!("validValues: [{}]", names.join(", ")));
    let folder = tempfile::tempdir().unwrap();
    write_contract(folder.path(), &text);
    folder
}

/// What a lake holds: amount and day of each key, and the quarantined rows of each object.
#[derive(Debug, PartialEq)]
struct Contents {
    table: BTreeMap<String, (String, u32)>,
    quarantine: BTreeSet<(String, u64)>,
}

/// A change of the rules, and how the days are run then.
#[derive(Debug, Clone)]
struct Step {
    allowed: Allowed,
    /// The latest day first. Otherwise a row that a later day had replaced comes back with a second run of its day, as it is
    /// only known by then that the later row is refused.
    latest_first: bool,
}

fn step() -> impl Strategy<Value = Step> {
    (allowed(), any::<bool>()).prop_map(|(allowed, latest_first)| Step { allowed, latest_first })
}

/// Runs the days under a contract.
async fn run(root: &Path, files: &Files, Step { allowed, latest_first }: &Step) -> Contents {
    let assets = assets(allowed);
    let options = Options {
        assets: Some(assets.path().to_owned()),
        ..Options::default()
    };
    let lake = Lake::open(root, options).await;
    let days: BTreeSet<usize> = files.keys().map(|file| file.0).collect();
    let days: Vec<usize> = if *latest_first {
        days.into_iter().rev().collect()
    } else {
        days.iter().chain(&days).copied().collect()
    };
    for day in &days {
        let published = lake.run(DAYS[*day], None).await.unwrap();
        let counts = published.counts;
        let rows = files
            .iter()
            .filter(|(file, _)| file.0 == *day)
            .flat_map(|(_, rows)| rows);
        let refused = rows.clone().filter(|row| !allowed.contains(&row.channel)).count();
        assert!(counts.balanced(), "{counts:?}");
        assert_eq!(
            (counts.bronze_rows, counts.quarantined),
            (rows.count() as u64, refused as u64)
        );
    }
    let mut quarantine = BTreeSet::new();
    for (name, path) in support::files_below(&root.join(SILVER).join("_quarantine").join(DATASET)) {
        for line in std::fs::read_to_string(path).unwrap().lines() {
            let row: Value = serde_json::from_str(line).unwrap();
            let number = row["row"].as_u64().unwrap();
            assert!(
                quarantine.insert((name.clone(), number)),
                "{name}: row {number} is there twice"
            );
        }
    }
    let table = lake.amounts_and_days().await;
    lake.close().await;
    Contents { table, quarantine }
}

/// What has to come of the files under a contract.
fn expected(files: &Files, allowed: &Allowed) -> Contents {
    let mut expected = Contents {
        table: BTreeMap::new(),
        quarantine: BTreeSet::new(),
    };
    for ((day, name), rows) in files {
        for (number, row) in (1..).zip(rows) {
            if allowed.contains(&row.channel) {
                let values = (format!("{}.50", row.amount), DAYS[*day]);
                expected.table.insert(support::transaction_id(row.number), values);
            } else {
                let file = format!("ingest_date={}/{}.jsonl", support::date(DAYS[*day]), NAMES[*name]);
                expected.quarantine.insert((file, number));
            }
        }
    }
    expected
}

async fn play(files: &Files, rules: &[Step]) {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path();
    for ((day, name), rows) in files {
        let text = |row: &Row| {
            let text = support::row(row.number, DAYS[*day], row.amount);
            text.replace(",pos", &format!(",{}", CHANNELS[row.channel]))
        };
        let rows: Vec<String> = rows.iter().map(text).collect();
        deliver(root, DAYS[*day], NAMES[*name], *name as u32, &rows);
    }
    let untouched = copy_bronze(root);
    for step in rules {
        let found = run(root, files, step).await;
        assert_eq!(found, expected(files, &step.allowed), "under {step:?}");
    }
    if let Some(last) = rules.last() {
        let lake = run(untouched.path(), files, last).await;
        assert_eq!(lake, expected(files, &last.allowed), "from nothing");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { max_shrink_iters: 100, ..support::property_tests(CASES) })]

    #[test]
    fn rules_move_rows_both_ways_and_leave_the_lake_as_if_they_had_always_been_so(
        files in files(),
        rules in prop::collection::vec(step(), 2..5),
    ) {
        support::block_on(play(&files, &rules));
    }
}
