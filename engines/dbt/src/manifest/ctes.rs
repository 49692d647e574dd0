//! Common table expressions of ephemeral models.

/// Prepends common table expressions to a query, which may have its own.
pub(super) fn with_ctes(sql: &str, ctes: &[(String, String)]) -> String {
    if ctes.is_empty() {
        return sql.to_owned();
    }
    let ctes = ctes.iter().map(|(name, body)| format!("{name} as (\n{body}\n)"));
    let ctes = ctes.collect::<Vec<_>>().join(",\n");
    let start = first_word(sql);
    let (comments, query) = sql.split_at(start);
    let word_end = query
        .find(|letter: char| !letter.is_alphanumeric())
        .unwrap_or(query.len());
    let (word, rest) = query.split_at(word_end);
    if word.eq_ignore_ascii_case("with") {
        let own = rest.trim_start();
        let recursive = own
            .get(..9)
            .filter(|word| word.eq_ignore_ascii_case("recursive"))
            .unwrap_or_default();
        let own = own[recursive.len()..].trim_start();
        let gap = if recursive.is_empty() { "" } else { " " };
        return format!("{comments}with {recursive}{gap}{ctes},\n{own}");
    }
    format!("{comments}with {ctes}\n{query}")
}

/// Offset of the query after leading whitespace and comments.
fn first_word(sql: &str) -> usize {
    let mut rest = sql;
    loop {
        rest = rest.trim_start();
        let end = if rest.starts_with("--") {
            rest.find('\n')
        } else if rest.starts_with("/*") {
            rest.find("*/").map(|end| end + 1)
        } else {
            None
        };
        match end {
            Some(end) => rest = &rest[end + 1..],
            None => return sql.len() - rest.len(),
        }
    }
}
