//! The dbt project of this repository: compiled, documented, and parsed by a Redshift parser.

use crate::invocation;
use cardlake_core::assets::AssetFolder;
use cardlake_dbt::{ColumnTypes, Compiled, Graph, Ids, Manifest, Project, ProjectFile, docs, manifest_json};
use serde_json::{Map, Value};
use sqlparser::dialect::RedshiftSqlDialect;
use sqlparser::parser::Parser;

pub(crate) fn files() -> Vec<ProjectFile> {
    let files = cardlake_assets::embedded().list(AssetFolder::Warehouse).unwrap();
    files
        .into_iter()
        .map(|asset| ProjectFile::new(asset.path, asset.text))
        .collect()
}

pub(crate) fn warehouse() -> Manifest {
    let project = Project::load(&files()).unwrap();
    let invocation = invocation::without_warehouse(&project, "2026-01-15".parse().unwrap(), &Map::new());
    Manifest::parse(&project, invocation).unwrap()
}

fn parses(sql: &str) {
    let parsed = Parser::parse_sql(&RedshiftSqlDialect {}, sql);
    assert_eq!(parsed.map(|parsed| parsed.len()), Ok(1), "{sql}");
}

#[test]
fn redshift_can_parse_every_model_and_test_of_the_project() {
    let manifest = warehouse();
    assert!(manifest.nodes.values().filter(|node| node.test().is_some()).count() > 100);
    // A seed compiles to its CSV text.
    for node in manifest.nodes.values().filter(|node| !node.is_seed()) {
        for incremental in [false, true] {
            parses(&manifest.compile(node, incremental).unwrap());
        }
    }
}

#[test]
fn every_model_and_column_of_the_project_is_described_and_every_model_has_a_key_or_a_tested_column() {
    let document = manifest_json(&warehouse(), &Compiled::new());
    let nodes = document["nodes"].as_object().unwrap();
    let is_test = |node: &Value| node["resource_type"] == "test";
    let models: Vec<_> = nodes.values().filter(|node| !is_test(node)).collect();
    assert!(models.len() > 10);
    for model in models {
        let file = &model["original_file_path"];
        assert!(model["patch_path"].is_string(), "{file} is not described");
        assert_ne!(model["description"], "", "{file}");
        for (name, column) in model["columns"].as_object().unwrap() {
            assert_ne!(column["description"], "", "{}.{name}", model["name"]);
        }
        let mut tests = nodes.values().filter(|node| is_test(node));
        assert!(
            tests
                .any(|test| test["attached_node"] == model["unique_id"] && test["test_metadata"]["name"] == "not_null"),
            "{}",
            model["name"]
        );
    }
}

#[test]
fn the_facts_take_in_only_what_is_new() {
    let manifest = warehouse();
    let node = &manifest.nodes["model.cardlake.fact_transactions"];
    let full = manifest.compile(node, false).unwrap();
    let incremental = manifest.compile(node, true).unwrap();
    assert!(!full.contains("load_version >"), "{full}");
    insta::assert_snapshot!(incremental);
}

#[test]
fn the_batch_date_is_today() {
    let manifest = warehouse();
    let sql = manifest
        .compile(&manifest.nodes["model.cardlake.mart_rfm_customer"], false)
        .unwrap();
    assert_eq!(sql.matches("cast('2026-01-15' as date)").count(), 3, "{sql}");
    assert!(!sql.contains("current_date"), "{sql}");
}

#[test]
fn every_node_of_the_project_can_be_reached() {
    let manifest = warehouse();
    let graph = Graph::new(&manifest).unwrap();
    let mut done = Ids::new();
    loop {
        let ready = graph.waits_for.iter();
        let ready = ready.filter(|(id, waits)| !done.contains(*id) && waits.is_subset(&done));
        let ready: Vec<_> = ready.map(|(id, _)| id.clone()).collect();
        if ready.is_empty() {
            break;
        }
        done.extend(ready);
    }
    assert_eq!(done.len(), manifest.nodes.len());
}

fn page_of_the_warehouse() -> String {
    let manifest = warehouse();
    let compiled = Compiled::from([("model.cardlake.dim_date".to_owned(), "select '<b>'".to_owned())]);
    docs::page(&manifest, &compiled, &ColumnTypes::default()).unwrap()
}

#[test]
fn every_model_is_drawn_patch_and_linked() {
    let page = page_of_the_warehouse();
    for name in [
        "raw.transactions",
        "snap_customers",
        "segment_credit_limits",
        "mart_rfm_customer",
    ] {
        assert!(page.contains(&format!(">{name}</text>")), "{name} is not drawn");
    }
    assert!(page.contains("href=\"#model.cardlake.fact_transactions\""));
    assert!(
        page.contains("Only approved transactions count"),
        "documentation blocks are written out"
    );
    assert!(page.contains("select &#x27;&lt;b&gt;&#x27;"), "SQL is escaped");
    assert!(page.contains("from {{ source("), "and SQL as it is written");
    assert!(page.contains("<option value=\"model.cardlake.dim_date\">dim_date</option>"));
    assert!(
        !page.contains("http:") && !page.contains("https:"),
        "nothing is loaded from elsewhere"
    );
}
