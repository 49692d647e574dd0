//! Row accounting of a candidate: every bronze row has an outcome, per object and in total, and every file holds the rows
//! that the candidate says. Rewritten files hold older rows as well, so the sum over files is not a count of the batch.

use crate::error::ValidatorError;
use cardlake_core::records::{BatchCounts, Candidate};
use cardlake_core::text::thousands;
use cardlake_expectations::{ParquetTable, Source};

/// Checks the counts of a candidate against each other and against its files.
///
/// # Errors
/// The first count that does not balance.
pub(crate) fn check(candidate: &Candidate, table: &ParquetTable) -> Result<(), ValidatorError> {
    let imbalance = |problem: String| {
        Err(ValidatorError::Imbalance {
            dataset: candidate.dataset.clone(),
            batch_date: candidate.batch_date,
            problem,
        })
    };
    let counts = &candidate.counts;
    if !counts.balanced() {
        return imbalance(format!(
            "{} bronze rows are not {} added + {} duplicates + {} quarantined",
            counts.bronze_rows, counts.silver_rows_added, counts.duplicates, counts.quarantined
        ));
    }
    if counts.late_rows > counts.silver_rows_added {
        return imbalance(format!(
            "{} late rows among {} added",
            counts.late_rows, counts.silver_rows_added
        ));
    }
    let of_objects = candidate.objects.values().map(|object| object.counts);
    if !candidate.objects.is_empty() {
        let total = of_objects.fold(BatchCounts::default(), BatchCounts::plus);
        if total != *counts {
            return imbalance(format!(
                "the counts of its {} objects add up to {total:?}, not to {counts:?}",
                candidate.objects.len()
            ));
        }
    }
    for (file, (_, rows)) in candidate.add.iter().zip(table.file_rows()) {
        if file.rows != rows {
            return imbalance(format!(
                "{} holds {rows} rows, the candidate says {}",
                file.path, file.rows
            ));
        }
    }
    // The first files of a table hold the added rows and nothing else.
    if candidate.base_version.is_none() && table.rows() != counts.silver_rows_added {
        return imbalance(format!(
            "the first files of the table hold {} rows, {} were added",
            table.rows(),
            counts.silver_rows_added
        ));
    }
    Ok(())
}

/// The counts of a batch as one sentence, for the page of its result.
pub(crate) fn sentence(counts: &BatchCounts) -> String {
    format!(
        "Row accounting: {} bronze rows = {} added + {} duplicates + {} quarantined.",
        thousands(counts.bronze_rows),
        thousands(counts.silver_rows_added),
        thousands(counts.duplicates),
        thousands(counts.quarantined)
    )
}
