//! Quoting of names and literals in Redshift SQL, so that no value can end a statement.

/// A name in double quotes: no list of reserved words is needed.
pub(crate) fn identifier(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// A table or view by schema and name.
pub(crate) fn relation(schema: &str, name: &str) -> String {
    format!("{}.{}", identifier(schema), identifier(name))
}

/// A text literal. Redshift reads a backslash as an escape, so it is doubled like the quote.
pub(crate) fn literal(text: &str) -> String {
    format!("'{}'", text.replace('\\', "\\\\").replace('\'', "''"))
}

/// Names as a list: `"a", "b"`.
pub(crate) fn identifiers<'a>(names: impl IntoIterator<Item = &'a str>) -> String {
    names.into_iter().map(identifier).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quotes_cannot_leave_a_literal_or_a_name() {
        assert_eq!(literal(r"it's \'"), r"'it''s \\'''");
        assert_eq!(identifier("a\"b"), "\"a\"\"b\"");
        assert_eq!(relation("raw", "cards"), "\"raw\".\"cards\"");
        assert_eq!(identifiers(["a", "b"]), "\"a\", \"b\"");
    }
}
