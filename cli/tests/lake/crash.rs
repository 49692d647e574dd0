//! A run that fails or is killed at any of its requests, and is then simply run again.

use crate::faults::{Fault, FaultAt};
use crate::support::{
    DATASET, Failed, Lake, Options, SILVER, after_the_retention, bundles, copy, data_files, deliver, files_below, row,
};
use cardlake_core::events::{PublishOutput, RemovedObjects};
use futures::stream::{self, StreamExt};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::Path;
use std::sync::{Arc, Mutex};
use tempfile::TempDir;

/// Runs under a fault at a time: they wait for one another's requests more than they compute.
const PARALLEL_CASES: usize = 6;

/// What is run under faults.
#[derive(Debug, Clone, Copy)]
pub enum Work {
    /// Transformer, reconciler and publication of a day.
    Day(u32),
    /// The publication alone of a day that was reconciled.
    Publication(u32),
}

impl Work {
    const fn day(self) -> u32 {
        match self {
            Self::Day(day) | Self::Publication(day) => day,
        }
    }

    async fn run(self, lake: &Lake) -> Result<PublishOutput, Failed> {
        match self {
            Self::Day(day) => lake.run(day, None).await,
            Self::Publication(day) => {
                // The candidate is the only one of its batch.
                let root = lake.root().join(SILVER);
                let prefix = format!("_candidates/{DATASET}/batch_date=2026-01-{day}/");
                let candidates = files_below(&root);
                let candidate = candidates.keys().find(|key| key.starts_with(&prefix)).unwrap();
                lake.publish(day, Some(candidate.clone())).await
            }
        }
    }
}

/// The requests that a fault comes to.
#[derive(Debug, Clone, Copy)]
enum Requests {
    All,
    /// Those that change something.
    Writes,
}

/// What a lake holds in the end.
#[derive(Debug, PartialEq)]
struct Contents {
    rows: Vec<String>,
    /// Every object of silver but the log, with its bytes.
    objects: BTreeMap<String, Vec<u8>>,
    /// The actions of every version, without the times at which it happened to be written.
    log: BTreeMap<String, Vec<Value>>,
    counts: PublishOutput,
}

async fn contents(lake: &Lake, counts: PublishOutput) -> Contents {
    let (mut objects, mut log) = (BTreeMap::new(), BTreeMap::new());
    for (name, path) in files_below(&lake.root().join(SILVER)) {
        let bytes = std::fs::read(path).unwrap();
        if !name.contains("/_delta_log/") {
            objects.insert(name, bytes);
        } else if name.ends_with(".json") {
            log.insert(name, actions(&bytes));
        }
    }
    Contents {
        rows: lake.rows().await,
        objects,
        log,
        counts,
    }
}

fn actions(version: &[u8]) -> Vec<Value> {
    let lines = version.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
    lines
        .map(|line| {
            let mut action: Value = serde_json::from_slice(line).unwrap();
            for (kind, time) in [
                ("commitInfo", "timestamp"),
                ("commitInfo", "txnId"),
                ("txn", "lastUpdated"),
                ("remove", "deletionTimestamp"),
                ("metaData", "id"),
                ("metaData", "createdTime"),
            ] {
                if let Some(fields) = action.get_mut(kind).and_then(Value::as_object_mut) {
                    fields.remove(time);
                }
            }
            action
        })
        .collect()
}

/// Stands for all that a rerun can see: silver, without the times at which something happened to be written.
fn state(root: &Path) -> u64 {
    let mut hasher = DefaultHasher::new();
    for (name, path) in files_below(&root.join(SILVER)) {
        let bytes = std::fs::read(path).unwrap();
        name.hash(&mut hasher);
        if name.contains("/_delta_log/") && name.ends_with(".json") {
            format!("{:?}", actions(&bytes)).hash(&mut hasher);
        } else if !name.contains("checkpoint") {
            bytes.hash(&mut hasher);
        }
    }
    hasher.finish()
}

/// Brings the fault at a request; gives what the run came to, if it was not killed, and whether there was such a request.
pub async fn interrupted(
    root: &Path,
    work: Work,
    fault: Fault,
    at: usize,
) -> (Option<Result<PublishOutput, Failed>>, bool) {
    let hook = Arc::new(FaultAt::new(fault, at));
    let options = Options {
        hook: Some(hook.clone()),
        ..Options::default()
    };
    let lake = Lake::open(root, options).await;
    let outcome = tokio::select! {
        biased;
        () = hook.killed() => None,
        outcome = work.run(&lake) => Some(outcome),
    };
    lake.close().await;
    (outcome, hook.happened())
}

/// The faults at the requests, each on a copy of `base`. `mended` runs again and looks at what came of it, once for
/// each state that the faults leave: whatever led there, a rerun sees the same. Gives the number of states.
async fn every_fault(
    base: &Path,
    work: Work,
    (faults, which): (&[Fault], Requests),
    mended: impl AsyncFn(&Path, String),
) -> usize {
    let operations = {
        let folder = copy(base);
        let hook = Arc::new(FaultAt::never());
        let options = Options {
            hook: Some(hook.clone()),
            ..Options::default()
        };
        let lake = Lake::open(folder.path(), options).await;
        work.run(&lake).await.unwrap();
        lake.close().await;
        hook.seen()
    };
    let requests = operations.len();
    let is_read = |at: &usize| ["GetObject", "HeadObject", "ListObjectsV2"].contains(&operations[*at].as_str());
    let cases = faults.iter().flat_map(|fault| (0..requests).map(|at| (*fault, at)));
    let cases = cases.filter(|(fault, at)| match which {
        // To lose what was read is like having been refused it.
        Requests::All => !is_read(at) || *fault != Fault::AnswerLost,
        Requests::Writes => !is_read(at),
    });
    let (mended, states) = (&mended, &Mutex::new(BTreeSet::new()));
    stream::iter(cases)
        .for_each_concurrent(PARALLEL_CASES, |(fault, at)| async move {
            let case = format!("{fault:?} at request {at} of {requests}");
            let folder = copy(base);
            let (outcome, happened) = interrupted(folder.path(), work, fault, at).await;
            assert!(happened, "{case}: it was never sent");
            match outcome {
                None => assert_eq!(fault, Fault::Killed, "{case}"),
                Some(Err(failed)) => assert!(failed.kind.is_transient(), "{case}: {failed}"),
                // The Delta kernel's requests are sent again.
                Some(Ok(_)) => {}
            }
            if states.lock().unwrap().insert(state(folder.path())) {
                mended(folder.path(), case).await;
            }
        })
        .await;
    states.lock().unwrap().len()
}

/// A rerun comes to what a run without a fault comes to.
async fn a_rerun_mends_everything(base: &Path, work: Work) {
    let expected = {
        let folder = copy(base);
        let lake = Lake::open(folder.path(), Options::default()).await;
        let counts = lake.run(work.day(), None).await.unwrap();
        let expected = contents(&lake, counts).await;
        lake.close().await;
        expected
    };
    let expected = &expected;
    let which = match work {
        Work::Day(_) => Requests::All,
        Work::Publication(_) => Requests::Writes,
    };
    let states = every_fault(base, work, (&Fault::ALL, which), async |root, case| {
        let found = rerun(root, work).await;
        assert_eq!(found.rows, expected.rows, "{case}");
        assert_eq!(found.counts, expected.counts, "{case}");
        assert_eq!(found.log, expected.log, "{case}");
        let names = |contents: &Contents| contents.objects.keys().cloned().collect::<Vec<_>>();
        assert_eq!(names(&found), names(expected), "{case}");
        assert!(found.objects == expected.objects, "{case}: other bytes");
    })
    .await;
    assert!(states > 2, "the faults left {states} states only");
}

/// Runs the day again. A vacuum after the retention then finds every data file outside of the table and no other.
async fn rerun(root: &Path, work: Work) -> Contents {
    let options = Options {
        now: Some(after_the_retention()),
        ..Options::default()
    };
    let lake = Lake::open(root, options).await;
    let counts = lake.run(work.day(), None).await.unwrap();
    let found = contents(&lake, counts).await;
    let past = lake.vacuum(true).await.unwrap().data_files;
    let orphans = orphans(&lake).await;
    assert_eq!(past.keys.iter().cloned().collect::<BTreeSet<_>>(), orphans);
    assert_eq!(past.count, orphans.len() as u64);
    lake.close().await;
    found
}

/// Keys of the data files that are no part of the table, and of the bundles, which never are.
async fn orphans(lake: &Lake) -> BTreeSet<String> {
    let active = lake.active_files().await;
    let active: BTreeSet<String> = active.iter().map(|file| format!("{DATASET}/{}", file.path)).collect();
    let mut orphans: BTreeSet<String> = data_files(lake.root()).difference(&active).cloned().collect();
    orphans.extend(bundles(lake.root()));
    orphans
}

/// A day that was published.
async fn first_day() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    let rows: Vec<String> = (1..=4).map(|number| row(number, 13, 100)).collect();
    deliver(folder.path(), 13, "a.csv", 0, &rows);
    folder
}

/// After a first day, one with everything in it: new rows, a correction, a re-delivery, a broken row, duplicates.
async fn second_day() -> TempDir {
    let folder = first_day().await;
    let root = folder.path();
    let lake = Lake::open(root, Options::default()).await;
    lake.run(13, None).await.unwrap();
    lake.close().await;
    let broken = row(5, 14, 1).replace("KRW", "?");
    let first = [row(1, 13, 999), row(2, 13, 100), row(11, 14, 1), broken];
    deliver(root, 14, "a.csv", 0, &first);
    deliver(root, 14, "b.csv", 1, &[row(11, 14, 2), row(12, 14, 2)]);
    folder
}

#[tokio::test(flavor = "multi_thread")]
async fn the_first_batch_survives_a_fault_at_any_request() {
    a_rerun_mends_everything(first_day().await.path(), Work::Day(13)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_with_late_changed_and_repeated_rows_survives_a_fault_at_any_request() {
    a_rerun_mends_everything(second_day().await.path(), Work::Day(14)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_that_moves_a_row_from_a_distant_day_survives_a_fault_at_any_request() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path();
    let lake = Lake::open(root, Options::default()).await;
    // The 13th gives the files of the 10th their filters, the 16th those of the 13th.
    for day in [10, 13] {
        let rows: Vec<String> = (1..=4).map(|number| row(day * 10 + number, day, 1)).collect();
        deliver(root, day, "a.csv", 0, &rows);
        lake.run(day, None).await.unwrap();
    }
    lake.close().await;
    deliver(
        root,
        16,
        "a.csv",
        0,
        &[row(101, 16, 2), row(131, 16, 2), row(161, 16, 1)],
    );
    a_rerun_mends_everything(root, Work::Day(16)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_publication_that_writes_a_checkpoint_survives_a_fault_at_any_request() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path();
    let lake = Lake::open(root, Options::default()).await;
    for day in 10..=20 {
        deliver(root, day, "a.csv", 0, &[row(day, day, 1)]);
        if day < 20 {
            lake.run(day, None).await.unwrap();
        }
    }
    lake.transform(&crate::support::bronze_key(20, "a.csv"), None)
        .await
        .unwrap();
    lake.reconcile(20, None).await.unwrap();
    lake.close().await;
    a_rerun_mends_everything(root, Work::Publication(20)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_killed_run_leaves_of_an_object_that_is_then_replaced_is_found_by_the_vacuum() {
    let base = second_day().await;
    let replaced = |root: &Path| deliver(root, 14, "b.csv", 2, &[row(11, 14, 3), row(12, 14, 3)]);
    let expected = {
        let folder = copy(base.path());
        replaced(folder.path());
        let lake = Lake::open(folder.path(), Options::default()).await;
        lake.run(14, None).await.unwrap();
        lake.rows().await
    };
    let expected = &expected;
    let left = Mutex::new(BTreeSet::new());
    every_fault(
        base.path(),
        Work::Day(14),
        (&[Fault::Killed], Requests::Writes),
        async |root, case| {
            replaced(root);
            let found = rerun(root, Work::Day(14)).await;
            assert_eq!(&found.rows, expected, "{case}");
            let is_data = |key: &&String| key.ends_with(".parquet") || key.ends_with(".bundle");
            let files = found.objects.keys().filter(is_data).count();
            left.lock().unwrap().insert(files);
        },
    )
    .await;
    let left = left.into_inner().unwrap();
    assert!(
        left.len() > 1,
        "depending on where it ended, a run leaves more or less: {left:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_vacuum_that_is_killed_leaves_a_table_that_is_whole_and_the_next_one_goes_on() {
    let base = second_day().await;
    let now = Some(after_the_retention());
    let lake = Lake::open(base.path(), Options::default()).await;
    lake.run(14, None).await.unwrap();
    let expected = lake.rows().await;
    lake.close().await;
    // More than one request can remove.
    let orphan = data_files(base.path()).pop_first().unwrap();
    for number in 0..1_100 {
        let path = base
            .path()
            .join(SILVER)
            .join(format!("{DATASET}/part-{number}.parquet"));
        std::fs::copy(base.path().join(SILVER).join(&orphan), path).unwrap();
    }
    let vacuum = async |hook: &Arc<FaultAt>| {
        let folder = copy(base.path());
        let options = Options {
            hook: Some(hook.clone()),
            now,
            ..Options::default()
        };
        let lake = Lake::open(folder.path(), options).await;
        tokio::select! {
            biased;
            () = hook.killed() => {}
            // The loss of the connection may be seen first.
            past = lake.vacuum(false) => assert!(hook.happened() || past.unwrap().data_files.count > 1_100),
        }
        lake.close().await;
        let options = Options {
            now,
            ..Options::default()
        };
        let lake = Lake::open(folder.path(), options).await;
        assert_eq!(lake.rows().await, expected);
        let past = lake.vacuum(false).await.unwrap().data_files;
        assert_eq!(past.keys.len() as u64, past.count.min(RemovedObjects::MAX_KEYS as u64));
        assert!(orphans(&lake).await.is_empty());
        lake.run(14, None).await.unwrap();
        assert_eq!(lake.rows().await, expected);
        lake.close().await;
    };
    let whole = Arc::new(FaultAt::never());
    vacuum(&whole).await;
    let operations = whole.seen();
    let deletes = (0..operations.len()).filter(|at| operations[*at] == "DeleteObjects");
    let deletes: Vec<usize> = deletes.collect();
    assert_eq!(
        deletes.len(),
        3,
        "records, then two requests for data files: {operations:?}"
    );
    for at in deletes {
        let hook = Arc::new(FaultAt::new(Fault::Killed, at));
        vacuum(&hook).await;
        assert!(hook.happened());
    }
}
