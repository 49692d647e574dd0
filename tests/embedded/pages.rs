//! The pages that no server makes: the documentation of the models, and Data Docs, in a real browser.

use crate::harness::{Lake, project};
use std::path::{Path, PathBuf};
use std::process::Command;
use tempfile::TempDir;

/// A page of a validation, from the lake.
fn data_docs(folder: &Path) -> Option<PathBuf> {
    let entries = std::fs::read_dir(folder).unwrap();
    entries.map(|entry| entry.unwrap().path()).find_map(|path| {
        if path.is_dir() {
            data_docs(&path)
        } else {
            path.extension()
                .is_some_and(|extension| extension == "html")
                .then_some(path)
        }
    })
}

#[test]
fn the_models_are_searched_and_their_lineage_is_explored() {
    let lake = Lake::new();
    let folder = TempDir::new().unwrap();
    let out = folder.path().join("docs.html").display().to_string();
    let without = lake.cardlake(&["docs", "--out", &out]);
    assert!(
        without.stdout.contains("without the types of columns"),
        "{}",
        without.stdout
    );
    lake.run_json(&[
        "--date",
        "2026-01-15",
        "--rows",
        "1000",
        "--seed",
        "7",
        "--corrupt-rate",
        "0.01",
    ]);
    let with = lake.cardlake(&["docs", "--out", &out, "--json"]);
    assert!(with.stdout.contains("\"column_types\": true"), "{}", with.stdout);
    let validations = lake.path("s3/cardlake-silver/_validations/transactions");
    let tested = Command::new(project().join("scripts/web.sh"))
        .args(["test", "pages"])
        .env("MODELS_PAGE", &out)
        .env("DATA_DOCS_PAGE", data_docs(Path::new(&validations)).unwrap())
        .status();
    assert!(tested.unwrap().success());
}
