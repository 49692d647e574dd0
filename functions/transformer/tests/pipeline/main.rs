//! The pipeline without S3, and the handler with it.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test ends at the first surprise")]

mod corpus;
mod dialects;
mod formats;
mod handler;
mod lake;
mod limits;
mod oracle;
mod parquet_input;
mod personal;
mod rules;
mod support;
mod trailers;
