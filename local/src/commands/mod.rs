//! One file for each subcommand.

pub(crate) mod run;
pub(crate) mod sql;
