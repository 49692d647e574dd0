//! Definitions: the YAML files of a dashboard.
//!
//! `page.yml` has the page's title, its values and the order of the panels; `<id>.yml` is the panel of that id. Every
//! field is checked when the files are read: unknown fields, templates that cannot be parsed, variables that a template
//! does not have.

use crate::template;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use std::collections::{BTreeMap, BTreeSet};

/// The file with the title and the order of the panels.
const PAGE: &str = "page.yml";

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
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
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

/// A panel and where it is defined.
#[derive(Debug, Clone)]
pub(crate) struct Panel {
    pub(crate) id: String,
    pub(crate) file: String,
    pub(crate) definition: PanelDefinition,
}

/// A dashboard: the definitions of its page and panels, checked.
#[derive(Debug, Clone, Default)]
pub struct Dashboard {
    pub(crate) page_file: String,
    pub(crate) page: PageDefinition,
    /// In the order of the page.
    pub(crate) panels: Vec<Panel>,
}

impl Dashboard {
    /// Reads the definition files, given as path and text. Paths may have folders before the name; files other than
    /// `.yml` are skipped. Without files the dashboard is empty: it has no queries.
    ///
    /// # Errors
    /// Names the first file and field that is wrong.
    pub fn parse<'a>(files: impl IntoIterator<Item = (&'a str, &'a str)>) -> Result<Self, DefinitionError> {
        let mut page = None;
        let mut panels = BTreeMap::new();
        for (file, text) in files {
            let name = file.rsplit_once('/').map_or(file, |(_, name)| name);
            if name == PAGE {
                page = Some((file.to_owned(), read::<PageDefinition>(file, text)?));
            } else if let Some(id) = name.strip_suffix(".yml") {
                let panel = Panel {
                    id: id.to_owned(),
                    file: file.to_owned(),
                    definition: read(file, text)?,
                };
                panels.insert(id.to_owned(), panel);
            }
        }
        let Some((page_file, page)) = page else {
            return match panels.into_values().next() {
                None => Ok(Self::default()),
                Some(panel) => Err(invalid(
                    &panel.file,
                    format!("there is no {PAGE} beside it: it has the page's title and the order of the panels"),
                )),
            };
        };
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
        let checker = |file| Checker { file, values: &values };
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
            let is_id = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
            if panel.id.is_empty() || !panel.id.bytes().all(is_id) {
                let problem = "the file's name is part of links: use lower-case letters, digits and hyphens";
                return Err(invalid(&panel.file, problem.to_owned()));
            }
            checker(&panel.file).panel(&panel.definition)?;
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

fn invalid(file: &str, problem: String) -> DefinitionError {
    DefinitionError::Invalid {
        file: file.to_owned(),
        problem,
    }
}

/// Variables of texts about the whole result.
const OF_RESULT: [&str; 2] = ["rows", "points"];
/// Variables of texts about a point of a chart.
const OF_POINT: [&str; 3] = ["row", "name", "value"];
/// Variables of texts about a value of a row.
const OF_CELL: [&str; 2] = ["row", "value"];

/// Checks the templates of a file.
struct Checker<'a> {
    file: &'a str,
    values: &'a BTreeSet<&'a str>,
}

impl Checker<'_> {
    fn panel(&self, panel: &PanelDefinition) -> Result<(), DefinitionError> {
        self.sql("sql", &panel.sql)?;
        self.text("note", &panel.note, &OF_RESULT)?;
        for (index, tile) in panel.tiles.iter().enumerate() {
            self.text(&format!("tiles[{index}].label"), &tile.label, &OF_RESULT)?;
            self.text(&format!("tiles[{index}].value"), &tile.value, &OF_RESULT)?;
            self.text(&format!("tiles[{index}].note"), &tile.note, &OF_RESULT)?;
        }
        if panel.table.is_empty() {
            return Err(invalid(
                self.file,
                "table: has no columns; every panel shows its numbers".to_owned(),
            ));
        }
        for (index, column) in panel.table.iter().enumerate() {
            self.optional(&format!("table[{index}].text"), column.text.as_deref(), &OF_CELL)?;
        }
        match &panel.chart {
            None => Ok(()),
            Some(ChartDefinition::Columns(chart)) => {
                self.optional("chart.name_text", chart.name_text.as_deref(), &OF_POINT)?;
                self.optional("chart.text", chart.text.as_deref(), &OF_POINT)?;
                self.condition(chart.condition.as_deref())?;
                self.text("chart.x_title", &chart.x_title, &OF_RESULT)?;
                self.text("chart.y_title", &chart.y_title, &OF_RESULT)?;
                if chart.legend.len() > 2 {
                    let problem = "chart.legend: has more than two names; there are the columns and the line";
                    return Err(invalid(self.file, problem.to_owned()));
                }
                if chart.mean == Some(0) {
                    return Err(invalid(self.file, "chart.mean: must be at least 1".to_owned()));
                }
                self.text("chart.alternative", &chart.alternative, &OF_RESULT)
            }
            Some(ChartDefinition::Bars(chart)) => {
                self.optional("chart.name_text", chart.name_text.as_deref(), &OF_POINT)?;
                self.optional("chart.text", chart.text.as_deref(), &OF_POINT)?;
                self.condition(chart.condition.as_deref())?;
                self.text("chart.alternative", &chart.alternative, &OF_RESULT)
            }
            Some(ChartDefinition::HeatMap(chart)) => {
                self.axis("chart.x", &chart.x)?;
                self.axis("chart.y", &chart.y)?;
                self.optional("chart.text", chart.text.as_deref(), &OF_CELL)?;
                self.text("chart.alternative", &chart.alternative, &OF_RESULT)
            }
        }
    }

    fn axis(&self, field: &str, axis: &AxisDefinition) -> Result<(), DefinitionError> {
        /// Columns or rows that can still be told apart.
        const MOST: u64 = 100;
        self.optional(&format!("{field}.text"), axis.text.as_deref(), &OF_CELL)?;
        match (axis.first, axis.last) {
            (Some(first), Some(last)) if first.abs_diff(last) >= MOST => {
                Err(invalid(self.file, format!("{field}: has more than {MOST} values")))
            }
            (Some(_), Some(_)) | (None, None) => Ok(()),
            _ => Err(invalid(self.file, format!("{field}: 'first' and 'last' go together"))),
        }
    }

    fn sql(&self, field: &str, text: &str) -> Result<(), DefinitionError> {
        let used = template::variables_of_sql(text);
        self.known(field, used, |name| template::SQL_VARIABLES.contains(&name))
    }

    fn optional(&self, field: &str, text: Option<&str>, known: &[&str]) -> Result<(), DefinitionError> {
        text.map_or(Ok(()), |text| self.text(field, text, known))
    }

    fn text(&self, field: &str, text: &str, known: &[&str]) -> Result<(), DefinitionError> {
        let used = template::variables_of_text(text);
        self.known(field, used, |name| self.is_known(name, known))
    }

    fn condition(&self, condition: Option<&str>) -> Result<(), DefinitionError> {
        let Some(condition) = condition else { return Ok(()) };
        let used = template::variables_of_expression(condition);
        self.known("chart.where", used, |name| self.is_known(name, &OF_POINT))
    }

    fn is_known(&self, name: &str, known: &[&str]) -> bool {
        known.contains(&name) || name == template::BATCH_DATE || self.values.contains(name)
    }

    fn known(
        &self,
        field: &str,
        used: Result<BTreeSet<String>, minijinja::Error>,
        is_known: impl Fn(&str) -> bool,
    ) -> Result<(), DefinitionError> {
        let used = used.map_err(|source| DefinitionError::Template {
            file: self.file.to_owned(),
            field: field.to_owned(),
            source,
        })?;
        match used.iter().find(|name| !is_known(name)) {
            None => Ok(()),
            Some(name) => Err(invalid(
                self.file,
                format!("{field}: there is no variable '{name}' here"),
            )),
        }
    }
}
