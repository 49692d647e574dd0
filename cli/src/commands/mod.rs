//! One file for each subcommand.

pub(crate) mod backfill;
pub(crate) mod build;
pub(crate) mod docs;
pub(crate) mod doctor;
pub(crate) mod generate;
pub(crate) mod manual;
pub(crate) mod optimize;
pub(crate) mod profile;
pub(crate) mod quarantine;
pub(crate) mod report;
pub(crate) mod run;
pub(crate) mod sql;
pub(crate) mod status;
pub(crate) mod up;
pub(crate) mod vacuum;
pub(crate) mod validate;
