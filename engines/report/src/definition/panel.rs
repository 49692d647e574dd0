//! Panels: `<id>.yml`.

use serde::{Deserialize, Serialize};

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
    /// What the bars measure.
    #[serde(default)]
    pub(crate) legend: Option<String>,
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
