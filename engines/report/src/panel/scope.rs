//! The variables of a panel's texts.

use super::error::PanelError;
use crate::table::{Table, Value};
use crate::template;
use minijinja::value::Value as Variable;
use minijinja::{Environment, context};

/// A result, the page-wide variables, and the environment to render texts in.
pub(super) struct Scope<'a> {
    environment: Environment<'static>,
    table: &'a Table,
    /// Page-wide variables.
    values: &'a Variable,
    /// Each row as an object.
    rows: Vec<Variable>,
    points: Variable,
}

impl<'a> Scope<'a> {
    pub(super) fn new(table: &'a Table, values: &'a Variable) -> Self {
        let object = |row: &Vec<Value>| -> Variable {
            let fields = table.columns.iter().zip(row);
            Variable::from_pairs(fields.map(|(name, value)| (name.clone(), template::value(value))))
        };
        Self {
            environment: template::texts(),
            table,
            values,
            rows: table.rows.iter().map(object).collect(),
            points: Variable::from(Vec::<Variable>::new()),
        }
    }

    /// Number of rows.
    pub(super) const fn len(&self) -> usize {
        self.table.rows.len()
    }

    /// Sets the points of the chart.
    pub(super) fn set_points(&mut self, points: Variable) {
        self.points = points;
    }

    /// The values of a column, one per row.
    pub(super) fn column(&self, name: &str) -> Result<Vec<&'a Value>, PanelError> {
        let missing = || PanelError::Column {
            column: name.to_owned(),
            columns: self.table.columns.clone(),
        };
        let index = self.table.columns.iter().position(|column| column == name);
        let index = index.ok_or_else(missing)?;
        let values = self.table.rows.iter().map(|row| row.get(index).ok_or_else(missing));
        values.collect()
    }

    /// Renders a text about the whole result.
    pub(super) fn text(&self, field: &'static str, text: &str) -> Result<String, PanelError> {
        let variables = context!(rows => self.rows.clone(), points => self.points.clone(), ..self.values.clone());
        let rendered = self.environment.render_str(text, variables);
        rendered
            .map(|text| text.trim().to_owned())
            .map_err(|source| PanelError::Text { field, source })
    }

    /// Renders a text for a value of each row.
    pub(super) fn cells(&self, field: &'static str, text: &str, values: &[&Value]) -> Result<Vec<String>, PanelError> {
        let failed = |source| PanelError::Text { field, source };
        let text = self.environment.template_from_str(text).map_err(failed)?;
        let rendered = self.rows.iter().zip(values).map(|(row, value)| {
            let value = template::value(value);
            text.render(context!(row => row.clone(), value => value, ..self.values.clone()))
        });
        rendered.collect::<Result<_, _>>().map_err(failed)
    }

    /// Renders a text for each point of a chart.
    pub(super) fn of_points<'p>(
        &self,
        field: &'static str,
        text: &str,
        points: impl Iterator<Item = (Option<usize>, &'p Value, f64)>,
    ) -> Result<Vec<String>, PanelError> {
        let failed = |source| PanelError::Text { field, source };
        let text = self.environment.template_from_str(text).map_err(failed)?;
        let rendered = points.map(|(row, name, value)| text.render(self.of_point(row, name, value)));
        rendered.collect::<Result<_, _>>().map_err(failed)
    }

    /// Whether a condition holds for each of the points.
    pub(super) fn conditions<'p>(
        &self,
        condition: &str,
        points: impl Iterator<Item = (Option<usize>, &'p Value, f64)>,
    ) -> Result<Vec<bool>, PanelError> {
        let failed = |source| PanelError::Text {
            field: "chart.where",
            source,
        };
        let condition = self.environment.compile_expression(condition).map_err(failed)?;
        let outcomes = points.map(|(row, name, value)| condition.eval(self.of_point(row, name, value)));
        let outcomes = outcomes.map(|outcome| outcome.map(|outcome| outcome.is_true()));
        outcomes.collect::<Result<_, _>>().map_err(failed)
    }

    /// Variables of a point; one that no row stands behind has no `row`.
    fn of_point(&self, row: Option<usize>, name: &Value, value: f64) -> Variable {
        let name = template::value(name);
        let variables = context!(name => name, value => value, ..self.values.clone());
        match row.and_then(|row| self.rows.get(row)) {
            Some(row) => context!(row => row.clone(), ..variables),
            None => variables,
        }
    }
}
