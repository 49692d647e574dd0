//! The supported expectations, one module per family.
//!
//! Most judge rows one by one ([`rows`]); some need more than one pass ([`check::Check::next_pass`]).

mod aggregates;
mod cardinality;
pub(crate) mod check;
mod distinct;
mod divergence;
mod formats;
mod hashing;
mod lengths;
mod nulls;
mod order;
mod outliers;
mod pairs;
mod patterns;
mod quantiles;
mod queries;
mod ranges;
mod rows;
mod schema;
mod sets;
mod types;
mod unique;

use check::Build;

/// All supported types, sorted by name.
pub(crate) const SUPPORTED: &[(&str, Build)] = &[
    ("expect_column_distinct_values_to_be_in_set", distinct::to_be_in_set),
    ("expect_column_distinct_values_to_contain_set", distinct::to_contain_set),
    ("expect_column_distinct_values_to_equal_set", distinct::to_equal_set),
    (
        "expect_column_kl_divergence_to_be_less_than",
        divergence::kullback_leibler,
    ),
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
        "expect_column_proportion_of_non_null_values_to_be_between",
        nulls::proportion,
    ),
    (
        "expect_column_proportion_of_unique_values_to_be_between",
        cardinality::proportion,
    ),
    ("expect_column_quantile_values_to_be_between", quantiles::quantiles),
    ("expect_column_stdev_to_be_between", aggregates::standard_deviation),
    ("expect_column_sum_to_be_between", aggregates::sum),
    ("expect_column_to_exist", schema::column_to_exist),
    ("expect_column_type_to_be", types::of_type),
    (
        "expect_column_unique_value_count_to_be_between",
        cardinality::value_count,
    ),
    ("expect_column_value_lengths_to_be_between", lengths::between),
    ("expect_column_value_lengths_to_equal", lengths::equal),
    ("expect_column_value_z_scores_to_be_less_than", outliers::z_scores),
    ("expect_column_values_to_be_between", ranges::between),
    ("expect_column_values_to_be_dateutil_parseable", formats::dateutil),
    ("expect_column_values_to_be_decreasing", order::decreasing),
    ("expect_column_values_to_be_in_set", sets::in_set),
    ("expect_column_values_to_be_in_type_list", types::in_type_list),
    ("expect_column_values_to_be_increasing", order::increasing),
    ("expect_column_values_to_be_json_parseable", formats::json),
    ("expect_column_values_to_be_null", nulls::null),
    ("expect_column_values_to_be_of_type", types::of_type),
    ("expect_column_values_to_be_unique", unique::values),
    ("expect_column_values_to_match_json_schema", formats::json_schema),
    ("expect_column_values_to_match_like_pattern", patterns::is_like),
    (
        "expect_column_values_to_match_like_pattern_list",
        patterns::is_like_list,
    ),
    ("expect_column_values_to_match_regex", patterns::matches),
    ("expect_column_values_to_match_regex_list", patterns::matches_list),
    ("expect_column_values_to_match_strftime_format", formats::strftime),
    ("expect_column_values_to_not_be_in_set", sets::not_in_set),
    ("expect_column_values_to_not_be_null", nulls::not_null),
    ("expect_column_values_to_not_be_outliers", outliers::none),
    ("expect_column_values_to_not_match_like_pattern", patterns::is_not_like),
    (
        "expect_column_values_to_not_match_like_pattern_list",
        patterns::is_like_none,
    ),
    ("expect_column_values_to_not_match_regex", patterns::matches_not),
    (
        "expect_column_values_to_not_match_regex_list",
        patterns::matches_none_of,
    ),
    ("expect_compound_columns_to_be_unique", unique::compound),
    ("expect_multicolumn_sum_to_equal", pairs::sum_to_equal),
    ("expect_multicolumn_values_to_be_equal", pairs::all_equal),
    ("expect_multicolumn_values_to_be_unique", pairs::unique_within_record),
    ("expect_query_results_to_match_comparison", queries::matching_queries),
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
    ("expect_table_row_count_to_equal_other_table", queries::same_count),
    ("unexpected_rows_expectation", queries::unexpected_rows),
];

/// Types of Great Expectations that are not answered, with the reason.
pub(crate) const UNANSWERED: &[(&str, &str)] = &[
    (
        "expect_column_bootstrapped_ks_test_p_value_to_be_greater_than",
        NOT_IMPLEMENTED,
    ),
    (
        "expect_column_chisquare_test_p_value_to_be_greater_than",
        NOT_IMPLEMENTED,
    ),
    ("expect_column_pair_cramers_phi_value_to_be_less_than", NOT_IMPLEMENTED),
    (
        "expect_column_parameterized_distribution_ks_test_p_value_to_be_greater_than",
        NOT_IMPLEMENTED,
    ),
];

const NOT_IMPLEMENTED: &str = "Great Expectations names this type, but does not implement it (as of 1.24.1)";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn supported_types_are_sorted_and_unique() {
        assert!(SUPPORTED.windows(2).all(|pair| pair[0].0 < pair[1].0));
    }
}
