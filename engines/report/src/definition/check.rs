//! Checks of the templates of a definition file.

use super::error::{DefinitionError, invalid};
use super::panel::{AxisDefinition, ChartDefinition, PanelDefinition};
use crate::template;
use std::collections::BTreeSet;

/// Whether a text can be the id of a panel: it is part of links and the name of a file.
pub(crate) fn is_id(id: &str) -> bool {
    let is_part = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    !id.is_empty() && id.bytes().all(is_part)
}

/// Variables of texts about the whole result.
const OF_RESULT: [&str; 2] = ["rows", "points"];
/// Variables of texts about a point of a chart.
const OF_POINT: [&str; 3] = ["row", "name", "value"];
/// Variables of texts about a value of a row.
const OF_CELL: [&str; 2] = ["row", "value"];

/// Checks the templates of a file.
pub(crate) struct Checker<'a> {
    file: &'a str,
    /// Names of the page's values.
    values: &'a BTreeSet<&'a str>,
}

impl<'a> Checker<'a> {
    pub(super) const fn new(file: &'a str, values: &'a BTreeSet<&'a str>) -> Self {
        Self { file, values }
    }

    /// An error of the file.
    pub(crate) fn invalid(&self, problem: impl Into<String>) -> DefinitionError {
        invalid(self.file, problem.into())
    }

    pub(super) fn id(&self, id: &str) -> Result<(), DefinitionError> {
        if is_id(id) {
            return Ok(());
        }
        Err(self.invalid("the file's name is part of links: use lower-case letters, digits and hyphens"))
    }

    pub(super) fn panel(&self, panel: &PanelDefinition) -> Result<(), DefinitionError> {
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
                self.optional("chart.legend", chart.legend.as_deref(), &OF_RESULT)?;
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

    pub(crate) fn sql(&self, field: &str, text: &str) -> Result<(), DefinitionError> {
        let used = template::variables_of_sql(text);
        self.known(field, used, |name| template::SQL_VARIABLES.contains(&name))
    }

    /// As [`Self::sql`], of a query that has to use the filters.
    pub(crate) fn filtered_sql(&self, field: &str, text: &str) -> Result<(), DefinitionError> {
        let used = template::variables_of_sql(text);
        let uses_filters = used.as_ref().is_ok_and(|used| used.contains(template::FILTERS));
        let is_known = |name: &str| name == template::FILTERS || template::SQL_VARIABLES.contains(&name);
        self.known(field, used, is_known)?;
        if uses_filters {
            return Ok(());
        }
        Err(self.invalid(format!(
            "{field}: has no {{{{ filters }}}}: it would show rows that the page filters out"
        )))
    }

    fn optional(&self, field: &str, text: Option<&str>, known: &[&str]) -> Result<(), DefinitionError> {
        text.map_or(Ok(()), |text| self.text(field, text, known))
    }

    pub(crate) fn text(&self, field: &str, text: &str, known: &[&str]) -> Result<(), DefinitionError> {
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
