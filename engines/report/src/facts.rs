//! What only the caller knows, as plain data: shown on the page as given.

use crate::charts::Chart;

/// Everything on the page that comes from no query.
#[derive(Debug, Clone, Default)]
pub struct Facts {
    /// Large numbers, after those of the panels.
    pub tiles: Vec<Tile>,
    /// Warnings, before those about panels that failed.
    pub warnings: Vec<String>,
    /// Sections after the panels, in order.
    pub sections: Vec<Section>,
    /// CSS for the drawings of the sections.
    pub style: String,
    /// Text at the end of the page.
    pub footer: String,
}

/// A number in large type.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Tile {
    /// What it is.
    pub label: String,
    /// The number.
    pub value: String,
    /// Small print below it.
    pub note: String,
}

/// A part of the page.
#[derive(Debug, Clone)]
pub struct Section {
    /// Target of links to it: letters, digits and hyphens.
    pub id: String,
    /// Heading.
    pub title: String,
    /// One or two sentences below the heading.
    pub note: String,
    /// Whether the page's menu links to it.
    pub in_menu: bool,
    /// Content.
    pub body: Body,
}

/// Content of a [`Section`].
#[derive(Debug, Clone)]
pub enum Body {
    /// A table.
    Table(TextTable),
    /// A chart, with its numbers as a table.
    Chart {
        /// The chart.
        chart: Chart,
        /// What it says, in words.
        alternative: String,
        /// Its numbers.
        table: TextTable,
    },
    /// A drawing of the caller's.
    Drawing {
        /// SVG; put into the page as it is, so it must come from a trusted source.
        svg: String,
        /// What it is, for screen readers.
        label: String,
        /// Class of the element around it.
        class: String,
    },
}

/// A table of texts.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TextTable {
    /// Headings.
    pub columns: Vec<String>,
    /// Rows; each has one text per column.
    pub rows: Vec<Vec<String>>,
}
