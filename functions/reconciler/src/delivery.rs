//! What was delivered for a dataset and day: input, and what lies beside it; and whether that is what the contract expects.

use crate::context::Context;
use crate::error::ReconcilerError;
use crate::not_read::NotRead;
use cardlake_aws::storage::ObjectMeta;
use cardlake_core::bronze::{BronzeObject, classify};
use cardlake_core::contract::{Contract, DeliveryRule};
use cardlake_core::events::{LISTED_FILES, PublishOutput, UnreadFile};
use cardlake_core::paths::{BronzeKey, bronze_prefix};
use cardlake_core::records::BatchCounts;
use chrono::NaiveDate;
use std::collections::BTreeSet;

/// The bronze objects of a dataset and day.
#[derive(Debug, Default)]
pub(crate) struct Delivery {
    /// Objects with rows, in the order of their keys.
    pub(crate) inputs: Vec<(ObjectMeta, BronzeKey)>,
    /// Objects that are not read.
    pub(crate) not_read: NotRead,
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
                BronzeObject::NotInput { reason, suspicious } => delivery.not_read.add(&object.key, reason, suspicious),
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
        if let Some(rows) = published.map(|output| output.withdrawn).filter(|rows| *rows > 0) {
            warnings.push(format!(
                "{dataset}: {rows} {} the table: no object of the day delivers them any more, or changed rules or control \
                 totals refuse them",
                if rows == 1 { "row left" } else { "rows left" }
            ));
        }
        if let Some(rows) = published.map(|output| output.taken_back).filter(|rows| *rows > 0) {
            warnings.push(format!(
                "{dataset}: {rows} {} back, as the rows of this day that had replaced them are gone",
                if rows == 1 {
                    "row of another day came"
                } else {
                    "rows of other days came"
                }
            ));
        }
        warnings.extend(self.not_read.warnings().map(|warning| format!("{dataset}: {warning}")));
        if let Some(first) = self.uncontrolled.first() {
            warnings.push(format!(
                "{dataset}: {} files of control totals have no object, such as {first}",
                self.uncontrolled.len()
            ));
        }
        warnings.extend(
            self.unmet(contract, batch_date, counts)
                .into_iter()
                .map(|(_, text)| text),
        );
        warnings
    }

    /// The rules of the contract about a delivery that this one does not meet, each with a sentence. `counts` are those of the
    /// batch, if they are known; the number of rows is known as well if there is no file.
    pub(crate) fn unmet(
        &self,
        contract: &Contract,
        batch_date: NaiveDate,
        counts: Option<&BatchCounts>,
    ) -> Vec<(DeliveryRule, String)> {
        let (dataset, expected) = (&contract.dataset, &contract.delivery);
        let names = || self.inputs.iter().map(|(_, key)| key.name.as_str());
        let missing = expected.files.iter().filter(|pattern| {
            let mut names = names();
            !names.any(|name| pattern.matches(name, batch_date))
        });
        let mut unmet: Vec<(DeliveryRule, String)> = missing
            .map(|pattern| {
                let text =
                    format!("{dataset}: no file of {batch_date} matches '{pattern}' (expectedFiles of the contract)");
                (DeliveryRule::ExpectedFiles, text)
            })
            .collect();
        match (expected.min_rows.filter(|rows| *rows > 0), counts) {
            (Some(rows), _) if self.inputs.is_empty() => {
                let text = format!("{dataset}: there is no file of {batch_date}; {}", wanted(rows));
                unmet.push((DeliveryRule::MinRows, text));
            }
            _ => unmet.extend(
                counts
                    .into_iter()
                    .flat_map(|counts| unmet_counts(contract, batch_date, counts)),
            ),
        }
        unmet
    }
}

/// The rules of the contract about the rows of a batch that these counts do not meet, each with a sentence.
pub(crate) fn unmet_counts(
    contract: &Contract,
    batch_date: NaiveDate,
    counts: &BatchCounts,
) -> Vec<(DeliveryRule, String)> {
    let (dataset, expected) = (&contract.dataset, &contract.delivery);
    let mut unmet = Vec::new();
    if let Some(rows) = expected.min_rows.filter(|rows| counts.bronze_rows < *rows) {
        let found = counts.bronze_rows;
        let text = format!("{dataset}: {found} rows of {batch_date}; {}", wanted(rows));
        unmet.push((DeliveryRule::MinRows, text));
    }
    if let Some(allowed) = expected.max_duplicate_share
        && counts.duplicates as f64 > allowed * counts.bronze_rows as f64
    {
        let text = format!(
            "{dataset}: {} of {} rows of {batch_date} are duplicates; expected is a share of {allowed} or less \
             (maxDuplicateShare of the contract): is the key filled?",
            counts.duplicates, counts.bronze_rows
        );
        unmet.push((DeliveryRule::MaxDuplicateShare, text));
    }
    unmet
}

fn wanted(rows: u64) -> String {
    format!("expected are {rows} rows or more (minRows of the contract)")
}

/// Fails if a rule is unmet that the contract says to fail on; `not_read` are the sentences about objects that may be what is
/// missing.
///
/// # Errors
/// [`ReconcilerError::DeliveryFailed`].
pub(crate) fn check<'c>(
    batch_date: NaiveDate,
    unmet: impl IntoIterator<Item = (&'c Contract, Vec<(DeliveryRule, String)>)>,
    not_read: impl Iterator<Item = String>,
) -> Result<(), ReconcilerError> {
    let problems: Vec<String> = unmet
        .into_iter()
        .flat_map(|(contract, unmet)| {
            let failing = unmet
                .into_iter()
                .filter(move |(rule, _)| contract.delivery.fail.contains(rule));
            failing.map(|(_, text)| text)
        })
        .collect();
    if problems.is_empty() {
        return Ok(());
    }
    Err(ReconcilerError::DeliveryFailed {
        batch_date,
        problems,
        not_read: not_read.collect(),
    })
}

/// Shortens a list to what an output of a stage may hold.
pub(crate) fn listed(mut files: Vec<UnreadFile>) -> Vec<UnreadFile> {
    files.truncate(LISTED_FILES);
    files
}
