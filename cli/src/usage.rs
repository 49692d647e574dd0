//! Usage errors: one line from what clap knows of a mistake, and a hint.

use crate::error::CliError;
use clap::error::{ContextKind, ContextValue, ErrorKind};
use std::ffi::OsString;

/// The usage error that clap found in `arguments` (the program's name first), in one line, with a hint that suggests a
/// word or names the help of the right subcommand.
pub(crate) fn explained(
    error: &clap::Error,
    command: &clap::Command,
    arguments: impl IntoIterator<Item = OsString>,
) -> CliError {
    let name = subcommand(command, arguments);
    if matches!(
        error.kind(),
        ErrorKind::MissingSubcommand | ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand
    ) {
        return missing_command(command, name.as_deref());
    }
    let help = name.map_or_else(
        || "see `cardlake --help`".to_owned(),
        |name| format!("see `cardlake {name} --help`"),
    );
    let suggested = [
        ContextKind::SuggestedSubcommand,
        ContextKind::SuggestedArg,
        ContextKind::SuggestedValue,
    ];
    let suggestion = suggested.into_iter().flat_map(|kind| texts(error, kind)).next();
    let hint = match suggestion {
        Some(word) => format!("did you mean `{word}`? {help}"),
        None => help,
    };
    CliError::usage(message(error)).hint(hint)
}

/// No command of those of `cardlake`, or of those of its subcommand `name`.
fn missing_command(command: &clap::Command, name: Option<&str>) -> CliError {
    let above = name.and_then(|name| command.find_subcommand(name));
    let commands = above.unwrap_or(command).get_subcommands().map(clap::Command::get_name);
    let commands: Vec<&str> = commands.filter(|name| *name != "help").collect();
    let path = name.map_or_else(String::new, |name| format!(" {name}"));
    CliError::usage(format!("a command is missing: {}", commands.join(", ")))
        .hint(format!("see `cardlake{path} --help`"))
}

fn message(error: &clap::Error) -> String {
    let one = |kind| texts(error, kind).join(", ");
    let argument = one(ContextKind::InvalidArg);
    let value = one(ContextKind::InvalidValue);
    match error.kind() {
        ErrorKind::InvalidValue if value.is_empty() => format!("a value is missing for '{argument}'"),
        ErrorKind::InvalidValue => {
            let possible = one(ContextKind::ValidValue);
            format!("invalid value '{value}' for '{argument}' (possible values: {possible})")
        }
        ErrorKind::ValueValidation => {
            let reason = std::error::Error::source(error).map(|source| format!(": {source}"));
            format!("invalid value '{value}' for '{argument}'{}", reason.unwrap_or_default())
        }
        ErrorKind::UnknownArgument => format!("unexpected argument '{argument}'"),
        ErrorKind::InvalidSubcommand => format!("unknown command '{}'", one(ContextKind::InvalidSubcommand)),
        ErrorKind::MissingRequiredArgument => format!("missing required argument: {argument}"),
        ErrorKind::ArgumentConflict => match one(ContextKind::PriorArg) {
            prior if prior == argument => format!("'{argument}' is given more than once"),
            prior => format!("'{argument}' cannot be used with {prior}"),
        },
        kind => kind.to_string(),
    }
}

/// The texts of a piece of context; none when clap has none of that kind.
fn texts(error: &clap::Error, kind: ContextKind) -> Vec<String> {
    match error.get(kind) {
        Some(ContextValue::String(text)) => vec![text.clone()],
        Some(ContextValue::Strings(texts)) => texts.clone(),
        _ => Vec::new(),
    }
}

/// The subcommand that the arguments begin with, whatever is wrong with the rest.
fn subcommand(command: &clap::Command, arguments: impl IntoIterator<Item = OsString>) -> Option<String> {
    let matches = command
        .clone()
        .ignore_errors(true)
        .try_get_matches_from(arguments)
        .ok()?;
    matches.subcommand_name().map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::{Arg, ArgAction, Command};

    fn command() -> Command {
        let date = |text: &str| match text {
            "2026-01-15" => Ok(()),
            _ => Err("not a date"),
        };
        let run = Command::new("run")
            .arg(Arg::new("date").long("date").value_parser(date))
            .arg(
                Arg::new("all")
                    .long("all")
                    .action(ArgAction::SetTrue)
                    .conflicts_with("date"),
            )
            .arg(Arg::new("format").long("format").value_parser(["table", "csv"]));
        let sql = Command::new("sql").arg(Arg::new("statement").value_name("STATEMENT").required(true));
        let quarantine = Command::new("quarantine")
            .subcommand_required(true)
            .arg_required_else_help(true)
            .subcommands([Command::new("list"), Command::new("show")]);
        Command::new("cardlake")
            .subcommand_required(true)
            .subcommands([run, sql, quarantine])
    }

    #[test]
    fn a_mistake_is_one_line_that_says_what_is_meant() {
        for (arguments, expected) in [
            (
                &["run", "--date", "x"][..],
                "error: invalid value 'x' for '--date <date>': not a date (hint: see `cardlake run --help`)",
            ),
            (
                &["run", "--date"],
                "error: a value is missing for '--date <date>' (hint: see `cardlake run --help`)",
            ),
            (
                &["run", "--format", "tabel"],
                "error: invalid value 'tabel' for '--format <format>' (possible values: table, csv) (hint: did you mean \
                 `table`? see `cardlake run --help`)",
            ),
            (
                &["run", "--dat", "2026-01-15"],
                "error: unexpected argument '--dat' (hint: did you mean `--date`? see `cardlake run --help`)",
            ),
            (
                &["run", "--all", "--date", "2026-01-15"],
                "error: '--all' cannot be used with --date <date> (hint: see `cardlake run --help`)",
            ),
            (
                &["run", "--date", "2026-01-15", "--date", "2026-01-15"],
                "error: '--date <date>' is given more than once (hint: see `cardlake run --help`)",
            ),
            (
                &["sql"],
                "error: missing required argument: <STATEMENT> (hint: see `cardlake sql --help`)",
            ),
            (
                &["quarantine"],
                "error: a command is missing: list, show (hint: see `cardlake quarantine --help`)",
            ),
            (
                &[],
                "error: a command is missing: run, sql, quarantine (hint: see `cardlake --help`)",
            ),
            (
                &["rum"],
                "error: unknown command 'rum' (hint: did you mean `run`? see `cardlake --help`)",
            ),
        ] {
            let arguments = || {
                std::iter::once("cardlake")
                    .chain(arguments.iter().copied())
                    .map(OsString::from)
            };
            let error = command().try_get_matches_from(arguments()).unwrap_err();
            assert_eq!(explained(&error, &command(), arguments()).to_string(), expected);
        }
    }
}
