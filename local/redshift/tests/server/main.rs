//! The server as the AWS SDK sees it.

#![expect(clippy::unwrap_used, reason = "the helpers of tests fail loudly, as tests do")]

mod api;
mod bounded;
mod client;
mod conformance;
mod json_numbers;
mod load;
mod loader;
mod security;
mod sessions;
mod statements;
mod support;
mod text_files;
mod warehouse;
mod wire;
