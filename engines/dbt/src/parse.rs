//! Parsing: from project to manifest. Renders every template once to capture its config and dependencies. No I/O.

mod capture;
mod generic_tests;

use crate::error::ProjectError;
use crate::jinja::{Captured, Engine, Invocation, MacroLibrary, Relation, Relations};
use crate::manifest::{Kind, Manifest, ModelNode, Node, fqn, resource_id, source_id};
use crate::project::Project;
use crate::project::config::{Materialization, model_config};
use crate::project::resource::{Resource, ResourceKind, TemplateFile};
use crate::project::settings::{by_folder, merge};
use capture::{capture_scope, dependencies, render_for_capture};
use generic_tests::data_tests;
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use std::sync::Arc;

impl Manifest {
    /// Parses models, snapshots and seeds, then data tests.
    ///
    /// # Errors
    /// A template, a setting or a data test is wrong.
    pub fn parse(project: &Project, invocation: Invocation) -> Result<Self, ProjectError> {
        let engine = Engine {
            library: Arc::new(MacroLibrary::new(&project.macros)?),
            invocation: Arc::new(invocation),
        };
        let sources = project.sources.iter();
        let sources = sources.map(|source| {
            let table = &source.patch.properties.name;
            (source_id(&project.name, &source.source, table), source.clone())
        });
        let mut manifest = Self {
            relations: Arc::new(first_relations(project, &engine.invocation)),
            engine,
            nodes: BTreeMap::new(),
            sources: sources.collect(),
            ids: project
                .resources
                .iter()
                .map(|resource| {
                    let name = &resource.template.name;
                    (name.clone(), resource_id(resource.kind, &project.name, name))
                })
                .collect(),
        };
        for resource in &project.resources {
            if let Some(node) = manifest.parse_model(project, resource)? {
                manifest.nodes.insert(node.id.clone(), node);
            }
        }
        manifest.resolve_relations()?;
        for node in data_tests(&manifest, project)? {
            let (file, name) = (node.file.clone(), node.name.clone());
            if manifest.nodes.insert(node.id.clone(), node).is_some() {
                return Err(ProjectError::new(
                    &file,
                    format!("test {name} is there twice: keep one, or name them"),
                ));
            }
        }
        Ok(manifest)
    }

    fn parse_model(&self, project: &Project, resource: &Resource) -> Result<Option<Node>, ProjectError> {
        let Resource { kind, template: file } = resource;
        let folders: Vec<_> = file.fqn.iter().map(String::as_str).collect();
        let by_kind = match kind {
            ResourceKind::Model => &project.model_settings,
            ResourceKind::Snapshot => &project.snapshot_settings,
            ResourceKind::Seed => &project.seed_settings,
        };
        let mut settings = by_folder(by_kind, &project.name, &folders);
        let patch = project.properties.get(&file.name).cloned();
        if let Some(patch) = &patch {
            merge(&mut settings, &patch.properties.config);
        }
        let captured = match kind {
            ResourceKind::Seed => Captured::default(),
            ResourceKind::Model | ResourceKind::Snapshot => {
                render_for_capture(self, &file.path, &file.name, &file.text, &settings)?
            }
        };
        merge(&mut settings, &captured.config);
        let config = model_config(*kind, &file.path, &settings)?;
        if !config.enabled {
            return Ok(None);
        }
        let invocation = &self.engine.invocation;
        let schema = match &config.target_schema {
            Some(schema) => schema.clone(),
            None => self.schema_name(file, config.schema.as_deref())?,
        };
        let relation = Relation {
            database: invocation.database.clone(),
            schema,
            identifier: config.alias.clone().unwrap_or_else(|| file.name.clone()),
            ephemeral: config.materialization == Materialization::Ephemeral,
        };
        Ok(Some(Node {
            id: resource_id(*kind, &project.name, &file.name),
            name: file.name.clone(),
            file: file.path.clone(),
            fqn: fqn(&project.name, &file.fqn),
            raw_code: file.text.clone(),
            tags: config.tags.clone(),
            depends_on: dependencies(self, &captured),
            captured,
            kind: Kind::Model(Box::new(ModelNode {
                resource: *kind,
                config,
                settings,
                relation,
                patch,
            })),
        }))
    }

    /// By the project's `generate_schema_name`, or by dbt's.
    fn schema_name(&self, file: &TemplateFile, custom: Option<&str>) -> Result<String, ProjectError> {
        const MACRO: &str = "generate_schema_name";
        let target = &self.engine.invocation.schema;
        if !self.engine.library.has(MACRO) {
            return Ok(custom.map_or_else(|| target.clone(), |custom| format!("{target}_{custom}")));
        }
        let custom = custom.map_or_else(|| "none".to_owned(), |custom| Value::from(custom).to_string());
        let scope = capture_scope(self, &file.path, &file.name, &Map::new());
        let rendered = self
            .engine
            .render(&scope, &format!("{{{{ {MACRO}({custom}, model) }}}}"))?;
        Ok(rendered.text)
    }

    /// Resolves the configured relation names; a reference to a disabled model is an error.
    fn resolve_relations(&mut self) -> Result<(), ProjectError> {
        let mut relations = Relations {
            sources: self.relations.sources.clone(),
            ..Relations::default()
        };
        let mut taken = BTreeMap::new();
        for node in self.nodes.values() {
            let Some(model) = node.model() else { continue };
            if let Some(other) = taken.insert(model.relation.sql(), &node.file) {
                let problem = format!("becomes {} like {other}: give one an alias", model.relation.sql());
                return Err(ProjectError::new(&node.file, problem));
            }
            relations.models.insert(node.name.clone(), model.relation.clone());
        }
        for node in self.nodes.values() {
            if let Some(name) = node
                .captured
                .refs
                .iter()
                .find(|name| !relations.models.contains_key(*name))
            {
                return Err(ProjectError::new(
                    &node.file,
                    format!("ref('{name}'): the model is not enabled"),
                ));
            }
        }
        self.relations = Arc::new(relations);
        Ok(())
    }
}

/// Relations with default names, sufficient to capture dependencies.
fn first_relations(project: &Project, invocation: &Invocation) -> Relations {
    let relation = |schema: &str, identifier: &str| Relation {
        database: invocation.database.clone(),
        schema: schema.to_owned(),
        identifier: identifier.to_owned(),
        ephemeral: false,
    };
    let models = project.resources.iter();
    let sources = project.sources.iter();
    Relations {
        models: models
            .map(|resource| {
                let name = &resource.template.name;
                (name.clone(), relation(&invocation.schema, name))
            })
            .collect(),
        sources: sources
            .map(|source| {
                let key = (source.source.clone(), source.patch.properties.name.clone());
                (key, relation(&source.schema, &source.identifier))
            })
            .collect(),
    }
}
