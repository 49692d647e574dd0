//! The parsed state machine, and how it is read from a definition file and checked.

pub(crate) mod amount;
mod check;
pub(crate) mod choice;
pub(crate) mod error;
mod fields;
pub(crate) mod io_paths;
pub(crate) mod machine;
mod map;
pub(crate) mod model;
mod placeholders;
pub(crate) mod retry;
mod states;
mod unique_keys;

#[cfg(test)]
mod tests;
