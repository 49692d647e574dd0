//! The command-line reference in Markdown, rendered from clap's definitions: `docs/cli.md`.

use clap::{Arg, Command};
use std::fmt::Write;

/// Name of the page.
pub(crate) const FILE: &str = "cli.md";

/// Introduces the examples of a command in its after-help.
const EXAMPLES: &str = "Examples:";

/// One page for a command and its subcommands. Global options stand once, before the subcommands.
pub(crate) fn markdown(mut command: Command) -> String {
    command.build();
    let mut page = String::new();
    // Writing to a String cannot fail, here and below.
    let _ = writeln!(
        page,
        "# Command line\n\n<!-- Written by `make docs-cli` from the definitions of the options; do not edit. -->\n"
    );
    let _ = writeln!(page, "{}.\n", about(&command));
    let commands: Vec<Command> = command.get_subcommands().filter(is_listed).cloned().collect();
    page.push_str("| command | purpose |\n|---|---|\n");
    for subcommand in &commands {
        let name = subcommand.get_name();
        let _ = writeln!(page, "| [`{name}`](#cardlake-{name}) | {} |", cell(&about(subcommand)));
    }
    page.push('\n');
    after_help(&mut page, &command);
    page.push_str("## Global options\n\n");
    options(&mut page, &command, Arg::is_global_set);
    for mut subcommand in commands {
        let _ = writeln!(
            page,
            "## cardlake {}\n\n{}.\n",
            subcommand.get_name(),
            about(&subcommand)
        );
        let usage = subcommand.render_usage().to_string();
        let _ = writeln!(page, "```text\n{}\n```\n", usage.trim_start_matches("Usage: "));
        options(&mut page, &subcommand, |arg| !arg.is_global_set());
        after_help(&mut page, &subcommand);
    }
    let length = page.trim_end().len();
    page.truncate(length);
    page.push('\n');
    page
}

fn is_listed(command: &&Command) -> bool {
    command.get_name() != "help" && !command.is_hide_set()
}

fn about(command: &Command) -> String {
    command.get_about().map(ToString::to_string).unwrap_or_default()
}

/// A table of the arguments that `is_shown` selects; nothing if there are none.
fn options(page: &mut String, command: &Command, is_shown: impl Fn(&Arg) -> bool) {
    let mut rows = command
        .get_arguments()
        .filter(|arg| !arg.is_hide_set() && is_shown(arg));
    let Some(first) = rows.next() else { return };
    page.push_str("| option | default | meaning |\n|---|---|---|\n");
    for arg in std::iter::once(first).chain(rows) {
        let short = arg.get_short().map(|short| format!("-{short}, ")).unwrap_or_default();
        let name = format!("{short}{arg}");
        let _ = writeln!(
            page,
            "| `{}` | {} | {} |",
            cell(&name),
            default(arg),
            cell(&meaning(arg))
        );
    }
    page.push('\n');
}

/// What is taken if the argument is not given.
fn default(arg: &Arg) -> String {
    if arg.is_required_set() {
        return "required".to_owned();
    }
    if !arg.get_action().takes_values() || arg.is_hide_default_value_set() {
        return String::new();
    }
    let values = arg.get_default_values().iter();
    let values: Vec<String> = values.map(|value| format!("`{}`", value.to_string_lossy())).collect();
    values.join(", ")
}

/// Help, possible values and environment variable.
fn meaning(arg: &Arg) -> String {
    let mut text = arg.get_help().map(ToString::to_string).unwrap_or_default();
    if arg.get_action().takes_values() {
        let values = arg.get_possible_values();
        let described: Vec<String> = values
            .iter()
            .map(|value| match value.get_help() {
                Some(help) => format!("`{}` ({})", value.get_name(), uncapitalized(&help.to_string())),
                None => format!("`{}`", value.get_name()),
            })
            .collect();
        if !described.is_empty() {
            let _ = write!(text, ": {}", described.join(", "));
        }
    }
    if let Some(variable) = arg.get_env() {
        let _ = write!(text, "; environment variable `{}`", variable.to_string_lossy());
    }
    text
}

/// A sentence that goes on within another; an abbreviation keeps its capitals.
fn uncapitalized(text: &str) -> String {
    let mut letters = text.chars();
    match letters.next() {
        Some(first) if !letters.clone().next().is_some_and(char::is_uppercase) => {
            first.to_lowercase().chain(letters).collect()
        }
        _ => text.to_owned(),
    }
}

/// A text in a table.
fn cell(text: &str) -> String {
    text.replace('\n', " ").replace('|', "\\|")
}

/// The examples as a block of shell commands, the rest as paragraphs.
fn after_help(page: &mut String, command: &Command) {
    let Some(text) = command.get_after_help().map(ToString::to_string) else {
        return;
    };
    let mut lines = text.lines().peekable();
    if lines.next_if_eq(&EXAMPLES).is_some() {
        let mut examples = Vec::new();
        while let Some(line) = lines.next_if(|line| line.is_empty() || line.starts_with("  ")) {
            examples.push(line.strip_prefix("  ").unwrap_or(line));
        }
        let _ = writeln!(page, "```sh\n{}\n```\n", examples.join("\n").trim_end());
    }
    for line in lines {
        let _ = writeln!(page, "{line}");
    }
    if !page.ends_with("\n\n") {
        page.push('\n');
    }
}
