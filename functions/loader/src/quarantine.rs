//! The quarantine as a table: `raw.quarantine` has one row for each quarantined row and reason, so that reasons are counted in
//! SQL. It holds no values of the rows.
//!
//! With every load of a dataset and batch, their rows are replaced as a whole. A rejected object is one row without a number.

use crate::error::LoaderError;
use crate::sql::{QUARANTINE, RAW, Role};
use arrow::array::{ArrayRef, Int64Builder, RecordBatch, StringBuilder};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use cardlake_aws::storage::Storage;
use cardlake_core::paths::{object_records_prefix, quarantine_load};
use cardlake_core::records::ObjectRecord;
use cardlake_core::sql::{identifier, literal, relation};
use chrono::NaiveDate;
use futures::stream::{StreamExt, TryStreamExt};
use parquet::arrow::ArrowWriter;
use serde::Deserialize;
use sha2::{Digest, Sha256};
use std::fs::File;
use std::io::Seek;
use std::ops::ControlFlow;
use std::sync::Arc;

/// Object records read at a time.
const CONCURRENT_READS: usize = 16;
/// Rows of a batch of the file to copy.
const BATCH_ROWS: usize = 8192;

/// The quarantined rows of a dataset and batch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum QuarantinedRows {
    /// No object of the batch is known any more: what the table has stays.
    Unknown,
    /// There are none.
    None,
    /// They are in the Parquet file with this key.
    File(String),
}

/// A line of a quarantine file; its values are left where they are.
#[derive(Deserialize)]
struct Line {
    row: i64,
    reasons: Vec<String>,
}

/// Replaces the rows of a dataset and batch; none if they are unknown.
pub(crate) fn statements(
    rows: &QuarantinedRows,
    bucket: &str,
    dataset: &str,
    batch_date: NaiveDate,
    role_arn: Option<&str>,
) -> Vec<(Role, String)> {
    let table = relation(RAW, QUARANTINE);
    let delete = format!(
        "delete from {table} where dataset = {} and batch_date = cast('{batch_date}' as date)",
        literal(dataset)
    );
    let statements = match rows {
        QuarantinedRows::Unknown => Vec::new(),
        QuarantinedRows::None => vec![delete],
        QuarantinedRows::File(key) => {
            let stage = identifier(&format!("quarantined_{dataset}"));
            vec![
                format!("create temp table {stage} (object varchar(1024), source_row bigint, reason varchar(65535))"),
                format!(
                    "copy {stage} from {} iam_role {} format as parquet",
                    literal(&format!("s3://{bucket}/{key}")),
                    role_arn.map_or_else(|| "default".to_owned(), literal)
                ),
                delete,
                format!(
                    "insert into {table} (dataset, batch_date, object, source_row, reason)\n\
                     select {}, cast('{batch_date}' as date), object, source_row, reason from {stage}",
                    literal(dataset)
                ),
            ]
        }
    };
    statements
        .into_iter()
        .map(|statement| (Role::Quarantine, statement))
        .collect()
}

/// Writes the quarantined rows of a batch as a file to copy; the same records give the same file.
///
/// # Errors
/// An object cannot be read or written, or is not what its name says.
pub(crate) async fn collect(
    storage: &Storage,
    bucket: &str,
    dataset: &str,
    batch_date: NaiveDate,
) -> Result<QuarantinedRows, LoaderError> {
    let keys = storage
        .list(bucket, &object_records_prefix(dataset, batch_date))
        .await?;
    let records: Vec<ObjectRecord> = futures::stream::iter(keys)
        .map(|object| async move { storage.get_json::<ObjectRecord>(bucket, &object.key).await })
        .buffered(CONCURRENT_READS)
        .try_filter_map(|record| std::future::ready(Ok(record)))
        .try_collect()
        .await?;
    if records.is_empty() {
        return Ok(QuarantinedRows::Unknown);
    }
    let mut records: Vec<&ObjectRecord> = records.iter().collect();
    records.retain(|record| record.quarantine.is_some() || record.rejection.is_some());
    if records.is_empty() {
        return Ok(QuarantinedRows::None);
    }
    let mut hash = Sha256::new();
    let mut file = QuarantineFile::new()?;
    for record in records {
        hash.update(format!(
            "{}@{}@{}\n",
            record.source.key, record.source.etag, record.rules
        ));
        if let Some(reason) = &record.rejection {
            file.add(&record.source.key, None, &format!("object: {reason}"))?;
        }
        let Some(quarantine) = &record.quarantine else { continue };
        let path = &quarantine.key;
        let visit = |line: &[u8]| {
            // The parser's message may quote what the line holds.
            let line: Line = serde_json::from_slice(line).map_err(|_| LoaderError::QuarantineLine {
                file: format!("s3://{bucket}/{path}"),
            })?;
            for reason in &line.reasons {
                file.add(&record.source.key, Some(line.row), reason)?;
            }
            Ok::<_, LoaderError>(ControlFlow::Continue(()))
        };
        storage.lines(bucket, path, visit).await?;
    }
    let key = quarantine_load(dataset, batch_date, &hex::encode(&hash.finalize()[..16]));
    storage.put_file(bucket, &key, file.finish()?).await?;
    Ok(QuarantinedRows::File(key))
}

/// A Parquet file of quarantined rows on the temporary disk.
struct QuarantineFile {
    writer: ArrowWriter<File>,
    schema: SchemaRef,
    objects: StringBuilder,
    rows: Int64Builder,
    reasons: StringBuilder,
}

impl QuarantineFile {
    fn new() -> Result<Self, LoaderError> {
        let schema = Arc::new(Schema::new(vec![
            Field::new("object", DataType::Utf8, false),
            Field::new("source_row", DataType::Int64, true),
            Field::new("reason", DataType::Utf8, false),
        ]));
        let file = tempfile::tempfile().map_err(LoaderError::TemporaryFile)?;
        let writer = ArrowWriter::try_new(file, Arc::clone(&schema), None).map_err(written)?;
        Ok(Self {
            writer,
            schema,
            objects: StringBuilder::new(),
            rows: Int64Builder::new(),
            reasons: StringBuilder::new(),
        })
    }

    fn add(&mut self, object: &str, row: Option<i64>, reason: &str) -> Result<(), LoaderError> {
        self.objects.append_value(object);
        self.rows.append_option(row);
        self.reasons.append_value(reason);
        if self.rows.values_slice().len() >= BATCH_ROWS {
            self.flush()?;
        }
        Ok(())
    }

    fn flush(&mut self) -> Result<(), LoaderError> {
        let columns: Vec<ArrayRef> = vec![
            Arc::new(self.objects.finish()),
            Arc::new(self.rows.finish()),
            Arc::new(self.reasons.finish()),
        ];
        let batch = RecordBatch::try_new(Arc::clone(&self.schema), columns).map_err(|error| written(error.into()))?;
        self.writer.write(&batch).map_err(written)
    }

    /// The file, to be read from its start.
    fn finish(mut self) -> Result<File, LoaderError> {
        self.flush()?;
        let mut file = self.writer.into_inner().map_err(written)?;
        file.rewind().map_err(LoaderError::TemporaryFile)?;
        Ok(file)
    }
}

fn written(source: parquet::errors::ParquetError) -> LoaderError {
    LoaderError::File {
        file: "the quarantined rows".to_owned(),
        source,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use sqlparser::dialect::RedshiftSqlDialect;
    use sqlparser::parser::Parser;

    #[test]
    fn the_rows_of_a_batch_are_replaced_as_a_whole() {
        let day = "2026-01-15".parse().unwrap();
        let of = |rows: &QuarantinedRows| statements(rows, "silver", "cards", day, None);
        assert!(of(&QuarantinedRows::Unknown).is_empty());
        assert_eq!(of(&QuarantinedRows::None).len(), 1);
        let all = of(&QuarantinedRows::File("_loads/x.parquet".to_owned()));
        assert_eq!(
            all[1].1,
            "copy \"quarantined_cards\" from 's3://silver/_loads/x.parquet' iam_role default format as parquet"
        );
        for statement in all
            .into_iter()
            .map(|(_, sql)| sql)
            .chain([crate::sql::define_quarantine()])
        {
            if !statement.starts_with("copy ") {
                let parsed = Parser::parse_sql(&RedshiftSqlDialect {}, &statement);
                assert_eq!(parsed.map(|parsed| parsed.len()), Ok(1), "{statement}");
            }
        }
    }
}
