//! The local servers as the SDKs see them.

#![expect(clippy::unwrap_used, reason = "the helpers of tests fail loudly, as tests do")]

mod security;
