//! Verbosity: progress, logs and summaries beside a command's data.

use crate::error::{self, CliError};
use clap::Args;
use serde::Serialize;
use std::io::{IsTerminal, Write};

/// Options of every command.
#[derive(Debug, Clone, Copy, Default, Args)]
pub struct Console {
    /// Print errors only, and the --json document.
    #[arg(
        long,
        short,
        global = true,
        conflicts_with = "verbose",
        help_heading = "Global options"
    )]
    pub quiet: bool,
    /// Log stage progress to stderr; RUST_LOG gives finer control.
    #[arg(long, short, global = true, help_heading = "Global options")]
    pub verbose: bool,
}

impl Console {
    /// Whether to show progress: on a terminal, without logs or JSON.
    #[must_use]
    pub fn shows_progress(self, json: bool) -> bool {
        !self.quiet && !self.verbose && !json && std::io::stderr().is_terminal()
    }

    /// Prints a line to stderr, unless quiet: what a person should know, on a terminal or not.
    pub(crate) fn note(self, text: &str) {
        if !self.quiet {
            // Nobody reads a closed stderr.
            let _ = writeln!(std::io::stderr(), "{text}");
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
