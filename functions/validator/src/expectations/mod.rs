//! The expectations, a module for each family.
//!
//! A [`Check`] sees the batches of a table one after the other and keeps what it needs to tell in the end whether the
//! expectation is met. Most look at rows alone ([`rows`]); some need more than one pass ([`Check::next_pass`]).

mod aggregates;
mod distinct;
mod lengths;
mod nulls;
mod order;
mod pairs;
mod patterns;
mod quantiles;
mod ranges;
mod rows;
mod schema;
mod sets;
mod types;
mod unique;

use crate::arguments::{Arguments, Problem};
use crate::condition::Condition;
use crate::result::{Outcome, ResultFormat};
use crate::suite::{ExpectationConfiguration, Suite, SuiteError};
use crate::tally::Positions;
use crate::value::{Column, Kind};
use arrow::array::{BooleanArray, RecordBatch};
use arrow::datatypes::SchemaRef;

/// The table that a suite speaks of.
#[derive(Debug, Clone)]
pub(crate) struct Table {
    /// Its columns, partition columns included, in order.
    pub(crate) schema: SchemaRef,
    /// Number of rows.
    pub(crate) rows: u64,
    /// Number of rows beside which they must be unique.
    pub(crate) rows_beside: u64,
    /// Number of expectations of the suite that keep hashes of all values; they share the memory.
    pub(crate) hashing: u64,
}

/// Why an expectation cannot be evaluated.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum BuildError {
    /// It is written wrongly: the suite is refused.
    Problem(Problem),
    /// It names a column that the table does not have: not met, as Great Expectations has it.
    MissingColumn(String),
}

impl From<Problem> for BuildError {
    fn from(problem: Problem) -> Self {
        Self::Problem(problem)
    }
}

impl Table {
    /// The kind of a column's values.
    pub(crate) fn kind(&self, column: &str) -> Result<Kind, BuildError> {
        let field = self.schema.field_with_name(column);
        let field = field.map_err(|_| BuildError::MissingColumn(column.to_owned()))?;
        let data_type = field.data_type();
        Kind::of(data_type)
            .ok_or_else(|| BuildError::Problem(format!("column '{column}' holds {data_type}, which it cannot read")))
    }

    /// As [`Self::kind`], refusing all but numbers.
    pub(crate) fn number(&self, column: &str) -> Result<Kind, BuildError> {
        let kind = self.kind(column)?;
        if kind.is_number() {
            Ok(kind)
        } else {
            Err(format!("column '{column}' holds {}, it needs numbers", kind.name()).into())
        }
    }
}

/// Rows of a batch that an expectation looks at.
pub(crate) struct Rows<'a> {
    pub(crate) batch: &'a RecordBatch,
    pub(crate) positions: Positions<'a>,
}

impl<'a> Rows<'a> {
    /// A column. Which columns there are was settled when the expectation was built.
    pub(crate) fn column(&self, name: &str) -> Option<Column<'a>> {
        Column::of(self.batch.column_by_name(name)?)
    }

    /// Several columns.
    pub(crate) fn columns(&self, names: &[String]) -> Vec<Column<'a>> {
        names.iter().filter_map(|name| self.column(name)).collect()
    }
}

/// The evaluation of one expectation.
pub(crate) trait Check: Send {
    /// Columns whose values it needs; none: the schema and the number of rows say it all.
    fn columns(&self) -> Vec<String>;

    /// Whether it takes texts as a dictionary and keys, too: see [`crate::value::normalise`].
    fn reads_dictionaries(&self) -> bool {
        false
    }

    /// Takes in some rows.
    fn update(&mut self, rows: &Rows<'_>);

    /// Whether it needs to see the rows beside the table's own in this pass: see [`Self::update_beside`].
    fn needs_beside(&self) -> bool {
        false
    }

    /// Takes in some rows that it does not judge, but beside which the others must be unique.
    fn update_beside(&mut self, _rows: &Rows<'_>) {}

    /// Whether it needs to see all rows once more. Called after each pass.
    fn next_pass(&mut self) -> bool {
        false
    }

    /// Says whether the expectation is met.
    fn finish(&mut self, format: ResultFormat) -> Outcome;
}

type Build = fn(&Arguments<'_>, &Table) -> Result<Box<dyn Check>, BuildError>;

/// All supported types, sorted by name.
const SUPPORTED: &[(&str, Build)] = &[
    ("expect_column_distinct_values_to_be_in_set", distinct::to_be_in_set),
    ("expect_column_distinct_values_to_contain_set", distinct::to_contain_set),
    ("expect_column_distinct_values_to_equal_set", distinct::to_equal_set),
    ("expect_column_max_to_be_between", aggregates::maximum),
    ("expect_column_mean_to_be_between", aggregates::mean),
    ("expect_column_median_to_be_between", quantiles::median),
    ("expect_column_min_to_be_between", aggregates::minimum),
    (
        "expect_column_most_common_value_to_be_in_set",
        distinct::most_common_value,
    ),
    ("expect_column_pair_values_a_to_be_greater_than_b", pairs::greater),
    ("expect_column_pair_values_to_be_equal", pairs::equal),
    ("expect_column_pair_values_to_be_in_set", pairs::in_set),
    (
        "expect_column_proportion_of_unique_values_to_be_between",
        unique::proportion,
    ),
    ("expect_column_quantile_values_to_be_between", quantiles::quantiles),
    ("expect_column_stdev_to_be_between", aggregates::standard_deviation),
    ("expect_column_sum_to_be_between", aggregates::sum),
    ("expect_column_to_exist", schema::column_to_exist),
    ("expect_column_unique_value_count_to_be_between", unique::value_count),
    ("expect_column_value_lengths_to_be_between", lengths::between),
    ("expect_column_value_lengths_to_equal", lengths::equal),
    ("expect_column_values_to_be_between", ranges::between),
    ("expect_column_values_to_be_decreasing", order::decreasing),
    ("expect_column_values_to_be_in_set", sets::in_set),
    ("expect_column_values_to_be_in_type_list", types::in_type_list),
    ("expect_column_values_to_be_increasing", order::increasing),
    ("expect_column_values_to_be_null", nulls::null),
    ("expect_column_values_to_be_of_type", types::of_type),
    ("expect_column_values_to_be_unique", unique::values),
    ("expect_column_values_to_match_regex", patterns::matches),
    ("expect_column_values_to_match_regex_list", patterns::matches_list),
    ("expect_column_values_to_not_be_in_set", sets::not_in_set),
    ("expect_column_values_to_not_be_null", nulls::not_null),
    ("expect_column_values_to_not_match_regex", patterns::matches_not),
    (
        "expect_column_values_to_not_match_regex_list",
        patterns::matches_none_of,
    ),
    ("expect_compound_columns_to_be_unique", unique::compound),
    ("expect_multicolumn_sum_to_equal", pairs::sum_to_equal),
    (
        "expect_select_column_values_to_be_unique_within_record",
        pairs::unique_within_record,
    ),
    ("expect_table_column_count_to_be_between", schema::column_count_between),
    ("expect_table_column_count_to_equal", schema::column_count_equal),
    ("expect_table_columns_to_match_ordered_list", schema::columns_in_order),
    ("expect_table_columns_to_match_set", schema::columns_in_set),
    ("expect_table_row_count_to_be_between", schema::row_count_between),
    ("expect_table_row_count_to_equal", schema::row_count_equal),
];

/// Expectations that look at more than the rows to be judged: whether they are unique beside others.
const UNIQUE: [&str; 2] = [
    "expect_column_values_to_be_unique",
    "expect_compound_columns_to_be_unique",
];
/// Expectations that count different values.
const DIFFERENT: [&str; 2] = [
    "expect_column_proportion_of_unique_values_to_be_between",
    "expect_column_unique_value_count_to_be_between",
];

/// The number of expectations of a suite with one of these types.
fn count(suite: &Suite, types: &[&str]) -> usize {
    let of_suite = suite.expectations.iter().map(|each| each.expectation_type.as_str());
    of_suite.filter(|name| types.contains(name)).count()
}

/// Whether an expectation of the suite looks at the rows beside those to be judged.
pub(crate) fn looks_beside(suite: &Suite) -> bool {
    count(suite, &UNIQUE) > 0
}

/// The number of expectations of the suite that keep hashes of all values.
pub(crate) fn hashing(suite: &Suite) -> u64 {
    (count(suite, &UNIQUE) + count(suite, &DIFFERENT)) as u64
}

/// An expectation of the suite, ready to see rows.
pub(crate) struct Evaluation {
    check: Result<Box<dyn Check>, String>,
    condition: Option<Condition>,
    needs_rows: bool,
}

impl Evaluation {
    /// Columns that it reads, those of its row condition included.
    pub(crate) fn columns(&self) -> Vec<String> {
        let mut columns = self.check.as_ref().map_or_else(|_| Vec::new(), |check| check.columns());
        if let Some(condition) = &self.condition {
            condition.add_columns(&mut columns);
        }
        columns
    }

    /// Those of its columns that it reads as plain values only.
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

    /// Whether it has to see (more) rows.
    pub(crate) const fn needs_rows(&self) -> bool {
        self.needs_rows
    }

    /// Whether it has to see the rows beside the table's own in this pass.
    pub(crate) fn needs_rows_beside(&self) -> bool {
        self.needs_rows && self.check.as_ref().is_ok_and(|check| check.needs_beside())
    }

    /// Takes in a batch: of the table, from this row on, or (none) of the rows beside it.
    pub(crate) fn update(
        &mut self,
        batch: &RecordBatch,
        first_row: Option<u64>,
    ) -> Result<(), arrow::error::ArrowError> {
        let Ok(check) = &mut self.check else {
            return Ok(());
        };
        let beside = first_row.is_none();
        let first_row = first_row.unwrap_or(0);
        let mut take = |rows: &Rows<'_>| {
            if beside {
                check.update_beside(rows);
            } else {
                check.update(rows);
            }
        };
        let Some(condition) = &self.condition else {
            let positions = Positions { first_row, kept: None };
            take(&Rows { batch, positions });
            return Ok(());
        };
        let kept: BooleanArray = condition.evaluate(batch);
        let filtered = arrow::compute::filter_record_batch(batch, &kept)?;
        let rows: Vec<u32> = kept.values().set_indices_u32().collect();
        let positions = Positions {
            first_row,
            kept: Some(&rows),
        };
        take(&Rows {
            batch: &filtered,
            positions,
        });
        Ok(())
    }

    /// A pass is over.
    pub(crate) fn end_pass(&mut self) {
        if self.needs_rows
            && let Ok(check) = &mut self.check
        {
            self.needs_rows = check.next_pass();
        }
    }

    /// The outcome.
    pub(crate) fn finish(&mut self, format: ResultFormat) -> Outcome {
        match &mut self.check {
            Ok(check) => check.finish(format),
            Err(message) => Outcome::exception(message.clone()),
        }
    }
}

/// Makes the evaluations of a suite.
pub(crate) fn build(suite: &Suite, table: &Table) -> Result<Vec<Evaluation>, SuiteError> {
    let numbered = suite.expectations.iter().enumerate();
    let built = numbered.map(|(index, expectation)| {
        evaluation(expectation, table).map_err(|problem| SuiteError::Expectation {
            suite: suite.name.clone(),
            position: index + 1,
            expectation_type: expectation.expectation_type.clone(),
            problem,
        })
    });
    built.collect()
}

fn evaluation(expectation: &ExpectationConfiguration, table: &Table) -> Result<Evaluation, Problem> {
    let name = expectation.expectation_type.as_str();
    let Some((_, build)) = SUPPORTED.iter().find(|(supported, _)| *supported == name) else {
        let names: Vec<&str> = SUPPORTED.iter().map(|(name, _)| *name).collect();
        return Err(format!("this type is unknown; supported are {}", names.join(", ")));
    };
    let arguments = Arguments::new(expectation);
    let missing = |column: String| format!("Error: The column \"{column}\" in BatchData does not exist.");
    let condition = match expectation.kwargs.get("row_condition").filter(|value| !value.is_null()) {
        None => None,
        Some(value) => match Condition::new(value, table) {
            Ok(condition) => Some(condition),
            Err(BuildError::Problem(problem)) => return Err(format!("argument 'row_condition': {problem}")),
            Err(BuildError::MissingColumn(column)) => {
                return Ok(Evaluation {
                    check: Err(missing(column)),
                    condition: None,
                    needs_rows: false,
                });
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
    let needs_rows = check.as_ref().is_ok_and(|check| !check.columns().is_empty());
    Ok(Evaluation {
        check,
        condition,
        needs_rows,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use arrow::datatypes::{DataType, Field, Schema};
    use cardlake_core::assets::AssetFolder;
    use cardlake_core::contract::Contracts;
    use std::sync::Arc;

    #[test]
    fn the_suites_of_the_project_fit_the_contracts() {
        let contracts = Contracts::load(&cardlake_assets::embedded()).unwrap();
        for contract in contracts.iter() {
            let file = format!("{}.json", contract.dataset);
            let asset = cardlake_assets::embedded()
                .read(AssetFolder::Expectations, &file)
                .unwrap();
            let suite = Suite::from_json(&file, &asset.text).unwrap();
            let table = Table {
                schema: contract.table_schema(),
                rows: 1,
                rows_beside: 0,
                hashing: 1,
            };
            for (expectation, evaluation) in suite.expectations.iter().zip(&mut build(&suite, &table).unwrap()) {
                // What the schema decides must be met by the contract itself.
                assert!(
                    evaluation.needs_rows() || evaluation.finish(ResultFormat::Basic).success,
                    "{expectation:?}"
                );
            }
        }
    }

    #[test]
    fn an_unknown_type_is_named_with_all_that_are_supported() {
        let suite = |text: &str| Suite::from_json("s.json", text).unwrap();
        let table = Table {
            schema: Arc::new(Schema::new(vec![Field::new("a", DataType::Int64, true)])),
            rows: 1,
            rows_beside: 0,
            hashing: 1,
        };
        let error = |text: &str| build(&suite(text), &table).err().unwrap().to_string();
        let unknown = error(r#"{"name":"s","expectations":[{"type":"expect_column_values_to_be_odd","kwargs":{}}]}"#);
        assert!(
            unknown.starts_with(
                "suite s, expectation 1 (expect_column_values_to_be_odd): this type is unknown; supported are \
                 expect_column_distinct_values_to_be_in_set, "
            ),
            "{unknown}"
        );
        let misspelt = error(
            r#"{"name":"s","expectations":[
                {"type":"expect_column_to_exist","kwargs":{"column":"a"}},
                {"type":"expect_column_values_to_be_between","kwargs":{"column":"a","min":1,"max_value":2}}]}"#,
        );
        assert_eq!(
            misspelt,
            "suite s, expectation 2 (expect_column_values_to_be_between): argument 'min' is unknown: it takes column, \
             max_value, min_value, mostly, strict_max, strict_min"
        );
    }

    #[test]
    fn supported_types_are_sorted_and_unique() {
        assert!(SUPPORTED.windows(2).all(|pair| pair[0].0 < pair[1].0));
    }
}
