//! A day into S3, made on one thread while what is ready is uploaded.

use crate::day::write_day;
use crate::error::Error;
use crate::options::DayOptions;
use crate::sink::Sink;
use cardlake_aws::storage::{Storage, StorageError, Upload};
use cardlake_core::events::GeneratorOutput;
use futures::future::{BoxFuture, OptionFuture};
use std::io;
use tokio::sync::mpsc;

/// Pieces of a megabyte that may wait between the generator and the upload.
const PIECES_IN_FLIGHT: usize = 4;

/// Objects beyond this size are uploaded in parts of about it: far from the 10,000 parts that S3 takes, and little memory.
const PART_BYTES: usize = 8 * 1024 * 1024;
const _: () = assert!(PART_BYTES >= Upload::MINIMUM_PART_BYTES);

/// Where in S3 a day goes.
#[derive(Debug, Clone)]
pub struct Destination {
    /// The store.
    pub storage: Storage,
    /// The bucket.
    pub bucket: String,
    /// What stands before every key: nothing, or a prefix that ends with a slash.
    pub prefix: String,
}

/// Writes the objects of a day into S3. `transactions_made` is told of progress, on the generating
/// thread.
///
/// # Errors
/// An object cannot be written; what was uploaded of it is taken back.
pub async fn upload_day(
    options: DayOptions,
    destination: &Destination,
    transactions_made: impl FnMut(u64) + Send + 'static,
) -> Result<GeneratorOutput, Error> {
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
    // Behind a pointer: the futures of the SDK nest deeper than the compiler follows.
    let uploading: BoxFuture<'_, _> = Box::pin(upload(receiver, destination));
    uploading.await?;
    generating
        .await
        .map_err(|error| Error::Stopped {
            batch_date,
            cause: error.to_string(),
        })?
        .map_err(|source| Error::Encode { batch_date, source })
}

/// A piece of the day on its way from the generating thread.
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
        // The receiver is gone only when the upload failed, and that error is the one reported.
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

/// Puts the objects into their places: small ones whole, others part by part while they are made.
async fn upload(mut pieces: mpsc::Receiver<Piece>, destination: &Destination) -> Result<(), Error> {
    let mut object = Object::default();
    while let Some(piece) = pieces.recv().await {
        let taken = object.take(piece, destination).await;
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

    /// Sends what there is, if anything, as the next part.
    async fn send_part(&mut self) -> Result<(), StorageError> {
        let body = std::mem::take(&mut self.body);
        match &mut self.upload {
            Some(upload) if !body.is_empty() => upload.part(body).await,
            _ => Ok(()),
        }
    }
}
