//! The warehouse: statements through the Redshift Data API, one tick at a time.
//!
//! A stage submits a [`Submission`] (one statement, or several in one transaction), keeps the returned id, and polls its
//! state later. Nothing here sleeps or waits. A submission carries a client token made from what it is part of:
//! submitting it again, because an answer was lost or a function was killed, gives the same id and runs nothing twice
//! (the service remembers tokens for eight hours).
//!
//! Only this module and [`crate::clients`] name the SDK. Errors of requests and of statements become kinds here, once;
//! retries of transient errors are the SDK's. [`DataApi`] is the port; [`Warehouse`] is the service.

mod error;
mod port;
mod result;
mod statement;
mod warehouse;

pub use error::{DataApiError, DataApiErrorKind, StatementError, StatementErrorKind};
pub use port::{Answer, DataApi};
pub use result::{ResultSet, Value};
pub use statement::{
    MAX_BATCH_STATEMENTS, MAX_STATEMENT_BYTES, StatementOutcome, StatementState, Submission, client_token,
};
pub use warehouse::Warehouse;
