//! Tables for people: as wide as the terminal at most, with colours where it has them. A colour never says what the text
//! does not.

use cardlake_shared::text::thousands;
use comfy_table::{Attribute, Cell, CellAlignment, Color, ContentArrangement, Table, TableComponent, presets};

/// A table with a header, and no lines but one below it.
pub(crate) fn new_table<Header: AsRef<str>>(header: &[Header]) -> Table {
    let mut table = Table::new();
    table
        .load_preset(presets::NOTHING)
        .set_style(TableComponent::HeaderLines, '─')
        .set_style(TableComponent::MiddleHeaderIntersections, '─')
        .set_content_arrangement(ContentArrangement::Dynamic)
        .set_header(
            header
                .iter()
                .map(|name| Cell::new(name.as_ref()).add_attribute(Attribute::Bold)),
        );
    if !console::colors_enabled() {
        if let Some(width) = table.width() {
            table.set_width(width);
        }
        table.force_no_tty();
    }
    table
}

/// A number with its thousands apart.
pub(crate) fn count(number: u64) -> Cell {
    right(thousands(number))
}

/// A text that ends where those above and below end: a number.
pub(crate) fn right(text: impl Into<String>) -> Cell {
    Cell::new(text.into()).set_alignment(CellAlignment::Right)
}

/// What belongs to the line above, or is zero.
pub(crate) fn faint(cell: Cell) -> Cell {
    cell.add_attribute(Attribute::Dim)
}

/// What went well.
pub(crate) fn good(cell: Cell) -> Cell {
    cell.fg(Color::Green)
}

/// What somebody may want to look at.
pub(crate) fn notable(cell: Cell) -> Cell {
    cell.fg(Color::Yellow)
}

/// What went wrong.
pub(crate) fn bad(cell: Cell) -> Cell {
    cell.fg(Color::Red).add_attribute(Attribute::Bold)
}
