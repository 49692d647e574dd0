//! What an expectation expects, as a sentence for people: "amount must be between 0 and 100".

use crate::suite::ExpectationConfiguration;
use crate::text::shown;
use serde_json::{Map, Value};

/// Items of a list in a sentence.
const LISTED: usize = 8;

/// The expectation as a sentence without a full stop. `columns` are its columns, separated by commas.
pub(crate) fn phrase(expectation: &ExpectationConfiguration, columns: &str) -> String {
    let name = &expectation.expectation_type;
    let name = name.strip_prefix("expect_").unwrap_or(name);
    let kwargs = Kwargs(&expectation.kwargs);
    let mut sentence = match rule(name, kwargs) {
        Some(rule) if columns.is_empty() || name.starts_with("table_") => rule,
        Some(rule) => format!("{columns} {rule}"),
        None if columns.is_empty() => name.replace('_', " "),
        None => format!("{columns}: {}", name.replace('_', " ")),
    };
    if let Some(share) = kwargs
        .0
        .get("mostly")
        .and_then(Value::as_f64)
        .filter(|share| *share < 1.0)
    {
        sentence.push_str(&format!(", in at least {} % of cases", rounded(share * 100.0)));
    }
    if let Some(condition) = kwargs.0.get("row_condition").and_then(Value::as_str) {
        sentence.push_str(&format!(", where {condition}"));
    }
    sentence
}

/// A number without the noise of binary fractions.
fn rounded(number: f64) -> f64 {
    (number * 1e6).round() / 1e6
}

#[derive(Clone, Copy)]
struct Kwargs<'a>(&'a Map<String, Value>);

impl Kwargs<'_> {
    fn value(self, name: &str) -> Option<String> {
        self.0.get(name).filter(|value| !value.is_null()).map(shown)
    }

    fn text(self, name: &str) -> String {
        self.value(name).unwrap_or_else(|| "?".to_owned())
    }

    fn flag(self, name: &str) -> bool {
        self.0.get(name).and_then(Value::as_bool).unwrap_or(false)
    }

    /// The items of a list, shortened.
    fn list(self, name: &str) -> String {
        let Some(items) = self.0.get(name).and_then(Value::as_array) else {
            return self.text(name);
        };
        let first: Vec<String> = items.iter().take(LISTED).map(shown).collect();
        match items.len() - first.len() {
            0 => first.join(", "),
            more => format!("{} and {more} more", first.join(", ")),
        }
    }

    /// The bounds in words.
    fn bounds(self) -> String {
        let (strict_minimum, strict_maximum) = (self.flag("strict_min"), self.flag("strict_max"));
        let more = if strict_minimum { "more than" } else { "at least" };
        let less = if strict_maximum { "less than" } else { "at most" };
        match (self.value("min_value"), self.value("max_value")) {
            (Some(low), Some(high)) if !strict_minimum && !strict_maximum => format!("between {low} and {high}"),
            (Some(low), Some(high)) => format!("{more} {low} and {less} {high}"),
            (Some(low), None) => format!("{more} {low}"),
            (None, Some(high)) => format!("{less} {high}"),
            (None, None) => "anything".to_owned(),
        }
    }
}

/// What must be, without the columns.
fn rule(name: &str, kwargs: Kwargs<'_>) -> Option<String> {
    let set = || kwargs.list("value_set");
    let bounds = || kwargs.bounds();
    Some(match name {
        "table_row_count_to_be_between" => format!("The number of rows must be {}", bounds()),
        "table_row_count_to_equal" => format!("The number of rows must be {}", kwargs.text("value")),
        "table_row_count_to_equal_other_table" => {
            format!("There must be as many rows as in {}", kwargs.text("other_table_name"))
        }
        "table_column_count_to_be_between" => format!("The number of columns must be {}", bounds()),
        "table_column_count_to_equal" => format!("The number of columns must be {}", kwargs.text("value")),
        "table_columns_to_match_set" => format!("The columns must be {}, in any order", kwargs.list("column_set")),
        "table_columns_to_match_ordered_list" => {
            format!("The columns must be {}, in this order", kwargs.list("column_list"))
        }
        "unexpected_rows_expectation" => "The query must return no row".to_owned(),
        "query_results_to_match_comparison" => "The two queries must return the same rows".to_owned(),
        "column_to_exist" => "must be a column of the table".to_owned(),
        "column_values_to_not_be_null" => "must not be missing".to_owned(),
        "column_values_to_be_null" => "must be missing".to_owned(),
        "column_values_to_be_unique" | "compound_columns_to_be_unique" => "must be unique".to_owned(),
        "select_column_values_to_be_unique_within_record" | "multicolumn_values_to_be_unique" => {
            "must differ within each row".to_owned()
        }
        "multicolumn_values_to_be_equal" | "column_pair_values_to_be_equal" => {
            "must be equal within each row".to_owned()
        }
        "multicolumn_sum_to_equal" => format!("must add up to {}", kwargs.text("sum_total")),
        "column_pair_values_a_to_be_greater_than_b" if kwargs.flag("or_equal") => {
            "must not rise from the first to the second".to_owned()
        }
        "column_pair_values_a_to_be_greater_than_b" => "must fall from the first to the second".to_owned(),
        "column_pair_values_to_be_in_set" => format!("must be one of {}", kwargs.list("value_pairs_set")),
        "column_values_to_be_in_set" => format!("must be one of {}", set()),
        "column_values_to_not_be_in_set" => format!("must be none of {}", set()),
        "column_values_to_be_between" => format!("must be {}", bounds()),
        "column_value_lengths_to_be_between" => format!("must have {} characters", bounds()),
        "column_value_lengths_to_equal" => format!("must have {} characters", kwargs.text("value")),
        "column_values_to_match_regex" => format!("must match {}", kwargs.text("regex")),
        "column_values_to_not_match_regex" => format!("must not match {}", kwargs.text("regex")),
        "column_values_to_match_regex_list" => format!("must match {}", kwargs.list("regex_list")),
        "column_values_to_not_match_regex_list" => format!("must match none of {}", kwargs.list("regex_list")),
        "column_values_to_match_like_pattern" => format!("must be like {}", kwargs.text("like_pattern")),
        "column_values_to_not_match_like_pattern" => format!("must not be like {}", kwargs.text("like_pattern")),
        "column_values_to_match_strftime_format" => {
            format!(
                "must be a date or time in the format {}",
                kwargs.text("strftime_format")
            )
        }
        "column_values_to_be_dateutil_parseable" => "must be a date or time".to_owned(),
        "column_values_to_be_json_parseable" => "must be JSON".to_owned(),
        "column_values_to_match_json_schema" => "must be JSON of the schema".to_owned(),
        "column_values_to_be_of_type" | "column_type_to_be" => format!("must be of type {}", kwargs.text("type_")),
        "column_values_to_be_in_type_list" => format!("must be of type {}", kwargs.list("type_list")),
        "column_values_to_be_increasing" => "must not fall from row to row".to_owned(),
        "column_values_to_be_decreasing" => "must not rise from row to row".to_owned(),
        "column_min_to_be_between" => format!("must have a minimum of {}", bounds()),
        "column_max_to_be_between" => format!("must have a maximum of {}", bounds()),
        "column_mean_to_be_between" => format!("must have a mean of {}", bounds()),
        "column_median_to_be_between" => format!("must have a median of {}", bounds()),
        "column_stdev_to_be_between" => format!("must have a standard deviation of {}", bounds()),
        "column_sum_to_be_between" => format!("must have a sum of {}", bounds()),
        "column_unique_value_count_to_be_between" => format!("must have {} different values", bounds()),
        "column_proportion_of_unique_values_to_be_between" => {
            format!("must have a share of different values of {}", bounds())
        }
        "column_proportion_of_non_null_values_to_be_between" => format!("must have a share of values of {}", bounds()),
        "column_distinct_values_to_be_in_set" => format!("must have no values but {}", set()),
        "column_distinct_values_to_contain_set" => format!("must have each of the values {}", set()),
        "column_distinct_values_to_equal_set" => format!("must have the values {}, each of them and no others", set()),
        "column_most_common_value_to_be_in_set" => format!("must have as the most common value one of {}", set()),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn expectations_are_sentences() {
        let check = |name: &str, kwargs: Value, expected: &str| {
            let kwargs = kwargs.as_object().cloned().unwrap_or_default();
            let column = kwargs
                .get("column")
                .and_then(Value::as_str)
                .unwrap_or_default()
                .to_owned();
            let expectation = ExpectationConfiguration::new(format!("expect_{name}"), kwargs);
            assert_eq!(phrase(&expectation, &column), expected);
        };
        let between = "column_values_to_be_between";
        check(
            between,
            json!({"column": "amount", "min_value": 0, "max_value": 100}),
            "amount must be between 0 and 100",
        );
        check(
            between,
            json!({"column": "amount", "min_value": 0, "strict_min": true, "mostly": 0.995, "row_condition": "a > 1"}),
            "amount must be more than 0, in at least 99.5 % of cases, where a > 1",
        );
        check(
            "column_values_to_be_in_set",
            json!({"column": "n", "value_set": (0..10).collect::<Vec<_>>()}),
            "n must be one of 0, 1, 2, 3, 4, 5, 6, 7 and 2 more",
        );
        check(
            "column_values_to_not_be_null",
            json!({"column": "id"}),
            "id must not be missing",
        );
        check(
            "table_row_count_to_be_between",
            json!({"min_value": 1}),
            "The number of rows must be at least 1",
        );
        check(
            "column_values_to_be_odd",
            json!({"column": "a"}),
            "a: column values to be odd",
        );
    }
}
