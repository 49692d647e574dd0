//! The stage, its pages and the project's suites, in one program: linking it again for every topic takes longer than the tests.
#![expect(clippy::unwrap_used, reason = "a helper that cannot go on fails its test")]

mod docs;
mod figures;
mod handler;
mod suites;
