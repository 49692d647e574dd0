//! From text to statements, as a person types them: whatever follows the last semicolon is still open.

/// Splits SQL at its semicolons, except those in strings, quoted names, comments and dollar-quoted text. Gives the
/// statements without their semicolons, and what is left after the last one. Statements of white space and comments only are
/// left out.
pub(super) fn split(text: &str) -> (Vec<&str>, &str) {
    let mut statements = Vec::new();
    let (mut start, mut at) = (0, 0);
    while at < text.len() {
        let rest = &text[at..];
        let length = token(rest);
        if rest.starts_with(';') {
            let statement = text[start..at].trim();
            if !is_blank(statement) {
                statements.push(statement);
            }
            start = at + length;
        }
        at += length;
    }
    (statements, text[start..].trim())
}

/// All statements of a text; the last one needs no semicolon.
pub(super) fn statements(text: &str) -> Vec<&str> {
    let (mut statements, rest) = split(text);
    if !is_blank(rest) {
        statements.push(rest);
    }
    statements
}

/// Whether a text holds nothing but white space and comments.
pub(super) fn is_blank(text: &str) -> bool {
    let mut rest = text.trim_start();
    while rest.starts_with("--") || rest.starts_with("/*") {
        rest = rest[token(rest)..].trim_start();
    }
    rest.is_empty()
}

/// Length of the token that the text begins with; of all of it if the token is not closed.
fn token(text: &str) -> usize {
    let after = |opening: usize, closing: &str| match text[opening..].find(closing) {
        Some(at) => opening + at + closing.len(),
        None => text.len(),
    };
    match text.as_bytes() {
        [b'-', b'-', ..] => after(2, "\n"),
        [b'/', b'*', ..] => block_comment(text),
        // A doubled quote closes one text and opens the next.
        [b'\'', ..] => after(1, "'"),
        [b'"', ..] => after(1, "\""),
        [b'$', ..] => match dollar_quote(text) {
            Some(quote) => after(quote.len(), quote),
            None => 1,
        },
        _ => text.chars().next().map_or(0, char::len_utf8),
    }
}

/// Length of a block comment; they nest.
fn block_comment(text: &str) -> usize {
    let (mut at, mut depth) = (0, 0);
    while at < text.len() {
        let rest = &text[at..];
        if rest.starts_with("/*") {
            (at, depth) = (at + 2, depth + 1);
        } else if rest.starts_with("*/") {
            (at, depth) = (at + 2, depth - 1);
            if depth == 0 {
                return at;
            }
        } else {
            at += rest.chars().next().map_or(1, char::len_utf8);
        }
    }
    at
}

/// The opening of dollar-quoted text (`$$`, `$tag$`).
fn dollar_quote(text: &str) -> Option<&str> {
    let tag = text[1..].find('$')? + 1;
    let is_name = text[1..tag]
        .chars()
        .all(|letter| letter.is_alphanumeric() || letter == '_');
    let begins_with_digit = text[1..].starts_with(|letter: char| letter.is_ascii_digit());
    (is_name && !begins_with_digit).then(|| &text[..=tag])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_semicolons_between_statements_split() {
        for (text, expected, open) in [
            ("select 1", &[][..], "select 1"),
            ("select 1;", &["select 1"], ""),
            (" ; ;select 1 ; select 2", &["select 1"], "select 2"),
            ("select ';', 'it''s; ' ; x", &["select ';', 'it''s; '"], "x"),
            ("select \"a;b\"; ", &["select \"a;b\""], ""),
            ("-- a; b\nselect 1;", &["-- a; b\nselect 1"], ""),
            ("select 1; -- done;", &["select 1"], "-- done;"),
            ("select /* a; /* b; */ c; */ 1;", &["select /* a; /* b; */ c; */ 1"], ""),
            (
                "select $$a;b$$; select $x$;$$;$x$;",
                &["select $$a;b$$", "select $x$;$$;$x$"],
                "",
            ),
            ("select $1; select 2", &["select $1"], "select 2"),
            ("select 'open; ", &[], "select 'open;"),
            ("select 'été;';é", &["select 'été;'"], "é"),
        ] {
            assert_eq!(split(text), (expected.to_vec(), open), "{text}");
        }
        assert_eq!(
            statements("select 1; select 2 -- two\n"),
            ["select 1", "select 2 -- two"]
        );
        assert_eq!(statements("-- nothing\n/* at all */"), [""; 0]);
    }
}
