//! sqlparser's Redshift dialect, with the grouping extensions that it lacks.

use std::any::TypeId;
use std::iter::Peekable;
use std::str::Chars;

use sqlparser::dialect::{Dialect, RedshiftSqlDialect};
use sqlparser::keywords::Keyword;

/// Redshift's dialect with GROUPING SETS, ROLLUP and CUBE.
#[derive(Debug)]
pub(crate) struct Redshift;

const INNER: RedshiftSqlDialect = RedshiftSqlDialect {};

/// Passes methods without arguments on.
macro_rules! delegate {
    ($($method:ident),* $(,)?) => {
        $(fn $method(&self) -> bool {
            INNER.$method()
        })*
    };
}

impl Dialect for Redshift {
    fn dialect(&self) -> TypeId {
        INNER.dialect()
    }

    fn supports_group_by_expr(&self) -> bool {
        true
    }

    fn allow_extract_custom(&self) -> bool {
        true
    }

    fn supports_comma_separated_trim(&self) -> bool {
        true
    }

    fn is_nested_delimited_identifier_start(&self, symbol: char) -> bool {
        INNER.is_nested_delimited_identifier_start(symbol)
    }

    fn peek_nested_delimited_identifier_quotes(&self, symbols: Peekable<Chars<'_>>) -> Option<(char, Option<char>)> {
        INNER.peek_nested_delimited_identifier_quotes(symbols)
    }

    fn is_identifier_start(&self, symbol: char) -> bool {
        INNER.is_identifier_start(symbol)
    }

    fn is_identifier_part(&self, symbol: char) -> bool {
        INNER.is_identifier_part(symbol)
    }

    fn identifier_quote_style(&self, identifier: &str) -> Option<char> {
        INNER.identifier_quote_style(identifier)
    }

    fn is_reserved_for_identifier(&self, keyword: Keyword) -> bool {
        INNER.is_reserved_for_identifier(keyword)
    }

    delegate!(
        convert_type_before_value,
        supports_connect_by,
        supports_top_before_distinct,
        supports_partiql,
        supports_unpivot_expr,
        supports_string_escape_constant,
        supports_geometric_types,
        supports_bitwise_shift_operators,
        supports_array_typedef_with_brackets,
        allow_extract_single_quotes,
        supports_string_literal_backslash_escape,
        supports_select_wildcard_exclude,
        supports_select_wildcard_with_alias,
        supports_left_associative_joins_without_parens,
        supports_select_exclude,
        supports_create_table_like_parenthesized,
        supports_string_literal_concatenation_with_newline,
        supports_window_function_null_treatment_arg,
    );
}
