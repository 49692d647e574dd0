//! Action `balance`: the counts of all layers against each other.

use crate::context::Context;
use crate::delivery::Delivery;
use crate::error::ReconcilerError;
use crate::not_read::NotRead;
use crate::stray;
use cardlake_core::events::{BalanceOutput, DatasetBooks, LoadedDataset, PublishOutput};
use cardlake_core::records::BatchCounts;
use cardlake_lake::delta::DeltaTable;
use chrono::NaiveDate;
use futures::future::try_join_all;
use std::collections::{BTreeMap, BTreeSet};

/// Both laws for every dataset that was published or loaded: bronze = added + duplicates + quarantined for the batch, and
/// silver rows = warehouse rows at the version that the warehouse holds (a batch of another day may have been published
/// and loaded since).
pub(crate) async fn balance(
    context: &Context,
    batch_date: NaiveDate,
    published: &[PublishOutput],
    loaded: &[LoadedDataset],
) -> Result<BalanceOutput, ReconcilerError> {
    let published: BTreeMap<_, _> = published
        .iter()
        .map(|output| (output.dataset.as_str(), output))
        .collect();
    let loaded: BTreeMap<_, _> = loaded.iter().map(|output| (output.dataset.as_str(), output)).collect();
    let names: BTreeSet<_> = published.keys().chain(loaded.keys()).copied().collect();
    let mut differences = Vec::new();
    let mut datasets = BTreeMap::new();
    for name in names {
        let (published, loaded) = (published.get(name).copied(), loaded.get(name).copied());
        let silver_rows = silver_rows(context, name, published, loaded).await?;
        let (accounts, found) = account_for(name, published, loaded, silver_rows);
        differences.extend(found);
        datasets.insert(name.to_owned(), accounts);
    }
    if !differences.is_empty() {
        return Err(ReconcilerError::BooksImbalance {
            batch_date,
            differences,
        });
    }
    let contracts: Vec<_> = context.contracts.iter().collect();
    let listings = contracts
        .iter()
        .map(|contract| Delivery::list(context, &contract.dataset, batch_date));
    let (mut not_read, mut warnings) = (NotRead::default(), Vec::new());
    for (delivery, contract) in try_join_all(listings).await?.into_iter().zip(contracts) {
        let published = published.get(contract.dataset.as_str()).copied();
        warnings.extend(delivery.warnings(contract, batch_date, published));
        not_read.extend(delivery.not_read);
    }
    let strays = stray::find(context).await?;
    warnings.extend(strays.warnings());
    not_read.extend(strays);
    for warning in &warnings {
        tracing::warn!(%batch_date, warning, "delivery");
    }
    Ok(BalanceOutput {
        batch_date,
        datasets,
        ignored_objects: not_read.objects,
        ignored: not_read.files,
        warnings,
    })
}

/// Rows of the silver table at the version that the warehouse holds, else at the published one.
async fn silver_rows(
    context: &Context,
    dataset: &str,
    published: Option<&PublishOutput>,
    loaded: Option<&LoadedDataset>,
) -> Result<u64, ReconcilerError> {
    match (published, loaded) {
        (Some(published), None) => Ok(published.table_rows),
        (Some(published), Some(loaded)) if published.version == loaded.version => Ok(published.table_rows),
        (_, Some(loaded)) => {
            let table = DeltaTable::open(&context.delta, dataset).await?;
            Ok(table.at_version(loaded.version).await?.rows().await?)
        }
        (None, None) => Ok(0),
    }
}

/// The row accounting of one dataset, and a sentence for each violated law.
fn account_for(
    dataset: &str,
    published: Option<&PublishOutput>,
    loaded: Option<&LoadedDataset>,
    silver_rows: u64,
) -> (DatasetBooks, Vec<String>) {
    let mut differences = Vec::new();
    // A dataset without a batch of this day has no rows to account for.
    let counts = published.map_or_else(BatchCounts::default, |output| output.counts);
    if !counts.balanced() {
        differences.push(format!(
            "{dataset}: {} bronze rows are not {} added + {} duplicates + {} quarantined",
            counts.bronze_rows, counts.silver_rows_added, counts.duplicates, counts.quarantined
        ));
    }
    match (published, loaded) {
        (Some(published), None) => differences.push(format!(
            "{dataset}: version {} was published and not loaded",
            published.version
        )),
        (Some(published), Some(loaded)) if loaded.version < published.version => differences.push(format!(
            "{dataset}: the warehouse holds version {}, published is {}",
            loaded.version, published.version
        )),
        _ => {}
    }
    // A dataset that was not loaded shows no warehouse rows; that it was not is a difference of its own.
    let warehouse_rows = loaded.map_or(0, |output| output.warehouse_rows);
    if let Some(loaded) = loaded
        && warehouse_rows != silver_rows
    {
        differences.push(format!(
            "{dataset}: the warehouse has {warehouse_rows} rows, silver has {silver_rows} at version {}",
            loaded.version
        ));
    }
    let accounts = DatasetBooks {
        counts,
        silver_rows,
        warehouse_rows,
        reasons: published.map(|output| output.reasons.clone()).unwrap_or_default(),
        rejected: published.map(|output| output.rejected.clone()).unwrap_or_default(),
        withdrawn: published.map_or(0, |output| output.withdrawn),
        taken_back: published.map_or(0, |output| output.taken_back),
        balanced: differences.is_empty(),
    };
    (accounts, differences)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn published(version: u64, bronze_rows: u64) -> PublishOutput {
        PublishOutput {
            dataset: "cards".into(),
            version,
            counts: BatchCounts {
                bronze_rows,
                silver_rows_added: 8,
                duplicates: 1,
                quarantined: 1,
                ..BatchCounts::default()
            },
            table_rows: 20,
            reasons: [("brand is missing".to_owned(), 1)].into(),
            rejected: Vec::new(),
            withdrawn: 0,
            taken_back: 0,
        }
    }

    fn loaded(version: u64, warehouse_rows: u64) -> LoadedDataset {
        LoadedDataset {
            dataset: "cards".into(),
            version,
            copied_rows: 0,
            warehouse_rows,
            compared: None,
        }
    }

    #[test]
    fn equal_layers_balance() {
        let (accounts, differences) = account_for("cards", Some(&published(3, 10)), Some(&loaded(3, 20)), 20);
        assert!(accounts.balanced && differences.is_empty());
        assert_eq!((accounts.silver_rows, accounts.warehouse_rows), (20, 20));
    }

    #[test]
    fn every_difference_is_named() {
        let (accounts, differences) = account_for("cards", Some(&published(3, 11)), Some(&loaded(2, 19)), 20);
        assert!(!accounts.balanced);
        assert_eq!(
            differences,
            [
                "cards: 11 bronze rows are not 8 added + 1 duplicates + 1 quarantined",
                "cards: the warehouse holds version 2, published is 3",
                "cards: the warehouse has 19 rows, silver has 20 at version 2",
            ]
        );
    }

    #[test]
    fn a_dataset_without_a_batch_still_has_to_match_the_warehouse() {
        assert_eq!(account_for("cards", None, Some(&loaded(2, 20)), 20).1, [""; 0]);
        assert_eq!(account_for("cards", None, Some(&loaded(2, 19)), 20).1.len(), 1);
    }

    #[test]
    fn a_published_dataset_has_to_be_loaded() {
        let (_, differences) = account_for("cards", Some(&published(3, 10)), None, 20);
        assert_eq!(differences, ["cards: version 3 was published and not loaded"]);
    }
}
