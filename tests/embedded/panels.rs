//! Panels that fail: their error is on the page and a warning of the build, which succeeds.

use super::harness::{Lake, files_in, project, project_files};
use serde_json::{Value, json};
use std::path::Path;
use tempfile::TempDir;

const DAY: &str = "2026-01-14";

fn write(folder: &Path, file: &str, text: &str) {
    let to = folder.join(file);
    std::fs::create_dir_all(to.parent().unwrap()).unwrap();
    std::fs::write(to, text).unwrap();
}

/// `cardlake build --project … --json`, which has to succeed.
fn build(lake: &Lake, folder: &Path) -> Value {
    let folder = folder.display().to_string();
    let outcome = lake.cardlake(&["build", "--json", "--date", DAY, "--project", &folder]);
    assert_eq!(outcome.code, 0, "{}\n{}", outcome.stderr, outcome.stdout);
    serde_json::from_str(&outcome.stdout).unwrap()
}

fn warnings(report: &Value) -> Vec<&str> {
    let warnings = report["warnings"].as_array().unwrap().iter();
    warnings.map(|warning| warning.as_str().unwrap()).collect()
}

/// The part of the page that shows a panel.
fn panel<'a>(page: &'a str, id: &str) -> &'a str {
    let (_, section) = page.split_once(&format!("<section id=\"{id}\"")).unwrap();
    section.split_once("</section>").unwrap().0
}

#[test]
fn a_project_with_other_models_builds_whatever_the_panels_expect() {
    let lake = Lake::new();
    let folder = TempDir::new().unwrap();
    let folder = folder.path();
    write(folder, "dbt_project.yml", "name: foreign\n");
    write(
        folder,
        "models/fact_transactions.sql",
        "select 1 as id, 'first' as label",
    );

    let report = build(&lake, folder);
    assert_eq!(
        (&report["status"], warnings(&report).len()),
        (&json!("succeeded"), 0),
        "{report:#}"
    );
    let page = "cardlake-gold/report/index.html";
    assert!(
        !lake.files_below("s3").contains_key(page),
        "a project without panels has no page"
    );

    for (file, bytes) in files_in(&project().join("warehouse/dashboard")) {
        write(folder, &format!("dashboard/{file}"), &String::from_utf8(bytes).unwrap());
    }
    let report = build(&lake, folder);
    assert_eq!(report["status"], "succeeded", "{report:#}");
    let warnings = warnings(&report);
    // Eleven panels, the explorer, and the currency of the amounts.
    assert_eq!(warnings.len(), 13, "{warnings:#?}");
    let page = String::from_utf8(lake.files_below("s3")[page].clone()).unwrap();
    for (id, problem) in [
        ("lateness", "days_late"),
        ("sales", "ref('mart_sales_daily'): there is no model of that name"),
    ] {
        let start = format!("panel {id} (dashboard/{id}.yml): ");
        let warning = warnings.iter().find(|warning| warning.starts_with(&start)).unwrap();
        assert!(warning.contains(problem), "{warning}");
        let shown = panel(&page, id);
        assert!(
            shown.contains("This panel failed: ") && !shown.contains("<svg"),
            "{shown}"
        );
    }
    assert!(panel(&page, "lateness").contains("days_late"), "{page}");
    let label = lake.sql_value("select label from fact_transactions");
    assert_eq!(label, "first");
}

#[test]
fn a_renamed_column_breaks_its_panels_and_not_the_day() {
    let assets = project_files();
    for (file, bytes) in files_in(assets.path()) {
        let text = String::from_utf8(bytes).unwrap();
        if text.contains("gross_sales") && !file.starts_with("warehouse/dashboard/") {
            write(assets.path(), &file, &text.replace("gross_sales", "turnover"));
        }
    }
    let lake = Lake::new();
    let variables = [("CARDLAKE_ASSETS_DIR", assets.path().display().to_string())];
    let outcome = lake.cardlake_with(&["run", "--json", "--date", DAY, "--rows", "800"], &variables);
    assert_eq!(outcome.code, 0, "{}\n{}", outcome.stderr, outcome.stdout);
    let report: Value = serde_json::from_str(&outcome.stdout).unwrap();
    let run = &report["runs"][0];
    assert_eq!(run["status"], "succeeded", "{run:#}");
    assert!(run["marts"]["mart_sales_daily"].as_u64().unwrap() > 0, "{run:#}");

    let told = warnings(run);
    assert_eq!(told.len(), 3, "{told:#?}");
    assert!(told.iter().all(|warning| warning.starts_with("panel ")), "{told:#?}");

    let records = lake.files_below("s3/cardlake-silver/_runs");
    let record: Value = serde_json::from_slice(records.values().next().unwrap()).unwrap();
    let found = warnings(&record["marts"]);
    let broken = ["sales", "categories", "channels"];
    for id in broken {
        let start = format!("panel {id} (dashboard/{id}.yml): ");
        let warning = found.iter().find(|warning| warning.starts_with(&start));
        assert!(
            warning.is_some_and(|warning| warning.contains("gross_sales")),
            "{found:#?}"
        );
    }
    assert_eq!(record["marts"]["failed_panels"], 3, "{record:#}");

    // The page of the build, and the one that is made from the same definitions afterwards.
    let outcome = lake.cardlake_with(&["report"], &variables);
    assert_eq!(outcome.code, 0, "{}", outcome.stderr);
    assert_eq!(
        outcome.stderr.matches("warning: panel ").count(),
        3,
        "{}",
        outcome.stderr
    );
    for path in [run["report"].as_str().unwrap(), outcome.stdout.trim_end()] {
        let page = std::fs::read_to_string(path).unwrap();
        for id in broken {
            assert!(panel(&page, id).contains("This panel failed: "), "{path}: {id}");
        }
        for id in ["segments", "merchants", "lateness"] {
            assert!(panel(&page, id).contains("<svg"), "{path}: {id}");
        }
        assert!(page.contains("; 3 warnings<"), "{path}");
    }
}
