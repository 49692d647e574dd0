//! Data tests: generic tests attached to models, columns and sources, and singular tests.

use super::capture::{dependencies, render_for_capture};
use crate::data_tests::{TestNode, call, entry, generic_id, generic_name};
use crate::error::ProjectError;
use crate::jinja::Relation;
use crate::manifest::{Kind, Manifest, Node, fqn, source_id};
use crate::project::Project;
use crate::project::config::{TestConfig, test_config};
use crate::project::resource::{Patch, SourceTable, TemplateFile};
use crate::project::settings::{by_folder, merge};
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};

/// The model or source that a generic test is attached to.
struct Target<'a> {
    patch: &'a Patch,
    /// Template expression of the relation.
    expression: String,
    /// Part of the test's name.
    name: String,
    id: String,
    /// `source_` for tests of sources.
    prefix: &'static str,
}

/// All data tests of a project.
pub(super) fn data_tests(manifest: &Manifest, project: &Project) -> Result<Vec<Node>, ProjectError> {
    let mut found = Vec::new();
    for (name, patch) in &project.properties {
        if let Some(id) = manifest.by_name(name).map(|node| node.id.clone()) {
            let target = Target {
                patch,
                expression: format!("ref('{name}')"),
                name: name.clone(),
                id,
                prefix: "",
            };
            generic_tests(manifest, project, &target, &mut found)?;
        }
    }
    for source in &project.sources {
        let table = &source.patch.properties.name;
        let target = Target {
            patch: &source.patch,
            expression: format!("source('{}', '{table}')", source.source),
            name: format!("{}_{table}", source.source),
            id: source_id(&project.name, &source.source, table),
            prefix: "source_",
        };
        generic_tests(manifest, project, &target, &mut found)?;
        freshness_tests(manifest, project, source, &target, &mut found)?;
    }
    for file in &project.singular_tests {
        found.extend(singular_test(manifest, project, file)?);
    }
    Ok(found)
}

fn generic_tests(
    manifest: &Manifest,
    project: &Project,
    target: &Target<'_>,
    found: &mut Vec<Node>,
) -> Result<(), ProjectError> {
    let properties = &target.patch.properties;
    for value in &properties.data_tests {
        found.extend(generic_test(manifest, project, target, None, value)?);
    }
    for column in &properties.columns {
        for value in &column.data_tests {
            found.extend(generic_test(manifest, project, target, Some(&column.name), value)?);
        }
    }
    Ok(())
}

/// Source freshness as data tests: the newest row is compared with the end of the batch date.
fn freshness_tests(
    manifest: &Manifest,
    project: &Project,
    source: &SourceTable,
    target: &Target<'_>,
    found: &mut Vec<Node>,
) -> Result<(), ProjectError> {
    let Some(freshness) = &source.freshness else {
        return Ok(());
    };
    let ages = [("warn", freshness.warn_after), ("error", freshness.error_after)];
    for (severity, age) in ages {
        let Some(age) = age else { continue };
        let value = json!({"source_is_fresh": {
            "name": format!("source_freshness_{}_{severity}", target.name),
            "arguments": {
                "loaded_at_field": freshness.loaded_at_field,
                "filter": freshness.filter,
                "count": age.count,
                "period": age.period.name(),
            },
            "config": {"severity": severity},
        }});
        found.extend(generic_test(manifest, project, target, None, &value)?);
    }
    Ok(())
}

fn generic_test(
    manifest: &Manifest,
    project: &Project,
    target: &Target<'_>,
    column: Option<&str>,
    value: &Value,
) -> Result<Option<Node>, ProjectError> {
    let file = &target.patch.file;
    let place = format!(
        "{}{}",
        target.name,
        column.map(|column| format!(".{column}")).unwrap_or_default()
    );
    let entry = entry(value).map_err(|problem| ProjectError::new(file, format!("test of {place}: {problem}")))?;
    if !manifest.engine.library.has(&format!("test_{}", entry.test)) {
        let problem = format!(
            "test of {place}: there is no generic test '{}': there are unique, not_null, accepted_values, \
             relationships, and the test blocks of the project's macros",
            entry.test
        );
        return Err(ProjectError::new(file, problem));
    }
    let mut arguments = Map::new();
    if let Some(column) = column {
        arguments.insert("column_name".to_owned(), Value::from(column));
    }
    arguments.extend(entry.arguments.clone());
    let mut settings = by_folder(&project.test_settings, &project.name, &[]);
    merge(&mut settings, &entry.config);
    let config = test_config(file, &settings)?;
    if !config.enabled {
        return Ok(None);
    }
    let full_name = generic_name(&format!("{}{}", target.prefix, entry.test), &target.name, &arguments);
    let name = entry.name.unwrap_or(full_name);
    let raw_code = call(&entry.test, &target.expression, config.filter.as_deref(), &arguments);
    let captured = render_for_capture(manifest, file, &name, &raw_code, &settings)
        .map_err(|error| ProjectError::new(file, format!("test of {place}: {}", error.problem)))?;
    Ok(Some(Node {
        id: generic_id(&project.name, &name, &raw_code),
        fqn: fqn(&project.name, std::slice::from_ref(&name)),
        file: file.clone(),
        tags: config.tags.clone(),
        depends_on: dependencies(manifest, &captured),
        kind: Kind::Test(Box::new(TestNode {
            stored_in: stored_in(manifest, &config, &name),
            config,
            generic: Some(entry.test),
            arguments,
            column: column.map(str::to_owned),
            attached: Some(target.id.clone()),
        })),
        captured,
        raw_code,
        name,
    }))
}

fn singular_test(manifest: &Manifest, project: &Project, file: &TemplateFile) -> Result<Option<Node>, ProjectError> {
    let folders: Vec<_> = file.fqn.iter().map(String::as_str).collect();
    let mut settings = by_folder(&project.test_settings, &project.name, &folders);
    if let Some(patch) = project.test_properties.get(&file.name) {
        merge(&mut settings, &patch.properties.config);
    }
    let captured = render_for_capture(manifest, &file.path, &file.name, &file.text, &settings)?;
    merge(&mut settings, &captured.config);
    let config = test_config(&file.path, &settings)?;
    if !config.enabled {
        return Ok(None);
    }
    Ok(Some(Node {
        id: format!("test.{}.{}", project.name, file.name),
        name: file.name.clone(),
        file: file.path.clone(),
        fqn: fqn(&project.name, &file.fqn),
        raw_code: file.text.clone(),
        tags: config.tags.clone(),
        depends_on: dependencies(manifest, &captured),
        captured,
        kind: Kind::Test(Box::new(TestNode {
            stored_in: stored_in(manifest, &config, &file.name),
            config,
            generic: None,
            arguments: Map::new(),
            column: None,
            attached: None,
        })),
    }))
}

/// The table for stored failures, if configured.
fn stored_in(manifest: &Manifest, config: &TestConfig, name: &str) -> Option<Relation> {
    /// Maximum length of an identifier, in bytes.
    const LONGEST: usize = 127;
    let invocation = &manifest.engine.invocation;
    config.store_failures.then(|| {
        let mut identifier = name.to_lowercase();
        if identifier.len() > LONGEST {
            let hash = hex::encode(Sha256::digest(name));
            identifier = format!("{}_{}", identifier.chars().take(100).collect::<String>(), &hash[..10]);
        }
        Relation {
            database: invocation.database.clone(),
            schema: format!("{}_dbt_test__audit", invocation.schema),
            identifier,
            ephemeral: false,
        }
    })
}
