//! `cardlake completions` and `cardlake man`: shell completions and manual pages.

use crate::arguments::{CompletionsArgs, ManArgs, ManFormat};
use crate::error::{CliError, printed};
use crate::reference;
use std::io::Write;
use std::process::ExitCode;

/// Prints the completions of a shell.
///
/// # Errors
/// Standard output cannot be written.
pub(crate) fn completions(args: &CompletionsArgs, mut command: clap::Command) -> Result<ExitCode, CliError> {
    let mut text = Vec::new();
    clap_complete::generate(args.shell, &mut command, "cardlake", &mut text);
    printed(std::io::stdout().write_all(&text))?;
    Ok(ExitCode::SUCCESS)
}

/// Writes one page for the command and one for each of its commands, or the reference of all.
///
/// # Errors
/// The folder cannot be written.
pub(crate) fn man(args: &ManArgs, command: clap::Command) -> Result<ExitCode, CliError> {
    let writing =
        |error: std::io::Error| CliError::caused(&format!("write {}", args.out.display()), &error).writing(&args.out);
    std::fs::create_dir_all(&args.out).map_err(writing)?;
    match args.format {
        ManFormat::Roff => clap_mangen::generate_to(command, &args.out),
        ManFormat::Markdown => std::fs::write(args.out.join(reference::FILE), reference::markdown(command)),
    }
    .map_err(writing)?;
    printed(writeln!(std::io::stdout(), "{}", args.out.display()))?;
    Ok(ExitCode::SUCCESS)
}
