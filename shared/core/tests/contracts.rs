//! The contracts keep to the Open Data Contract Standard, by the judgement of its own tool.
#![allow(clippy::panic, clippy::unwrap_used, reason = "tests fail loudly")]

use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::Command;

fn project() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// What the linter has to say of a contract, warnings included: its exit code tells of errors alone.
fn complaints(contract: &Path) -> Vec<String> {
    let interpreter = Command::new(project().join("scripts/python-env.sh")).output().unwrap();
    assert!(
        interpreter.status.success(),
        "{}",
        String::from_utf8_lossy(&interpreter.stderr)
    );
    let interpreter = String::from_utf8(interpreter.stdout).unwrap();
    let linter = Path::new(interpreter.trim()).with_file_name("datacontract");
    let folder = tempfile::tempdir().unwrap();
    let result = folder.path().join("result.json");
    let said = Command::new(&linter)
        .args(["lint", "--all-errors", "--output-format", "json", "--output"])
        .args([&result, contract])
        .output()
        .unwrap();
    let result = std::fs::read(&result).unwrap_or_else(|_| panic!("no result: {said:?}"));
    let result: Value = serde_json::from_slice(&result).unwrap();
    let checks = result["checks"].as_array().unwrap();
    assert!(!checks.is_empty(), "{result:#}");
    let complaints = checks.iter().filter(|check| check["result"] != "passed");
    complaints
        .map(|check| format!("{}: {}", check["result"], check["reason"]))
        .collect()
}

#[test]
fn the_linter_of_the_standard_has_nothing_to_say_of_any_contract() {
    let mut contracts: Vec<_> = std::fs::read_dir(project().join("contracts"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "yaml"))
        .collect();
    contracts.sort();
    assert!(contracts.len() >= 4, "{contracts:?}");
    for contract in contracts {
        let complaints = complaints(&contract);
        assert!(complaints.is_empty(), "{}: {complaints:#?}", contract.display());
    }
}

#[test]
fn a_warning_of_the_linter_is_a_complaint() {
    let folder = tempfile::tempdir().unwrap();
    let contract = folder.path().join("cards.yaml");
    let text = std::fs::read_to_string(project().join("contracts/cards.yaml")).unwrap();
    let (head, tail) = text.split_once("logicalType: string").unwrap();
    let indent = " ".repeat(head.len() - head.rfind('\n').unwrap() - 1);
    let misspelt = format!("{head}logicalTyp: string\n{indent}logicalType: string{tail}");
    std::fs::write(&contract, misspelt).unwrap();
    let complaints = complaints(&contract);
    let [only] = complaints.as_slice() else {
        panic!("{complaints:#?}")
    };
    assert!(only.contains("warning") && only.contains("logicalTyp"), "{only}");
}
