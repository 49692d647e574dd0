//! Data files referenced by the versions since some time, which time travel needs.

use super::engine::blocking;
use super::error::DeltaError;
use super::files::{ActiveFile, removed_paths};
use super::table::DeltaTable;
use chrono::{DateTime, Utc};
use delta_kernel::commit_range::{CommitRange, DeltaAction};
use delta_kernel::engine::arrow_data::EngineDataArrowExt;
use delta_kernel::history_manager::error::LogHistoryError;
use delta_kernel::history_manager::{HistoryCommitType, get_earliest_commit, latest_version_as_of};
use delta_kernel::{KernelError, SnapshotRef};
use std::collections::BTreeSet;

impl DeltaTable {
    /// Paths of all data files of the versions that were the latest one at `time` or later, up to this one. The time of a version
    /// is that of its log file, as for time travel.
    ///
    /// # Errors
    /// The log cannot be read.
    pub async fn files_since(&self, time: DateTime<Utc>) -> Result<BTreeSet<String>, DeltaError> {
        let insert = |paths: &mut BTreeSet<String>, file: ActiveFile| {
            paths.insert(file.path);
        };
        let mut paths = self.fold(BTreeSet::new(), insert).await?;
        let table = self.clone();
        let removed = blocking(move || match &table.snapshot {
            Some(snapshot) => {
                let first = table.version_at(snapshot, time)?;
                table.removed_after(first, snapshot.version())
            }
            None => Ok(Vec::new()),
        })
        .await?;
        paths.extend(removed);
        Ok(paths)
    }

    /// The latest version at a time, or the first available one if the time is before it.
    fn version_at(&self, snapshot: &SnapshotRef, time: DateTime<Utc>) -> Result<u64, DeltaError> {
        let engine = self.store.engine.as_ref();
        let failed = self.failed("read the history of");
        match latest_version_as_of(
            snapshot,
            engine,
            time.timestamp_millis(),
            HistoryCommitType::Recreatable,
        ) {
            Ok(commit) => Ok(commit.version),
            Err(error) if is_out_of_range(&error) => {
                let log = self.url.join("_delta_log/").map_err(|error| DeltaError::Corrupt {
                    table: self.name.clone(),
                    problem: error.to_string(),
                })?;
                get_earliest_commit(engine, &log, None, HistoryCommitType::Recreatable).map_err(failed)
            }
            Err(error) => Err(failed(error)),
        }
    }

    /// Files removed after version `first`, up to and including version `last`: every file of these versions that is not part of the
    /// last one.
    fn removed_after(&self, first: u64, last: u64) -> Result<Vec<String>, DeltaError> {
        let mut removed = Vec::new();
        if first >= last {
            return Ok(removed);
        }
        let engine = &self.store.engine;
        let failed = self.failed("read the history of");
        let range = CommitRange::builder_for(self.url.as_str(), first + 1)
            .with_end_version(last)
            .build(engine.as_ref())
            .map_err(&failed)?;
        let commits = range
            .commits(engine.clone(), None, &[DeltaAction::Remove])
            .map_err(&failed)?;
        for commit in commits {
            for batch in commit.map_err(&failed)?.get_actions(engine.as_ref()).map_err(&failed)? {
                for path in removed_paths(&batch.try_into_record_batch().map_err(&failed)?) {
                    removed.push(self.decode(&path)?);
                }
            }
        }
        Ok(removed)
    }
}

/// Whether a time is before every available commit.
fn is_out_of_range(error: &KernelError) -> bool {
    match error {
        KernelError::Backtraced { source, .. } => is_out_of_range(source),
        KernelError::LogHistory(error) => matches!(**error, LogHistoryError::TimestampOutOfRange { .. }),
        _ => false,
    }
}
