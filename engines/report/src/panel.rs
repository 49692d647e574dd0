//! From a panel's definition and its result to what the page shows.

mod error;
mod points;
mod scope;

pub(crate) use error::PanelError;

use crate::charts::{Chart, ChartError, HeatMap};
use crate::definition::{
    AxisDefinition, ChartDefinition, ColumnDefinition, Format, HeatMapDefinition, PanelDefinition,
};
use crate::facts::Tile;
use crate::table::{Table, Value};
use crate::text::{compact, grouped, percent};
use minijinja::value::Value as Variable;
use scope::Scope;
use serde::Serialize;
use std::collections::BTreeSet;

/// A panel as the page's template sees it.
#[derive(Debug, Default, Serialize)]
pub(crate) struct View {
    pub(crate) id: String,
    pub(crate) title: String,
    pub(crate) note: String,
    /// Style class and text of each series.
    pub(crate) legend: Vec<(&'static str, String)>,
    /// The chart for a desk.
    pub(crate) wide: Option<String>,
    /// The chart for a phone.
    pub(crate) narrow: Option<String>,
    /// What the chart says, in words.
    pub(crate) alternative: String,
    pub(crate) columns: Vec<String>,
    pub(crate) rows: Vec<Vec<String>>,
    pub(crate) query: Option<String>,
    /// A drawing of the caller's, instead of chart and table.
    pub(crate) drawing: Option<Drawing>,
    /// Why there is nothing else.
    pub(crate) error: Option<String>,
    /// Whether the page's menu links to it.
    pub(crate) in_menu: bool,
}

/// A drawing of the caller's.
#[derive(Debug, Serialize)]
pub(crate) struct Drawing {
    pub(crate) svg: String,
    pub(crate) label: String,
    pub(crate) class: String,
}

impl View {
    pub(crate) fn with_chart(mut self, chart: &Chart) -> Result<Self, ChartError> {
        self.wide = Some(chart.wide()?);
        self.narrow = Some(chart.narrow()?);
        Ok(self)
    }
}

/// A panel and its tiles.
#[derive(Debug, Default)]
pub(crate) struct Drawn {
    pub(crate) view: View,
    pub(crate) tiles: Vec<Tile>,
}

/// Draws a panel. `values` are the page-wide variables.
pub(crate) fn draw(definition: &PanelDefinition, table: &Table, values: &Variable) -> Result<Drawn, PanelError> {
    let mut scope = Scope::new(table, values);
    let mut view = View {
        title: definition.title.clone(),
        columns: definition.table.iter().map(|column| column.title.clone()).collect(),
        rows: rows(&definition.table, &scope)?,
        ..View::default()
    };
    match &definition.chart {
        None => {}
        Some(ChartDefinition::Columns(chart)) => {
            let points = points::columns(chart, &scope)?;
            scope.set_points(points::variables(&points));
            if !points.is_empty() {
                let drawn = points::columns_chart(chart, points, &scope)?;
                view.legend = ["first", "second"]
                    .into_iter()
                    .zip(chart.legend.iter().cloned())
                    .collect();
                view = view.with_chart(&drawn)?;
            }
            view.alternative = scope.text("chart.alternative", &chart.alternative)?;
        }
        Some(ChartDefinition::Bars(chart)) => {
            let points = points::bars(chart, &scope)?;
            scope.set_points(points::variables(&points));
            if !points.is_empty() {
                view = view.with_chart(&points::bars_chart(points))?;
                if let Some(legend) = &chart.legend {
                    view.legend = vec![("first", scope.text("chart.legend", legend)?)];
                }
            }
            view.alternative = scope.text("chart.alternative", &chart.alternative)?;
        }
        Some(ChartDefinition::HeatMap(chart)) => {
            view = view.with_chart(&Chart::HeatMap(heat_map(chart, &scope)?))?;
            view.alternative = scope.text("chart.alternative", &chart.alternative)?;
        }
    }
    view.note = scope.text("note", &definition.note)?;
    let mut tiles = Vec::new();
    for tile in &definition.tiles {
        let tile = Tile {
            label: scope.text("tiles.label", &tile.label)?,
            value: scope.text("tiles.value", &tile.value)?,
            note: scope.text("tiles.note", &tile.note)?,
        };
        if !tile.value.is_empty() {
            tiles.push(tile);
        }
    }
    Ok(Drawn { view, tiles })
}

/// The rows of the table below the chart.
fn rows(columns: &[ColumnDefinition], scope: &Scope<'_>) -> Result<Vec<Vec<String>>, PanelError> {
    let mut rows = vec![Vec::with_capacity(columns.len()); scope.len()];
    for column in columns {
        let values = scope.column(&column.column)?;
        let texts = match &column.text {
            Some(text) => scope.cells("table.text", text, &values)?,
            None => values.iter().map(|value| written(value, column.format)).collect(),
        };
        for (row, text) in rows.iter_mut().zip(texts) {
            row.push(text);
        }
    }
    Ok(rows)
}

pub(crate) fn written(value: &Value, format: Format) -> String {
    match (format, value) {
        (_, Value::Null) => String::new(),
        (Format::Plain, value) => value.display(),
        (Format::Grouped, value) => grouped(&value.display()),
        (Format::Compact, value) => compact(value.number()),
        (Format::Percent, value) => percent(value.number(), 1),
    }
}

fn heat_map(chart: &HeatMapDefinition, scope: &Scope<'_>) -> Result<HeatMap, PanelError> {
    let (x, y) = (axis_texts(&chart.x, scope)?, axis_texts(&chart.y, scope)?);
    let mut columns = axis(&chart.x, &x);
    let mut rows = axis(&chart.y, &y);
    let values = scope.column(&chart.value)?;
    let texts = match &chart.text {
        Some(text) => scope.cells("chart.text", text, &values)?,
        None => values.iter().map(|value| grouped(&value.display())).collect(),
    };
    let highest = values.iter().map(|value| value.number()).fold(0.0, f64::max);
    let full = chart.full.unwrap_or(highest);
    let mut cells = vec![vec![None; columns.len()]; rows.len()];
    for (((x, y), value), text) in x.iter().zip(&y).zip(&values).zip(texts) {
        let place = rows
            .iter()
            .position(|row| row == y)
            .zip(columns.iter().position(|column| column == x));
        let cell = place.and_then(|(row, column)| cells.get_mut(row)?.get_mut(column));
        if let Some(cell) = cell {
            let strength = if full > 0.0 { value.number() / full } else { 0.0 };
            *cell = Some((strength, text));
        }
    }
    if chart.x.shrink {
        let used = cells
            .iter()
            .filter_map(|row| row.iter().rposition(Option::is_some))
            .max();
        let used = used.map_or(1, |last| last + 1);
        columns.truncate(used);
        cells.iter_mut().for_each(|row| row.truncate(used));
    }
    if chart.y.shrink {
        let used = cells.iter().rposition(|row| row.iter().any(Option::is_some));
        let used = used.map_or(1, |last| last + 1);
        rows.truncate(used);
        cells.truncate(used);
    }
    Ok(HeatMap {
        columns,
        rows,
        cells,
        x: chart.x.title.clone(),
        y: chart.y.title.clone(),
    })
}

/// Where each row of the result is on an axis.
fn axis_texts(axis: &AxisDefinition, scope: &Scope<'_>) -> Result<Vec<String>, PanelError> {
    let values = scope.column(&axis.column)?;
    match &axis.text {
        Some(text) => scope.cells("chart axis text", text, &values),
        None => Ok(values.iter().map(|value| value.display()).collect()),
    }
}

/// The places of an axis, in order.
fn axis(axis: &AxisDefinition, found: &[String]) -> Vec<String> {
    match (axis.first, axis.last) {
        (Some(first), Some(last)) if first <= last => (first..=last).map(|place| place.to_string()).collect(),
        (Some(first), Some(last)) => (last..=first).rev().map(|place| place.to_string()).collect(),
        _ => found.iter().cloned().collect::<BTreeSet<_>>().into_iter().collect(),
    }
}
