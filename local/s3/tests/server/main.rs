//! The server as the AWS SDK and the `object_store` crate see it.

#![expect(clippy::unwrap_used, reason = "the helpers of tests fail loudly, as tests do")]

mod checksums;
mod hooks;
mod lease;
mod listings;
mod object_store;
mod objects;
mod odd_keys;
mod security;
mod support;
mod writes;
