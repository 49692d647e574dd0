//! Definitions: the YAML files of a dashboard.
//!
//! `page.yml` has the page's title, its values, the order of the panels and perhaps the name of the explorer; `<id>.yml` is
//! the panel, or the explorer, of that id. Every field is checked when the files are read: unknown fields, templates that
//! cannot be parsed, variables that a template does not have.

mod check;
mod error;
mod panel;

pub(crate) use check::{Checker, is_id};
pub use error::DefinitionError;
pub(crate) use panel::{
    AxisDefinition, BarsDefinition, ChartDefinition, ColumnDefinition, ColumnsDefinition, Every, Format,
    HeatMapDefinition, PanelDefinition,
};

use crate::explore::ExploreDefinition;
use crate::template;
use error::invalid;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use std::collections::{BTreeMap, BTreeSet};

/// The file with the title and the order of the panels.
pub(crate) const PAGE: &str = "page.yml";
const PAGE_ID: &str = "page";

/// `page.yml`.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct PageDefinition {
    pub(crate) title: String,
    #[serde(default)]
    pub(crate) note: String,
    /// Variables of all texts, by name.
    #[serde(default)]
    pub(crate) values: BTreeMap<String, ValueDefinition>,
    /// Id of the explorer.
    #[serde(default)]
    pub(crate) explore: Option<String>,
    /// Ids of the panels, in order.
    pub(crate) panels: Vec<String>,
}

/// A page-wide value: the first column of a query, joined.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ValueDefinition {
    pub(crate) sql: String,
    /// Between the rows.
    #[serde(default = "comma")]
    pub(crate) separator: String,
    /// Value if there is no row.
    pub(crate) otherwise: String,
}

fn comma() -> String {
    ", ".to_owned()
}

/// A definition and where it stands.
#[derive(Debug, Clone)]
pub(crate) struct Defined<T> {
    pub(crate) id: String,
    pub(crate) file: String,
    pub(crate) definition: T,
}

/// A panel.
pub(crate) type Panel = Defined<PanelDefinition>;

/// A dashboard: the definitions of its page and panels, checked.
#[derive(Debug, Clone, Default)]
pub struct Dashboard {
    pub(crate) page_file: String,
    pub(crate) page: PageDefinition,
    /// In the order of the page.
    pub(crate) panels: Vec<Panel>,
    pub(crate) explore: Option<Defined<ExploreDefinition>>,
}

impl Dashboard {
    /// Reads the definition files, given as path and text. Paths may have folders before the name; files other than
    /// `.yml` are skipped. Without files the dashboard is empty: it has no queries.
    ///
    /// # Errors
    /// Names the first file and field that is wrong.
    pub fn parse<'a>(files: impl IntoIterator<Item = (&'a str, &'a str)>) -> Result<Self, DefinitionError> {
        let files: Vec<(&str, &str, &str)> = files
            .into_iter()
            .filter_map(|(file, text)| {
                let name = file.rsplit_once('/').map_or(file, |(_, name)| name);
                Some((name.strip_suffix(".yml")?, file, text))
            })
            .collect();
        let Some((_, page_file, text)) = files.iter().rfind(|(id, ..)| *id == PAGE_ID) else {
            return match files.first() {
                None => Ok(Self::default()),
                Some((_, file, _)) => Err(invalid(
                    file,
                    format!("there is no {PAGE} beside it: it has the page's title and the order of the panels"),
                )),
            };
        };
        let page_file = (*page_file).to_owned();
        let page: PageDefinition = read(&page_file, text)?;
        let mut explore = None;
        let mut panels = BTreeMap::new();
        for (id, file, text) in files {
            if page.explore.as_deref() == Some(id) && id != PAGE_ID {
                explore = Some(defined(id, file, text)?);
            } else if id != PAGE_ID {
                panels.insert(id.to_owned(), defined(id, file, text)?);
            }
        }
        if let (Some(id), None) = (&page.explore, &explore) {
            let problem = format!("explore: '{id}' has no file {id}.yml beside this one");
            return Err(invalid(&page_file, problem));
        }
        let mut ordered = Vec::with_capacity(panels.len());
        for id in &page.panels {
            let panel = panels.remove(id).ok_or_else(|| {
                let problem = if ordered.iter().any(|panel: &Panel| panel.id == *id) {
                    format!("panels: '{id}' is listed twice")
                } else {
                    format!("panels: '{id}' has no file {id}.yml beside this one")
                };
                invalid(&page_file, problem)
            })?;
            ordered.push(panel);
        }
        if let Some(panel) = panels.into_values().next() {
            let problem = format!("is not listed in 'panels' of {page_file}: add '{}' there", panel.id);
            return Err(invalid(&panel.file, problem));
        }
        let dashboard = Self {
            page_file,
            page,
            panels: ordered,
            explore,
        };
        dashboard.check()?;
        Ok(dashboard)
    }

    /// Whether there is no panel.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.panels.is_empty()
    }

    /// Checks ids and templates.
    fn check(&self) -> Result<(), DefinitionError> {
        let values: BTreeSet<&str> = self.page.values.keys().map(String::as_str).collect();
        let checker = |file| Checker::new(file, &values);
        let page = checker(&self.page_file);
        page.text("note", &self.page.note, &[])?;
        for (name, value) in &self.page.values {
            if template::VARIABLES.contains(&name.as_str()) {
                return Err(invalid(
                    &self.page_file,
                    format!("values: '{name}' is a variable already: rename it"),
                ));
            }
            page.sql(&format!("values.{name}.sql"), &value.sql)?;
        }
        for panel in &self.panels {
            checker(&panel.file).id(&panel.id)?;
            checker(&panel.file).panel(&panel.definition)?;
        }
        if let Some(explore) = &self.explore {
            checker(&explore.file).id(&explore.id)?;
            explore.definition.check(&checker(&explore.file))?;
        }
        Ok(())
    }
}

fn read<T: DeserializeOwned>(file: &str, text: &str) -> Result<T, DefinitionError> {
    serde_saphyr::from_str(text).map_err(|source| DefinitionError::Yaml {
        file: file.to_owned(),
        source: Box::new(source),
    })
}

fn defined<T: DeserializeOwned>(id: &str, file: &str, text: &str) -> Result<Defined<T>, DefinitionError> {
    Ok(Defined {
        id: id.to_owned(),
        file: file.to_owned(),
        definition: read(file, text)?,
    })
}
