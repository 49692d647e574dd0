//! dbt's artifacts: `manifest.json` (version 12) and `run_results.json` (version 6). No I/O.
//!
//! They hold what tools read: nodes, columns, dependencies, tests, results. Times are midnight of the batch date, so that
//! a rerun writes the same bytes.

use crate::jinja::DBT_VERSION;
use crate::manifest::{Kind, Manifest, Node};
use crate::node_state::{NodeStates, Status};
use crate::project::freshness::{Age, Freshness};
use crate::project::yaml::ColumnProperties;
use crate::sql;
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;

/// Compiled SQL by node id.
pub type Compiled = BTreeMap<String, String>;

fn metadata(manifest: &Manifest, schema: &str) -> Value {
    let invocation = &manifest.engine.invocation;
    json!({
        "dbt_schema_version": format!("https://schemas.getdbt.com/dbt/{schema}.json"),
        "dbt_version": DBT_VERSION,
        "generated_at": midnight(manifest),
        "invocation_id": invocation.invocation_id,
        "invocation_started_at": midnight(manifest),
        "env": {},
    })
}

fn midnight(manifest: &Manifest) -> String {
    format!("{}T00:00:00.000000Z", manifest.engine.invocation.batch_date)
}

/// `manifest.json`.
#[must_use]
pub fn manifest_json(manifest: &Manifest, compiled: &Compiled) -> Value {
    let invocation = &manifest.engine.invocation;
    let mut metadata = metadata(manifest, "manifest/v12");
    metadata["project_name"] = json!(invocation.project);
    metadata["adapter_type"] = json!("redshift");
    metadata["send_anonymous_usage_stats"] = json!(false);
    let nodes = manifest.nodes.values();
    let nodes: Map<_, _> = nodes
        .map(|node| (node.id.clone(), node_json(manifest, node, compiled)))
        .collect();
    let mut parents: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    let mut children: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for id in manifest.nodes.keys().chain(manifest.sources.keys()) {
        parents.entry(id).or_default();
        children.entry(id).or_default();
    }
    for node in manifest.nodes.values() {
        for parent in &node.depends_on {
            parents.entry(&node.id).or_default().push(parent);
            children.entry(parent).or_default().push(&node.id);
        }
    }
    json!({
        "metadata": metadata,
        "nodes": nodes,
        "sources": sources_json(manifest),
        "macros": {}, "docs": {}, "exposures": {}, "metrics": {}, "groups": {}, "selectors": {}, "disabled": {},
        "parent_map": parents,
        "child_map": children,
        "group_map": {}, "saved_queries": {}, "semantic_models": {}, "unit_tests": {},
    })
}

fn node_json(manifest: &Manifest, node: &Node, compiled: &Compiled) -> Value {
    let invocation = &manifest.engine.invocation;
    let kind = node.resource_type();
    let refs = node.captured.refs.iter();
    let refs: Vec<_> = refs
        .map(|name| json!({"name": name, "package": null, "version": null}))
        .collect();
    let mut value = json!({
        "unique_id": node.id,
        "resource_type": kind,
        "package_name": invocation.project,
        "name": node.name,
        "alias": node.name,
        "path": node.file.split_once('/').map_or(&*node.file, |(_, rest)| rest),
        "original_file_path": node.file,
        "fqn": node.fqn,
        "checksum": {"name": "sha256", "checksum": hex::encode(Sha256::digest(&node.raw_code))},
        "database": invocation.database,
        "schema": invocation.schema,
        "relation_name": null,
        "raw_code": node.raw_code,
        "language": "sql",
        "compiled": compiled.contains_key(&node.id),
        "compiled_code": compiled.get(&node.id),
        "depends_on": {"macros": [], "nodes": node.depends_on},
        "refs": refs,
        "sources": node.captured.sources,
        "metrics": [],
        "tags": node.tags,
        "meta": {},
        "description": "",
        "columns": {},
        "docs": {"show": true, "node_color": null},
        "created_at": 0.0,
        "unrendered_config": {},
        "config": {"enabled": true, "tags": node.tags, "meta": {}},
    });
    match &node.kind {
        Kind::Model(model) => {
            let properties = model.patch.as_ref();
            value["alias"] = json!(model.relation.identifier);
            value["schema"] = json!(model.relation.schema);
            if !model.relation.ephemeral {
                value["relation_name"] = json!(model.relation.sql());
            }
            if let Some(patch) = properties {
                value["description"] = json!(patch.properties.description.trim());
                value["columns"] = columns_json(&patch.properties.columns);
                value["patch_path"] = json!(format!("{}://{}", invocation.project, patch.file));
            }
            let config = &model.config;
            value["config"]["materialized"] = json!(config.materialization.name());
            value["config"]["unique_key"] = json!(config.unique_key);
            value["config"]["on_schema_change"] = json!(config.on_schema_change.name());
            for (name, setting) in &model.settings {
                if !["tags", "meta", "materialized", "unique_key", "pre_hook", "post_hook"].contains(&name.as_str()) {
                    value["config"][name] = setting.clone();
                }
            }
            value["access"] = json!("protected");
        }
        Kind::Test(test) => {
            value["config"]["severity"] = json!(if test.config.warn_only { "WARN" } else { "ERROR" });
            value["config"]["error_if"] = json!(test.config.error_if);
            value["config"]["warn_if"] = json!(test.config.warn_if);
            value["config"]["where"] = json!(test.config.filter);
            value["config"]["fail_calc"] = json!(test.config.fail_calc);
            value["config"]["limit"] = json!(test.config.limit);
            value["config"]["store_failures"] = json!(test.config.store_failures);
            if let Some(table) = &test.stored_in {
                value["schema"] = json!(table.schema);
                value["alias"] = json!(table.identifier);
                value["relation_name"] = json!(table.sql());
            }
            value["config"]["materialized"] = json!("test");
            if let Some(generic) = &test.generic {
                value["column_name"] = json!(test.column);
                value["attached_node"] = json!(test.attached);
                value["test_metadata"] = json!({"name": generic, "kwargs": test.arguments, "namespace": null});
            }
        }
    }
    value
}

fn columns_json(columns: &[ColumnProperties]) -> Value {
    let columns = columns.iter().map(|column| {
        let value = json!({
            "name": column.name,
            "description": column.description.trim(),
            "data_type": column.data_type,
            "meta": {},
            "tags": [],
            "constraints": [],
        });
        (column.name.clone(), value)
    });
    Value::Object(columns.collect())
}

fn sources_json(manifest: &Manifest) -> Value {
    let invocation = &manifest.engine.invocation;
    let sources = manifest.sources.iter().map(|(id, source)| {
        let table = &source.patch.properties;
        let value = json!({
            "unique_id": id,
            "resource_type": "source",
            "package_name": invocation.project,
            "name": table.name,
            "source_name": source.source,
            "source_description": source.source_description.trim(),
            "loader": "",
            "loaded_at_field": source.freshness.as_ref().map(|freshness| &freshness.loaded_at_field),
            "freshness": source.freshness.as_ref().map(freshness_json),
            "identifier": source.identifier,
            "database": invocation.database,
            "schema": source.schema,
            "relation_name": sql::relation(&source.schema, &source.identifier),
            "path": source.patch.file,
            "original_file_path": source.patch.file,
            "fqn": [invocation.project, source.source, table.name],
            "description": table.description.trim(),
            "columns": columns_json(&table.columns),
            "tags": [],
            "meta": {},
            "config": {"enabled": true},
            "unrendered_config": {},
            "created_at": 0.0,
        });
        (id.clone(), value)
    });
    Value::Object(sources.collect())
}

fn freshness_json(freshness: &Freshness) -> Value {
    let age = |age: Option<Age>| age.map(|age| json!({"count": age.count, "period": age.period.name()}));
    json!({
        "warn_after": age(freshness.warn_after),
        "error_after": age(freshness.error_after),
        "filter": freshness.filter,
    })
}

/// The status of every node in a `run_results.json`, by id; empty for any other document.
#[must_use]
pub fn result_statuses(document: &[u8]) -> BTreeMap<String, String> {
    let document: Value = serde_json::from_slice(document).unwrap_or_default();
    let results = document
        .get("results")
        .and_then(Value::as_array)
        .cloned()
        .unwrap_or_default();
    let text = |value: &Value, name: &str| value.get(name).and_then(Value::as_str).map(str::to_owned);
    results
        .iter()
        .filter_map(|result| Some((text(result, "unique_id")?, text(result, "status")?)))
        .collect()
}

/// Outcome of a build, for `run_results.json`.
#[derive(Debug, Clone, Copy)]
pub struct RunResults<'a> {
    /// The selected nodes.
    pub states: &'a NodeStates,
    /// `--select`.
    pub select: Option<&'a str>,
    /// `--full-refresh`.
    pub full_refresh: bool,
}

/// `run_results.json`.
#[must_use]
pub fn run_results_json(manifest: &Manifest, run: RunResults<'_>, compiled: &Compiled) -> Value {
    let results = run.states.iter().map(|(id, node)| {
        let is_test = id.starts_with("test.");
        let status = match node.status {
            Status::Pending | Status::Running => Status::Skipped.name(),
            // dbt's schema has no word for a test that need not run again: its result still holds.
            Status::Unchanged if is_test => Status::Pass.name(),
            Status::Unchanged => "no-op",
            status => status.name(),
        };
        let model = manifest.nodes.get(id).and_then(Node::model);
        json!({
            "unique_id": id,
            "status": status,
            "timing": [],
            "thread_id": "Thread-1",
            "execution_time": node.seconds,
            "adapter_response": {},
            "message": node.message,
            "failures": if is_test { json!(node.failures.unwrap_or_default()) } else { Value::Null },
            "compiled": compiled.contains_key(id),
            "compiled_code": compiled.get(id),
            "relation_name": model.map(|model| model.relation.sql()),
            "batch_results": null,
        })
    });
    let elapsed: f64 = run.states.values().map(|node| node.seconds).sum();
    json!({
        "metadata": metadata(manifest, "run-results/v6"),
        "results": results.collect::<Vec<_>>(),
        "elapsed_time": elapsed,
        "args": {"which": "build", "select": run.select, "full_refresh": run.full_refresh},
    })
}
