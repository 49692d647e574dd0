//! The committed files of the table, as far as a reconciliation needs them.
//!
//! Files near the new rows are kept with their statistics. Of all others, which may be a hundred thousand, only names are kept: the
//! key filters know them by these. The few of them that turn out to matter are looked up in a second pass over the log.

use crate::error::ReconcilerError;
use crate::scope::{EventDays, day_of, event_day_column, event_days};
use cardlake_core::contract::{Contract, Derivation};
use cardlake_core::records::{DataFile, ObjectRecord};
use cardlake_lake::delta::{ActiveFile, DeltaTable};
use chrono::NaiveDate;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// Names a data file. Names are never used twice.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct FileName {
    /// Path in the table's folder.
    pub(crate) path: Box<str>,
    /// Size in bytes.
    pub(crate) size: u64,
    /// Its event day, if the table is partitioned by that and the day is readable.
    day: Option<NaiveDate>,
}

/// The committed files, by path.
#[derive(Default)]
pub(crate) struct Committed {
    /// Those near the new rows or of the same name as new ones.
    pub(crate) near: Vec<ActiveFile>,
    /// Names of these.
    near_names: Vec<FileName>,
    /// Names of all others.
    far: Vec<FileName>,
    /// The partition column with the event day.
    day_column: Option<String>,
}

impl FileName {
    /// The name of a data file, without its event day.
    pub(crate) fn of(file: &DataFile) -> Self {
        Self {
            path: file.path.as_str().into(),
            size: file.size,
            day: None,
        }
    }
}

impl Committed {
    /// Lists the files of a table. The ones near the files of `new` objects, at most `width` days apart, are kept whole.
    ///
    /// # Errors
    /// The log cannot be read.
    pub(crate) async fn list(
        table: &DeltaTable,
        contract: &Contract,
        new: &[&ObjectRecord],
        width: u32,
    ) -> Result<Self, ReconcilerError> {
        let files: Vec<&DataFile> = new.iter().flat_map(|record| &record.files).collect();
        let days = event_days(contract, &files, width);
        let day_column = event_day_column(contract).cloned();
        let paths: BTreeSet<String> = files.iter().map(|file| file.path.clone()).collect();
        // With new files whose days cannot be told, every row is near.
        let all_near = day_column.is_none() || (days.is_none() && !files.is_empty());
        let state = Self {
            day_column,
            ..Self::default()
        };
        let visit = move |state: &mut Self, file: ActiveFile| {
            let is_near = all_near || is_near(days.as_ref(), &file) || paths.contains(&file.path);
            if is_near {
                state.near.push(file);
            } else {
                state.far.push(state.name(&file));
            }
        };
        let mut committed = table.fold(state, visit).await?;
        committed.near.sort_by(|a, b| a.path.cmp(&b.path));
        committed.far.sort_by(|a, b| a.path.cmp(&b.path));
        committed.near_names = committed.near.iter().map(|file| committed.name(file)).collect();
        Ok(committed)
    }

    fn name(&self, file: &ActiveFile) -> FileName {
        let column = self.day_column.as_ref();
        FileName {
            path: file.path.as_str().into(),
            size: file.size,
            day: column.and_then(|column| day_of(column, &file.partition_values)),
        }
    }

    /// The near files by path.
    pub(crate) fn by_path(&self) -> BTreeMap<&str, &ActiveFile> {
        self.near.iter().map(|file| (file.path.as_str(), file)).collect()
    }

    /// Whether a path is that of a committed file.
    pub(crate) fn contains(&self, path: &str) -> bool {
        let near = self.near.binary_search_by(|file| file.path.as_str().cmp(path));
        near.is_ok() || self.far.binary_search_by(|file| (*file.path).cmp(path)).is_ok()
    }

    /// The event day of every file; `None`: unreadable.
    pub(crate) fn days(&self) -> impl Iterator<Item = Option<NaiveDate>> + '_ {
        self.near_names.iter().chain(&self.far).map(|file| file.day)
    }

    /// The files that are not looked at unless key filters say so, by path: those far from the new rows, or `all`.
    pub(crate) fn distant(&self, days: Option<&EventDays>, all: bool) -> Vec<&FileName> {
        if self.day_column.is_none() || (days.is_none() && !all) {
            return Vec::new();
        }
        let near = self.near.iter().zip(&self.near_names);
        let near = near.filter(|(file, _)| all || !is_near(days, file));
        let mut names: Vec<&FileName> = near.map(|(_, name)| name).chain(&self.far).collect();
        names.sort_by(|a, b| a.path.cmp(&b.path));
        names
    }

    /// The near files, those with the given paths, and those that may hold rows of one of the bronze objects, by path.
    ///
    /// # Errors
    /// The log cannot be read.
    pub(crate) async fn with(
        &self,
        table: &DeltaTable,
        contract: &Contract,
        paths: BTreeSet<String>,
        objects: Vec<String>,
    ) -> Result<Vec<ActiveFile>, ReconcilerError> {
        let mut files = self.near.clone();
        if paths.is_empty() && objects.is_empty() {
            return Ok(files);
        }
        let known: BTreeSet<String> = self.near.iter().map(|file| file.path.clone()).collect();
        let column = source_column(contract);
        let further = table.fold(Vec::new(), move |found, file: ActiveFile| {
            let may_hold = || {
                let sources = SourceRange::of(column.as_deref(), &file);
                objects.iter().any(|object| sources.may_hold(object))
            };
            if !known.contains(&file.path) && (paths.contains(&file.path) || may_hold()) {
                found.push(file);
            }
        });
        files.extend(further.await?);
        files.sort_by(|a, b| a.path.cmp(&b.path));
        Ok(files)
    }
}

fn is_near(days: Option<&EventDays>, file: &ActiveFile) -> bool {
    days.is_some_and(|days| days.contain(&file.partition_values))
}

/// The column with the bronze key of a row.
pub(crate) fn source_column(contract: &Contract) -> Option<String> {
    let mut columns = contract.file_columns();
    let source = columns.find(|column| column.derivation == Some(Derivation::SourceObject));
    source.map(|column| column.name.clone())
}

/// Bronze keys between which those of a file's rows lie, by its statistics; `None`: unknown.
pub(crate) struct SourceRange {
    min: Option<String>,
    max: Option<String>,
}

impl SourceRange {
    pub(crate) fn of(source_column: Option<&str>, file: &ActiveFile) -> Self {
        let statistics = source_column.and_then(|column| file.columns().remove(column));
        let text = |value: Option<Value>| value.as_ref().and_then(Value::as_str).map(str::to_owned);
        let statistics = statistics.unwrap_or_default();
        Self {
            min: text(statistics.min),
            max: text(statistics.max),
        }
    }

    /// Whether the file may hold rows of the object. Long texts may be cut off in statistics.
    pub(crate) fn may_hold(&self, key: &str) -> bool {
        self.min.as_deref().is_none_or(|min| min <= key)
            && self.max.as_deref().is_none_or(|max| key <= max || key.starts_with(max))
    }
}
