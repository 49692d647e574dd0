//! Every model and data test of a project, configured, with what it depends on; and its SQL. Pure: no I/O.

mod tests_of;

use crate::data_tests::TestNode;
use crate::error::ProjectError;
use crate::jinja::{Asked, Engine, Invocation, MacroLibrary, Relation, Relations, Scope};
use crate::project::config::{Materialization, ModelConfig, by_folder, merge, model_config};
use crate::project::{Described, Project, Resource, ResourceKind, SourceTable, TemplateFile};
use serde_json::{Map, Value};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// A model, snapshot or seed.
#[derive(Debug, Clone)]
pub(crate) struct ModelNode {
    pub(crate) resource: ResourceKind,
    pub(crate) config: ModelConfig,
    /// Merged settings as the project has them, for artifacts.
    pub(crate) settings: Map<String, Value>,
    pub(crate) relation: Relation,
    pub(crate) described: Option<Described>,
}

/// What a node is.
#[derive(Debug, Clone)]
pub(crate) enum Kind {
    Model(Box<ModelNode>),
    Test(Box<TestNode>),
}

/// A model or a data test.
#[derive(Debug, Clone)]
pub(crate) struct Node {
    /// dbt's id: `model.<project>.<name>`, `test.<project>.<name>.<hash>`.
    pub(crate) id: String,
    pub(crate) name: String,
    /// The file that it stands in, from the project's folder.
    pub(crate) file: String,
    /// Folders and name, the project's name first.
    pub(crate) fqn: Vec<String>,
    pub(crate) raw_code: String,
    pub(crate) tags: Vec<String>,
    pub(crate) asked: Asked,
    /// Ids of models and sources, in the order of asking.
    pub(crate) depends_on: Vec<String>,
    pub(crate) kind: Kind,
}

impl Node {
    pub(crate) fn model(&self) -> Option<&ModelNode> {
        match &self.kind {
            Kind::Model(model) => Some(model),
            Kind::Test(_) => None,
        }
    }

    pub(crate) fn test(&self) -> Option<&TestNode> {
        match &self.kind {
            Kind::Test(test) => Some(test),
            Kind::Model(_) => None,
        }
    }

    /// As ids and artifacts call it: `model`, `snapshot`, `seed`, `test`.
    pub(crate) fn resource_type(&self) -> &'static str {
        self.model().map_or("test", |model| model.resource.name())
    }

    /// Where compiled SQL goes, below a folder: the node's file; for a generic test one in a folder of that name.
    pub(crate) fn compiled_path(&self) -> String {
        if self.test().is_some_and(|test| test.generic.is_some()) {
            format!("{}/{}.sql", self.file, self.name)
        } else if self.file.ends_with(".sql") {
            self.file.clone()
        } else {
            format!("{}/{}.sql", self.file, self.name)
        }
    }

    pub(crate) fn is_seed(&self) -> bool {
        self.model().is_some_and(|model| model.resource == ResourceKind::Seed)
    }

    pub(crate) fn is_ephemeral(&self) -> bool {
        self.model()
            .is_some_and(|model| model.config.materialization == Materialization::Ephemeral)
    }
}

/// A whole project, ready to be built.
#[derive(Debug, Clone)]
pub(crate) struct Manifest {
    pub(crate) engine: Engine,
    /// By id.
    pub(crate) nodes: BTreeMap<String, Node>,
    /// By id: `source.<project>.<source>.<table>`.
    pub(crate) sources: BTreeMap<String, SourceTable>,
    relations: Arc<Relations>,
    /// Ids by what `ref` names.
    ids: BTreeMap<String, String>,
}

fn resource_id(kind: ResourceKind, project: &str, name: &str) -> String {
    format!("{}.{project}.{name}", kind.name())
}

pub(crate) fn source_id(project: &str, source: &str, table: &str) -> String {
    format!("source.{project}.{source}.{table}")
}

impl Manifest {
    /// Learns what every model configures and depends on, then every test.
    pub(crate) fn new(project: &Project, invocation: Invocation) -> Result<Self, ProjectError> {
        let engine = Engine {
            library: Arc::new(MacroLibrary::new(&project.macros)?),
            invocation: Arc::new(invocation),
        };
        let sources = project.sources.iter();
        let sources = sources.map(|source| {
            let table = &source.described.properties.name;
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
        manifest.settle_relations()?;
        tests_of::add_tests(&mut manifest, project)?;
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
        let described = project.properties.get(&file.name).cloned();
        if let Some(described) = &described {
            merge(&mut settings, &described.properties.config);
        }
        let asked = match kind {
            ResourceKind::Seed => Asked::default(),
            ResourceKind::Model | ResourceKind::Snapshot => {
                self.parse(&file.path, &file.name, &file.text, &settings)?
            }
        };
        merge(&mut settings, &asked.config);
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
            depends_on: self.ids(&asked),
            asked,
            kind: Kind::Model(Box::new(ModelNode {
                resource: *kind,
                config,
                settings,
                relation,
                described,
            })),
        }))
    }

    /// As the project's own `generate_schema_name` says, or as dbt's does.
    fn schema_name(&self, file: &TemplateFile, custom: Option<&str>) -> Result<String, ProjectError> {
        const MACRO: &str = "generate_schema_name";
        let target = &self.engine.invocation.schema;
        if !self.engine.library.has(MACRO) {
            return Ok(custom.map_or_else(|| target.clone(), |custom| format!("{target}_{custom}")));
        }
        let custom = custom.map_or_else(|| "none".to_owned(), |custom| Value::from(custom).to_string());
        let scope = self.scope(&file.path, &file.name, &Map::new());
        let rendered = self
            .engine
            .render(&scope, &format!("{{{{ {MACRO}({custom}, model) }}}}"))?;
        Ok(rendered.text)
    }

    /// What a template sees while nothing is known about the warehouse.
    fn scope(&self, file: &str, name: &str, known: &Map<String, Value>) -> Scope {
        Scope {
            file: file.to_owned(),
            name: name.to_owned(),
            this: self.relations.models.get(name).cloned(),
            relations: Arc::clone(&self.relations),
            config: known.clone(),
            execute: false,
            incremental: false,
        }
    }

    /// Renders a template without knowing the warehouse, to see what it asks for.
    fn parse(&self, file: &str, name: &str, text: &str, known: &Map<String, Value>) -> Result<Asked, ProjectError> {
        Ok(self.engine.render(&self.scope(file, name, known), text)?.asked)
    }

    fn ids(&self, asked: &Asked) -> Vec<String> {
        let project = &self.engine.invocation.project;
        let models = asked.refs.iter().filter_map(|name| self.ids.get(name).cloned());
        let sources = asked.sources.iter();
        models
            .chain(sources.map(|(source, table)| source_id(project, source, table)))
            .collect()
    }

    /// Once all models are configured: their real names, and no reference to one that is switched off.
    fn settle_relations(&mut self) -> Result<(), ProjectError> {
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
                .asked
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

    /// The node that `ref` names.
    pub(crate) fn by_name(&self, name: &str) -> Option<&Node> {
        self.nodes.get(self.ids.get(name)?)
    }

    /// All schemas that something lies in, sorted: models, and the failing rows of tests that keep them.
    pub(crate) fn schemas(&self) -> Vec<&str> {
        let schemas: BTreeSet<_> = self
            .nodes
            .values()
            .filter_map(|node| match &node.kind {
                Kind::Model(model) => Some(model.relation.schema.as_str()),
                Kind::Test(test) => Some(test.stored_in.as_ref()?.schema.as_str()),
            })
            .collect();
        schemas.into_iter().collect()
    }

    /// The SQL of a node, or the file of a seed. `incremental`: the model's table is there and takes in new rows only.
    pub(crate) fn compile(&self, node: &Node, incremental: bool) -> Result<String, ProjectError> {
        if node.is_seed() {
            return Ok(node.raw_code.clone());
        }
        let rendered = self.render(node, &node.raw_code, incremental)?;
        if let Some(name) = rendered.asked.refs.iter().find(|name| !node.asked.refs.contains(name)) {
            // As in dbt: without this the node could be built before what it selects from.
            let problem = format!(
                "ref('{name}') stands in a block that is left out while dependencies are collected: add a line \
                 -- depends_on: {{{{ ref('{name}') }}}}"
            );
            return Err(ProjectError::new(&node.file, problem));
        }
        let mut ctes = Vec::new();
        let mut visiting = Vec::new();
        self.collect_ctes(&rendered.asked, &mut ctes, &mut visiting)?;
        Ok(with_ctes(&rendered.text, &ctes))
    }

    /// Renders a template in the place of a node, e.g. a hook of a model.
    pub(crate) fn render(
        &self,
        node: &Node,
        text: &str,
        incremental: bool,
    ) -> Result<crate::jinja::Rendered, ProjectError> {
        let scope = Scope {
            file: node.file.clone(),
            name: node.name.clone(),
            this: node.model().map(|model| model.relation.clone()),
            relations: Arc::clone(&self.relations),
            config: node.model().map(|model| model.settings.clone()).unwrap_or_default(),
            execute: true,
            incremental,
        };
        self.engine.render(&scope, text)
    }

    /// The ephemeral models that a template selects from, each after those that it selects from itself.
    fn collect_ctes(
        &self,
        asked: &Asked,
        ctes: &mut Vec<(String, String)>,
        visiting: &mut Vec<String>,
    ) -> Result<(), ProjectError> {
        for name in &asked.refs {
            let Some(node) = self.by_name(name).filter(|node| node.is_ephemeral()) else {
                continue;
            };
            let id = node.id.clone();
            let Some(model) = node.model() else { continue };
            let cte = model.relation.cte();
            if ctes.iter().any(|(known, _)| *known == cte) {
                continue;
            }
            if visiting.contains(&id) {
                return Err(ProjectError::new(
                    &node.file,
                    "selects from itself, by way of other ephemeral models",
                ));
            }
            visiting.push(id);
            let rendered = self.render(node, &node.raw_code, false)?;
            self.collect_ctes(&rendered.asked, ctes, visiting)?;
            visiting.pop();
            ctes.push((cte, rendered.text));
        }
        Ok(())
    }
}

/// Relations before anything is configured: good enough to see who asks for whom.
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
                let key = (source.source.clone(), source.described.properties.name.clone());
                (key, relation(&source.schema, &source.identifier))
            })
            .collect(),
    }
}

fn fqn(project: &str, rest: &[String]) -> Vec<String> {
    std::iter::once(project.to_owned())
        .chain(rest.iter().cloned())
        .collect()
}

/// Puts common table expressions in front of a query, which may have some of its own.
fn with_ctes(sql: &str, ctes: &[(String, String)]) -> String {
    if ctes.is_empty() {
        return sql.to_owned();
    }
    let ctes = ctes.iter().map(|(name, body)| format!("{name} as (\n{body}\n)"));
    let ctes = ctes.collect::<Vec<_>>().join(",\n");
    let start = first_word(sql);
    let (comments, query) = sql.split_at(start);
    let word_end = query
        .find(|letter: char| !letter.is_alphanumeric())
        .unwrap_or(query.len());
    let (word, rest) = query.split_at(word_end);
    if word.eq_ignore_ascii_case("with") {
        let own = rest.trim_start();
        let recursive = own
            .get(..9)
            .filter(|word| word.eq_ignore_ascii_case("recursive"))
            .unwrap_or_default();
        let own = own[recursive.len()..].trim_start();
        let gap = if recursive.is_empty() { "" } else { " " };
        return format!("{comments}with {recursive}{gap}{ctes},\n{own}");
    }
    format!("{comments}with {ctes}\n{query}")
}

/// Where the query begins: past blanks and comments.
fn first_word(sql: &str) -> usize {
    let mut rest = sql;
    loop {
        rest = rest.trim_start();
        let end = if rest.starts_with("--") {
            rest.find('\n')
        } else if rest.starts_with("/*") {
            rest.find("*/").map(|end| end + 1)
        } else {
            None
        };
        match end {
            Some(end) => rest = &rest[end + 1..],
            None => return sql.len() - rest.len(),
        }
    }
}

#[cfg(test)]
pub(crate) mod tests;
