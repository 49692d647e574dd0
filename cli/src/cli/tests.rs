//! Help and reference: what every command has to say, and how it looks.

use super::*;
use crate::reference;

/// Columns of a plain terminal.
const WIDTH: usize = 80;

/// Every command with the options that it inherits.
fn commands() -> Vec<clap::Command> {
    let mut command = Cli::command();
    command.build();
    let own = command.clone();
    let all = command.get_subcommands().filter(|command| command.get_name() != "help");
    std::iter::once(own).chain(all.cloned()).collect()
}

#[test]
fn the_reference_is_that_of_the_commands() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../docs")
        .join(reference::FILE);
    let stored = std::fs::read_to_string(path).unwrap_or_default();
    let rendered = reference::markdown(Cli::command());
    let differs = rendered
        .lines()
        .zip(stored.lines().chain(std::iter::repeat("")))
        .find(|(rendered, stored)| rendered != stored);
    assert!(
        rendered == stored,
        "docs/cli.md is not that of the commands: write it with `make docs-cli`; the first difference: {differs:?}"
    );
}

#[test]
fn every_command_has_examples_that_fit_a_terminal() {
    for command in commands() {
        let name = command.get_name().to_owned();
        let text = command.get_after_help().map(ToString::to_string).unwrap_or_default();
        let (examples, notes): (Vec<&str>, Vec<&str>) = text.lines().partition(|line| line.starts_with("  "));
        assert!(
            examples.iter().any(|line| line.trim_start().starts_with("cardlake ")),
            "{name} has no example"
        );
        // A paragraph is one line, which is wrapped where the terminal ends.
        for pair in text.lines().collect::<Vec<_>>().windows(2) {
            let is_note = |line: &str| notes.contains(&line) && !line.is_empty() && line != "Examples:";
            assert!(
                !(is_note(pair[0]) && is_note(pair[1])),
                "{name}: {pair:?} wrap raggedly"
            );
        }
        for help in [
            command.clone().term_width(WIDTH).render_help().to_string(),
            command.clone().term_width(WIDTH).render_long_help().to_string(),
        ] {
            let lines: Vec<&str> = help.lines().collect();
            for line in &lines {
                assert!(line.chars().count() <= WIDTH, "{name}: {line}");
            }
            for example in &examples {
                assert!(lines.contains(example), "{name}: this example is wrapped: {example}");
            }
        }
    }
}

#[test]
fn global_options_stand_apart_from_those_of_the_command() {
    for command in commands() {
        let name = command.get_name().to_owned();
        let help = command.term_width(WIDTH).render_help().to_string();
        let (own, global) = help.split_once("\nGlobal options:\n").unwrap();
        let global = global.split("\n\n").next().unwrap();
        for option in ["--quiet", "--verbose", "--help", "--version"] {
            assert!(global.contains(option), "{name}: {option} is missing: {help}");
            assert!(!own.contains(option), "{name}: {option} is among its own: {help}");
        }
        assert_eq!(global.lines().count(), 4, "{name}: {global}");
    }
}
