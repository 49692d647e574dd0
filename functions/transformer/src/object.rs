//! Transforms one object: HEAD, record, stream, data files, quarantine, record.
//!
//! The record is written last: its presence means that everything it names exists. All names follow from the object and the
//! rules, so a retry overwrites the files of an earlier attempt with the same bytes.

use crate::context::Context;
use crate::control::{Control, Totals, scale, trailer_difference};
use crate::decompress::{Counted, PieceReader, open};
use crate::error::TransformerError;
use crate::invariant::BrokenInvariant;
use crate::limited::Limited;
use crate::partition::FileNames;
use crate::pipeline::{EncodedFile, Pipeline, PipelineLimits, Summary};
use crate::pipeline_error::PipelineError;
use crate::plan::{ObjectFacts, TransformPlan};
use crate::record::{self, RuleSet};
use bytes::Bytes;
use cardlake_aws::metrics::{self, Metric, Subject};
use cardlake_aws::storage::{ObjectMeta, StorageError, StorageErrorKind};
use cardlake_core::bronze::{BronzeObject, Encoding, InputFormat, classify};
use cardlake_core::contract::Contract;
use cardlake_core::error::with_causes;
use cardlake_core::events::{Compression, TransformStatus, TransformerEvent, TransformerOutput};
use cardlake_core::paths::{self, BronzeKey};
use cardlake_core::pii::Tokenizer;
use cardlake_core::records::{BundlePart, ObjectRecord, RowCounts};
use futures::stream::{self, StreamExt, TryStreamExt};
use std::collections::BTreeMap;
use std::io::Seek;
use std::sync::{Arc, Mutex, PoisonError};
use tempfile::{SpooledData, SpooledTempFile};
use tokio::sync::mpsc;

/// Pieces of an object queued between the network and the parser.
const WAITING_PIECES: usize = 16;
/// Data files queued between the encoder and the network.
const WAITING_FILES: usize = 1;
/// Data files uploaded concurrently.
const PARALLEL_WRITES: usize = 4;
/// Bytes of the data files of an object up to which they are written as one bundle.
const BUNDLE_BYTES: u64 = 256 << 10;
/// Bytes of quarantined rows held in memory before they go to a temporary file.
const QUARANTINE_MEMORY: usize = 16 << 20;

/// Transforms one bronze object, unless its record shows that this was done.
///
/// # Errors
/// A request to S3 or Secrets Manager fails, the contract is not supported, or an internal bug. An unreadable object is not an
/// error: it is reported as rejected.
pub async fn transform(event: &TransformerEvent, context: &Context) -> Result<TransformerOutput, TransformerError> {
    let key = event.key.as_str();
    let (bronze, contract, encoding) = match classify(key, &context.contracts) {
        BronzeObject::Input {
            key,
            contract,
            encoding,
        } => (key, contract, encoding),
        BronzeObject::Control(_) => return Ok(ignored(key, "a file of control totals")),
        BronzeObject::NotInput { reason, .. } => return Ok(ignored(key, reason)),
    };
    let bucket = context.bronze_bucket.as_str();
    let meta = context
        .storage
        .head(bucket, key)
        .await?
        .ok_or_else(|| StorageError::not_found(bucket, key))?;
    let before = earlier_record(&bronze, context).await?;
    let output = |status, record: &ObjectRecord| TransformerOutput {
        key: key.to_owned(),
        status: record.rejection.as_ref().map_or(status, |_| TransformStatus::Rejected),
        counts: record.counts,
        rejection: record.rejection.clone(),
    };
    let of_this_content = before.as_ref().filter(|record| record.source.etag == meta.etag);
    let control = Control::read(&bronze, contract, context).await?;
    let fingerprint = control.fingerprint.as_deref();
    let rules = RuleSet::new(contract, event.late_window_days, of_this_content, fingerprint);
    let is_done = |record: &&ObjectRecord| record.rules == rules.id && !event.reprocess;
    if let Some(record) = of_this_content.filter(is_done) {
        tracing::info!(key, "object unchanged");
        return Ok(output(TransformStatus::Unchanged, record));
    }

    let tokenizer = context.tokenizer(contract).await?;
    let _permit = context
        .objects
        .acquire()
        .await
        .map_err(|_| BrokenInvariant("the semaphore of objects is never closed"))?;
    let job = Job {
        key: &bronze,
        contract,
        encoding,
        rules,
        tokenizer,
        context,
    };
    let record = match control.totals {
        Ok(totals) => job.run(totals).await?,
        // Not read: of plain text the size is known.
        Err(reason) => {
            let bytes = (encoding.compression == Some(Compression::None)).then_some(meta.size);
            record::rejected(&bronze, &meta, job.rules, reason, bytes)
        }
    };
    if !record.counts.balanced() {
        return Err(TransformerError::Unbalanced {
            key: key.to_owned(),
            counts: record.counts,
        });
    }
    if record.quarantine.is_none() && before.is_some_and(|record| record.quarantine.is_some()) {
        context
            .storage
            .delete(&context.silver_bucket, &bronze.quarantine())
            .await?;
    }
    context
        .storage
        .put_json(&context.silver_bucket, &bronze.object_record(), &record)
        .await?;
    let counts = record.counts;
    let subject = Subject::Dataset(bronze.dataset.clone());
    if let Some(reason) = &record.rejection {
        tracing::warn!(key, reason, "object rejected");
        metrics::record(&subject, &[(Metric::ObjectsRejected, 1)]);
        return Ok(output(TransformStatus::Rejected, &record));
    }
    tracing::info!(
        key,
        bronze_rows = counts.bronze_rows,
        silver_rows = counts.silver_rows,
        duplicates = counts.duplicates,
        quarantined = counts.quarantined,
        late_rows = counts.late_rows,
        files = record.files.len(),
        "object transformed"
    );
    let figures = [
        (Metric::RowsRead, counts.bronze_rows),
        (Metric::RowsValid, counts.silver_rows),
        (Metric::RowsQuarantined, counts.quarantined),
        (Metric::RowsDuplicate, counts.duplicates),
        (Metric::RowsLate, counts.late_rows),
    ];
    metrics::record(&subject, &figures);
    Ok(output(TransformStatus::Transformed, &record))
}

/// Outcome of an object that is not in scope.
pub(crate) fn ignored(key: &str, reason: &str) -> TransformerOutput {
    tracing::info!(key, reason, "object ignored");
    TransformerOutput {
        key: key.to_owned(),
        status: TransformStatus::Ignored,
        counts: RowCounts::default(),
        rejection: None,
    }
}

/// The record of an earlier attempt. A corrupt record counts as missing, since it is about to be replaced.
async fn earlier_record(key: &BronzeKey, context: &Context) -> Result<Option<ObjectRecord>, TransformerError> {
    let path = key.object_record();
    match context.storage.get_json(&context.silver_bucket, &path).await {
        Err(error) if error.kind == StorageErrorKind::Corrupt => {
            tracing::warn!(key = path, error = %error, "corrupt object record is replaced");
            Ok(None)
        }
        other => Ok(other?),
    }
}

/// One object to transform.
struct Job<'c> {
    key: &'c BronzeKey,
    contract: &'c Arc<Contract>,
    encoding: Encoding,
    rules: RuleSet,
    tokenizer: Option<Arc<Tokenizer>>,
    context: &'c Context,
}

impl Job<'_> {
    /// Transforms the object, writes its data files and quarantined rows, and returns the record.
    async fn run(self, totals: Totals) -> Result<ObjectRecord, TransformerError> {
        let key = self.key.key();
        let (meta, mut body) = self.context.storage.stream(&self.context.bronze_bucket, &key).await?;
        let facts = ObjectFacts {
            key: key.clone(),
            ingest_date: self.key.ingest_date,
            ingest_micros: meta.last_modified.timestamp_micros(),
        };
        let names = self.names(&meta);
        let bundle = paths::bundle(&self.key.dataset, &names.bundle_id());
        let mut plan = TransformPlan::new(
            self.contract,
            facts,
            self.rules.late_window_days,
            self.tokenizer.clone(),
        )?;
        let of_trailer = self.contract.trailer().and_then(|trailer| trailer.sum);
        let summed = self
            .contract
            .control_totals
            .as_ref()
            .and_then(|rules| rules.sum.as_deref());
        if let Some(column) = totals.summed().or(summed.filter(|_| of_trailer.is_some())) {
            plan = plan.summing(column, scale(self.contract, column).unsigned_abs());
        }

        let (piece_sender, piece_receiver) = mpsc::channel::<Result<Bytes, StorageError>>(WAITING_PIECES);
        let (file_sender, file_receiver) = mpsc::channel::<EncodedFile>(WAITING_FILES);
        let encoding = self.encoding;
        let limits = PipelineLimits {
            expected_bytes: expected_bytes(meta.size, encoding),
            text_bytes: self.contract.limits.text_bytes(meta.size),
            ..self.context.limits
        };
        let work =
            tokio::task::spawn_blocking(move || work(piece_receiver, &file_sender, encoding, &plan, &names, &limits));
        let feed = async {
            while let Some(piece) = body.next().await {
                let piece = piece.map_err(|error| StorageError::interrupted(&self.context.bronze_bucket, &key, error));
                if piece_sender.send(piece).await.is_err() {
                    break;
                }
            }
            drop(piece_sender);
        };
        let ((), stored, worked) = tokio::join!(feed, self.store(file_receiver, &bundle), work);
        // A failed write stops the pipeline, too, so report it first.
        let offsets = stored?;
        let worked = worked.map_err(|source| TransformerError::Aborted {
            key: key.clone(),
            source,
        })?;
        match worked {
            Work::Done(mut summary, lines) => match totals
                .difference(&summary, "control file")
                .or_else(|| trailer_difference(self.contract, &summary))
            {
                None => {
                    for file in &mut summary.files {
                        let offset = offsets.get(&file.path);
                        file.bundle = offset.map(|offset| BundlePart {
                            key: bundle.clone(),
                            offset: *offset,
                        });
                    }
                    self.finish(&meta, summary, lines).await
                }
                Some(reason) => {
                    let bytes = Some(summary.text.read);
                    Ok(record::rejected(self.key, &meta, self.rules, reason, bytes))
                }
            },
            Work::Rejected(reason, bytes) => Ok(record::rejected(self.key, &meta, self.rules, reason, bytes)),
            Work::Interrupted(error) => Err(error.into()),
            Work::Failed(source) => Err(TransformerError::Pipeline { key, source }),
        }
    }

    fn names(&self, meta: &ObjectMeta) -> FileNames {
        FileNames::new(&[
            &self.context.bronze_bucket,
            &meta.key,
            &meta.etag,
            &meta.last_modified.to_rfc3339(),
            &self.rules.id,
            // Without token keys they do not determine the bytes.
            self.tokenizer.as_ref().map_or("", |tokenizer| tokenizer.version()),
        ])
    }

    /// Uploads data files as they are encoded, or all of them as one bundle if they are small: then the offset of each, by path.
    async fn store(
        &self,
        mut files: mpsc::Receiver<EncodedFile>,
        bundle: &str,
    ) -> Result<BTreeMap<String, u64>, StorageError> {
        let (mut waiting, mut bytes) = (Vec::new(), 0);
        while bytes <= BUNDLE_BYTES
            && let Some(encoded) = files.recv().await
        {
            bytes += encoded.file.size;
            waiting.push(encoded);
        }
        if bytes <= BUNDLE_BYTES && waiting.len() > 1 {
            return self.store_bundle(waiting, bundle).await;
        }
        stream::iter(waiting)
            .chain(stream::poll_fn(move |task| files.poll_recv(task)))
            .map(Ok)
            .try_for_each_concurrent(PARALLEL_WRITES, |encoded: EncodedFile| async move {
                let key = format!("{}/{}", self.key.dataset, encoded.file.path);
                self.context
                    .storage
                    .put(&self.context.silver_bucket, &key, encoded.bytes)
                    .await
            })
            .await?;
        Ok(BTreeMap::new())
    }

    /// Uploads data files behind one another, by path: the encoder ends them in any order.
    async fn store_bundle(
        &self,
        mut files: Vec<EncodedFile>,
        key: &str,
    ) -> Result<BTreeMap<String, u64>, StorageError> {
        files.sort_by(|a, b| a.file.path.cmp(&b.file.path));
        let mut bytes = Vec::new();
        let mut offsets = BTreeMap::new();
        for encoded in files {
            offsets.insert(encoded.file.path, bytes.len() as u64);
            bytes.extend_from_slice(&encoded.bytes);
        }
        self.context
            .storage
            .put(&self.context.silver_bucket, key, bytes)
            .await?;
        Ok(offsets)
    }

    /// Uploads the quarantine file and builds the record.
    async fn finish(
        self,
        meta: &ObjectMeta,
        summary: Summary,
        lines: SpooledTempFile,
    ) -> Result<ObjectRecord, TransformerError> {
        if summary.repeated_fields > 0 {
            tracing::warn!(
                key = meta.key,
                fields = summary.repeated_fields,
                "rows have repeated fields; the last of each is kept"
            );
        }
        if summary.quarantine.rows > 0 {
            let bucket = &self.context.silver_bucket;
            let path = self.key.quarantine();
            let failed = |source| TransformerError::QuarantineFile {
                key: meta.key.clone(),
                source,
            };
            match lines.into_inner() {
                SpooledData::InMemory(lines) => self.context.storage.put(bucket, &path, lines.into_inner()).await?,
                SpooledData::OnDisk(mut file) => {
                    file.rewind().map_err(failed)?;
                    self.context.storage.put_file(bucket, &path, file).await?;
                }
            }
        }
        Ok(record::transformed(self.key, meta, self.rules, summary))
    }
}

/// Estimated bytes of text of an object: such data compresses to about an eighth.
const fn expected_bytes(size: u64, encoding: Encoding) -> u64 {
    match (encoding.format, encoding.compression) {
        (InputFormat::Parquet, _) | (_, Some(Compression::Gz | Compression::Zst)) => size.saturating_mul(8),
        (_, None | Some(Compression::None)) => size,
    }
}

/// Outcome of the blocking part.
enum Work {
    Done(Summary, SpooledTempFile),
    /// The reason, and the bytes of text if the object can be read to its end.
    Rejected(String, Option<u64>),
    Interrupted(StorageError),
    Failed(PipelineError),
}

/// The blocking part: transforms the pieces of the object into encoded files.
fn work(
    mut pieces: mpsc::Receiver<Result<Bytes, StorageError>>,
    files: &mpsc::Sender<EncodedFile>,
    encoding: Encoding,
    plan: &TransformPlan,
    names: &FileNames,
    limits: &PipelineLimits,
) -> Work {
    // Network errors reach the pipeline as read errors, too, and must not be mistaken for corrupt data.
    let interrupted = Mutex::new(None);
    let next = || match pieces.blocking_recv() {
        None => Ok(None),
        Some(Ok(piece)) => Ok(Some(piece)),
        Some(Err(error)) => {
            let cause = std::io::Error::other(error.to_string());
            *interrupted.lock().unwrap_or_else(PoisonError::into_inner) = Some(error);
            Err(cause)
        }
    };
    let emit = |file: EncodedFile| files.blocking_send(file).is_ok();
    let mut lines = SpooledTempFile::new(QUARANTINE_MEMORY);
    let mut bytes = None;
    let result = open(PieceReader::new(next), encoding.compression)
        .map_err(PipelineError::read)
        .and_then(|reader| {
            let mut text = Counted::new(Limited::text(reader, limits.text_bytes));
            let pipeline = Pipeline {
                plan,
                names,
                limits,
                emit: &emit,
            };
            let result = pipeline.run(&mut text, encoding.format, &mut lines);
            if matches!(result, Err(PipelineError::Rejected(_))) {
                bytes = text.bytes_to_end();
            }
            result
        });
    let interrupted = interrupted.into_inner().unwrap_or_else(PoisonError::into_inner);
    match (result, interrupted) {
        (Ok(summary), None) => Work::Done(summary, lines),
        (_, Some(error)) => Work::Interrupted(error),
        (Err(PipelineError::Rejected(reason)), _) => Work::Rejected(reason, bytes),
        // How much there is of what is too much is not looked for.
        (Err(PipelineError::Limit(limit)), _) => Work::Rejected(limit.to_string(), None),
        (Err(error @ PipelineError::Read(_)), _) => Work::Rejected(with_causes(&error), None),
        (Err(error), _) => Work::Failed(error),
    }
}
