//! The result of the explorer's query as JSON inside the page.
//!
//! Columns, not rows: names of a dimension stand once, each cell has their numbers. Cells are sorted by day, so that days
//! need no column. `web/src/data.ts` reads it.

use super::definition::ExploreDefinition;
use super::{Live, SCRIPT, STYLE};
use crate::definition::Format;
use crate::table::{Table, Value};
use crate::template;
use chrono::NaiveDate;
use minijinja::value::Value as Variable;
use serde::Serialize;
use serde_json::Number;
use std::collections::BTreeSet;

/// The most cells (rows of the query) in a page: about 2 MB. Of more, the older days are left out.
pub(crate) const MOST_CELLS: usize = 60_000;

/// Why the explorer cannot be shown.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CubeError {
    /// The definition names a column that the result does not have.
    #[error("the result has no column '{column}'; it has {}", .columns.join(", "))]
    Column {
        /// As the definition names it.
        column: String,
        /// Those that there are.
        columns: Vec<String>,
    },
    /// The column of days has something else.
    #[error("date: '{value}' in column '{column}' is not a day")]
    Day {
        /// The column.
        column: String,
        /// The value.
        value: String,
        /// What is wrong.
        source: chrono::ParseError,
    },
    /// A measure is not a number.
    #[error("measures: '{value}' in column '{column}' is not a number")]
    Number {
        /// The column.
        column: String,
        /// The value.
        value: String,
    },
    /// A text cannot be rendered.
    #[error("{field}: {}", template::explain(.source))]
    Text {
        /// The field of the definition.
        field: &'static str,
        /// What is wrong.
        source: minijinja::Error,
    },
    /// The document cannot be written: an internal bug.
    #[error("cannot write the data: {0}")]
    Json(#[from] serde_json::Error),
}

/// The explorer as the page's template sees it.
#[derive(Debug, Default, Serialize)]
pub(crate) struct View {
    pub(crate) id: String,
    pub(crate) title: String,
    pub(crate) note: String,
    /// JSON without `<`, so that no markup can occur in it.
    pub(crate) data: String,
    pub(crate) script: &'static str,
    pub(crate) style: &'static str,
    pub(crate) query: Option<String>,
    /// Why there is nothing else.
    pub(crate) error: Option<String>,
}

/// The data of the page.
#[derive(Debug, Serialize)]
struct Document<'a> {
    date: Titled<'a>,
    dimensions: Vec<Dimension<'a>>,
    measures: Vec<Measure<'a>>,
    details: Vec<Detail<'a>>,
    cells: Cells<'a>,
    /// The day before which days were left out.
    left_out_before: Option<NaiveDate>,
    most_cells: usize,
    question: Option<&'a str>,
    live: Option<&'a Live>,
}

#[derive(Debug, Serialize)]
struct Titled<'a> {
    column: &'a str,
    title: &'a str,
}

#[derive(Debug, Serialize)]
struct Dimension<'a> {
    column: &'a str,
    title: &'a str,
    /// All its values, sorted; NULL is the empty text.
    values: Vec<String>,
    /// For each cell, the index of its value.
    cells: Vec<usize>,
}

#[derive(Debug, Serialize)]
struct Measure<'a> {
    id: String,
    title: &'a str,
    unit: String,
    format: Format,
    column: &'a str,
    over: Option<&'a str>,
}

#[derive(Debug, Serialize)]
struct Detail<'a> {
    id: &'a str,
    title: &'a str,
    key: Option<Titled<'a>>,
}

#[derive(Debug, Serialize)]
struct Cells<'a> {
    first_day: Option<NaiveDate>,
    /// Days with cells, as days after the first one, in order.
    days: Vec<i64>,
    /// How many cells each of them has.
    counts: Vec<usize>,
    /// By column: for each cell, its number.
    columns: Vec<(&'a str, Vec<Number>)>,
}

/// The explorer with its data, ready for the page.
pub(crate) fn view(
    definition: &ExploreDefinition,
    table: &Table,
    values: &Variable,
    live: Option<&Live>,
) -> Result<View, CubeError> {
    let document = document(definition, table, values, live, MOST_CELLS)?;
    let note = template::texts().render_str(&definition.note, values);
    let note = note.map_err(|source| CubeError::Text { field: "note", source })?;
    Ok(View {
        title: definition.title.clone(),
        note: note.trim().to_owned(),
        // In JSON, `<` occurs in strings only.
        data: serde_json::to_string(&document)?.replace('<', "\\u003c"),
        script: SCRIPT,
        style: STYLE,
        ..View::default()
    })
}

fn document<'a>(
    definition: &'a ExploreDefinition,
    table: &Table,
    values: &Variable,
    live: Option<&'a Live>,
    most: usize,
) -> Result<Document<'a>, CubeError> {
    let days = days(&definition.date.column, table)?;
    let mut rows: Vec<(NaiveDate, usize)> = days.into_iter().zip(0..).collect();
    rows.sort_unstable();
    let left_out_before = leave_out(&mut rows, most);
    let order: Vec<usize> = rows.iter().map(|(_, row)| *row).collect();
    let dimensions = definition.dimensions.iter().map(|dimension| {
        let texts: Vec<String> = cells(&dimension.column, table, &order)?.map(Value::display).collect();
        let values: BTreeSet<&String> = texts.iter().collect();
        let values: Vec<String> = values.into_iter().cloned().collect();
        let index = |text: &String| values.binary_search(text).unwrap_or_default();
        Ok(Dimension {
            column: &dimension.column,
            title: &dimension.title,
            cells: texts.iter().map(index).collect(),
            values,
        })
    });
    let dimensions = dimensions.collect::<Result<_, CubeError>>()?;
    let measures = definition.measures.iter().map(|measure| {
        let unit = template::texts().render_str(&measure.unit, values);
        let unit = unit.map_err(|source| CubeError::Text {
            field: "measures.unit",
            source,
        })?;
        Ok(Measure {
            id: measure.id(),
            title: &measure.title,
            unit: unit.trim().to_owned(),
            format: measure.format,
            column: &measure.column,
            over: measure.over.as_deref(),
        })
    });
    let measures = measures.collect::<Result<_, CubeError>>()?;
    let names: BTreeSet<&str> = definition
        .measures
        .iter()
        .flat_map(|measure| [Some(measure.column.as_str()), measure.over.as_deref()])
        .flatten()
        .collect();
    let columns = names.into_iter().map(|name| {
        let numbers = cells(name, table, &order)?.map(|value| number(name, value));
        Ok((name, numbers.collect::<Result<_, CubeError>>()?))
    });
    let columns = columns.collect::<Result<_, CubeError>>()?;
    let details = definition.details.iter().map(|detail| Detail {
        id: &detail.id,
        title: &detail.title,
        key: detail.key.as_ref().map(|key| Titled {
            column: &key.column,
            title: &key.title,
        }),
    });
    let first_day = rows.first().map(|(day, _)| *day);
    let mut found = Cells {
        first_day,
        days: Vec::new(),
        counts: Vec::new(),
        columns,
    };
    for (day, _) in &rows {
        let after = first_day.map_or(0, |first| (*day - first).num_days());
        match found.counts.last_mut() {
            Some(count) if found.days.last() == Some(&after) => *count += 1,
            _ => {
                found.days.push(after);
                found.counts.push(1);
            }
        }
    }
    Ok(Document {
        date: Titled {
            column: &definition.date.column,
            title: &definition.date.title,
        },
        dimensions,
        measures,
        details: details.collect(),
        cells: found,
        left_out_before,
        most_cells: most,
        question: definition.question.as_deref().map(str::trim).filter(|_| live.is_some()),
        live,
    })
}

/// Removes the oldest days until at most `most` rows are left; gives the oldest day that stays, if any was removed.
fn leave_out(rows: &mut Vec<(NaiveDate, usize)>, most: usize) -> Option<NaiveDate> {
    let removed = rows.len().checked_sub(most).filter(|removed| *removed > 0)?;
    let (cut, _) = *rows.get(removed - 1)?;
    // A day is whole or it is left out.
    rows.retain(|(day, _)| *day > cut);
    rows.first().map(|(day, _)| *day).or_else(|| cut.succ_opt())
}

fn days(column: &str, table: &Table) -> Result<Vec<NaiveDate>, CubeError> {
    let all: Vec<usize> = (0..table.rows.len()).collect();
    let days = cells(column, table, &all)?.map(|value| {
        let value = value.display();
        // Warehouses may deliver a truncated day as a timestamp.
        let day = value.get(..10).unwrap_or(&value);
        day.parse().map_err(|source| CubeError::Day {
            column: column.to_owned(),
            value: value.clone(),
            source,
        })
    });
    days.collect()
}

/// The values of a column, in the given order of rows.
fn cells<'a>(
    name: &str,
    table: &'a Table,
    order: &'a [usize],
) -> Result<impl Iterator<Item = &'a Value> + use<'a>, CubeError> {
    let index = table.columns.iter().position(|column| column == name);
    let index = index.ok_or_else(|| CubeError::Column {
        column: name.to_owned(),
        columns: table.columns.clone(),
    })?;
    let value = move |row: &usize| table.rows.get(*row).and_then(|row| row.get(index));
    Ok(order.iter().map(move |row| value(row).unwrap_or(&Value::Null)))
}

/// A number as JSON: as short as it can be. NULL adds nothing.
fn number(column: &str, value: &Value) -> Result<Number, CubeError> {
    /// Whole numbers that a double can tell apart.
    const EXACT: f64 = 9_007_199_254_740_992.0;
    let wrong = || CubeError::Number {
        column: column.to_owned(),
        value: value.display(),
    };
    let number = match value {
        Value::Null => 0.0,
        Value::Integer(number) => return Ok(Number::from(*number)),
        Value::Double(number) => *number,
        Value::Text(text) => text.parse().map_err(|_| wrong())?,
        Value::Boolean(_) => return Err(wrong()),
    };
    if number.fract() == 0.0 && number.abs() < EXACT {
        return Ok(Number::from(number as i64));
    }
    Number::from_f64(number).ok_or_else(wrong)
}
