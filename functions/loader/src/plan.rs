//! Which load a dataset needs, from the ledger, the warehouse's columns and the Delta log. Pure: no I/O.

use crate::error::LoaderError;
use crate::sql::NEVER;
use cardlake_aws::data_api::{ResultSet, Value};
use std::collections::BTreeMap;

/// State of the warehouse: ledger and columns.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(crate) struct WarehouseState {
    /// Version in the ledger, by dataset.
    versions: BTreeMap<String, i64>,
    /// Columns of the raw tables, by dataset.
    columns: BTreeMap<String, Vec<String>>,
}

impl WarehouseState {
    /// From the two results of [`crate::sql::prepare`].
    ///
    /// # Errors
    /// A row of the ledger has no version, or a row of either result another shape.
    pub(crate) fn new(ledger: &ResultSet, columns: &ResultSet) -> Result<Self, LoaderError> {
        let mut state = Self::default();
        for row in &ledger.rows {
            let version = match row.as_slice() {
                [Value::Text(dataset), version] => version.integer().map(|version| (dataset, version)),
                _ => None,
            };
            let (dataset, version) = version.ok_or_else(|| LoaderError::Result {
                what: "the ledger ops.loads",
                problem: format!(
                    "its current row {row:?} is not a dataset and a version; correct it, or delete it and load with \
                     full_refresh"
                ),
            })?;
            state.versions.insert(dataset.clone(), version);
        }
        for row in &columns.rows {
            let [Value::Text(table), Value::Text(column)] = row.as_slice() else {
                return Err(LoaderError::Result {
                    what: "information_schema.columns",
                    problem: format!("{row:?} is not the name of a table and of a column"),
                });
            };
            state.columns.entry(table.clone()).or_default().push(column.clone());
        }
        Ok(state)
    }

    /// Version in the ledger; [`NEVER`] without a row, as that is what a first load adds.
    pub(crate) fn version(&self, dataset: &str) -> i64 {
        self.versions.get(dataset).copied().unwrap_or(NEVER)
    }

    /// Columns of the raw table; empty if there is none.
    pub(crate) fn columns(&self, dataset: &str) -> &[String] {
        self.columns.get(dataset).map_or(&[], Vec::as_slice)
    }
}

/// What a dataset needs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Need {
    /// The warehouse holds this version or a later one already.
    Nothing { version: u64 },
    /// The files that are new since `from` (none: all files) up to `to`.
    Files { from: Option<u64>, to: u64 },
}

/// Decides. `pinned` is the version to reach, `newest` the newest of the Delta log right now.
pub(crate) fn need(
    dataset: &str,
    state: &WarehouseState,
    pinned: u64,
    newest: u64,
    full_refresh: bool,
) -> Result<Need, LoaderError> {
    if full_refresh {
        return Ok(Need::Files { from: None, to: pinned });
    }
    let loaded = state.version(dataset);
    let Ok(from) = u64::try_from(loaded) else {
        return Ok(Need::Files { from: None, to: pinned });
    };
    if state.columns(dataset).is_empty() {
        // The table was dropped.
        return Ok(Need::Files { from: None, to: pinned });
    }
    if from > newest {
        return Err(LoaderError::SilverRebuilt {
            dataset: dataset.to_owned(),
            loaded,
            version: newest,
        });
    }
    // Past the pinned version: a concurrent loader was faster.
    if from >= pinned {
        return Ok(Need::Nothing { version: from });
    }
    Ok(Need::Files {
        from: Some(from),
        to: pinned,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use cardlake_core::error::{ErrorKind, StageError};

    fn state(version: i64, columns: &[&str]) -> WarehouseState {
        WarehouseState {
            versions: BTreeMap::from([("cards".to_owned(), version)]),
            columns: BTreeMap::from([(
                "cards".to_owned(),
                columns.iter().map(|name| (*name).to_owned()).collect(),
            )]),
        }
    }

    #[test]
    fn a_ledger_row_without_a_version_is_no_first_load() {
        let ledger = |version| ResultSet {
            columns: Vec::new(),
            rows: vec![vec![Value::Text("cards".to_owned()), version]],
        };
        let state = WarehouseState::new(&ledger(Value::Integer(3)), &ResultSet::default()).unwrap();
        assert_eq!((state.version("cards"), state.version("merchants")), (3, NEVER));
        for version in [Value::Null, Value::Text("three".to_owned())] {
            let error = WarehouseState::new(&ledger(version), &ResultSet::default()).unwrap_err();
            assert!(
                error.to_string().starts_with("the ledger ops.loads of the warehouse: "),
                "{error}"
            );
            assert_eq!(error.kind(), ErrorKind::Corrupt);
        }
    }

    #[test]
    fn only_what_is_new_since_the_ledger_is_loaded() {
        let need = |version, pinned| need("cards", &state(version, &["card_id"]), pinned, pinned, false).unwrap();
        assert_eq!(need(NEVER, 0), Need::Files { from: None, to: 0 });
        assert_eq!(need(2, 5), Need::Files { from: Some(2), to: 5 });
        assert_eq!(need(5, 5), Need::Nothing { version: 5 });
    }

    #[test]
    fn a_faster_loader_is_no_mistake_but_a_shrunk_log_is() {
        let ahead = state(7, &["card_id"]);
        assert_eq!(
            need("cards", &ahead, 5, 8, false).unwrap(),
            Need::Nothing { version: 7 }
        );
        let error = need("cards", &ahead, 5, 5, false).unwrap_err();
        assert!(matches!(
            error,
            LoaderError::SilverRebuilt {
                loaded: 7,
                version: 5,
                ..
            }
        ));
        assert_eq!(
            need("cards", &ahead, 5, 5, true).unwrap(),
            Need::Files { from: None, to: 5 }
        );
    }

    #[test]
    fn a_dropped_table_is_loaded_from_the_start() {
        assert_eq!(
            need("cards", &state(3, &[]), 4, 4, false).unwrap(),
            Need::Files { from: None, to: 4 }
        );
    }
}
