//! Every model and data test of a project, configured, with what it depends on; and its SQL. Pure: no I/O.

mod tests_of;

use crate::data_tests::TestNode;
use crate::error::ProjectError;
use crate::jinja::{Asked, Engine, Invocation, MacroLibrary, Relation, Relations, Scope};
use crate::project::config::{Materialization, ModelConfig, by_folder, merge, model_config};
use crate::project::{Described, Project, SourceTable, TemplateFile};
use serde_json::{Map, Value};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// A model.
#[derive(Debug, Clone)]
pub(crate) struct ModelNode {
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
}

pub(crate) fn model_id(project: &str, name: &str) -> String {
    format!("model.{project}.{name}")
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
        };
        for file in &project.models {
            if let Some(node) = manifest.parse_model(project, file)? {
                manifest.nodes.insert(node.id.clone(), node);
            }
        }
        manifest.settle_relations()?;
        tests_of::add_tests(&mut manifest, project)?;
        Ok(manifest)
    }

    fn parse_model(&self, project: &Project, file: &TemplateFile) -> Result<Option<Node>, ProjectError> {
        let folders: Vec<_> = file.fqn.iter().map(String::as_str).collect();
        let mut settings = by_folder(&project.model_settings, &project.name, &folders);
        let described = project.model_properties.get(&file.name).cloned();
        if let Some(described) = &described {
            merge(&mut settings, &described.properties.config);
        }
        let asked = self.parse(&file.path, &file.name, &file.text, &settings)?;
        merge(&mut settings, &asked.config);
        let config = model_config(&file.path, &settings)?;
        if !config.enabled {
            return Ok(None);
        }
        let invocation = &self.engine.invocation;
        let schema = config.schema.as_ref().map_or_else(
            || invocation.schema.clone(),
            |own| format!("{}_{own}", invocation.schema),
        );
        let relation = Relation {
            database: invocation.database.clone(),
            schema,
            identifier: config.alias.clone().unwrap_or_else(|| file.name.clone()),
            ephemeral: config.materialization == Materialization::Ephemeral,
        };
        Ok(Some(Node {
            id: model_id(&project.name, &file.name),
            name: file.name.clone(),
            file: file.path.clone(),
            fqn: fqn(&project.name, &file.fqn),
            raw_code: file.text.clone(),
            tags: config.tags.clone(),
            depends_on: self.ids(&asked),
            asked,
            kind: Kind::Model(Box::new(ModelNode {
                config,
                settings,
                relation,
                described,
            })),
        }))
    }

    /// Renders a template without knowing the warehouse, to see what it asks for.
    fn parse(&self, file: &str, name: &str, text: &str, known: &Map<String, Value>) -> Result<Asked, ProjectError> {
        let scope = Scope {
            file: file.to_owned(),
            name: name.to_owned(),
            this: self.relations.models.get(name).cloned(),
            relations: Arc::clone(&self.relations),
            config: known.clone(),
            execute: false,
            incremental: false,
        };
        Ok(self.engine.render(&scope, text)?.asked)
    }

    fn ids(&self, asked: &Asked) -> Vec<String> {
        let project = &self.engine.invocation.project;
        let models = asked.refs.iter().map(|name| model_id(project, name));
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

    /// All schemas that models lie in, sorted.
    pub(crate) fn schemas(&self) -> Vec<&str> {
        let models = self.nodes.values().filter_map(Node::model);
        let schemas: BTreeSet<_> = models.map(|model| model.relation.schema.as_str()).collect();
        schemas.into_iter().collect()
    }

    /// The SQL of a node. `incremental`: the model's table is there and takes in new rows only.
    pub(crate) fn compile(&self, node: &Node, incremental: bool) -> Result<String, ProjectError> {
        let rendered = self.render(node, &node.raw_code, incremental)?;
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
            let id = model_id(&self.engine.invocation.project, name);
            let Some(node) = self.nodes.get(&id).filter(|node| node.is_ephemeral()) else {
                continue;
            };
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
    let models = project.models.iter();
    let sources = project.sources.iter();
    Relations {
        models: models
            .map(|file| (file.name.clone(), relation(&invocation.schema, &file.name)))
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
