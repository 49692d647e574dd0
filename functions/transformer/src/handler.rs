//! One object, or the objects of one S3 event: HEAD, record, stream, data files, quarantine, record.
//!
//! The record is written last: its presence says that everything it names is there. All names follow from the object
//! and the rules, so a second attempt overwrites what a first one left with the same bytes.

use crate::decompress::{PieceReader, decompressed, format_of};
use crate::error::Error;
use crate::event::{Event, Output, decode_key};
use crate::partition::FileNames;
use crate::pipeline::{self, EncodedFile, Failure, Limits, Summary};
use crate::plan::{ObjectFacts, Plan};
use crate::record::{self, Rules};
use aws_lambda_events::event::s3::{S3Event, S3EventRecord};
use bytes::Bytes;
use cardlake_aws::metrics::{self, Metric, Subject};
use cardlake_aws::runtime::Resources;
use cardlake_aws::storage::{ObjectMeta, Storage, StorageError, StorageErrorKind};
use cardlake_aws::token_keys;
use cardlake_core::contract::{Contract, Contracts, Protection};
use cardlake_core::env;
use cardlake_core::error::{ErrorKind, StageError, with_causes};
use cardlake_core::events::{Compression, FileFormat, TransformStatus, TransformerEvent, TransformerOutput};
use cardlake_core::paths::BronzeKey;
use cardlake_core::pii::Tokenizer;
use cardlake_core::records::{ObjectRecord, RowCounts};
use futures::stream::{self, StreamExt, TryStreamExt};
use std::io::Seek;
use std::sync::{Arc, Mutex, PoisonError};
use tempfile::{SpooledData, SpooledTempFile};
use tokio::sync::{OnceCell, Semaphore, mpsc};

/// Pieces of an object that wait between the network and the parser.
const WAITING_PIECES: usize = 16;
/// Data files that wait between the encoder and the network.
const WAITING_FILES: usize = 1;
/// Data files that are stored at once.
const PARALLEL_WRITES: usize = 4;
/// Bytes of quarantined rows that are held in memory; what is more goes to a temporary file.
const QUARANTINE_MEMORY: usize = 16 << 20;
/// Objects that are transformed at once: one alone keeps all threads busy, the second fills the gaps.
const PARALLEL_OBJECTS: usize = 2;

/// Settings and connections, made once.
#[derive(Debug)]
pub struct Context {
    bronze_bucket: String,
    silver_bucket: String,
    contracts: Contracts,
    storage: Storage,
    secrets: aws_sdk_secretsmanager::Client,
    /// Empty where no contract needs it.
    token_key_secret: String,
    tokenizer: OnceCell<Arc<Tokenizer>>,
    limits: Limits,
    objects: Semaphore,
}

impl Context {
    /// Reads the settings and the contracts.
    ///
    /// # Errors
    /// All mistakes in the settings at once; a contract that cannot be used.
    #[expect(clippy::unused_async, reason = "stages are made alike")]
    pub async fn new(resources: Resources) -> Result<Self, Error> {
        let Resources {
            mut variables,
            aws,
            assets,
        } = resources;
        let bronze_bucket = variables.required(env::BRONZE_BUCKET, "the bucket of the raw files");
        let silver_bucket = variables.required(env::SILVER_BUCKET, "the bucket of the Delta tables");
        // A contract that cannot be used is told of once the settings are right.
        let contracts = Contracts::load(&assets);
        let protects = |contracts: &Contracts| contracts.iter().any(|contract| needs_token_keys(contract));
        let token_key_secret = if contracts.as_ref().is_ok_and(protects) {
            variables.required(
                env::TOKEN_KEY_SECRET,
                "the name or ARN of the secret with the token keys",
            )
        } else {
            String::new()
        };
        let (bronze_bucket, silver_bucket) = variables.finish((bronze_bucket, silver_bucket))?;
        Ok(Self {
            bronze_bucket,
            silver_bucket,
            contracts: contracts?,
            storage: Storage::new(aws.s3()),
            secrets: aws.secrets_manager(),
            token_key_secret,
            tokenizer: OnceCell::new(),
            limits: Limits::default(),
            objects: Semaphore::new(PARALLEL_OBJECTS),
        })
    }

    /// The same with other limits on what is held at once.
    #[must_use]
    pub const fn with_limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// The same with token keys that the caller holds already, in the place of those in Secrets Manager.
    #[must_use]
    pub fn with_tokenizer(mut self, tokenizer: Tokenizer) -> Self {
        self.tokenizer = OnceCell::new_with(Some(Arc::new(tokenizer)));
        self
    }

    /// The token keys, for a contract that needs them; they are loaded once.
    async fn tokenizer(&self, contract: &Contract) -> Result<Option<Arc<Tokenizer>>, Error> {
        if !needs_token_keys(contract) {
            return Ok(None);
        }
        let load = || async {
            let tokenizer = token_keys::load(&self.secrets, &self.token_key_secret).await?;
            Ok::<_, Error>(Arc::new(tokenizer))
        };
        Ok(Some(Arc::clone(self.tokenizer.get_or_try_init(load).await?)))
    }
}

/// Whether a dataset has columns that must not leave bronze in the clear.
fn needs_token_keys(contract: &Contract) -> bool {
    let mut columns = contract.columns.iter();
    columns.any(|column| column.protection != Protection::None)
}

/// Answers one invocation.
///
/// # Errors
/// Of a task: why its object could not be transformed. Of a notification: which objects failed or were rejected and why,
/// after all others have gone through.
pub async fn handle(event: Event, context: &Context) -> Result<Output, Error> {
    match event {
        Event::Task(task) => transform(&task, context).await.map(Output::One),
        Event::Test => {
            tracing::info!("test event of s3 received");
            Ok(Output::Many(Vec::new()))
        }
        Event::Notification(event) => notification(event, context).await.map(Output::Many),
    }
}

async fn notification(event: S3Event, context: &Context) -> Result<Vec<TransformerOutput>, Error> {
    let total = event.records.len();
    let (mut outputs, mut failures) = (Vec::new(), Vec::new());
    let mut kind = None;
    for record in event.records {
        let key = record.s3.object.key.clone().unwrap_or_default();
        match notified(record, context).await {
            Ok(output) => outputs.push(output),
            Err(error) => {
                let message = with_causes(&error);
                tracing::error!(key, error = message, "object failed");
                failures.push(message);
                // Trying again helps as soon as it helps one of them.
                kind = match (kind, error.kind()) {
                    (Some(first), other) if !other.is_transient() => Some(first),
                    (_, other) => Some(other),
                };
            }
        }
    }
    if failures.is_empty() {
        Ok(outputs)
    } else {
        Err(Error::Partial {
            failures,
            total,
            kind: kind.unwrap_or(ErrorKind::Internal),
        })
    }
}

async fn notified(record: S3EventRecord, context: &Context) -> Result<TransformerOutput, Error> {
    let encoded = record.s3.object.key.unwrap_or_default();
    let Some(key) = decode_key(&encoded) else {
        return Err(Error::EventKey { key: encoded });
    };
    let created = record
        .event_name
        .as_deref()
        .is_none_or(|name| name.trim_start_matches("s3:").starts_with("ObjectCreated"));
    let ours = record
        .s3
        .bucket
        .name
        .as_deref()
        .is_none_or(|bucket| bucket == context.bronze_bucket);
    if !created || !ours {
        return Ok(ignored(
            &key,
            "the event is not about a new object of the bronze bucket",
        ));
    }
    let output = transform(&TransformerEvent::of(key), context).await?;
    match output.rejection {
        None => Ok(output),
        // Nobody reads the reply to S3. As a failure the event ends in the dead-letter queue, where a person sees it.
        Some(reason) => Err(Error::Rejected {
            key: output.key,
            reason,
        }),
    }
}

fn ignored(key: &str, reason: &str) -> TransformerOutput {
    tracing::info!(key, reason, "object ignored");
    TransformerOutput {
        key: key.to_owned(),
        status: TransformStatus::Ignored,
        counts: RowCounts::default(),
        rejection: None,
    }
}

/// Transforms one bronze object, unless its record shows that this is done.
///
/// # Errors
/// S3 or Secrets Manager cannot do what is asked, the contract is unusable, or a defect of ours. An object that cannot be
/// read is no error: it is reported as rejected.
pub async fn transform(event: &TransformerEvent, context: &Context) -> Result<TransformerOutput, Error> {
    let key = event.key.as_str();
    let Some(bronze) = BronzeKey::parse(key) else {
        return Ok(ignored(key, "its key is not <dataset>/ingest_date=YYYY-MM-DD/<name>"));
    };
    let Some(format) = format_of(&bronze.name) else {
        return Ok(ignored(
            key,
            "its name does not end in .csv or .jsonl, with or without .gz or .zst",
        ));
    };
    let Ok(contract) = context.contracts.get(&bronze.dataset) else {
        return Ok(ignored(key, "there is no contract for its dataset"));
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
    let rules = Rules::new(contract, event.late_window_days, of_this_content);
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
        .map_err(|error| internal(key, &error.to_string()))?;
    let job = Job {
        key: &bronze,
        contract,
        format,
        rules,
        tokenizer,
        context,
    };
    let record = job.run().await?;
    if !record.counts.balanced() {
        return Err(internal(key, &format!("the books do not balance: {:?}", record.counts)));
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

fn internal(key: &str, problem: &str) -> Error {
    Error::Internal {
        key: key.to_owned(),
        problem: problem.to_owned(),
    }
}

/// The record that is there. One that cannot be understood counts as none: it is about to be written anew.
async fn earlier_record(key: &BronzeKey, context: &Context) -> Result<Option<ObjectRecord>, Error> {
    let path = key.object_record();
    match context.storage.get_json(&context.silver_bucket, &path).await {
        Err(error) if error.kind == StorageErrorKind::Corrupt => {
            tracing::warn!(key = path, error = %error, "object record cannot be understood and is replaced");
            Ok(None)
        }
        other => Ok(other?),
    }
}

/// One object to transform.
struct Job<'c> {
    key: &'c BronzeKey,
    contract: &'c Arc<Contract>,
    format: (FileFormat, Compression),
    rules: Rules,
    tokenizer: Option<Arc<Tokenizer>>,
    context: &'c Context,
}

impl Job<'_> {
    /// Reads the object, stores its data files and quarantined rows; gives the record.
    async fn run(self) -> Result<ObjectRecord, Error> {
        let key = self.key.key();
        let (meta, mut body) = self.context.storage.stream(&self.context.bronze_bucket, &key).await?;
        let facts = ObjectFacts {
            key: key.clone(),
            ingest_date: self.key.ingest_date,
            ingest_micros: meta.last_modified.timestamp_micros(),
        };
        let names = self.names(&meta);
        let plan = Plan::new(
            self.contract,
            facts,
            self.rules.late_window_days,
            self.tokenizer.clone(),
        )?;

        let (piece_sender, piece_receiver) = mpsc::channel::<Result<Bytes, StorageError>>(WAITING_PIECES);
        let (file_sender, file_receiver) = mpsc::channel::<EncodedFile>(WAITING_FILES);
        let format = self.format;
        let limits = Limits {
            expected_bytes: expected_bytes(meta.size, format.1),
            ..self.context.limits
        };
        let work =
            tokio::task::spawn_blocking(move || work(piece_receiver, &file_sender, format, &plan, &names, &limits));
        let feed = async {
            while let Some(piece) = body.next().await {
                let piece = piece.map_err(|error| StorageError::interrupted(&self.context.bronze_bucket, &key, error));
                if piece_sender.send(piece).await.is_err() {
                    break;
                }
            }
            drop(piece_sender);
        };
        let ((), stored, worked) = tokio::join!(feed, self.store(file_receiver), work);
        // A failed write ends the work too, so its cause comes first.
        stored?;
        match worked.map_err(|error| internal(&key, &error.to_string()))? {
            Work::Done(summary, lines) => self.finish(&meta, summary, lines).await,
            Work::Rejected(reason) => Ok(record::rejected(self.key, &meta, self.rules, reason)),
            Work::Interrupted(error) => Err(error.into()),
            Work::Defect(problem) => Err(internal(&key, &problem)),
        }
    }

    fn names(&self, meta: &ObjectMeta) -> FileNames {
        FileNames::new(&[
            &self.context.bronze_bucket,
            &meta.key,
            &meta.etag,
            &meta.last_modified.to_rfc3339(),
            &self.rules.id,
            self.tokenizer.as_ref().map_or("", |tokenizer| tokenizer.version()),
        ])
    }

    /// Stores data files as they come.
    async fn store(&self, mut files: mpsc::Receiver<EncodedFile>) -> Result<(), StorageError> {
        stream::poll_fn(move |task| files.poll_recv(task))
            .map(Ok)
            .try_for_each_concurrent(PARALLEL_WRITES, |encoded: EncodedFile| async move {
                let key = format!("{}/{}", self.key.dataset, encoded.file.path);
                self.context
                    .storage
                    .put(&self.context.silver_bucket, &key, encoded.bytes)
                    .await
            })
            .await
    }

    async fn finish(self, meta: &ObjectMeta, summary: Summary, lines: SpooledTempFile) -> Result<ObjectRecord, Error> {
        if summary.repeated_fields > 0 {
            tracing::warn!(
                key = meta.key,
                fields = summary.repeated_fields,
                "fields occur twice in a row, the last counts"
            );
        }
        if summary.quarantine.rows > 0 {
            let bucket = &self.context.silver_bucket;
            let path = self.key.quarantine();
            let failed = |error: std::io::Error| internal(&meta.key, &format!("the quarantine file is lost: {error}"));
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

/// Bytes of text behind an object: logs of this kind shrink to about an eighth.
const fn expected_bytes(size: u64, compression: Compression) -> u64 {
    match compression {
        Compression::None => size,
        Compression::Gz | Compression::Zst => size.saturating_mul(8),
    }
}

/// How the work on the bytes of an object ended.
enum Work {
    Done(Summary, SpooledTempFile),
    Rejected(String),
    Interrupted(StorageError),
    Defect(String),
}

/// The blocking part: from pieces of the object to encoded files.
fn work(
    mut pieces: mpsc::Receiver<Result<Bytes, StorageError>>,
    files: &mpsc::Sender<EncodedFile>,
    (format, compression): (FileFormat, Compression),
    plan: &Plan,
    names: &FileNames,
    limits: &Limits,
) -> Work {
    // What the network reports must not be taken for damaged data, which comes as the same kind of error.
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
    let result = decompressed(PieceReader::new(next), compression)
        .map_err(Failure::Read)
        .and_then(|reader| pipeline::run(reader, format, plan, names, limits, &emit, &mut lines));
    let interrupted = interrupted.into_inner().unwrap_or_else(PoisonError::into_inner);
    match (result, interrupted) {
        (Ok(summary), None) => Work::Done(summary, lines),
        (_, Some(error)) => Work::Interrupted(error),
        (Err(Failure::Read(error)), _) => Work::Rejected(format!("the data is damaged or incomplete: {error}")),
        (Err(Failure::Rejected(reason)), _) => Work::Rejected(reason),
        (Err(Failure::Encode(problem)), _) => Work::Defect(problem),
        (Err(Failure::Disk(error)), _) => Work::Defect(format!("the temporary disk fails or is full: {error}")),
        (Err(Failure::Stopped), _) => Work::Defect("a data file could not be handed on".to_owned()),
    }
}
