//! Running a state machine.

mod clock;
mod engine;
pub(crate) mod execute;
pub(crate) mod history;
mod map;
pub(crate) mod options;
pub(crate) mod outcome;

#[cfg(test)]
mod tests;
