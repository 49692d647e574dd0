//! The placeholder `{batch}` of a query, as Python's `str.format` fills it in for Great Expectations.

use crate::sql::SQL_TABLE;
use crate::table::Problem;
use regex::Regex;

const HINT: &str = "To include a literal brace in the query, double it: `{{` and `}}`.";

/// What is not SQL of the query itself: texts, quoted names, comments.
const QUOTED: &str = r#"|"(?:[^"]|"")*"|`[^`]*`|\[[^\]]*\]|--[^\n]*|/\*.*?\*/"#;
/// Whether a backslash escapes a quote depends on the database: a query has a join if it has one either way.
const TEXTS: [&str; 2] = ["'(?:[^']|'')*'", r"'(?:[^'\\]|\\.|'')*'"];

/// Fills in the validated table. In a query with a join it has no alias, since such a query names its own.
pub(super) fn substituted(argument: &str, query: &str) -> Result<String, Problem> {
    let wrong = |reason: String| format!("argument '{argument}': {reason} {HINT}");
    if query.trim().is_empty() {
        return Err(format!("argument '{argument}' is empty: give a query"));
    }
    let table = match has_join(query)? {
        true => format!("(SELECT * FROM {SQL_TABLE})"),
        false => format!("(SELECT * FROM {SQL_TABLE}) AS subselect"),
    };
    let mut text = String::with_capacity(query.len() + table.len());
    let mut rest = query;
    while let Some(at) = rest.find(['{', '}']) {
        text.push_str(&rest[..at]);
        let brace = &rest[at..=at];
        rest = &rest[at + 1..];
        if let Some(after) = rest.strip_prefix(brace) {
            text.push_str(brace);
            rest = after;
            continue;
        }
        if brace == "}" {
            return Err(wrong("the query has a brace that closes nothing.".to_owned()));
        }
        let Some(end) = rest.find('}') else {
            return Err(wrong("the query has a brace that is never closed.".to_owned()));
        };
        match &rest[..end] {
            "batch" => text.push_str(&table),
            other => return Err(wrong(format!("`{{{other}}}` is no placeholder, only `{{batch}}` is."))),
        }
        rest = &rest[end + 1..];
    }
    text.push_str(rest);
    Ok(text)
}

/// Whether the word JOIN stands in the query itself.
fn has_join(query: &str) -> Result<bool, Problem> {
    let compiled = |pattern: &str| Regex::new(pattern).map_err(|error| error.to_string());
    let join = compiled(r"(?i)\bJOIN\b")?;
    for text in TEXTS {
        let quoted = compiled(&format!("(?s){text}{QUOTED}"))?;
        if !join.is_match(&quoted.replace_all(query, " ")) {
            return Ok(false);
        }
    }
    Ok(true)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_has_an_alias_unless_the_query_joins() {
        let check = |query: &str, expected: &str| assert_eq!(substituted("q", query).unwrap(), expected);
        check(
            "select a from {batch}",
            "select a from (SELECT * FROM batch) AS subselect",
        );
        check("{batch} b join o", "(SELECT * FROM batch) b join o");
        check(
            "{batch} where a = 'join'",
            "(SELECT * FROM batch) AS subselect where a = 'join'",
        );
        check("{batch} -- join", "(SELECT * FROM batch) AS subselect -- join");
        check(r"{batch} \'a' JOIN b", r"(SELECT * FROM batch) \'a' JOIN b");
        check("a '{{x}}'", "a '{x}'");
    }

    #[test]
    fn other_braces_are_refused_with_how_to_write_them() {
        let error = |query: &str| substituted("q", query).unwrap_err();
        for query in [
            "{",
            "}",
            "{}",
            "{3}",
            "{batch",
            "{batch!r}",
            "{ batch }",
            "x{3}",
            "{other}",
        ] {
            assert!(error(query).ends_with(HINT), "{query}: {}", error(query));
        }
        assert_eq!(error(" "), "argument 'q' is empty: give a query");
    }
}
