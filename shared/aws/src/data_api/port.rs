//! The port: what stages need of the Data API.

use super::error::DataApiError;
use super::result::ResultSet;
use super::statement::{StatementState, Submission};
use std::pin::Pin;

/// A boxed future of an answer.
pub type Answer<'a, T> = Pin<Box<dyn Future<Output = Result<T, DataApiError>> + Send + 'a>>;

/// What stages need of the Data API.
pub trait DataApi: Send + Sync {
    /// Hands statements over to the warehouse; gives the id to ask with.
    fn submit<'a>(&'a self, submission: &'a Submission) -> Answer<'a, String>;
    /// Where a submission stands.
    fn poll<'a>(&'a self, id: &'a str) -> Answer<'a, StatementState>;
    /// The result of a statement that has one.
    fn results<'a>(&'a self, id: &'a str) -> Answer<'a, ResultSet>;
    /// Stops a submission that is waiting or running, soon; one that has ended is an error.
    fn cancel<'a>(&'a self, id: &'a str) -> Answer<'a, ()>;
}
