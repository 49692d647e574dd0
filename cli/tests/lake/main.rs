//! The stages that make the silver tables, with their real S3 requests: what survives a crash, and what other
//! implementations read.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "the helpers of tests fail loudly, as tests do"
)]

mod bootstrap;
mod crash;
mod faults;
mod histories;
mod interoperability;
mod late_window;
mod load;
mod replay;
mod support;
