//! A dbt project, read from its files. Pure: no I/O, no templates rendered yet.

pub(crate) mod blocks;
pub(crate) mod config;
pub(crate) mod freshness;
pub(crate) mod snapshot_config;
pub(crate) mod yaml;

use crate::error::ProjectError;
use cardlake_core::assets::Asset;
use freshness::Freshness;
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use yaml::{NodeProperties, ProjectFile, PropertiesFile};

/// Keys of `dbt_project.yml` that would change what is built, and are not supported.
const UNSUPPORTED_SETTINGS: [&str; 4] = ["on-run-start", "on-run-end", "dispatch", "query-comment"];
/// Keys of properties files that would change what is built or tested, and are not supported.
const UNSUPPORTED_PROPERTIES: [&str; 5] = ["unit_tests", "metrics", "semantic_models", "saved_queries", "functions"];

/// A file with a template in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct TemplateFile {
    /// From the project's folder.
    pub(crate) path: String,
    /// File name without its extension.
    pub(crate) name: String,
    /// Folders below the model or test path, then the name: dbt's "fully qualified name" without the project.
    pub(crate) fqn: Vec<String>,
    pub(crate) text: String,
}

/// What can be referred to by `ref`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ResourceKind {
    Model,
    /// The history of a query's rows.
    Snapshot,
    /// A CSV file; its text is the file's.
    Seed,
}

impl ResourceKind {
    /// As ids, artifacts and selections call it.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Model => "model",
            Self::Snapshot => "snapshot",
            Self::Seed => "seed",
        }
    }
}

/// A model, snapshot or seed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Resource {
    pub(crate) kind: ResourceKind,
    pub(crate) template: TemplateFile,
}

/// What is said about a node, and where.
#[derive(Debug, Clone)]
pub(crate) struct Described {
    pub(crate) file: String,
    pub(crate) properties: NodeProperties,
}

/// A table that something else fills.
#[derive(Debug, Clone)]
pub(crate) struct SourceTable {
    pub(crate) source: String,
    pub(crate) source_description: String,
    pub(crate) schema: String,
    pub(crate) identifier: String,
    pub(crate) freshness: Option<Freshness>,
    pub(crate) described: Described,
}

/// A project.
#[derive(Debug, Clone)]
pub(crate) struct Project {
    pub(crate) name: String,
    pub(crate) vars: Map<String, Value>,
    pub(crate) model_settings: Map<String, Value>,
    pub(crate) snapshot_settings: Map<String, Value>,
    pub(crate) seed_settings: Map<String, Value>,
    pub(crate) test_settings: Map<String, Value>,
    /// Models, snapshots and seeds.
    pub(crate) resources: Vec<Resource>,
    pub(crate) macros: Vec<TemplateFile>,
    pub(crate) singular_tests: Vec<TemplateFile>,
    /// By the name of a model, snapshot or seed.
    pub(crate) properties: BTreeMap<String, Described>,
    /// By test name.
    pub(crate) test_properties: BTreeMap<String, Described>,
    pub(crate) sources: Vec<SourceTable>,
    /// Text of documentation blocks by name.
    pub(crate) docs: BTreeMap<String, String>,
    /// SHA-256 over all files, in hexadecimal.
    pub(crate) fingerprint: String,
}

impl Project {
    /// Reads the files of a project's folder.
    pub(crate) fn load(assets: &[Asset]) -> Result<Self, ProjectError> {
        let file = "dbt_project.yml";
        let asset = assets
            .iter()
            .find(|asset| asset.path == file)
            .ok_or_else(|| ProjectError::new(file, "is missing: a dbt project has one in its folder"))?;
        let settings: ProjectFile = yaml::parse(file, &asset.text)?;
        refuse(file, &settings.rest, &UNSUPPORTED_SETTINGS)?;
        let mut project = Self {
            vars: vars(&settings),
            name: settings.name.clone(),
            model_settings: settings.models.clone(),
            snapshot_settings: settings.snapshots.clone(),
            seed_settings: settings.seeds.clone(),
            test_settings: settings.data_tests.clone(),
            resources: Vec::new(),
            macros: Vec::new(),
            singular_tests: Vec::new(),
            properties: BTreeMap::new(),
            test_properties: BTreeMap::new(),
            sources: Vec::new(),
            docs: BTreeMap::new(),
            fingerprint: fingerprint(assets),
        };
        for asset in assets {
            project.add(&settings, asset)?;
        }
        project.check()?;
        project.write_out_descriptions()?;
        Ok(project)
    }

    /// Takes in a file by the folder that it lies in.
    fn add(&mut self, settings: &ProjectFile, asset: &Asset) -> Result<(), ProjectError> {
        let extension = asset
            .path
            .rsplit_once('.')
            .map(|(_, extension)| extension.to_lowercase());
        let extension = extension.as_deref().unwrap_or_default();
        let is_yaml = matches!(extension, "yml" | "yaml");
        if matches!(&*asset.path, "packages.yml" | "dependencies.yml") {
            let content: Map<String, Value> = yaml::parse(&asset.path, &asset.text)?;
            return refuse(&asset.path, &content, &["packages", "projects"]);
        }
        let folders = [
            &settings.model_paths,
            &settings.macro_paths,
            &settings.test_paths,
            &settings.seed_paths,
            &settings.snapshot_paths,
        ];
        let Some((place, inner)) = folders
            .iter()
            .enumerate()
            .find_map(|(place, folders)| Some((place, inside(folders, &asset.path)?)))
        else {
            return Ok(());
        };
        match (place, extension) {
            (_, "md") => self.docs.extend(blocks::docs(asset)?),
            (_, "py") => {
                let problem = "models in Python are not supported: write it in SQL";
                return Err(ProjectError::new(&asset.path, problem));
            }
            (1, "sql") => self.macros.push(template(asset, inner)),
            (_, _) if is_yaml => self.add_properties(asset)?,
            (0, "sql") => self.resources.push(Resource {
                kind: ResourceKind::Model,
                template: template(asset, inner),
            }),
            (2, "sql") if inner.starts_with("generic/") => self.macros.push(template(asset, inner)),
            (2, "sql") => self.singular_tests.push(template(asset, inner)),
            (3, "csv") => self.resources.push(Resource {
                kind: ResourceKind::Seed,
                template: template(asset, inner),
            }),
            (4, "sql") => self.resources.extend(blocks::snapshots(asset, inner)?),
            _ => {}
        }
        Ok(())
    }

    fn add_properties(&mut self, asset: &Asset) -> Result<(), ProjectError> {
        let properties: PropertiesFile = yaml::parse(&asset.path, &asset.text)?;
        refuse(&asset.path, &properties.rest, &UNSUPPORTED_PROPERTIES)?;
        let described = |properties: NodeProperties| Described {
            file: asset.path.clone(),
            properties,
        };
        for snapshot in &properties.snapshots {
            if let Some(relation) = &snapshot.relation {
                self.resources.push(Resource {
                    kind: ResourceKind::Snapshot,
                    template: TemplateFile {
                        path: asset.path.clone(),
                        name: snapshot.name.clone(),
                        fqn: vec![snapshot.name.clone()],
                        text: format!("select * from {{{{ {relation} }}}}"),
                    },
                });
            }
        }
        let nodes = properties.models.into_iter().chain(properties.seeds);
        for node in nodes.chain(properties.snapshots) {
            let name = node.name.clone();
            if node.versions.is_some() {
                let problem = format!("model '{name}' has versions, which are not supported: give each a name");
                return Err(ProjectError::new(&asset.path, problem));
            }
            if let Some(other) = self.properties.insert(name.clone(), described(node)) {
                let problem = format!("'{name}' is described in {} already: keep one", other.file);
                return Err(ProjectError::new(&asset.path, problem));
            }
        }
        for test in properties.data_tests {
            self.test_properties.insert(test.name.clone(), described(test));
        }
        for source in properties.sources {
            for table in &source.tables {
                self.sources.push(SourceTable {
                    source: source.name.clone(),
                    source_description: source.description.clone(),
                    schema: source.schema.clone().unwrap_or_else(|| source.name.clone()),
                    identifier: table.identifier.clone().unwrap_or_else(|| table.name.clone()),
                    freshness: Freshness::of(&asset.path, &source, table)?,
                    described: described(table.clone()),
                });
            }
        }
        Ok(())
    }

    fn check(&self) -> Result<(), ProjectError> {
        let mut files: BTreeMap<&str, &str> = BTreeMap::new();
        for Resource { template, .. } in &self.resources {
            if let Some(other) = files.insert(&template.name, &template.path) {
                let problem = format!(
                    "{other} has the same name '{}': models, snapshots and seeds have names of their own in a project",
                    template.name
                );
                return Err(ProjectError::new(&template.path, problem));
            }
        }
        for (name, described) in &self.properties {
            if !files.contains_key(name.as_str()) {
                let problem = format!("describes '{name}', of which there is no file");
                return Err(ProjectError::new(&described.file, problem));
            }
        }
        Ok(())
    }

    /// Puts the text of documentation blocks in the place of `{{ doc('name') }}`.
    fn write_out_descriptions(&mut self) -> Result<(), ProjectError> {
        let docs = std::mem::take(&mut self.docs);
        let sources = self.sources.iter_mut().map(|source| &mut source.described);
        for described in self.properties.values_mut().chain(sources) {
            let columns = described.properties.columns.iter_mut();
            let columns = columns.map(|column| &mut column.description);
            for text in columns.chain([&mut described.properties.description]) {
                *text =
                    blocks::with_docs(text, &docs).map_err(|problem| ProjectError::new(&described.file, problem))?;
            }
        }
        self.docs = docs;
        Ok(())
    }
}

/// An error for the first of these keys that says something.
fn refuse(file: &str, content: &Map<String, Value>, keys: &[&str]) -> Result<(), ProjectError> {
    let says_something = |value: &Value| match value {
        Value::Null => false,
        Value::Array(items) => !items.is_empty(),
        Value::Object(items) => !items.is_empty(),
        _ => true,
    };
    match keys.iter().find(|key| content.get(**key).is_some_and(says_something)) {
        Some(key) => Err(ProjectError::new(file, format!("{key} is not supported: leave it out"))),
        None => Ok(()),
    }
}

/// Variables of `dbt_project.yml`; those below the project's name win.
fn vars(settings: &ProjectFile) -> Map<String, Value> {
    let mut vars = settings.vars.clone();
    if let Some(Value::Object(own)) = vars.remove(&settings.name) {
        vars.extend(own);
    }
    vars
}

fn template(asset: &Asset, inner: &str) -> TemplateFile {
    let stem = inner.rsplit_once('.').map_or(inner, |(stem, _)| stem);
    let fqn: Vec<_> = stem.split('/').map(str::to_owned).collect();
    TemplateFile {
        path: asset.path.clone(),
        name: fqn.last().cloned().unwrap_or_default(),
        fqn,
        text: asset.text.clone(),
    }
}

/// The rest of a path below one of the folders.
fn inside<'a>(folders: &[String], path: &'a str) -> Option<&'a str> {
    let below = |folder: &String| path.strip_prefix(folder.trim_end_matches('/'))?.strip_prefix('/');
    folders.iter().find_map(below)
}

fn fingerprint(assets: &[Asset]) -> String {
    let mut hash = Sha256::new();
    for asset in assets {
        hash.update((asset.path.len() as u64).to_le_bytes());
        hash.update(asset.path.as_bytes());
        hash.update((asset.text.len() as u64).to_le_bytes());
        hash.update(asset.text.as_bytes());
    }
    hex::encode(hash.finalize())
}
