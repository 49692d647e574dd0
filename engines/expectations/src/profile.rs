//! A suite made from data: what it is like today, as expectations of tomorrow's.
//!
//! Two rounds of probes, which are expectations themselves, describe the columns; rules make expectations of what they found,
//! each with a note on why. Structure (columns, types, missing values, uniqueness) is critical, what is a guess from the
//! values of today (sets, ranges, the number of rows) is a warning.
//!
//! Guarantee: the data meets its suite; what it would not meet, since a bound was rounded, is left out, and a note names it. The suite depends on
//! name and data only.

mod observe;
mod propose;
mod round;

use crate::evaluate::{EvaluationError, evaluate};
use crate::result::ResultFormat;
use crate::source::Source;
use crate::suite::Suite;
use crate::text::thousands;
use serde_json::{Map, Value, json};

/// Makes a suite of this name from the rows of a source.
///
/// # Errors
/// A source that cannot be read.
pub async fn profile(source: &dyn Source, name: &str) -> Result<Suite, EvaluationError> {
    let rows = source.rows();
    let columns = observe::columns(source).await?;
    let mut suite = Suite {
        name: name.to_owned(),
        expectations: propose::expectations(rows, &columns),
        suite_parameters: Map::new(),
        meta: Map::new(),
    };
    let result = evaluate(&suite, source, ResultFormat::BooleanOnly, Map::new()).await?;
    let results = suite.expectations.into_iter().zip(&result.results);
    let (met, unmet): (Vec<_>, Vec<_>) = results.partition(|(_, result)| result.success);
    suite.expectations = met.into_iter().map(|(expectation, _)| expectation).collect();
    let left_out = unmet.iter().map(|(_, result)| result.sentence());
    let left_out: Vec<String> = left_out.collect();
    suite.meta = meta(rows, &columns, &left_out);
    Ok(suite)
}

/// What a reader of the suite should know.
fn meta(rows: u64, columns: &[observe::Observed], left_out: &[String]) -> Map<String, Value> {
    let mut notes = vec![
        format!("Made from {} rows, which meet all of it: a draft to be read and changed.", thousands(rows)),
        "Critical: columns, types, columns without missing values, unique columns. Warnings are guesses from the values: sets, ranges, \
         shares of missing values, the number of rows."
            .to_owned(),
    ];
    let empty: Vec<&str> = columns
        .iter()
        .filter(|column| column.present == 0)
        .map(|column| column.name.as_str())
        .collect();
    if !empty.is_empty() && rows > 0 {
        notes.push(format!("Columns without any value: {}.", empty.join(", ")));
    }
    if !left_out.is_empty() {
        let left_out = left_out.join("; ");
        notes.push(format!(
            "Left out, since the data does not meet them with rounded bounds: {left_out}."
        ));
    }
    Map::from_iter([
        ("great_expectations_version".to_owned(), json!("1.24.1")),
        ("notes".to_owned(), json!(notes)),
    ])
}
