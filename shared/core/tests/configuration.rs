//! `docs/configuration.md` against the code: the page lists every variable, with the functions that read it.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "the helpers of tests fail loudly, as tests do"
)]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

const FUNCTIONS: [&str; 7] = [
    "generator",
    "transformer",
    "reconciler",
    "validator",
    "loader",
    "mart-builder",
    "notifier",
];

fn project() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn read(path: &str) -> String {
    fs::read_to_string(project().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// The variables by the names of their constants in `shared/core/src/env.rs`.
fn variables() -> BTreeMap<String, String> {
    read("shared/core/src/env.rs")
        .lines()
        .filter_map(|line| {
            let (name, value) = line.strip_prefix("pub const ")?.split_once(": &str = \"")?;
            Some((name.to_owned(), value.trim_end_matches("\";").to_owned()))
        })
        .collect()
}

/// The constants `env::NAME` that stand in a text.
fn named(text: &str) -> BTreeSet<String> {
    text.split("env::")
        .skip(1)
        .map(|rest| {
            rest.chars()
                .take_while(|letter| letter.is_ascii_uppercase() || *letter == '_' || letter.is_ascii_digit())
                .collect()
        })
        .filter(|name: &String| !name.is_empty())
        .collect()
}

/// The constants that the methods of a type in a shared file name.
fn named_by_shared(file: &str, what: &str) -> BTreeSet<String> {
    let text = read(file);
    let (_, rest) = text.split_once(&format!("impl {what} {{")).unwrap();
    named(rest.split("\n}\n").next().unwrap())
}

/// The source of a function that reads its settings: `context.rs`, and `handler.rs` next to it.
fn source_of(function: &str) -> String {
    let files = ["context.rs", "handler.rs"].map(|file| format!("functions/{function}/src/{file}"));
    let texts: Vec<String> = files
        .iter()
        .filter_map(|file| fs::read_to_string(project().join(file)).ok())
        .collect();
    assert!(!texts.is_empty(), "{function} has neither of {files:?}");
    texts.concat()
}

/// Whether the context of a function takes this part of the resources.
fn takes(source: &str, part: &str) -> bool {
    let (_, rest) = source.split_once("let Resources {").unwrap();
    let (parts, _) = rest.split_once("} = resources").unwrap();
    parts.split(',').any(|each| each.trim() == part)
}

/// The names of the variables that a function reads.
fn read_by(function: &str) -> BTreeSet<String> {
    let source = source_of(function);
    let mut names = named(&source);
    for (reader, parts) in [
        ("LakeConfig", &["LakeConfig"][..]),
        ("WarehouseConfig", &["WarehouseConfig", "WarehouseName"]),
        ("WarehouseName", &["WarehouseName"]),
    ] {
        if source.contains(&format!("{reader}::read")) {
            let named = parts
                .iter()
                .flat_map(|part| named_by_shared("shared/core/src/config.rs", part));
            names.extend(named);
        }
    }
    // The project files among the resources are those of a folder if the variable is set.
    if takes(&source, "assets") {
        names.extend(named_by_shared("shared/aws/src/runtime.rs", "Resources"));
    }
    let variables = variables();
    names.iter().map(|name| variables[name].clone()).collect()
}

#[test]
fn the_page_tells_which_function_reads_what() {
    let page = read("docs/configuration.md");
    let mut told: BTreeMap<&str, BTreeSet<String>> = BTreeMap::new();
    for line in page.lines().filter(|line| line.starts_with("| `CARDLAKE_")) {
        let mut cells = line.split('|').map(str::trim).skip(1);
        let variable = cells.next().unwrap().trim_matches('`').to_owned();
        let readers = cells.next().unwrap().split(", ");
        for function in readers.filter(|reader| *reader != "`cardlake --aws`") {
            told.entry(function).or_default().insert(variable.clone());
        }
    }
    let expected: BTreeMap<&str, _> = FUNCTIONS
        .into_iter()
        .map(|function| (function, read_by(function)))
        .collect();
    assert_eq!(told, expected);
}

#[test]
fn every_variable_of_the_code_is_on_the_page_and_no_function_knows_others() {
    let page = read("docs/configuration.md");
    for variable in variables().values() {
        let ending = variable.trim_start_matches("AWS_ENDPOINT_URL");
        assert!(
            page.contains(&format!("`{variable}`")) || page.contains(&format!("`…{ending}`")),
            "{variable} is missing in docs/configuration.md"
        );
    }
    for function in FUNCTIONS {
        let source = source_of(function);
        for spelled in [".optional(\"", ".required(\"", ".parsed(\"", "env::var"] {
            assert!(
                !source.contains(spelled),
                "{function} reads a variable that env.rs does not name"
            );
        }
    }
}
