//! Uploads a day to S3: one thread generates while finished pieces are uploaded.

use crate::day::write_day;
use crate::error::GeneratorError;
use crate::options::DayOptions;
use crate::sink::Sink;
use cardlake_aws::storage::{Storage, StorageError, Upload};
use cardlake_core::events::GeneratorOutput;
use futures::future::{BoxFuture, OptionFuture};
use std::io;
use tokio::sync::mpsc;

/// Pieces of about 1 MB queued between the generator and the upload.
const PIECES_IN_FLIGHT: usize = 4;

/// Part size, and the size from which an object becomes a multipart upload: small in memory, and far from S3's limit of
/// 10,000 parts.
const PART_BYTES: usize = 8 * 1024 * 1024;
const _: () = assert!(PART_BYTES >= Upload::MINIMUM_PART_BYTES);

/// Target location in S3.
#[derive(Debug, Clone)]
pub struct Destination {
    /// Client.
    pub storage: Storage,
    /// Bucket.
    pub bucket: String,
    /// Key prefix: empty, or ending with a slash.
    pub prefix: String,
}

/// Writes the objects of a day to S3. `transactions_made` receives progress on the generating thread.
///
/// # Errors
/// An object cannot be written; its multipart upload is aborted.
pub async fn upload_day(
    options: DayOptions,
    destination: &Destination,
    transactions_made: impl FnMut(u64) + Send + 'static,
) -> Result<GeneratorOutput, GeneratorError> {
    let batch_date = options.batch_date;
    let (sender, receiver) = mpsc::channel(PIECES_IN_FLIGHT);
    let generating = tokio::task::spawn_blocking(move || {
        write_day(
            &options,
            &mut Channel {
                sender,
                transactions_made,
            },
        )
    });
    // Boxed: the SDK's futures nest deeper than the compiler's recursion limit.
    let uploading: BoxFuture<'_, _> = Box::pin(upload(receiver, destination));
    uploading.await?;
    generating
        .await
        .map_err(|source| GeneratorError::Stopped { batch_date, source })?
        .map_err(|source| GeneratorError::Encode { batch_date, source })
}

/// A message from the generating thread to the upload.
enum Piece {
    Begin(String),
    Bytes(Vec<u8>),
    Finish,
}

struct Channel<F> {
    sender: mpsc::Sender<Piece>,
    transactions_made: F,
}

impl<F> Channel<F> {
    fn send(&self, piece: Piece) -> io::Result<()> {
        // The receiver is dropped only after a failed upload, whose error is the one reported.
        self.sender
            .blocking_send(piece)
            .map_err(|_| io::ErrorKind::BrokenPipe.into())
    }
}

impl<F: FnMut(u64)> Sink for Channel<F> {
    fn begin(&mut self, key: &str) -> io::Result<()> {
        self.send(Piece::Begin(key.to_owned()))
    }

    fn write(&mut self, bytes: Vec<u8>) -> io::Result<()> {
        self.send(Piece::Bytes(bytes))
    }

    fn finish(&mut self) -> io::Result<()> {
        self.send(Piece::Finish)
    }

    fn transactions_made(&mut self, rows: u64) {
        (self.transactions_made)(rows);
    }
}

/// Uploads the objects: small ones in one request, others as multipart uploads while they are generated.
async fn upload(mut pieces: mpsc::Receiver<Piece>, destination: &Destination) -> Result<(), GeneratorError> {
    let mut object = Object::default();
    while let Some(piece) = pieces.recv().await {
        let taken = object.take(piece, destination).await;
        if let Err(error) = taken {
            if let Some(Err(abort)) = OptionFuture::from(object.upload.map(Upload::abort)).await {
                tracing::warn!(error = %abort, "cannot abort a failed multipart upload");
            }
            return Err(error.into());
        }
    }
    Ok(())
}

/// The object currently being uploaded.
#[derive(Default)]
struct Object {
    key: String,
    /// Bytes not sent yet.
    body: Vec<u8>,
    /// Set once the first part is complete.
    upload: Option<Upload>,
}

impl Object {
    async fn take(&mut self, piece: Piece, destination: &Destination) -> Result<(), StorageError> {
        let Destination {
            storage,
            bucket,
            prefix,
        } = destination;
        match piece {
            Piece::Begin(key) => self.key = format!("{prefix}{key}"),
            Piece::Bytes(bytes) => {
                self.body.extend_from_slice(&bytes);
                if self.body.len() >= PART_BYTES {
                    if self.upload.is_none() {
                        self.upload = Some(storage.begin_upload(bucket, &self.key).await?);
                    }
                    self.send_part().await?;
                }
            }
            Piece::Finish if self.upload.is_none() => {
                let body = std::mem::take(&mut self.body);
                storage.put(bucket, &self.key, body).await?;
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

    /// Sends the buffered bytes, if any, as the next part.
    async fn send_part(&mut self) -> Result<(), StorageError> {
        let body = std::mem::take(&mut self.body);
        match &mut self.upload {
            Some(upload) if !body.is_empty() => upload.part(body).await,
            _ => Ok(()),
        }
    }
}
