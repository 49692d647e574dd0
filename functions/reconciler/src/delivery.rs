//! What was delivered for a dataset and day: input, and what lies beside it; and whether that is what the contract expects.

use crate::context::Context;
use crate::error::ReconcilerError;
use cardlake_aws::storage::ObjectMeta;
use cardlake_core::bronze::{BronzeObject, classify};
use cardlake_core::contract::Contract;
use cardlake_core::events::{LISTED_FILES, PublishOutput, UnreadFile};
use cardlake_core::paths::{BronzeKey, bronze_prefix};
use chrono::NaiveDate;
use std::collections::{BTreeMap, BTreeSet};

/// The bronze objects of a dataset and day.
#[derive(Debug, Default)]
pub(crate) struct Delivery {
    /// Objects with rows, in the order of their keys.
    pub(crate) inputs: Vec<(ObjectMeta, BronzeKey)>,
    /// Objects that are not read.
    pub(crate) ignored: Vec<UnreadFile>,
    /// Those of them that may be data, by reason: their number and the first key.
    suspicious: BTreeMap<&'static str, (u64, String)>,
    /// Files of control totals whose object is not there.
    uncontrolled: Vec<String>,
}

impl Delivery {
    /// Lists the objects and tells them apart.
    ///
    /// # Errors
    /// Bronze cannot be listed.
    pub(crate) async fn list(context: &Context, dataset: &str, batch_date: NaiveDate) -> Result<Self, ReconcilerError> {
        let prefix = bronze_prefix(dataset, batch_date);
        let objects = context.storage.list(&context.lake.bronze_bucket, &prefix).await?;
        let (mut delivery, mut controlled) = (Self::default(), Vec::new());
        for object in objects {
            match classify(&object.key, &context.contracts) {
                BronzeObject::Input { key, .. } => delivery.inputs.push((object, key)),
                BronzeObject::Control(of) => controlled.push((of, object.key)),
                BronzeObject::NotInput { reason, suspicious } => {
                    if suspicious {
                        let first = || (0, object.key.clone());
                        delivery.suspicious.entry(reason).or_insert_with(first).0 += 1;
                    }
                    delivery.ignored.push(UnreadFile {
                        file: object.key,
                        reason: reason.to_owned(),
                    });
                }
            }
        }
        let inputs: BTreeSet<&str> = delivery.inputs.iter().map(|(_, key)| key.name.as_str()).collect();
        controlled.retain(|(of, _)| !inputs.contains(of.name.as_str()));
        delivery.uncontrolled = controlled.into_iter().map(|(_, key)| key).collect();
        Ok(delivery)
    }

    /// One sentence for each expectation of the contract that the delivery does not meet, and for each kind of object that
    /// may be data and is not read. `published` is the batch, if one was published in this run.
    pub(crate) fn warnings(
        &self,
        contract: &Contract,
        batch_date: NaiveDate,
        published: Option<&PublishOutput>,
    ) -> Vec<String> {
        let dataset = &contract.dataset;
        let counts = published.map(|output| &output.counts);
        let mut warnings = Vec::new();
        let rejected = published.and_then(|output| Some((output.counts.rejected_objects, output.rejected.first()?)));
        if let Some((count, first)) = rejected {
            warnings.push(format!(
                "{dataset}: {count} {} rejected as a whole, such as {}: {}; mend it and deliver it again under the same \
                 name",
                if count == 1 { "object is" } else { "objects are" },
                first.file,
                first.reason
            ));
        }
        for (reason, (count, first)) in &self.suspicious {
            warnings.push(format!(
                "{dataset}: {count} {} not read, such as {first}: {reason}",
                if *count == 1 { "object is" } else { "objects are" }
            ));
        }
        if let Some(first) = self.uncontrolled.first() {
            warnings.push(format!(
                "{dataset}: {} files of control totals have no object, such as {first}",
                self.uncontrolled.len()
            ));
        }
        let expected = &contract.delivery;
        let names = || self.inputs.iter().map(|(_, key)| key.name.as_str());
        for pattern in &expected.files {
            if !names().any(|name| pattern.matches(name, batch_date)) {
                warnings.push(format!(
                    "{dataset}: no file of {batch_date} matches '{pattern}' (expectedFiles of the contract)"
                ));
            }
        }
        let wanted = |rows| format!("expected are {rows} rows or more (minRows of the contract)");
        match (expected.min_rows, counts) {
            (Some(rows), _) if self.inputs.is_empty() && rows > 0 => {
                warnings.push(format!("{dataset}: there is no file of {batch_date}; {}", wanted(rows)));
            }
            (Some(rows), Some(counts)) if counts.bronze_rows < rows => {
                let found = counts.bronze_rows;
                warnings.push(format!("{dataset}: {found} rows of {batch_date}; {}", wanted(rows)));
            }
            _ => {}
        }
        if let (Some(allowed), Some(counts)) = (expected.max_duplicate_share, counts)
            && counts.duplicates as f64 > allowed * counts.bronze_rows as f64
        {
            warnings.push(format!(
                "{dataset}: {} of {} rows of {batch_date} are duplicates; expected is a share of {allowed} or less \
                 (maxDuplicateShare of the contract): is the key filled?",
                counts.duplicates, counts.bronze_rows
            ));
        }
        warnings
    }
}

/// Shortens a list to what an output of a stage may hold.
pub(crate) fn listed(mut files: Vec<UnreadFile>) -> Vec<UnreadFile> {
    files.truncate(LISTED_FILES);
    files
}
