//! Tables for people: as wide as the terminal at most, with colours where it has them. A colour never says what the text
//! does not.

use cardlake_core::text::thousands;
use comfy_table::{
    Attribute, Cell, CellAlignment, Color, Column, ColumnConstraint, ContentArrangement, Table, TableStyle,
};

/// A table with a header, bold where that can be, and no lines.
pub(crate) fn new_table<Header: AsRef<str>>(header: &[Header]) -> Table {
    let mut table = Table::new();
    table
        .load_style(TableStyle::new())
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

/// Makes a table of short values fit the terminal: whole columns are left out, in the given order, rather than numbers cut.
/// Gives what to say below of the columns that are left out; nothing when all are there.
pub(crate) fn fit(table: &mut Table, expendable: &[usize]) -> &'static str {
    table.set_content_arrangement(ContentArrangement::Disabled);
    let Some(width) = table.width() else { return "" };
    for index in expendable {
        let contents = table.column_max_content_widths();
        let needed = |(content, column): (u16, &Column)| {
            if column.is_hidden() {
                0
            } else {
                content + column.padding_width()
            }
        };
        if contents.into_iter().zip(table.column_iter()).map(needed).sum::<u16>() <= width {
            break;
        }
        if let Some(column) = table.column_mut(*index) {
            column.set_constraint(ColumnConstraint::Hidden);
        }
    }
    if table.column_iter().any(Column::is_hidden) {
        " (a wider terminal shows more columns, --json all)\n"
    } else {
        ""
    }
}

/// From this column on there are numbers: their headers stand above their ends.
pub(crate) fn numbers_from(table: &mut Table, first: usize) {
    for column in table.column_iter_mut().skip(first) {
        column.set_cell_alignment(CellAlignment::Right);
    }
}

/// A number with its thousands apart.
pub(crate) fn count(number: u64) -> Cell {
    right(thousands(number))
}

/// A text that ends where those above and below end: a number.
pub(crate) fn right(text: impl Into<String>) -> Cell {
    Cell::new(text.into()).set_alignment(CellAlignment::Right)
}

/// What is zero, and so of no interest.
pub(crate) fn faint(cell: Cell) -> Cell {
    cell.add_attribute(Attribute::Dim)
}

/// What went well.
pub(crate) fn good(cell: Cell) -> Cell {
    cell.fg(Color::DarkGreen)
}

/// What somebody may want to look at.
pub(crate) fn notable(cell: Cell) -> Cell {
    cell.fg(Color::DarkYellow)
}

/// What went wrong.
pub(crate) fn bad(cell: Cell) -> Cell {
    cell.fg(Color::DarkRed).add_attribute(Attribute::Bold)
}
