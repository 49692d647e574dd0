//! A running build: polls running statements, submits ready nodes, publishes the result.

mod advance;
pub(crate) mod build;
mod inspect;
mod outcome;
mod output;
mod poll;
mod publish;
mod results;
mod submit;
mod unchanged;

pub(crate) use advance::advance;
pub(crate) use build::Run;
pub(crate) use outcome::failure;
pub(crate) use output::succeeded;
