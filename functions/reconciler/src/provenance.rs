//! Row provenance: the columns that order the versions of a row.

use crate::delivery_order::compare_keys;
use crate::error::ReconcilerError;
use crate::remote::{Failures, READ_BATCH_ROWS, RemoteFile};
use arrow::array::{Array, AsArray, RecordBatch, TimestampMicrosecondArray};
use arrow::datatypes::{Date32Type, Int64Type, TimestampMicrosecondType};
use cardlake_core::contract::{Contract, Derivation};
use parquet::arrow::arrow_reader::ParquetRecordBatchReader;
use std::cmp::Ordering;
use std::sync::Arc;

const MICROSECONDS_OF_A_DAY: i64 = 86_400_000_000;

/// Names of the provenance columns.
#[derive(Debug, Clone)]
pub(crate) struct ProvenanceColumns {
    ingest_date: String,
    source_object: String,
    source_row: String,
    event_time: Option<String>,
    ingest_time: Option<String>,
    row_hash: Option<String>,
}

impl ProvenanceColumns {
    /// Those of a contract.
    ///
    /// # Errors
    /// It has no ingest date or source columns in its data files.
    pub(crate) fn of(contract: &Contract) -> Result<Self, ReconcilerError> {
        let derived = |wanted: &Derivation| {
            let mut columns = contract.file_columns();
            columns
                .find(|column| column.derivation.as_ref() == Some(wanted))
                .map(|column| column.name.clone())
        };
        let required = |wanted: &Derivation, what: &'static str| {
            derived(wanted).ok_or_else(|| ReconcilerError::ContractTooThin {
                dataset: contract.dataset.clone(),
                what,
            })
        };
        Ok(Self {
            ingest_date: required(&Derivation::IngestDate, "column derived as ingest_date")?,
            source_object: required(&Derivation::SourceObject, "column derived as source_object")?,
            source_row: required(&Derivation::SourceRow, "column derived as source_row")?,
            event_time: contract.event_time.as_ref().map(|event| event.column.clone()),
            ingest_time: derived(&Derivation::IngestTimestamp),
            row_hash: derived(&Derivation::RowHash),
        })
    }

    /// Whether rows tell the time of their object.
    pub(crate) const fn has_ingest_time(&self) -> bool {
        self.ingest_time.is_some()
    }

    fn names(&self) -> Vec<&str> {
        [&self.ingest_date, &self.source_object, &self.source_row]
            .into_iter()
            .chain(&self.event_time)
            .chain(&self.ingest_time)
            .chain(&self.row_hash)
            .map(String::as_str)
            .collect()
    }
}

/// One version of a row.
#[derive(Debug, Clone)]
pub(crate) struct Provenance {
    /// Day of delivery, in days since 1970.
    pub(crate) ingest_date: i32,
    /// Time of the event in microseconds since 1970; the smallest number if there is none.
    pub(crate) event_time: i64,
    /// Key of the bronze object.
    pub(crate) source_object: Arc<str>,
    /// The object's own time in microseconds since 1970; the smallest number if the contract does not keep it.
    pub(crate) ingest_time: i64,
    /// Number of the row in the object.
    pub(crate) source_row: i64,
    /// Hash over the delivered values.
    pub(crate) row_hash: Option<i64>,
}

impl Provenance {
    /// The order of versions, later ones are greater: day of delivery, the object's own time, its key ([`compare_keys`]), row
    /// number. What the row says does not matter, the event time least of all: a correction of a clock that was fast says an
    /// earlier one.
    pub(crate) fn compare(&self, other: &Self) -> Ordering {
        let times = (self.ingest_date, self.ingest_time);
        times
            .cmp(&(other.ingest_date, other.ingest_time))
            .then_with(|| compare_keys(&self.source_object, &other.source_object))
            .then_with(|| self.source_row.cmp(&other.source_row))
            // Of rows of one place: the same row under other rules of transformation.
            .then_with(|| self.event_time.cmp(&other.event_time))
    }

    /// Whether both are the same row of the same object, with the same values.
    pub(crate) fn is_same_delivery(&self, other: &Self) -> bool {
        self.compare(other).is_eq() && self.row_hash == other.row_hash
    }

    /// Whether the event happened on a day before the delivery.
    pub(crate) fn is_late(&self) -> bool {
        self.event_time != i64::MIN && self.event_time.div_euclid(MICROSECONDS_OF_A_DAY) < i64::from(self.ingest_date)
    }
}

/// Reads the provenance of rows of a file whose numbers ascend from call to call. Blocks.
pub(crate) struct ProvenanceCursor {
    file: RemoteFile,
    columns: ProvenanceColumns,
    reader: ParquetRecordBatchReader,
    failures: Failures,
    batch: Option<RecordBatch>,
    /// Number of the batch's first row.
    first_row: u64,
}

impl ProvenanceCursor {
    /// At the start of the file; the first bytes are under way when this returns.
    ///
    /// # Errors
    /// The file cannot be read.
    pub(crate) fn open(
        file: &RemoteFile,
        columns: &ProvenanceColumns,
        buffer_bytes: u64,
    ) -> Result<Self, ReconcilerError> {
        let (reader, failures) = file.reader(&columns.names(), buffer_bytes, READ_BATCH_ROWS)?;
        Ok(Self {
            file: file.clone(),
            columns: columns.clone(),
            reader,
            failures,
            batch: None,
            first_row: 0,
        })
    }

    /// The provenance of rows by their ascending numbers, all greater than those of the call before.
    ///
    /// # Errors
    /// The file cannot be read, ends too early or lacks a column.
    pub(crate) fn take(&mut self, mut rows: &[u64]) -> Result<Vec<Provenance>, ReconcilerError> {
        let mut provenance = Vec::with_capacity(rows.len());
        while let Some(&row) = rows.first() {
            let end = self.first_row + self.batch.as_ref().map_or(0, RecordBatch::num_rows) as u64;
            if row >= end {
                let batch = self
                    .reader
                    .next()
                    .ok_or_else(|| self.file.corrupt(format!("row {row} is missing")))?;
                self.batch = Some(batch.map_err(|error| self.failures.explain(&error))?);
                self.first_row = end;
                continue;
            }
            let (here, later) = rows.split_at(rows.partition_point(|&row| row < end));
            rows = later;
            if let Some(batch) = &self.batch {
                append(&self.file, &self.columns, batch, here, self.first_row, &mut provenance)?;
            }
        }
        Ok(provenance)
    }
}

fn append(
    file: &RemoteFile,
    columns: &ProvenanceColumns,
    batch: &RecordBatch,
    rows: &[u64],
    first_row: u64,
    provenance: &mut Vec<Provenance>,
) -> Result<(), ReconcilerError> {
    let wrong = |name: &str| file.corrupt(format!("column {name} is missing or of another type"));
    let column = |name: &String| batch.column_by_name(name).ok_or_else(|| wrong(name));
    let ingest_dates = column(&columns.ingest_date)?
        .as_primitive_opt::<Date32Type>()
        .ok_or_else(|| wrong(&columns.ingest_date))?;
    let source_objects = column(&columns.source_object)?
        .as_string_opt::<i32>()
        .ok_or_else(|| wrong(&columns.source_object))?;
    let source_rows = column(&columns.source_row)?
        .as_primitive_opt::<Int64Type>()
        .ok_or_else(|| wrong(&columns.source_row))?;
    let times = |name: &Option<String>| match name {
        None => Ok(None),
        Some(name) => {
            let times = column(name)?.as_primitive_opt::<TimestampMicrosecondType>();
            times.ok_or_else(|| wrong(name)).map(Some)
        }
    };
    let (event_times, ingest_times) = (times(&columns.event_time)?, times(&columns.ingest_time)?);
    // A file from before the contract had the hash lacks the column: its rows equal no other.
    let row_hashes = match columns.row_hash.as_ref().and_then(|name| batch.column_by_name(name)) {
        None => None,
        Some(array) => Some(array.as_primitive_opt::<Int64Type>().ok_or_else(|| wrong("row_hash"))?),
    };
    for (name, nulls) in [
        (&columns.ingest_date, ingest_dates.null_count()),
        (&columns.source_object, source_objects.null_count()),
        (&columns.source_row, source_rows.null_count()),
    ] {
        if nulls > 0 {
            return Err(file.corrupt(format!(
                "column {name} has nulls: versions of its rows cannot be ordered"
            )));
        }
    }
    let mut source_object: Arc<str> = Arc::from("");
    for row in rows.iter().map(|row| (row - first_row) as usize) {
        if *source_object != *source_objects.value(row) {
            source_object = Arc::from(source_objects.value(row));
        }
        provenance.push(Provenance {
            ingest_date: ingest_dates.value(row),
            event_time: time_at(event_times, row),
            ingest_time: time_at(ingest_times, row),
            source_object: Arc::clone(&source_object),
            source_row: source_rows.value(row),
            row_hash: row_hashes
                .filter(|hashes| hashes.is_valid(row))
                .map(|hashes| hashes.value(row)),
        });
    }
    Ok(())
}

/// A missing time sorts before all others.
fn time_at(times: Option<&TimestampMicrosecondArray>, row: usize) -> i64 {
    times
        .filter(|times| times.is_valid(row))
        .map_or(i64::MIN, |times| times.value(row))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ranges::Ranges;
    use arrow::array::{ArrayRef, Date32Array, Int64Array, StringArray};
    use bytes::Bytes;
    use cardlake_aws::storage::StorageError;
    use cardlake_core::error::{ErrorKind, StageError};
    use futures::future::BoxFuture;
    use parquet::arrow::ArrowWriter;
    use std::ops::Range;

    /// One object in memory.
    #[derive(Debug)]
    struct Memory(Bytes);

    impl Ranges for Memory {
        fn get_range<'a>(&'a self, _: &'a str, range: Range<u64>) -> BoxFuture<'a, Result<Bytes, StorageError>> {
            let part = self.0.slice(range.start as usize..range.end as usize);
            Box::pin(std::future::ready(Ok(part)))
        }
    }

    /// The provenance of a row in a file of that row and a complete one.
    async fn read(
        day: Option<i32>,
        object: Option<&str>,
        row: Option<i64>,
    ) -> Result<Vec<Provenance>, ReconcilerError> {
        let batch = RecordBatch::try_from_iter([
            (
                "ingest_date",
                Arc::new(Date32Array::from(vec![Some(1), day])) as ArrayRef,
            ),
            (
                "source_object",
                Arc::new(StringArray::from(vec![Some("a.csv"), object])),
            ),
            ("source_row", Arc::new(Int64Array::from(vec![Some(1), row]))),
        ])
        .unwrap();
        let mut content = Vec::new();
        let mut writer = ArrowWriter::try_new(&mut content, batch.schema(), None).unwrap();
        writer.write(&batch).unwrap();
        writer.close().unwrap();
        let size = content.len() as u64;
        let source: Arc<dyn Ranges> = Arc::new(Memory(content.into()));
        let file = RemoteFile::open(&source, "a.parquet", size).await?;
        let columns = ProvenanceColumns {
            ingest_date: "ingest_date".to_owned(),
            source_object: "source_object".to_owned(),
            source_row: "source_row".to_owned(),
            event_time: None,
            ingest_time: None,
            row_hash: None,
        };
        tokio::task::spawn_blocking(move || ProvenanceCursor::open(&file, &columns, 1 << 20)?.take(&[1]))
            .await
            .unwrap()
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_row_that_cannot_be_ordered_is_a_defect_of_the_file() {
        let found = read(Some(7), Some("b.csv"), Some(2)).await.unwrap();
        let found = &found[0];
        assert_eq!(
            (found.ingest_date, &*found.source_object, found.source_row),
            (7, "b.csv", 2)
        );
        assert_eq!((found.event_time, found.ingest_time), (i64::MIN, i64::MIN));
        for (day, object, row, column) in [
            (None, Some("b.csv"), Some(2), "ingest_date"),
            (Some(7), None, Some(2), "source_object"),
            (Some(7), Some("b.csv"), None, "source_row"),
        ] {
            let error = read(day, object, row).await.unwrap_err();
            assert!(
                error.to_string().contains(&format!("column {column} has nulls")),
                "{error}"
            );
            assert_eq!(error.kind(), ErrorKind::Corrupt);
        }
    }
}
