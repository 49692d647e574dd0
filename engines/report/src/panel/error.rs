//! Why a panel cannot be drawn.

use crate::charts::ChartError;

/// Why a panel cannot be drawn; the page shows it in the panel's place.
#[derive(Debug, thiserror::Error)]
pub(crate) enum PanelError {
    /// The definition names a column that the result does not have.
    #[error("the result has no column '{column}'; it has {}", .columns.join(", "))]
    Column {
        /// As the definition names it.
        column: String,
        /// Those that there are.
        columns: Vec<String>,
    },
    /// A text cannot be rendered.
    #[error("{field}: {}", crate::template::explain(.source))]
    Text {
        /// The field of the definition.
        field: &'static str,
        /// What is wrong.
        source: minijinja::Error,
    },
    /// A chart of days has another value in its column of names.
    #[error("chart.every: '{value}' in column '{column}' is not a day")]
    Day {
        /// The column.
        column: String,
        /// The value.
        value: String,
        /// What is wrong.
        source: chrono::ParseError,
    },
    /// The chart cannot be drawn.
    #[error(transparent)]
    Chart(#[from] ChartError),
}
