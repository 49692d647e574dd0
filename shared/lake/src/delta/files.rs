//! Data files of a table: active files, and changes between two versions.

use super::engine::blocking;
use super::error::DeltaError;
use super::statistics;
use super::table::DeltaTable;
use arrow::array::{Array, ArrayRef, AsArray, MapArray, RecordBatch, StructArray};
use arrow::datatypes::Int64Type;
use cardlake_core::records::ColumnStatistics;
use delta_kernel::SnapshotRef;
use delta_kernel::commit_range::{CommitRange, DeltaAction};
use delta_kernel::engine::arrow_data::EngineDataArrowExt;
use delta_kernel::scan::Scan;
use object_store::path::Path;
use std::collections::{BTreeMap, BTreeSet};
use url::Url;

/// An active data file of a table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ActiveFile {
    /// Path relative to the table's folder, not encoded.
    pub path: String,
    /// Size in bytes.
    pub size: u64,
    /// Number of rows.
    pub rows: u64,
    /// Value of each partition column, as text; `None` is null.
    pub partition_values: BTreeMap<String, Option<String>>,
    /// Modification time in the log, in milliseconds since 1970.
    pub modification_time: i64,
    statistics: String,
}

impl ActiveFile {
    /// Statistics by column. Bounds of timestamps are truncated to milliseconds, including the upper one: add one to compare.
    #[must_use]
    pub fn columns(&self) -> BTreeMap<String, ColumnStatistics> {
        statistics::from_text(&self.statistics)
    }
}

/// Changes between two versions of a table, without files added and removed in between.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FileChanges {
    /// Files only in the later version, by path, but for those that only hold rows of files of the earlier one: what a commit
    /// without data change (an OPTIMIZE) has merged.
    pub added: Vec<ActiveFile>,
    /// Paths of files only in the earlier version, sorted.
    pub removed: Vec<String>,
}

impl DeltaTable {
    /// All data files of this version, sorted by path. They are in memory with their statistics: use [`Self::fold`] where the
    /// table may have many.
    ///
    /// # Errors
    /// The log cannot be read, or a file has no row count.
    pub async fn active_files(&self) -> Result<Vec<ActiveFile>, DeltaError> {
        let mut files = self.fold(Vec::new(), Vec::push).await?;
        files.sort_by(|a, b| a.path.cmp(&b.path));
        Ok(files)
    }

    /// Visits the data files of this version, in no particular order. The log is read as a stream, so that memory follows what
    /// the state keeps.
    ///
    /// # Errors
    /// As [`Self::active_files`].
    pub async fn fold<S: Send + 'static>(
        &self,
        mut state: S,
        mut visit: impl FnMut(&mut S, ActiveFile) + Send + 'static,
    ) -> Result<S, DeltaError> {
        let table = self.clone();
        blocking(move || {
            if let Some(snapshot) = &table.snapshot {
                table.visit_files(snapshot, |file| visit(&mut state, file))?;
            }
            Ok(state)
        })
        .await
    }

    /// Number of rows of this version, from the log.
    ///
    /// # Errors
    /// As [`Self::active_files`].
    pub async fn rows(&self) -> Result<u64, DeltaError> {
        self.fold(0, |rows, file| *rows += file.rows).await
    }

    /// Changes after version `from` (`None`: since the table was created) up to and including version `to`.
    ///
    /// # Errors
    /// The log does not reach back to `from`, or cannot be read.
    pub async fn changes(&self, from: Option<u64>, to: u64) -> Result<FileChanges, DeltaError> {
        let table = self.clone();
        blocking(move || {
            let start = from.map_or(0, |version| version + 1);
            if table.version().is_none_or(|version| version < to) {
                return Err(DeltaError::Corrupt {
                    table: table.name.clone(),
                    problem: format!("version {to} is not there"),
                });
            }
            if start > to {
                return Ok(FileChanges::default());
            }
            table.read_changes(start, to)
        })
        .await
    }

    fn visit_files(&self, snapshot: &SnapshotRef, mut visit: impl FnMut(ActiveFile)) -> Result<(), DeltaError> {
        let failed = self.failed("list the files of");
        for metadata in self
            .log_scan(snapshot)?
            .scan_metadata(self.store.engine.as_ref())
            .map_err(&failed)?
        {
            let batch = metadata
                .map_err(&failed)?
                .scan_files
                .apply_selection_vector()
                .try_into_record_batch()
                .map_err(&failed)?;
            let constants = column(&batch, "fileConstantValues").and_then(|array| array.as_struct_opt().cloned());
            let partitions = constants.and_then(|constants| constants.column_by_name("partitionValues").cloned());
            self.read_files(&StructArray::from(batch), partitions.as_ref(), |file, _| visit(file))?;
        }
        Ok(())
    }

    pub(super) fn log_scan(&self, snapshot: &SnapshotRef) -> Result<Scan, DeltaError> {
        SnapshotRef::clone(snapshot)
            .scan_builder()
            .without_row_transforms()
            .build()
            .map_err(self.failed("list the files of"))
    }

    /// Net adds and removes of a range of commits.
    fn read_changes(&self, start: u64, end: u64) -> Result<FileChanges, DeltaError> {
        let failed = self.failed("read the history of");
        let engine = &self.store.engine;
        let range = CommitRange::builder_for(self.url.as_str(), start)
            .with_end_version(end)
            .build(engine.as_ref())
            .map_err(&failed)?;
        let mut net = NetChanges::default();
        let commits = range
            .commits(engine.clone(), None, &[DeltaAction::Add, DeltaAction::Remove])
            .map_err(&failed)?;
        for commit in commits {
            let (mut adds, mut removes) = (Vec::new(), Vec::new());
            for batch in commit.map_err(&failed)?.get_actions(engine.as_ref()).map_err(&failed)? {
                let batch = batch.try_into_record_batch().map_err(&failed)?;
                for path in removed_paths(&batch) {
                    removes.push(self.decode(&path)?);
                }
                if let Some(rows) = column(&batch, "add").and_then(|array| array.as_struct_opt()) {
                    let add = |file, data_change| adds.push((file, data_change));
                    self.read_files(rows, rows.column_by_name("partitionValues"), add)?;
                }
            }
            net.apply(adds, removes);
        }
        Ok(FileChanges {
            added: net.added.into_values().collect(),
            removed: net.removed.into_iter().collect(),
        })
    }

    /// Files from rows with the columns of an add action, each with whether it changes data; rows without a path are other
    /// actions.
    fn read_files(
        &self,
        rows: &StructArray,
        partitions: Option<&ArrayRef>,
        mut visit: impl FnMut(ActiveFile, bool),
    ) -> Result<(), DeltaError> {
        let corrupt = |problem: String| DeltaError::Corrupt {
            table: self.name.clone(),
            problem,
        };
        let missing = |name: &str| corrupt(format!("the kernel gave no column {name}"));
        let text = |name: &str| {
            rows.column_by_name(name)
                .and_then(|array| array.as_string_opt::<i32>())
                .ok_or_else(|| missing(name))
        };
        let number = |name: &str| {
            rows.column_by_name(name)
                .and_then(|array| array.as_primitive_opt::<Int64Type>())
                .ok_or_else(|| missing(name))
        };
        let (paths, statistics) = (text("path")?, text("stats")?);
        let (sizes, times) = (number("size")?, number("modificationTime")?);
        let partitions = partitions
            .and_then(|array| array.as_map_opt())
            .ok_or_else(|| missing("partitionValues"))?;
        // The active files of a version are listed without it.
        let data_change = rows
            .column_by_name("dataChange")
            .and_then(|array| array.as_boolean_opt());
        for row in 0..rows.len() {
            if rows.is_null(row) || paths.is_null(row) {
                continue;
            }
            let path = self.decode(paths.value(row))?;
            let statistics = if statistics.is_null(row) {
                ""
            } else {
                statistics.value(row)
            };
            let changes_data = data_change.is_none_or(|changes| changes.is_null(row) || changes.value(row));
            let file = ActiveFile {
                rows: statistics::rows(statistics)
                    .ok_or_else(|| corrupt(format!("the log has no row count for {path}")))?,
                size: sizes.value(row).try_into().unwrap_or_default(),
                partition_values: map_entries(partitions, row),
                modification_time: times.value(row),
                statistics: statistics.to_owned(),
                path,
            };
            visit(file, changes_data);
        }
        Ok(())
    }

    /// Decodes a path of the log.
    pub(super) fn decode(&self, path: &str) -> Result<String, DeltaError> {
        let decoded = Path::from_url_path(path).map_err(|error| DeltaError::Corrupt {
            table: self.name.clone(),
            problem: format!("'{path}' is not the path of a data file: {error}"),
        })?;
        Ok(decoded.into())
    }

    /// Encodes a path for the log: percent-encoded, relative to the table.
    pub(super) fn encode(&self, path: &str) -> Result<String, DeltaError> {
        let unusable = || DeltaError::Corrupt {
            table: self.name.clone(),
            problem: format!("'{path}' cannot be the path of a data file"),
        };
        let mut url = Url::parse("s3://table/").map_err(|_| unusable())?;
        url.path_segments_mut()
            .map_err(|()| unusable())?
            .clear()
            .extend(path.split('/'));
        let encoded = url.path().trim_start_matches('/').to_owned();
        // Must round-trip, otherwise readers would request another object.
        if encoded.is_empty() || self.decode(&encoded)? != path {
            return Err(unusable());
        }
        Ok(encoded)
    }
}

/// Adds and removes of consecutive commits, without those that cancel each other.
#[derive(Default)]
struct NetChanges {
    added: BTreeMap<String, ActiveFile>,
    removed: BTreeSet<String>,
    /// Files with rows of files from before the first commit.
    rearranged: BTreeSet<String>,
}

impl NetChanges {
    /// Takes the next commit. A file that it adds without changing data holds rows of the files that it removes from the same
    /// partition: it counts as added if one of these was.
    fn apply(&mut self, adds: Vec<(ActiveFile, bool)>, removes: Vec<String>) {
        let mut with_news = BTreeSet::new();
        for path in removes {
            match self.added.remove(&path) {
                Some(file) => {
                    with_news.insert(file.partition_values);
                }
                None if self.rearranged.remove(&path) => {}
                None => {
                    self.removed.insert(path);
                }
            }
        }
        for (file, data_change) in adds {
            if self.removed.remove(&file.path) {
                continue;
            }
            if data_change || with_news.contains(&file.partition_values) {
                self.added.insert(file.path.clone(), file);
            } else {
                self.rearranged.insert(file.path);
            }
        }
    }
}

fn column<'a>(batch: &'a RecordBatch, name: &str) -> Option<&'a ArrayRef> {
    batch.column_by_name(name)
}

pub(super) fn removed_paths(batch: &RecordBatch) -> Vec<String> {
    let paths = column(batch, "remove")
        .and_then(|array| array.as_struct_opt())
        .and_then(|removes| Some((removes, removes.column_by_name("path")?.as_string_opt::<i32>()?)));
    let Some((removes, paths)) = paths else {
        return Vec::new();
    };
    (0..batch.num_rows())
        .filter(|&row| removes.is_valid(row) && paths.is_valid(row))
        .map(|row| paths.value(row).to_owned())
        .collect()
}

fn map_entries(map: &MapArray, row: usize) -> BTreeMap<String, Option<String>> {
    if map.is_null(row) {
        return BTreeMap::new();
    }
    let entries = map.value(row);
    let (Some(keys), Some(values)) = (
        entries.column(0).as_string_opt::<i32>(),
        entries.column(1).as_string_opt::<i32>(),
    ) else {
        return BTreeMap::new();
    };
    keys.iter()
        .zip(values)
        .filter_map(|(key, value)| Some((key?.to_owned(), value.map(str::to_owned))))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(partition: &str, name: &str) -> ActiveFile {
        ActiveFile {
            path: format!("{partition}/{name}"),
            size: 1,
            rows: 1,
            partition_values: BTreeMap::from([("day".to_owned(), Some(partition.to_owned()))]),
            modification_time: 0,
            statistics: String::new(),
        }
    }

    /// Added files (partition, name, whether they change data), and removed paths.
    type Commit<'a> = (&'a [(&'a str, &'a str, bool)], &'a [&'a str]);

    /// The added and removed paths after commits.
    fn net(commits: &[Commit<'_>]) -> (Vec<String>, Vec<String>) {
        let mut net = NetChanges::default();
        for (adds, removes) in commits {
            let adds = adds
                .iter()
                .map(|(partition, name, changes)| (file(partition, name), *changes));
            net.apply(adds.collect(), removes.iter().map(|path| (*path).to_owned()).collect());
        }
        (net.added.into_keys().collect(), net.removed.into_iter().collect())
    }

    #[test]
    fn what_cancels_out_is_no_change() {
        let commits: &[(&[_], &[_])] = &[(&[("a", "1", true)], &["a/0"]), (&[("a", "0", true)], &["a/1"])];
        assert_eq!(net(commits), (vec![], vec![]));
    }

    #[test]
    fn merged_files_of_the_earlier_version_hold_no_news() {
        let merge: (&[_], &[_]) = (&[("a", "m", false)], &["a/0", "a/1"]);
        let removed = vec!["a/0".to_owned(), "a/1".to_owned()];
        assert_eq!(net(&[merge]), (vec![], removed.clone()));
        let again: (&[_], &[_]) = (&[("a", "n", false)], &["a/m"]);
        assert_eq!(net(&[merge, again]), (vec![], removed.clone()));
        let rewritten: (&[_], &[_]) = (&[("a", "r", true)], &["a/n"]);
        assert_eq!(net(&[merge, again, rewritten]), (vec!["a/r".to_owned()], removed));
    }

    #[test]
    fn a_merged_file_with_rows_of_an_added_one_counts_as_added() {
        let commits: &[(&[_], &[_])] = &[
            (&[("a", "1", true), ("b", "1", true)], &[]),
            (&[("a", "m", false), ("c", "m", false)], &["a/0", "a/1", "c/0"]),
            (&[("a", "n", false)], &["a/m"]),
        ];
        let added = vec!["a/n".to_owned(), "b/1".to_owned()];
        assert_eq!(net(commits), (added, vec!["a/0".to_owned(), "c/0".to_owned()]));
    }
}
