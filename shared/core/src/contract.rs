//! Data contracts: the single source of columns, types, rules, keys and classifications.
//!
//! A contract is an Open Data Contract Standard file (version 3.1, <https://bitol-io.github.io/open-data-contract-standard/>).
//! [`odcs`] is the file format; [`Contract`] is the validated model used by the stages. Parser, silver schema, quarantine
//! rules and warehouse DDL are derived from it, so a new dataset needs a new file and no Rust code.
//!
//! Settings outside the standard are `customProperties`:
//!
//! | where | property | value |
//! |---|---|---|
//! | table | `eventTime` | name of the timestamp column with the time of the event |
//! | table | `lateWindowDays` | days that an event may be before its ingest date (default 2) |
//! | table | `futureToleranceDays` | days that an event may be after its ingest date (default 1) |
//! | table | `redshiftDistributionKey`, `redshiftSortKeys` | column, list of columns |
//! | table | `csv` | dialect of CSV files: see [`CsvDialect`] |
//! | table | `encoding` | encoding of text files: see [`TextEncoding`] |
//! | table | `timeZone` | IANA name of the zone of times without an offset, and of the days of event times (default UTC) |
//! | table, column | `nullValues` | texts that are read as null |
//! | column | `timestampFormat` | `iso`, `epoch_seconds` or `epoch_millis` |
//! | table | `minRows` | least number of rows of a day; fewer are a warning |
//! | table | `maxDuplicateShare` | share of rows (0 to 1) of a day that may be duplicates; more are a warning |
//! | table | `expectedFiles` | list of patterns of file names, see [`FilePattern`]; one without a file is a warning |
//! | table | `deliverySeverity` | `warn` (default) or `fail` for these three, or a map from their names to that |
//! | table | `controlTotals` | `{sum: column, required: true, trailer: {marker, rows, sum}}`, all optional: see [`ControlTotals`] |
//! | table | `limits` | `{maxColumns, maxRecordBytes, maxExpansion, maxQuarantineBytes}`, all optional: see [`ObjectLimits`] |
//! | table | `anomalyWarnings` | `false`: a day unlike the days before is no warning (default true) |
//! | column | `normalisation` | `lower` or `upper` |
//! | column | `derivation` | derivation of a column that is not in bronze: see [`Derivation`] |

mod build;
mod build_source;
mod limits;
mod model;
pub mod odcs;
mod place;
mod source;

pub use limits::ObjectLimits;
pub use model::{
    Column, ColumnType, Contract, ContractError, ControlTotals, DeliveryRule, DeliveryRules, Derivation, EventTime,
    FilePattern, Normalisation, OnPersonalData, Protection, Rules, TextFormat, Trailer,
};
pub use source::{CsvDialect, SourceFormat, TextEncoding, TimestampFormat};

use crate::assets::{AssetFolder, Assets};
use std::collections::BTreeMap;
use std::sync::Arc;

/// All contracts of the project.
#[derive(Debug, Clone)]
pub struct Contracts {
    by_dataset: BTreeMap<String, Arc<Contract>>,
}

impl Contracts {
    /// Loads and validates `contracts/*.yaml`.
    ///
    /// # Errors
    /// A file is unreadable or invalid, or a dataset has two contracts.
    pub fn load(assets: &Assets) -> Result<Self, ContractError> {
        let mut by_dataset = BTreeMap::new();
        for asset in assets.list(AssetFolder::Contracts)? {
            if !asset.path.ends_with(".yaml") && !asset.path.ends_with(".yml") {
                continue;
            }
            let file = format!("contracts/{}", asset.path);
            let contract = Contract::from_yaml(&file, &asset.text)?;
            if let Some(other) = by_dataset.insert(contract.dataset.clone(), Arc::new(contract)) {
                return Err(ContractError::Property {
                    file,
                    property: "schema[0].name".to_owned(),
                    problem: format!(
                        "another contract describes '{}' already: one for each dataset",
                        other.dataset
                    ),
                });
            }
        }
        Ok(Self { by_dataset })
    }

    /// The contract of a dataset.
    ///
    /// # Errors
    /// The dataset has no contract.
    pub fn get(&self, dataset: &str) -> Result<&Arc<Contract>, ContractError> {
        self.by_dataset
            .get(dataset)
            .ok_or_else(|| ContractError::UnknownDataset {
                dataset: dataset.to_owned(),
                known: self
                    .by_dataset
                    .keys()
                    .map(String::as_str)
                    .collect::<Vec<_>>()
                    .join(", "),
            })
    }

    /// All contracts, by dataset.
    pub fn iter(&self) -> impl Iterator<Item = &Arc<Contract>> {
        self.by_dataset.values()
    }
}

#[cfg(test)]
mod tests;
