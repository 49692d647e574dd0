//! How much a command says beside its data.

use crate::error::{self, CliError};
use clap::Args;
use serde::Serialize;
use std::io::IsTerminal;

/// Options of every command.
#[derive(Debug, Clone, Copy, Default, Args)]
pub struct Console {
    /// Say nothing but errors, and what --json asks for.
    #[arg(long, short, global = true, conflicts_with = "verbose")]
    pub quiet: bool,
    /// Tell what the stages do, on standard error; RUST_LOG says it more exactly.
    #[arg(long, short, global = true)]
    pub verbose: bool,
}

impl Console {
    /// Whether progress is shown: to people at a terminal who do not read logs or JSON there.
    #[must_use]
    pub fn shows_progress(self, json: bool) -> bool {
        !self.quiet && !self.verbose && !json && std::io::stderr().is_terminal()
    }

    /// Prints what a command came to: a document for machines, or a text for people who want one.
    ///
    /// # Errors
    /// Standard output cannot be written.
    pub(crate) fn print(
        self,
        json: bool,
        document: &impl Serialize,
        text: impl FnOnce() -> String,
    ) -> Result<(), CliError> {
        if self.quiet && !json {
            return Ok(());
        }
        error::print(json, document, text)
    }

    /// Begins to log if that is wanted.
    pub fn start_logging(self) {
        if self.verbose || std::env::var_os("RUST_LOG").is_some() {
            cardlake_aws::telemetry::initialize();
        }
    }
}
