//! Parquet files in S3, read by columns.

use crate::error::ReconcilerError;
use crate::prefetch::PrefetchBuffers;
use crate::ranges::{Bundled, Held, Ranges};
use cardlake_aws::storage::StorageError;
use cardlake_core::records::DataFile;
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::{
    ArrowReaderMetadata, ArrowReaderOptions, ParquetRecordBatchReader, ParquetRecordBatchReaderBuilder,
};
use parquet::errors::ParquetError;
use parquet::file::metadata::{ParquetMetaData, ParquetMetaDataReader};
use std::fmt::Display;
use std::ops::Range;
use std::sync::{Arc, Mutex, PoisonError};

/// Rows decoded at a time.
pub(crate) const READ_BATCH_ROWS: usize = 8_192;
/// Initial footer read, in bytes; large enough for a typical file's metadata.
const FOOTER_BYTES: u64 = 32 * 1024;

/// A Parquet file whose metadata is known.
#[derive(Debug, Clone)]
pub(crate) struct RemoteFile {
    source: Arc<dyn Ranges>,
    key: Arc<str>,
    size: u64,
    metadata: ArrowReaderMetadata,
}

impl RemoteFile {
    /// Reads the metadata of a data file of a dataset, which may be in a bundle.
    ///
    /// # Errors
    /// As [`Self::open`].
    pub(crate) async fn of(source: &Arc<dyn Ranges>, dataset: &str, file: &DataFile) -> Result<Self, ReconcilerError> {
        let key = format!("{dataset}/{}", file.path);
        match &file.bundle {
            None => Self::open(source, &key, file.size).await,
            Some(part) => {
                let (source, part) = (Arc::clone(source), part.clone());
                let bundled: Arc<dyn Ranges> = Arc::new(Bundled { source, part });
                Self::open(&bundled, &key, file.size).await
            }
        }
    }

    /// Reads the metadata of a data file.
    ///
    /// # Errors
    /// The file is not there, or is no Parquet file.
    pub(crate) async fn open(source: &Arc<dyn Ranges>, key: &str, size: u64) -> Result<Self, ReconcilerError> {
        let corrupt = |error: &dyn Display| ReconcilerError::Corrupt {
            object: key.to_owned(),
            problem: error.to_string(),
        };
        let mut wanted = FOOTER_BYTES.min(size);
        let mut source = Arc::clone(source);
        let metadata = loop {
            let tail = source.get_range(key, size - wanted..size).await?;
            // A small file came as a whole: nothing more is asked for.
            if wanted == size && source.may_hold(&tail) {
                source = Arc::new(Held(tail.clone()));
            }
            let mut reader = ParquetMetaDataReader::new();
            match reader.try_parse_sized(&tail, size) {
                Ok(()) => break reader.finish().map_err(|error| corrupt(&error))?,
                Err(ParquetError::NeedMoreData(needed)) if (needed as u64) > wanted && (needed as u64) <= size => {
                    wanted = needed as u64;
                }
                Err(error) => return Err(corrupt(&error)),
            }
        };
        // Types by Parquet alone: other writers note Arrow types of theirs, such as views, in the file.
        let options = ArrowReaderOptions::new().with_skip_arrow_metadata(true);
        let metadata = ArrowReaderMetadata::try_new(Arc::new(metadata), options).map_err(|error| corrupt(&error))?;
        Ok(Self {
            source,
            key: Arc::from(key),
            size,
            metadata,
        })
    }

    /// The file's metadata.
    pub(crate) fn parquet(&self) -> &Arc<ParquetMetaData> {
        self.metadata.metadata()
    }

    /// Its key in the bucket.
    pub(crate) fn key(&self) -> &str {
        &self.key
    }

    /// Its size in bytes.
    pub(crate) const fn size(&self) -> u64 {
        self.size
    }

    /// The column chunks of a projection, each with the number of its column.
    fn chunks(&self, mask: &ProjectionMask) -> Vec<(usize, Range<u64>)> {
        let mut chunks = Vec::new();
        for group in self.parquet().row_groups() {
            for (leaf, column) in group.columns().iter().enumerate() {
                if mask.leaf_included(leaf) {
                    let (start, length) = column.byte_range();
                    chunks.push((leaf, start..start + length));
                }
            }
        }
        chunks
    }

    /// An error about this file.
    pub(crate) fn corrupt(&self, problem: String) -> ReconcilerError {
        ReconcilerError::Corrupt {
            object: self.key.to_string(),
            problem,
        }
    }

    /// Prefetch buffers over some columns, and the handle that explains their failures. The first requests are under way when
    /// this returns.
    pub(crate) fn prefetch(&self, mask: &ProjectionMask, buffer_bytes: u64) -> (PrefetchBuffers, Failures) {
        let buffers = PrefetchBuffers::new(&self.source, &self.key, self.size, self.chunks(mask), buffer_bytes);
        buffers.start();
        let failures = Failures {
            file: self.clone(),
            first: buffers.failure(),
        };
        (buffers, failures)
    }

    /// A reader of some columns, and the handle that explains its failures. The first requests are under way when this
    /// returns. The reader blocks: use it on a blocking thread of the runtime in which this is called.
    ///
    /// # Errors
    /// The projection cannot be read.
    pub(crate) fn reader(
        &self,
        columns: &[&str],
        buffer_bytes: u64,
        batch_rows: usize,
    ) -> Result<(ParquetRecordBatchReader, Failures), ReconcilerError> {
        let schema = self.parquet().file_metadata().schema_descr();
        let mask = ProjectionMask::columns(schema, columns.iter().copied());
        let (buffers, failures) = self.prefetch(&mask, buffer_bytes);
        let builder = ParquetRecordBatchReaderBuilder::new_with_metadata(buffers, self.metadata.clone())
            .with_projection(mask)
            .with_batch_size(batch_rows);
        let reader = builder.build().map_err(|error| failures.explain(&error))?;
        Ok((reader, failures))
    }
}

/// The reason behind a reader's error: the Parquet crate keeps only the text of a failed request.
#[derive(Debug)]
pub(crate) struct Failures {
    file: RemoteFile,
    first: Arc<Mutex<Option<StorageError>>>,
}

impl Failures {
    /// The failed request if there was one, else the file is not what it should be.
    pub(crate) fn explain(&self, error: &dyn Display) -> ReconcilerError {
        match self.first.lock().unwrap_or_else(PoisonError::into_inner).take() {
            Some(failure) => failure.into(),
            None => self.file.corrupt(error.to_string()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use arrow::array::{ArrayRef, AsArray, Int64Array, RecordBatch, StringArray};
    use arrow::datatypes::Int64Type;
    use bytes::Bytes;
    use cardlake_aws::storage::StorageErrorKind;
    use cardlake_core::error::{ErrorKind, StageError};
    use futures::future::BoxFuture;
    use parquet::arrow::ArrowWriter;
    use parquet::file::properties::WriterProperties;
    use std::sync::atomic::{AtomicU64, Ordering};

    /// One object in memory; requests at or behind `fails_at` fail.
    #[derive(Debug)]
    struct Memory {
        content: Bytes,
        fails_at: u64,
        requests: AtomicU64,
    }

    impl Ranges for Memory {
        fn get_range<'a>(&'a self, key: &'a str, range: Range<u64>) -> BoxFuture<'a, Result<Bytes, StorageError>> {
            self.requests.fetch_add(1, Ordering::Relaxed);
            let is_footer = range.end == self.content.len() as u64;
            let found = if range.end > self.fails_at && !is_footer {
                Err(StorageError {
                    kind: StorageErrorKind::Transient,
                    operation: "read",
                    bucket: "silver".into(),
                    key: key.into(),
                    source: "timeout".into(),
                })
            } else {
                Ok(self.content.slice(range.start as usize..range.end as usize))
            };
            Box::pin(std::future::ready(found))
        }
    }

    /// Two columns in several row groups and many pages.
    fn object(fails_at: u64) -> Arc<Memory> {
        let numbers: Vec<i64> = (0..50_000)
            .map(|row: i64| row.wrapping_mul(6_364_136_223_846_793_005))
            .collect();
        let texts: Vec<String> = numbers.iter().map(|number| format!("{number:x}")).collect();
        let batch = RecordBatch::try_from_iter([
            ("text", Arc::new(StringArray::from(texts)) as ArrayRef),
            ("number", Arc::new(Int64Array::from(numbers))),
        ])
        .unwrap();
        let properties = WriterProperties::builder()
            .set_max_row_group_row_count(Some(20_000))
            .set_data_page_row_count_limit(1_000)
            .set_write_batch_size(1_000)
            .set_dictionary_enabled(false)
            .build();
        let mut content = Vec::new();
        let mut writer = ArrowWriter::try_new(&mut content, batch.schema(), Some(properties)).unwrap();
        writer.write(&batch).unwrap();
        writer.close().unwrap();
        Arc::new(Memory {
            content: content.into(),
            fails_at,
            requests: AtomicU64::new(0),
        })
    }

    async fn read(
        object: &Arc<Memory>,
        columns: &'static [&'static str],
        buffer_bytes: u64,
    ) -> Result<Vec<i64>, ReconcilerError> {
        let source: Arc<dyn Ranges> = Arc::<Memory>::clone(object);
        let file = RemoteFile::open(&source, "a.parquet", object.content.len() as u64).await?;
        tokio::task::spawn_blocking(move || {
            let (reader, failures) = file.reader(columns, buffer_bytes, 777)?;
            let mut numbers = Vec::new();
            for batch in reader {
                let batch = batch.map_err(|error| failures.explain(&error))?;
                let column = batch.column_by_name("number").unwrap();
                numbers.extend(column.as_primitive::<Int64Type>().values());
            }
            Ok(numbers)
        })
        .await
        .unwrap()
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn buffers_of_any_size_give_the_same_rows() {
        let object = object(u64::MAX);
        let wanted = read(&object, &["number"], 100_000_000).await.unwrap();
        assert_eq!(wanted.len(), 50_000);
        assert_eq!(wanted[1], 6_364_136_223_846_793_005);
        assert!(
            object.requests.load(Ordering::Relaxed) <= 4,
            "metadata, and each chunk at once"
        );
        for buffer_bytes in [997, 5_000, 9_999, 70_000, 400_000] {
            assert!(
                read(&object, &["text", "number"], buffer_bytes).await.unwrap() == wanted,
                "{buffer_bytes}"
            );
        }
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_failed_request_keeps_its_kind() {
        let object = object(600_000);
        let error = read(&object, &["text", "number"], 10_000).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Transient, "{error}");
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn something_else_than_parquet_is_named() {
        let object = Arc::new(Memory {
            content: Bytes::from_static(b"not a file of this kind"),
            fails_at: u64::MAX,
            requests: AtomicU64::new(0),
        });
        let error = read(&object, &["number"], 10_000).await.unwrap_err();
        assert!(error.to_string().starts_with("a.parquet: "), "{error}");
        assert_eq!(error.kind(), ErrorKind::Corrupt);
    }
}
