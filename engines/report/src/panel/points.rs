//! The points of columns and bars.

use super::error::PanelError;
use super::scope::Scope;
use crate::charts::{Bars, Chart, Columns};
use crate::definition::{BarsDefinition, ColumnsDefinition, Every};
use crate::table::Value;
use crate::template;
use crate::text::grouped;
use chrono::NaiveDate;
use minijinja::context;
use minijinja::value::Value as Variable;
use std::collections::BTreeMap;

/// A column or bar.
#[derive(Debug)]
pub(super) struct Point {
    /// Its row of the result; `None` if it was added.
    row: Option<usize>,
    name: Value,
    /// The name as it is shown.
    label: String,
    value: f64,
    /// The value as it is shown.
    text: String,
    /// Moving mean.
    line: Option<f64>,
}

impl Point {
    fn parts(&self) -> (Option<usize>, &Value, f64) {
        (self.row, &self.name, self.value)
    }
}

/// The points as variables of texts.
pub(super) fn variables(points: &[Point]) -> Variable {
    let point = |point: &Point| {
        context!(
            name => template::value(&point.name),
            label => point.label.clone(),
            value => point.value,
            text => point.text.clone(),
            line => point.line,
        )
    };
    points.iter().map(point).collect()
}

/// The columns of a chart.
pub(super) fn columns(chart: &ColumnsDefinition, scope: &Scope<'_>) -> Result<Vec<Point>, PanelError> {
    let mut points = read(&chart.name, &chart.value, chart.condition.as_deref(), scope)?;
    if chart.every == Some(Every::Day) {
        points = every_day(&chart.name, points)?;
    }
    if let Some(size) = chart.mean {
        let values: Vec<f64> = points.iter().map(|point| point.value).collect();
        for (index, point) in points.iter_mut().enumerate() {
            let window = values.get((index + 1).saturating_sub(size)..=index).unwrap_or_default();
            point.line = Some(window.iter().sum::<f64>() / window.len() as f64);
        }
    }
    write(&mut points, chart.name_text.as_deref(), chart.text.as_deref(), scope)?;
    Ok(points)
}

/// The chart of columns.
pub(super) fn columns_chart(
    chart: &ColumnsDefinition,
    points: Vec<Point>,
    scope: &Scope<'_>,
) -> Result<Chart, PanelError> {
    Ok(Chart::Columns(Columns {
        values: points.iter().map(|point| point.value).collect(),
        line: points.iter().filter_map(|point| point.line).collect(),
        labels: points.into_iter().map(|point| point.label).collect(),
        x: scope.text("chart.x_title", &chart.x_title)?,
        y: scope.text("chart.y_title", &chart.y_title)?,
    }))
}

/// The bars of a chart.
pub(super) fn bars(chart: &BarsDefinition, scope: &Scope<'_>) -> Result<Vec<Point>, PanelError> {
    let mut points = read(&chart.name, &chart.value, chart.condition.as_deref(), scope)?;
    write(&mut points, chart.name_text.as_deref(), chart.text.as_deref(), scope)?;
    Ok(points)
}

/// The chart of bars.
pub(super) fn bars_chart(points: Vec<Point>) -> Chart {
    let mut bars = Bars::default();
    for point in points {
        bars.names.push(point.label);
        bars.values.push(point.value);
        bars.texts.push(point.text);
    }
    Chart::Bars(bars)
}

/// One point for each row that the condition holds for.
fn read(name: &str, value: &str, condition: Option<&str>, scope: &Scope<'_>) -> Result<Vec<Point>, PanelError> {
    let names = scope.column(name)?.into_iter();
    let rows = names.zip(scope.column(value)?).enumerate();
    let mut points: Vec<Point> = rows
        .map(|(row, (name, value))| Point {
            row: Some(row),
            name: name.clone(),
            label: grouped(&name.display()),
            value: value.number(),
            text: grouped(&value.display()),
            line: None,
        })
        .collect();
    if let Some(condition) = condition {
        let mut holds = scope
            .conditions(condition, points.iter().map(Point::parts))?
            .into_iter();
        points.retain(|_| holds.next().unwrap_or_default());
    }
    Ok(points)
}

/// Writes names and values as the definition says.
fn write(
    points: &mut [Point],
    name_text: Option<&str>,
    text: Option<&str>,
    scope: &Scope<'_>,
) -> Result<(), PanelError> {
    if let Some(template) = name_text {
        let labels = scope.of_points("chart.name_text", template, points.iter().map(Point::parts))?;
        for (point, label) in points.iter_mut().zip(labels) {
            point.label = label;
        }
    }
    if let Some(template) = text {
        let texts = scope.of_points("chart.text", template, points.iter().map(Point::parts))?;
        for (point, text) in points.iter_mut().zip(texts) {
            point.text = text;
        }
    }
    Ok(())
}

/// Sorts the points by day and adds one of zero for each day between them that has none.
fn every_day(column: &str, points: Vec<Point>) -> Result<Vec<Point>, PanelError> {
    let mut by_day: BTreeMap<NaiveDate, Point> = BTreeMap::new();
    for point in points {
        let value = point.name.display();
        let day = value.parse().map_err(|source| PanelError::Day {
            column: column.to_owned(),
            value,
            source,
        })?;
        by_day.insert(day, point);
    }
    let Some((&first, &last)) = by_day.keys().next().zip(by_day.keys().next_back()) else {
        return Ok(Vec::new());
    };
    let days = first.iter_days().take_while(|day| *day <= last);
    let days = days.map(|day| {
        by_day.remove(&day).unwrap_or_else(|| Point {
            row: None,
            name: Value::Text(day.to_string()),
            label: day.to_string(),
            value: 0.0,
            text: "0".to_owned(),
            line: None,
        })
    });
    Ok(days.collect())
}
