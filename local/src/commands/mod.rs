//! One file for each subcommand.

pub(crate) mod generate;
pub(crate) mod run;
pub(crate) mod sql;
pub(crate) mod vacuum;
