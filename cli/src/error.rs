//! What the command says when it cannot go on.

use crate::shortage::{self, Place, Shortage};
use cardlake_core::error::with_causes;
use std::fmt;
use std::io::Write;
use std::path::Path;
use std::process::ExitCode;

/// Why a command ends without having done what it was asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Exit {
    /// It was tried and failed: exit code 1.
    Failed,
    /// It was asked for the wrong way: exit code 2.
    Usage,
    /// Ctrl-C: exit code 130, as shells have it.
    Interrupted,
}

/// A sentence about what went wrong, and one about what to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CliError {
    exit: Exit,
    message: String,
    hint: Option<String>,
    shortage: Option<Shortage>,
}

impl CliError {
    /// The call itself is wrong (exit code 2).
    pub fn usage(message: impl Into<String>) -> Self {
        Self {
            exit: Exit::Usage,
            message: message.into(),
            hint: None,
            shortage: None,
        }
    }

    /// What was asked for failed (exit code 1).
    pub fn failed(message: impl Into<String>) -> Self {
        Self {
            exit: Exit::Failed,
            message: message.into(),
            hint: None,
            shortage: None,
        }
    }

    /// What was asked for failed for this cause (exit code 1); `doing` completes "cannot …".
    pub fn caused(doing: &str, error: &(dyn std::error::Error + 'static)) -> Self {
        let shortage = shortage::reason(error).map(|reason| Shortage {
            reason,
            place: Place::Unknown,
        });
        Self {
            shortage,
            ..Self::failed(format!("cannot {doing}: {}", with_causes(error)))
        }
    }

    /// Adds that a write had no space, unless the error knows of one.
    #[must_use]
    pub(crate) fn short_of_space(mut self, shortage: Option<Shortage>) -> Self {
        self.shortage = self.shortage.or(shortage);
        self
    }

    /// Names the file or folder of a write that had no space, if that is the cause and its place is unknown.
    #[must_use]
    pub(crate) fn writing(mut self, path: &Path) -> Self {
        if let Some(shortage) = &mut self.shortage
            && shortage.place == Place::Unknown
        {
            shortage.place = Place::Path(path.to_owned());
        }
        self
    }

    /// The lack of space behind the error.
    pub(crate) const fn shortage(&self) -> Option<&Shortage> {
        self.shortage.as_ref()
    }

    /// Somebody pressed Ctrl-C (exit code 130).
    pub fn interrupted(message: impl Into<String>) -> Self {
        Self {
            exit: Exit::Interrupted,
            message: message.into(),
            hint: None,
            shortage: None,
        }
    }

    /// Adds what to do about it.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// Puts the cause that matters in front.
    #[must_use]
    pub fn because(mut self, cause: &str) -> Self {
        self.message = format!("{cause}: {}", self.message);
        self
    }

    /// Label in front of the message: `error` or `interrupted`.
    #[must_use]
    pub const fn label(&self) -> &'static str {
        match self.exit {
            Exit::Interrupted => "interrupted",
            Exit::Failed | Exit::Usage => "error",
        }
    }

    /// Message and hint in one line.
    #[must_use]
    pub fn description(&self) -> String {
        match &self.hint {
            Some(hint) => format!("{} (hint: {hint})", self.message),
            None => self.message.clone(),
        }
    }

    /// The exit code: 1 failed, 2 wrong usage, 130 interrupted.
    #[must_use]
    pub fn exit_code(&self) -> ExitCode {
        match self.exit {
            Exit::Failed => ExitCode::from(1),
            Exit::Usage => ExitCode::from(2),
            Exit::Interrupted => ExitCode::from(130),
        }
    }
}

/// The outcome of printing: whoever stops reading (`| head`) has had enough, which is no error.
///
/// # Errors
/// Standard output cannot be written for another reason.
pub(crate) fn printed(outcome: std::io::Result<()>) -> Result<(), CliError> {
    match outcome {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => {
            Err(CliError::caused("write to standard output", &error))
        }
        _ => Ok(()),
    }
}

/// Prints a document for machines, or a text for people, to standard output.
///
/// # Errors
/// As [`printed`].
pub(crate) fn print(
    json: bool,
    document: &impl serde::Serialize,
    text: impl FnOnce() -> String,
) -> Result<(), CliError> {
    let mut out = std::io::stdout().lock();
    printed(if json {
        serde_json::to_writer_pretty(&mut out, document)
            .map_err(std::io::Error::from)
            .and_then(|()| writeln!(out))
    } else {
        out.write_all(text().as_bytes())
    })
}

impl std::error::Error for CliError {}

impl fmt::Display for CliError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.label(), self.description())
    }
}
