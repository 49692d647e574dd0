//! A dbt project, read from its files. Pure: no I/O, no templates rendered yet.

pub(crate) mod config;
pub(crate) mod yaml;

use crate::error::ProjectError;
use cardlake_shared::assets::Asset;
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use yaml::{NodeProperties, ProjectFile, PropertiesFile};

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
    pub(crate) described: Described,
}

/// A project.
#[derive(Debug, Clone)]
pub(crate) struct Project {
    pub(crate) name: String,
    pub(crate) vars: Map<String, Value>,
    pub(crate) model_settings: Map<String, Value>,
    pub(crate) test_settings: Map<String, Value>,
    pub(crate) models: Vec<TemplateFile>,
    pub(crate) macros: Vec<TemplateFile>,
    pub(crate) singular_tests: Vec<TemplateFile>,
    /// By model name.
    pub(crate) model_properties: BTreeMap<String, Described>,
    /// By test name.
    pub(crate) test_properties: BTreeMap<String, Described>,
    pub(crate) sources: Vec<SourceTable>,
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
        let mut project = Self {
            vars: vars(&settings),
            name: settings.name,
            model_settings: settings.models,
            test_settings: settings.data_tests,
            models: Vec::new(),
            macros: Vec::new(),
            singular_tests: Vec::new(),
            model_properties: BTreeMap::new(),
            test_properties: BTreeMap::new(),
            sources: Vec::new(),
            fingerprint: fingerprint(assets),
        };
        for asset in assets {
            let is_sql = has_extension(&asset.path, "sql");
            if let Some(inner) = inside(&settings.model_paths, &asset.path) {
                if is_sql {
                    project.models.push(template(asset, inner));
                } else if is_yaml(&asset.path) {
                    project.add_properties(asset)?;
                }
            } else if let Some(inner) = inside(&settings.macro_paths, &asset.path) {
                if is_sql {
                    project.macros.push(template(asset, inner));
                }
            } else if let Some(inner) = inside(&settings.test_paths, &asset.path) {
                if is_sql && inner.starts_with("generic/") {
                    project.macros.push(template(asset, inner));
                } else if is_sql {
                    project.singular_tests.push(template(asset, inner));
                } else if is_yaml(&asset.path) {
                    project.add_properties(asset)?;
                }
            }
        }
        project.check()?;
        Ok(project)
    }

    fn add_properties(&mut self, asset: &Asset) -> Result<(), ProjectError> {
        let properties: PropertiesFile = yaml::parse(&asset.path, &asset.text)?;
        let described = |properties: NodeProperties| Described {
            file: asset.path.clone(),
            properties,
        };
        for model in properties.models {
            let name = model.name.clone();
            if let Some(other) = self.model_properties.insert(name.clone(), described(model)) {
                let problem = format!("model '{name}' is described in {} already: keep one", other.file);
                return Err(ProjectError::new(&asset.path, problem));
            }
        }
        for test in properties.data_tests {
            self.test_properties.insert(test.name.clone(), described(test));
        }
        for source in properties.sources {
            for table in source.tables {
                self.sources.push(SourceTable {
                    source: source.name.clone(),
                    source_description: source.description.clone(),
                    schema: source.schema.clone().unwrap_or_else(|| source.name.clone()),
                    identifier: table.identifier.clone().unwrap_or_else(|| table.name.clone()),
                    described: described(table),
                });
            }
        }
        Ok(())
    }

    fn check(&self) -> Result<(), ProjectError> {
        for (index, model) in self.models.iter().enumerate() {
            if let Some(other) = self.models[..index].iter().find(|other| other.name == model.name) {
                let problem = format!("{} has the same model name: names are unique in a project", other.path);
                return Err(ProjectError::new(&model.path, problem));
            }
        }
        for (name, described) in &self.model_properties {
            if !self.models.iter().any(|model| model.name == *name) {
                let problem = format!("describes model '{name}', of which there is no file");
                return Err(ProjectError::new(&described.file, problem));
            }
        }
        Ok(())
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
    let stem = inner.strip_suffix(".sql").unwrap_or(inner);
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

fn has_extension(path: &str, wanted: &str) -> bool {
    path.rsplit_once('.')
        .is_some_and(|(_, extension)| extension.eq_ignore_ascii_case(wanted))
}

fn is_yaml(path: &str) -> bool {
    has_extension(path, "yml") || has_extension(path, "yaml")
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
