//! Verbosity: progress, logs and summaries beside a command's data.

use crate::error::{self, CliError};
use clap::{ArgAction, Args};
use serde::Serialize;
use std::io::{IsTerminal, Write};

/// Heading of the options that every command has.
const GLOBAL: &str = "Global options";

/// Options of every command.
#[derive(Debug, Clone, Copy, Default, Args)]
pub struct Console {
    /// Print errors only, and the --json document.
    #[arg(
        long,
        short,
        global = true,
        conflicts_with = "verbose",
        help_heading = GLOBAL
    )]
    pub quiet: bool,
    /// Log stage progress to stderr; RUST_LOG gives finer control.
    #[arg(long, short, global = true, help_heading = GLOBAL)]
    pub verbose: bool,
}

/// Help and version under the heading of the other global options, where clap's own would stand among the command's.
#[derive(Debug, Clone, Copy, Default, Args)]
pub struct Standard {
    /// Print help.
    #[arg(long, short, global = true, action = ArgAction::Help, help_heading = GLOBAL)]
    help: Option<bool>,
    /// Print version.
    #[arg(long, short = 'V', global = true, action = ArgAction::Version, help_heading = GLOBAL)]
    version: Option<bool>,
}

impl Console {
    /// Whether to show progress: on a terminal, without logs or JSON.
    #[must_use]
    pub fn shows_progress(self, json: bool) -> bool {
        !self.quiet && !self.verbose && !json && std::io::stderr().is_terminal()
    }

    /// Prints a text for people to standard error, unless quiet.
    pub(crate) fn note(self, text: &str) {
        if !self.quiet {
            // Standard error may be closed; the command goes on.
            let _ = std::io::stderr().write_all(text.as_bytes());
        }
    }

    /// Prints the outcome of a command: a JSON document, or text unless quiet.
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

    /// Starts logging if --verbose or RUST_LOG asks for it.
    pub fn start_logging(self) {
        if self.verbose || std::env::var_os("RUST_LOG").is_some() {
            cardlake_aws::telemetry::initialize();
        }
    }
}
