//! The generator's answer to an event: a day of bronze objects in S3.

use crate::day::write_day;
use crate::error::Error;
use crate::options::DayOptions;
use crate::sink::Sink;
use cardlake_shared::aws::Aws;
use cardlake_shared::config::Variables;
use cardlake_shared::env;
use cardlake_shared::events::{GeneratorEvent, GeneratorOutput};
use cardlake_shared::storage::{Storage, StorageError, Upload};
use futures::future::{BoxFuture, OptionFuture};
use std::io;
use tokio::sync::mpsc;

/// Pieces of a megabyte that may wait between the generator and the upload.
const PIECES_IN_FLIGHT: usize = 4;

/// Objects beyond this size are uploaded in parts of about it: far from the 10,000 parts that S3 takes, and little memory.
const PART_BYTES: usize = 8 * 1024 * 1024;
const _: () = assert!(PART_BYTES >= Upload::MINIMUM_PART_BYTES);

/// Settings and clients of the stage.
#[derive(Debug, Clone)]
pub struct Context {
    storage: Storage,
    bronze_bucket: String,
}

impl Context {
    /// Reads the settings and makes the clients.
    ///
    /// # Errors
    /// All mistakes in the settings.
    #[expect(clippy::unused_async, reason = "all stages are made alike")]
    pub async fn new(mut variables: Variables, aws: Aws) -> Result<Self, Error> {
        let bronze_bucket = variables.required(env::BRONZE_BUCKET, "the bucket of the raw files");
        Ok(variables.finish(Self {
            storage: Storage::new(aws.s3()),
            bronze_bucket,
        })?)
    }
}

/// Writes the objects of a day. The same event writes the same bytes again.
///
/// # Errors
/// Options that cannot be, or an object that cannot be written.
pub async fn handle(event: GeneratorEvent, context: &Context) -> Result<GeneratorOutput, Error> {
    let options = DayOptions::new(&event)?;
    let batch_date = event.batch_date;
    let (sender, receiver) = mpsc::channel(PIECES_IN_FLIGHT);
    let generating = tokio::task::spawn_blocking(move || write_day(&options, &mut Channel { sender }));
    // Behind a pointer: the futures of the SDK nest deeper than the compiler follows.
    let uploading: BoxFuture<'_, _> = Box::pin(upload(receiver, context));
    uploading.await?;
    let output = generating
        .await
        .map_err(|error| Error::Stopped {
            batch_date,
            cause: error.to_string(),
        })?
        .map_err(|source| Error::Encode { batch_date, source })?;
    tracing::info!(%batch_date, objects = output.objects.len(), rows = ?output.rows, "bronze objects generated");
    Ok(output)
}

/// A piece of the day on its way from the generating thread.
enum Piece {
    Begin(String),
    Bytes(Vec<u8>),
    Finish,
}

struct Channel {
    sender: mpsc::Sender<Piece>,
}

impl Channel {
    fn send(&self, piece: Piece) -> io::Result<()> {
        // The receiver is gone only when the upload failed, and that error is the one reported.
        self.sender
            .blocking_send(piece)
            .map_err(|_| io::ErrorKind::BrokenPipe.into())
    }
}

impl Sink for Channel {
    fn begin(&mut self, key: &str) -> io::Result<()> {
        self.send(Piece::Begin(key.to_owned()))
    }

    fn write(&mut self, bytes: Vec<u8>) -> io::Result<()> {
        self.send(Piece::Bytes(bytes))
    }

    fn finish(&mut self) -> io::Result<()> {
        self.send(Piece::Finish)
    }
}

/// Puts the objects into bronze: small ones whole, others part by part while they are made.
async fn upload(mut pieces: mpsc::Receiver<Piece>, context: &Context) -> Result<(), Error> {
    let mut object = Object::default();
    while let Some(piece) = pieces.recv().await {
        let taken = object.take(piece, context).await;
        if let Err(error) = taken {
            if let Some(Err(abort)) = OptionFuture::from(object.upload.map(Upload::abort)).await {
                tracing::warn!(error = %abort, "the parts of a failed upload stay behind");
            }
            return Err(error.into());
        }
    }
    Ok(())
}

/// The object that is being uploaded.
#[derive(Default)]
struct Object {
    key: String,
    /// Bytes that are not sent yet.
    body: Vec<u8>,
    /// Set once the first part is full.
    upload: Option<Upload>,
}

impl Object {
    async fn take(&mut self, piece: Piece, context: &Context) -> Result<(), StorageError> {
        let bucket = &context.bronze_bucket;
        match piece {
            Piece::Begin(key) => self.key = key,
            Piece::Bytes(bytes) => {
                self.body.extend_from_slice(&bytes);
                if self.body.len() >= PART_BYTES {
                    if self.upload.is_none() {
                        self.upload = Some(context.storage.begin_upload(bucket, &self.key).await?);
                    }
                    self.send_part().await?;
                }
            }
            Piece::Finish if self.upload.is_none() => {
                let body = std::mem::take(&mut self.body);
                context.storage.put(bucket, &self.key, body).await?;
            }
            Piece::Finish => {
                self.send_part().await?;
                if let Some(upload) = self.upload.take() {
                    upload.complete().await?;
                }
            }
        }
        Ok(())
    }

    /// Sends what there is, if anything, as the next part.
    async fn send_part(&mut self) -> Result<(), StorageError> {
        let body = std::mem::take(&mut self.body);
        match &mut self.upload {
            Some(upload) if !body.is_empty() => upload.part(body).await,
            _ => Ok(()),
        }
    }
}
