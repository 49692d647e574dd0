//! Quoting of Redshift SQL identifiers and literals.

/// Quotes an identifier, reserved or not.
#[must_use]
pub fn identifier(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// Qualified name of a table or view.
#[must_use]
pub fn relation(schema: &str, name: &str) -> String {
    format!("{}.{}", identifier(schema), identifier(name))
}

/// A text literal. Redshift treats backslash as an escape, so it is doubled like the quote.
#[must_use]
pub fn literal(text: &str) -> String {
    format!("'{}'", text.replace('\\', "\\\\").replace('\'', "''"))
}

/// A list of identifiers: `"a", "b"`.
#[must_use]
pub fn identifiers<'a>(names: impl IntoIterator<Item = &'a str>) -> String {
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
