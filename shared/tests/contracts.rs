//! The contracts keep to the Open Data Contract Standard, by the judgement of its own tool.
#![allow(clippy::unwrap_used, reason = "tests fail loudly")]

use std::path::Path;
use std::process::Command;

#[test]
fn the_linter_of_the_standard_accepts_every_contract() {
    let project = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let interpreter = Command::new(project.join("scripts/python-env.sh")).output().unwrap();
    assert!(
        interpreter.status.success(),
        "{}",
        String::from_utf8_lossy(&interpreter.stderr)
    );
    let interpreter = String::from_utf8(interpreter.stdout).unwrap();
    let linter = Path::new(interpreter.trim()).with_file_name("datacontract");
    let mut contracts: Vec<_> = std::fs::read_dir(project.join("contracts"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "yaml"))
        .collect();
    contracts.sort();
    assert!(contracts.len() >= 4, "{contracts:?}");
    for contract in contracts {
        let said = Command::new(&linter).arg("lint").arg(&contract).output().unwrap();
        assert!(
            said.status.success(),
            "{}: {}{}",
            contract.display(),
            String::from_utf8_lossy(&said.stdout),
            String::from_utf8_lossy(&said.stderr)
        );
    }
}
