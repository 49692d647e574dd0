//! Definitions: the YAML files of a dashboard.
//!
//! `page.yml` has the page's title, its values, the order of the panels and perhaps the name of the explorer; `<id>.yml` is
//! the panel, or the explorer, of that id. Every field is checked when the files are read: unknown fields, templates that cannot be parsed, variables that a template
//! does not have.

mod check;

pub(crate) use check::Checker;

use crate::explore::ExploreDefinition;
use crate::template;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// The file with the title and the order of the panels.
pub(crate) const PAGE: &str = "page.yml";
const PAGE_ID: &str = "page";

/// Error in a definition file.
#[derive(Debug, thiserror::Error)]
pub enum DefinitionError {
    /// Not YAML, an unknown or missing field, or a value of another type.
    #[error("{file}: {source}")]
    Yaml {
        /// The file.
        file: String,
        /// Line and field.
        source: Box<serde_saphyr::Error>,
    },
    /// A template that cannot be parsed.
    #[error("{file}: {field}: {}", template::explain(.source))]
    Template {
        /// The file.
        file: String,
        /// The field.
        field: String,
        /// What is wrong with it.
        source: minijinja::Error,
    },
    /// A file or field that does not fit the others.
    #[error("{file}: {problem}")]
    Invalid {
        /// The file.
        file: String,
        /// The field, what is wrong, and what to do.
        problem: String,
    },
}

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

/// The file of a panel.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct PanelDefinition {
    pub(crate) title: String,
    #[serde(default)]
    pub(crate) note: String,
    pub(crate) sql: String,
    #[serde(default)]
    pub(crate) tiles: Vec<TileDefinition>,
    #[serde(default)]
    pub(crate) chart: Option<ChartDefinition>,
    pub(crate) table: Vec<ColumnDefinition>,
}

/// A number at the top of the page; none where its value is empty.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct TileDefinition {
    pub(crate) label: String,
    pub(crate) value: String,
    #[serde(default)]
    pub(crate) note: String,
}

/// A column of a panel's table.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ColumnDefinition {
    pub(crate) column: String,
    pub(crate) title: String,
    #[serde(default)]
    pub(crate) format: Format,
    /// Wins over `format`.
    #[serde(default)]
    pub(crate) text: Option<String>,
}

/// How a value is written.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Format {
    /// As the warehouse delivers it.
    Plain,
    /// Numbers with thousands separators.
    #[default]
    Grouped,
    /// `1.2M`.
    Compact,
    /// A share as a percentage.
    Percent,
}

/// A panel's chart.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum ChartDefinition {
    /// Upright columns along a scale.
    Columns(ColumnsDefinition),
    /// Horizontal bars.
    Bars(BarsDefinition),
    /// Coloured cells.
    HeatMap(HeatMapDefinition),
}

/// Upright columns, perhaps with a moving mean.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ColumnsDefinition {
    pub(crate) name: String,
    #[serde(default)]
    pub(crate) name_text: Option<String>,
    pub(crate) value: String,
    #[serde(default)]
    pub(crate) text: Option<String>,
    /// Condition on the rows that are drawn.
    #[serde(default, rename = "where")]
    pub(crate) condition: Option<String>,
    /// Adds points for what the result has no row for.
    #[serde(default)]
    pub(crate) every: Option<Every>,
    /// Points of the mean that is drawn as a line.
    #[serde(default)]
    pub(crate) mean: Option<usize>,
    pub(crate) x_title: String,
    pub(crate) y_title: String,
    /// Names of the columns and of the line.
    #[serde(default)]
    pub(crate) legend: Vec<String>,
    pub(crate) alternative: String,
}

/// Which points there are, whether or not the result has them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Every {
    /// Each day from the first to the last.
    Day,
}

/// Horizontal bars, in the order of the rows.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct BarsDefinition {
    pub(crate) name: String,
    #[serde(default)]
    pub(crate) name_text: Option<String>,
    pub(crate) value: String,
    /// Beside each bar.
    #[serde(default)]
    pub(crate) text: Option<String>,
    #[serde(default, rename = "where")]
    pub(crate) condition: Option<String>,
    pub(crate) alternative: String,
}

/// Cells by two columns.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct HeatMapDefinition {
    pub(crate) x: AxisDefinition,
    pub(crate) y: AxisDefinition,
    pub(crate) value: String,
    /// In each cell.
    #[serde(default)]
    pub(crate) text: Option<String>,
    /// The value of the strongest colour; default: the highest one.
    #[serde(default)]
    pub(crate) full: Option<f64>,
    pub(crate) alternative: String,
}

/// An axis of a heat map.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct AxisDefinition {
    pub(crate) column: String,
    pub(crate) title: String,
    #[serde(default)]
    pub(crate) text: Option<String>,
    /// With `last`: the numbers between the two; default: the values of the result, sorted.
    #[serde(default)]
    pub(crate) first: Option<i64>,
    #[serde(default)]
    pub(crate) last: Option<i64>,
    /// Whether to leave out the end of the axis that has no cells.
    #[serde(default)]
    pub(crate) shrink: bool,
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

/// Whether a text can be the id of a panel: it is part of links and the name of a file.
pub(crate) fn is_id(id: &str) -> bool {
    let is_part = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    !id.is_empty() && id.bytes().all(is_part)
}

fn invalid(file: &str, problem: String) -> DefinitionError {
    DefinitionError::Invalid {
        file: file.to_owned(),
        problem,
    }
}
