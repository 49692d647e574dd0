//! The expectations of a suite, ready to take in rows.

use crate::arguments::Arguments;
use crate::condition::Condition;
use crate::detail::Detail;
use crate::expectations::check::{Check, CheckError, Rows};
use crate::expectations::{SUPPORTED, UNANSWERED};
use crate::parameters::resolved;
use crate::result::{NotEvaluated, Outcome, ResultFormat};
use crate::sql::Database;
use crate::suite::{ExpectationConfiguration, Suite};
use crate::table::{BuildError, Problem, Table};
use crate::tally::Positions;
use arrow::array::{BooleanArray, RecordBatch};

/// Expectations that also read the reference rows.
const UNIQUE: [&str; 2] = [
    "expect_column_values_to_be_unique",
    "expect_compound_columns_to_be_unique",
];
/// Expectations that count distinct values.
const DISTINCT: [&str; 4] = [
    "expect_column_distinct_values_to_be_in_set",
    "expect_column_distinct_values_to_equal_set",
    "expect_column_proportion_of_unique_values_to_be_between",
    "expect_column_unique_value_count_to_be_between",
];

/// Why a query is not checked without a database.
const NO_DATABASE: &str = "it is a query, and there is no database here that could run it: make it a test of the database that \
     has the data, such as a dbt test";

/// The number of expectations of a suite with one of these types.
fn count(suite: &Suite, types: &[&str]) -> usize {
    let of_suite = suite.expectations.iter().map(|each| each.expectation_type.as_str());
    of_suite.filter(|name| types.contains(name)).count()
}

/// Whether an expectation of the suite reads the reference rows of its source: see [`crate::Source::scan_reference`].
#[must_use]
pub fn needs_reference_rows(suite: &Suite) -> bool {
    count(suite, &UNIQUE) > 0
}

/// The number of expectations of the suite that keep a hash of every value.
pub(crate) fn hashing(suite: &Suite) -> u64 {
    (count(suite, &UNIQUE) + count(suite, &DISTINCT)) as u64
}

/// An expectation of the suite, ready to take in rows.
pub(crate) struct Evaluation {
    check: Result<Box<dyn Check>, NotEvaluated>,
    condition: Option<Condition>,
    needs_rows: bool,
    detail: Detail,
}

impl Evaluation {
    fn undecided(reason: NotEvaluated) -> Self {
        Self {
            check: Err(reason),
            condition: None,
            needs_rows: false,
            detail: ResultFormat::default().into(),
        }
    }

    /// Level of detail of its result.
    pub(crate) const fn detail(&self) -> &Detail {
        &self.detail
    }

    /// The columns that it judges.
    pub(crate) fn domain(&self) -> Vec<String> {
        self.check.as_ref().map_or_else(|_| Vec::new(), |check| check.columns())
    }

    /// Columns that it reads, those of its row condition included.
    pub(crate) fn columns(&self) -> Vec<String> {
        let mut columns = self.domain();
        if let Some(condition) = &self.condition {
            condition.add_columns(&mut columns);
        }
        columns
    }

    /// Those of its columns that must not be dictionary-encoded.
    pub(crate) fn plain_columns(&self) -> Vec<String> {
        let mut columns = match &self.check {
            Ok(check) if !check.reads_dictionaries() => check.columns(),
            _ => Vec::new(),
        };
        if let Some(condition) = &self.condition {
            condition.add_columns(&mut columns);
        }
        columns
    }

    /// Whether it needs (another pass over) the rows.
    pub(crate) const fn needs_rows(&self) -> bool {
        self.needs_rows
    }

    /// Whether it needs the reference rows in this pass.
    pub(crate) fn needs_reference(&self) -> bool {
        self.needs_rows && self.check.as_ref().is_ok_and(|check| check.needs_reference())
    }

    /// Takes in a batch: of the table, with the number of its first row, or of the reference rows (`None`).
    pub(crate) fn update(&mut self, batch: &RecordBatch, first_row: Option<u64>) -> Result<(), CheckError> {
        let Ok(check) = &mut self.check else {
            return Ok(());
        };
        let reference = first_row.is_none();
        let first_row = first_row.unwrap_or(0);
        let mut take = |rows: &Rows<'_>| {
            if reference {
                check.update_reference(rows)
            } else {
                check.update(rows)
            }
        };
        let Some(condition) = &self.condition else {
            let positions = Positions { first_row, kept: None };
            let taken = take(&Rows { batch, positions });
            return self.decided_by(taken);
        };
        let kept: BooleanArray = condition.evaluate(batch)?;
        let filtered = arrow::compute::filter_record_batch(batch, &kept)?;
        let rows: Vec<u32> = kept.values().set_indices_u32().collect();
        let positions = Positions {
            first_row,
            kept: Some(&rows),
        };
        let taken = take(&Rows {
            batch: &filtered,
            positions,
        });
        self.decided_by(taken)
    }

    /// A value that cannot be judged ends this expectation, not the evaluation.
    fn decided_by(&mut self, taken: Result<(), CheckError>) -> Result<(), CheckError> {
        match taken {
            Err(CheckError::Undecided(error)) => {
                *self = Self::undecided(NotEvaluated::Refused(error.to_string()));
                Ok(())
            }
            other => other,
        }
    }

    /// Ends a pass.
    pub(crate) fn end_pass(&mut self) -> Result<(), CheckError> {
        if self.needs_rows
            && let Ok(check) = &mut self.check
        {
            self.needs_rows = check.next_pass()?;
        }
        Ok(())
    }

    /// Asks the database what it needs to know. An answer that there is not ends this expectation, not the evaluation.
    pub(crate) async fn ask(&mut self, database: Option<&dyn Database>) {
        while let Ok(check) = &mut self.check
            && let Some(query) = check.next_query(&self.detail)
        {
            let answer = match database {
                None => Err(NO_DATABASE.to_owned()),
                Some(database) => database
                    .query(&query.sql, query.limit)
                    .await
                    .map_err(|error| error.to_string()),
            };
            if let Err(problem) = answer.and_then(|batches| check.answer(&batches)) {
                *self = Self::undecided(NotEvaluated::Refused(problem));
            }
        }
    }

    /// The outcome.
    pub(crate) fn finish(&mut self) -> Outcome {
        match &mut self.check {
            Ok(check) => check.finish(&self.detail),
            Err(reason) => Outcome::not_evaluated(reason.clone()),
        }
    }
}

/// Builds the evaluations of a suite. What cannot be evaluated has that as its outcome.
pub(crate) fn build(suite: &Suite, table: &Table, format: ResultFormat) -> Vec<Evaluation> {
    let built = suite.expectations.iter().map(|expectation| {
        let evaluation = match resolved(expectation, &suite.suite_parameters, table.now) {
            Ok(None) => evaluation(expectation, table, format),
            Ok(Some(kwargs)) => {
                let expectation_type = expectation.expectation_type.clone();
                evaluation(&ExpectationConfiguration::new(expectation_type, kwargs), table, format)
            }
            Err(problem) => Err(problem),
        };
        evaluation.unwrap_or_else(|problem| Evaluation::undecided(NotEvaluated::Refused(problem)))
    });
    built.collect()
}

/// How much of a name must agree with that of a supported type for it to be suggested, from 0 to 1.
const ALIKE: f64 = 0.75;

/// A type of expectation that is not answered: with the reason, or the one that may be meant, and all that are supported.
fn unknown(name: &str) -> Problem {
    if let Some((_, reason)) = UNANSWERED.iter().find(|(unanswered, _)| *unanswered == name) {
        return (*reason).to_owned();
    }
    let names = || SUPPORTED.iter().map(|(name, _)| *name);
    let likeness = |supported: &str| strsim::normalized_damerau_levenshtein(name, supported);
    let nearest = names()
        .map(|supported| (likeness(supported), supported))
        .filter(|(likeness, _)| *likeness >= ALIKE)
        .max_by(|a, b| a.0.total_cmp(&b.0));
    let suggestion = nearest.map_or_else(String::new, |(_, nearest)| format!(", did you mean {nearest}?"));
    let supported: Vec<&str> = names().collect();
    format!("this type is unknown{suggestion} (supported: {})", supported.join(", "))
}

fn evaluation(
    expectation: &ExpectationConfiguration,
    table: &Table,
    format: ResultFormat,
) -> Result<Evaluation, Problem> {
    let name = expectation.expectation_type.as_str();
    let Some((_, build)) = SUPPORTED.iter().find(|(supported, _)| *supported == name) else {
        return Err(unknown(name));
    };
    let arguments = Arguments::new(expectation);
    let detail = Detail::of(expectation.kwargs.get("result_format"), format)?;
    if let Some(column) = detail
        .index
        .iter()
        .find(|name| table.schema.field_with_name(name).is_err())
    {
        return Err(format!(
            "argument 'result_format' names the column '{column}', which is not there"
        ));
    }
    let missing =
        |column: String| NotEvaluated::Failed(format!("Error: The column \"{column}\" in BatchData does not exist."));
    match arguments.optional_text("condition_parser")? {
        None | Some("pandas" | "great_expectations" | "great_expectations__experimental__") => {}
        Some(other) => {
            return Err(format!(
                "argument 'condition_parser' is '{other}': give pandas or great_expectations"
            ));
        }
    }
    let condition = match expectation.kwargs.get("row_condition").filter(|value| !value.is_null()) {
        None => None,
        Some(value) => match Condition::new(value, table) {
            Ok(condition) => Some(condition),
            Err(BuildError::Problem(problem)) => return Err(format!("argument 'row_condition': {problem}")),
            Err(BuildError::MissingColumn(column)) => {
                return Ok(Evaluation::undecided(missing(column)));
            }
        },
    };
    let check = match build(&arguments, table) {
        Ok(check) => {
            arguments.finish()?;
            Ok(check)
        }
        Err(BuildError::Problem(problem)) => return Err(problem),
        Err(BuildError::MissingColumn(column)) => Err(missing(column)),
    };
    let needs_rows = check.as_ref().is_ok_and(|check| check.needs_rows());
    Ok(Evaluation {
        check,
        condition,
        needs_rows,
        detail,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use arrow::datatypes::{DataType, Field, Schema};
    use chrono::NaiveDateTime;
    use std::sync::Arc;

    #[test]
    fn an_unknown_type_is_named_with_all_that_are_supported() {
        let suite = |text: &str| Suite::from_json("s.json", text).unwrap();
        let table = Table {
            schema: Arc::new(Schema::new(vec![Field::new("a", DataType::Int64, true)])),
            rows: 1,
            reference_rows: 0,
            now: NaiveDateTime::default(),
            hashing: 1,
        };
        let error = |text: &str| {
            let mut outcomes = build(&suite(text), &table, ResultFormat::Basic);
            match outcomes.pop().unwrap().finish().exception {
                Some(NotEvaluated::Refused(problem)) => problem,
                other => panic!("{other:?}"),
            }
        };
        let unknown = error(r#"{"name":"s","expectations":[{"type":"expect_column_values_to_be_odd","kwargs":{}}]}"#);
        assert!(
            unknown.starts_with(
                "this type is unknown, did you mean \
                 expect_column_values_to_be_null? (supported: expect_column_distinct_values_to_be_in_set, "
            ),
            "{unknown}"
        );
        let nothing = error(r#"{"name":"s","expectations":[{"type":"not_null","kwargs":{}}]}"#);
        assert!(
            nothing.starts_with("this type is unknown (supported: expect_"),
            "{nothing}"
        );
        let swapped =
            error(r#"{"name":"s","expectations":[{"type":"expect_column_values_to_be_uniqeu","kwargs":{}}]}"#);
        assert!(
            swapped.contains("did you mean expect_column_values_to_be_unique?"),
            "{swapped}"
        );
        let misspelt = error(
            r#"{"name":"s","expectations":[
                {"type":"expect_column_to_exist","kwargs":{"column":"a"}},
                {"type":"expect_column_values_to_be_between","kwargs":{"column":"a","min":1,"max_value":2}}]}"#,
        );
        assert_eq!(
            misspelt,
            "argument 'min' is unknown: it takes column, \
             max_value, min_value, mostly, strict_max, strict_min"
        );
    }
}
