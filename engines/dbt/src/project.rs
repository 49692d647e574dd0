//! A dbt project, parsed from its files. No I/O, no templates rendered yet.

mod blocks;
pub(crate) mod config;
pub(crate) mod freshness;
pub(crate) mod resource;
pub(crate) mod settings;
mod snapshot_config;
pub(crate) mod yaml;

pub(crate) use snapshot_config::{ChangeStrategy, SnapshotConfig};

use crate::error::ProjectError;
use crate::project_file::ProjectFile;
use freshness::Freshness;
use resource::{Patch, Resource, ResourceKind, SourceTable, TemplateFile};
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use yaml::{NodeProperties, ProjectSettings, PropertiesFile};

/// Unsupported keys of `dbt_project.yml` that would change what is built.
const UNSUPPORTED_SETTINGS: [&str; 4] = ["on-run-start", "on-run-end", "dispatch", "query-comment"];
/// Unsupported keys of properties files that would change what is built or tested.
const UNSUPPORTED_PROPERTIES: [&str; 5] = ["unit_tests", "metrics", "semantic_models", "saved_queries", "functions"];

/// A dbt project.
#[derive(Debug, Clone)]
pub struct Project {
    /// Its name.
    pub name: String,
    /// Variables of `dbt_project.yml`.
    pub vars: Map<String, Value>,
    pub(crate) model_settings: Map<String, Value>,
    pub(crate) snapshot_settings: Map<String, Value>,
    pub(crate) seed_settings: Map<String, Value>,
    pub(crate) test_settings: Map<String, Value>,
    /// Models, snapshots and seeds.
    pub(crate) resources: Vec<Resource>,
    pub(crate) macros: Vec<TemplateFile>,
    pub(crate) singular_tests: Vec<TemplateFile>,
    /// Patches by name of a model, snapshot or seed.
    pub(crate) properties: BTreeMap<String, Patch>,
    /// Patches by name of a singular test.
    pub(crate) test_properties: BTreeMap<String, Patch>,
    pub(crate) sources: Vec<SourceTable>,
    /// Text of documentation blocks by name.
    pub(crate) docs: BTreeMap<String, String>,
    /// SHA-256 over all files, in hexadecimal.
    pub fingerprint: String,
}

impl Project {
    /// Parses the files of a project.
    ///
    /// # Errors
    /// A file is malformed or uses something that is not supported; the error names it.
    pub fn load(files: &[ProjectFile]) -> Result<Self, ProjectError> {
        let path = "dbt_project.yml";
        let file = files
            .iter()
            .find(|file| file.path == path)
            .ok_or_else(|| ProjectError::new(path, "is missing: a dbt project has one in its folder"))?;
        let settings: ProjectSettings = yaml::parse(path, &file.text)?;
        refuse(path, &settings.rest, &UNSUPPORTED_SETTINGS)?;
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
            fingerprint: fingerprint(files),
        };
        for file in files {
            project.add(&settings, file)?;
        }
        project.check()?;
        project.expand_descriptions()?;
        Ok(project)
    }

    /// Adds a file, according to its folder and extension.
    fn add(&mut self, settings: &ProjectSettings, file: &ProjectFile) -> Result<(), ProjectError> {
        let extension = file
            .path
            .rsplit_once('.')
            .map(|(_, extension)| extension.to_lowercase());
        let extension = extension.as_deref().unwrap_or_default();
        let is_yaml = matches!(extension, "yml" | "yaml");
        if matches!(&*file.path, "packages.yml" | "dependencies.yml") {
            let content: Map<String, Value> = yaml::parse(&file.path, &file.text)?;
            return refuse(&file.path, &content, &["packages", "projects"]);
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
            .find_map(|(place, folders)| Some((place, inside(folders, &file.path)?)))
        else {
            return Ok(());
        };
        match (place, extension) {
            (_, "md") => self.docs.extend(blocks::docs(file)?),
            (_, "py") => {
                let problem = "models in Python are not supported: write it in SQL";
                return Err(ProjectError::new(&file.path, problem));
            }
            (1, "sql") => self.macros.push(TemplateFile::new(file, inner)),
            (_, _) if is_yaml => self.add_properties(file)?,
            (0, "sql") => self.resources.push(Resource {
                kind: ResourceKind::Model,
                template: TemplateFile::new(file, inner),
            }),
            (2, "sql") if inner.starts_with("generic/") => self.macros.push(TemplateFile::new(file, inner)),
            (2, "sql") => self.singular_tests.push(TemplateFile::new(file, inner)),
            (3, "csv") => self.resources.push(Resource {
                kind: ResourceKind::Seed,
                template: TemplateFile::new(file, inner),
            }),
            (4, "sql") => self.resources.extend(blocks::snapshots(file, inner)?),
            _ => {}
        }
        Ok(())
    }

    fn add_properties(&mut self, file: &ProjectFile) -> Result<(), ProjectError> {
        let properties: PropertiesFile = yaml::parse(&file.path, &file.text)?;
        refuse(&file.path, &properties.rest, &UNSUPPORTED_PROPERTIES)?;
        let patch = |properties: NodeProperties| Patch {
            file: file.path.clone(),
            properties,
        };
        for snapshot in &properties.snapshots {
            if let Some(relation) = &snapshot.relation {
                self.resources.push(Resource {
                    kind: ResourceKind::Snapshot,
                    template: TemplateFile {
                        path: file.path.clone(),
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
                return Err(ProjectError::new(&file.path, problem));
            }
            if let Some(other) = self.properties.insert(name.clone(), patch(node)) {
                let problem = format!("'{name}' is described in {} already: keep one", other.file);
                return Err(ProjectError::new(&file.path, problem));
            }
        }
        for test in properties.data_tests {
            self.test_properties.insert(test.name.clone(), patch(test));
        }
        for source in properties.sources {
            for table in &source.tables {
                self.sources.push(SourceTable {
                    source: source.name.clone(),
                    source_description: source.description.clone(),
                    schema: source.schema.clone().unwrap_or_else(|| source.name.clone()),
                    identifier: table.identifier.clone().unwrap_or_else(|| table.name.clone()),
                    freshness: Freshness::of(&file.path, &source, table)?,
                    patch: patch(table.clone()),
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
        for (name, patch) in &self.properties {
            if !files.contains_key(name.as_str()) {
                let problem = format!("describes '{name}', of which there is no file");
                return Err(ProjectError::new(&patch.file, problem));
            }
        }
        Ok(())
    }

    /// Expands `{{ doc('name') }}` in descriptions.
    fn expand_descriptions(&mut self) -> Result<(), ProjectError> {
        let docs = std::mem::take(&mut self.docs);
        let sources = self.sources.iter_mut().map(|source| &mut source.patch);
        for patch in self.properties.values_mut().chain(sources) {
            let columns = patch.properties.columns.iter_mut();
            let columns = columns.map(|column| &mut column.description);
            for text in columns.chain([&mut patch.properties.description]) {
                *text = blocks::with_docs(text, &docs).map_err(|problem| ProjectError::new(&patch.file, problem))?;
            }
        }
        self.docs = docs;
        Ok(())
    }
}

/// An error for the first of these keys that is not empty.
fn refuse(file: &str, content: &Map<String, Value>, keys: &[&str]) -> Result<(), ProjectError> {
    let is_set = |value: &Value| match value {
        Value::Null => false,
        Value::Array(items) => !items.is_empty(),
        Value::Object(items) => !items.is_empty(),
        _ => true,
    };
    match keys.iter().find(|key| content.get(**key).is_some_and(is_set)) {
        Some(key) => Err(ProjectError::new(file, format!("{key} is not supported: leave it out"))),
        None => Ok(()),
    }
}

/// Variables of `dbt_project.yml`; those scoped to the project win.
fn vars(settings: &ProjectSettings) -> Map<String, Value> {
    let mut vars = settings.vars.clone();
    if let Some(Value::Object(own)) = vars.remove(&settings.name) {
        vars.extend(own);
    }
    vars
}

/// The path relative to the first of the folders that contains it.
fn inside<'a>(folders: &[String], path: &'a str) -> Option<&'a str> {
    let below = |folder: &String| path.strip_prefix(folder.trim_end_matches('/'))?.strip_prefix('/');
    folders.iter().find_map(below)
}

fn fingerprint(files: &[ProjectFile]) -> String {
    let mut hash = Sha256::new();
    for file in files {
        hash.update((file.path.len() as u64).to_le_bytes());
        hash.update(file.path.as_bytes());
        hash.update((file.text.len() as u64).to_le_bytes());
        hash.update(file.text.as_bytes());
    }
    hex::encode(hash.finalize())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_supported_is_named() {
        let fail = |path: &str, text: &str| {
            let files = [("dbt_project.yml", "name: shop\n"), (path, text)];
            let files = files.map(|(path, text)| ProjectFile::new(path, text));
            Project::load(&files).unwrap_err().to_string()
        };
        assert_eq!(
            fail(
                "packages.yml",
                "packages: [{package: dbt-labs/dbt_utils, version: 1.3.0}]"
            ),
            "packages.yml: packages is not supported: leave it out"
        );
        assert!(fail("models/m.py", "def model(dbt, session): pass").contains("models in Python are not supported"));
        assert!(fail("models/m.yml", "unit_tests: [{name: t}]").contains("unit_tests is not supported"));
        assert!(
            fail("models/m.yml", "models: [{name: m, versions: [{v: 1}]}]")
                .contains("versions, which are not supported")
        );
    }
}
