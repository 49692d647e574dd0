//! The stage against an S3 server, in one program: linking it again for every topic takes longer than the tests.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a helper that cannot go on fails its test"
)]

mod bundles;
mod common;
mod compaction;
mod dimensions;
mod handler;
mod histories;
mod moved;
mod optimize;
mod table;
mod vacuum;
