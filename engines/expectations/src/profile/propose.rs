//! Expectations that follow from what columns hold.

use super::observe::{LISTED, Observed, QUANTILES};
use super::round::{number, outward};
use crate::suite::{ExpectationConfiguration, Severity};
use crate::text::thousands;
use crate::value::Kind;
use serde_json::{Map, Value, json};

/// Fewer rows say nothing about ranges and uniqueness.
const FEWEST_ROWS: u64 = 20;
/// How often each value of a list has to occur, on average, for the list to be one.
const TIMES_EACH: u64 = 5;
/// By how much the share of values may fall.
const SHARE_MARGIN: f64 = 0.05;

/// The suite of a table.
pub(super) fn expectations(rows: u64, columns: &[Observed]) -> Vec<ExpectationConfiguration> {
    let names: Vec<&str> = columns.iter().map(|column| column.name.as_str()).collect();
    let mut suite = vec![expectation(
        "table_columns_to_match_set",
        json!({"column_set": names, "exact_match": true}),
        Severity::Critical,
        format!("{} columns, in any order", columns.len()),
    )];
    if rows > 0 {
        suite.push(expectation(
            "table_row_count_to_be_between",
            json!({"min_value": rows.div_ceil(2), "max_value": rows.saturating_mul(2)}),
            Severity::Warning,
            format!("half of and twice the {} rows", thousands(rows)),
        ));
    }
    for column in columns {
        suite.extend(of_column(column));
    }
    suite
}

fn expectation(name: &str, kwargs: Value, severity: Severity, note: String) -> ExpectationConfiguration {
    let kwargs = match kwargs {
        Value::Object(kwargs) => kwargs,
        _ => Map::new(),
    };
    let mut made = ExpectationConfiguration::new(format!("expect_{name}"), kwargs);
    made.severity = severity;
    made.meta = Some(Map::from_iter([("notes".to_owned(), Value::from(note))]));
    made
}

fn of_column(column: &Observed) -> Vec<ExpectationConfiguration> {
    let Observed {
        name,
        data_type,
        present,
        missing,
        ..
    } = column;
    let mut made = vec![expectation(
        "column_values_to_be_of_type",
        json!({"column": name, "type_": data_type}),
        Severity::Critical,
        "the type of the file, as in Arrow".to_owned(),
    )];
    if *present == 0 {
        return made;
    }
    made.extend(missing_values(name, *present, *missing));
    let is_key = matches!(column.kind, Kind::Text | Kind::Integer);
    let unique = is_key && *missing == 0 && column.distinct == *present && *present >= FEWEST_ROWS;
    if unique {
        made.push(expectation(
            "column_values_to_be_unique",
            json!({"column": name}),
            Severity::Critical,
            format!("{} values, all of them different", thousands(*present)),
        ));
    }
    if column.filled {
        made.push(expectation(
            "column_value_lengths_to_be_between",
            json!({"column": name, "min_value": 1}),
            Severity::Warning,
            "no text is empty".to_owned(),
        ));
    }
    let listed = column.values.as_ref().filter(|_| column.distinct <= LISTED);
    let few = column.distinct.saturating_mul(TIMES_EACH) <= *present;
    if let Some(values) = listed.filter(|_| few) {
        made.push(expectation(
            "column_values_to_be_in_set",
            json!({"column": name, "value_set": values}),
            Severity::Warning,
            format!("{} different values in {} rows", column.distinct, thousands(*present)),
        ));
        return made;
    }
    match column.kind {
        Kind::Date | Kind::Timestamp { .. } if column.minimum.is_string() => made.push(expectation(
            "column_values_to_be_between",
            json!({"column": name, "min_value": column.minimum}),
            Severity::Warning,
            format!(
                "the earliest value; the latest is {}",
                column.maximum.as_str().unwrap_or_default()
            ),
        )),
        // Tomorrow's keys are others.
        _ if *present >= FEWEST_ROWS && !unique => made.extend(range(column)),
        _ => {}
    }
    made
}

fn missing_values(name: &str, present: u64, missing: u64) -> Option<ExpectationConfiguration> {
    if missing == 0 {
        let note = "no value is missing".to_owned();
        return Some(expectation(
            "column_values_to_not_be_null",
            json!({"column": name}),
            Severity::Critical,
            note,
        ));
    }
    let share = present as f64 / (present + missing) as f64;
    // In whole percent.
    let mostly = ((share - SHARE_MARGIN) * 100.0).floor() / 100.0;
    (mostly > 0.0).then(|| {
        expectation(
            "column_values_to_not_be_null",
            json!({"column": name, "mostly": mostly}),
            Severity::Warning,
            format!(
                "{} of {} values are missing",
                thousands(missing),
                thousands(present + missing)
            ),
        )
    })
}

/// The range of many numbers, and where most of them lie.
fn range(column: &Observed) -> Vec<ExpectationConfiguration> {
    let (Some(quantiles), Some(minimum), Some(maximum)) =
        (&column.quantiles, column.minimum.as_f64(), column.maximum.as_f64())
    else {
        return Vec::new();
    };
    let &[lowest, low, middle, high, highest] = quantiles.as_slice() else {
        return Vec::new();
    };
    let name = &column.name;
    // As far beyond the quantiles as these are apart, but not beyond zero, nor within the values.
    let spread = highest - lowest;
    let within_sign = |bound: f64| match bound {
        bound if minimum >= 0.0 => bound.max(0.0),
        bound if maximum <= 0.0 => bound.min(0.0),
        bound => bound,
    };
    let lower = outward(within_sign((lowest - spread).min(minimum)), false);
    let upper = outward(within_sign((highest + spread).max(maximum)), true);
    let mut made = Vec::new();
    if lower.is_finite() && upper.is_finite() {
        made.push(expectation(
            "column_values_to_be_between",
            json!({"column": name, "min_value": number(lower), "max_value": number(upper)}),
            Severity::Warning,
            format!("values from {minimum} to {maximum}, 98 % of them from {lowest} to {highest}"),
        ));
    }
    if low < high && (high - low).is_finite() {
        // Half the way to the next quantile, or across the whole range if that is the same one.
        let half = |from: f64, to: f64| {
            if from < to {
                (to - from) / 2.0
            } else {
                (high - low) / 2.0
            }
        };
        let (below, above) = (half(low, middle), half(middle, high));
        let around = [(low, below, below), (middle, below, above), (high, above, above)];
        let around = around.map(|(value, below, above)| {
            let bounds = [
                outward(within_sign(value - below), false),
                outward(within_sign(value + above), true),
            ];
            Value::from_iter(bounds.map(number))
        });
        let ranges = json!({"quantiles": &QUANTILES[1..4], "value_ranges": Value::from_iter(around)});
        made.push(expectation(
            "column_quantile_values_to_be_between",
            json!({"column": name, "quantile_ranges": ranges}),
            Severity::Warning,
            format!("5 % of the values are up to {low}, half of them up to {middle}, 95 % up to {high}"),
        ));
    }
    made
}
