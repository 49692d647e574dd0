//! The local servers as the SDKs see them.

#![expect(clippy::unwrap_used, reason = "the helpers of tests fail loudly, as tests do")]

mod lease;
mod object_store;
mod s3;
mod s3_faults;
mod s3_writes;
mod secrets;
mod security;
mod support;
