//! A scanner of printed SQL that knows where strings and quoted names end.

/// A piece of SQL, with byte offsets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Piece {
    /// A name in double quotes, quotes included.
    Name { start: usize, end: usize },
    /// A string literal, quotes included.
    Text { start: usize, end: usize },
    /// Any other character.
    Symbol { at: usize, symbol: char },
}

/// The pieces of a statement without comments.
pub(crate) struct Pieces<'a> {
    sql: &'a str,
    next: usize,
}

impl<'a> Pieces<'a> {
    pub(crate) fn new(sql: &'a str) -> Self {
        Self { sql, next: 0 }
    }

    /// Whether a quote at `start` begins a string with backslash escapes, `E'…'`.
    fn has_escapes(&self, start: usize) -> bool {
        let mut before = self.sql[..start].chars().rev();
        matches!(before.next(), Some('e' | 'E'))
            && !before
                .next()
                .is_some_and(|symbol| symbol.is_alphanumeric() || symbol == '_')
    }

    /// The end of what begins with `quote` at `start`; a doubled quote is part of it.
    fn end_of_quoted(&self, start: usize, quote: char, escapes: bool) -> usize {
        let mut symbols = self.sql[start + 1..].char_indices().peekable();
        while let Some((offset, symbol)) = symbols.next() {
            if symbol == '\\' && escapes {
                symbols.next();
            } else if symbol == quote && symbols.next_if(|(_, next)| *next == quote).is_none() {
                return start + 1 + offset + symbol.len_utf8();
            }
        }
        self.sql.len()
    }

    /// The end of a dollar-quoted string that begins at `start`, if one does.
    fn end_of_dollar_quoted(&self, start: usize) -> Option<usize> {
        let rest = &self.sql[start..];
        let tag = rest[1..].find('$')? + 2;
        let is_tag = rest[1..tag - 1]
            .chars()
            .all(|symbol| symbol.is_alphanumeric() || symbol == '_');
        let body = is_tag.then(|| rest[tag..].find(&rest[..tag]))??;
        Some(start + 2 * tag + body)
    }
}

impl Iterator for Pieces<'_> {
    type Item = Piece;

    fn next(&mut self) -> Option<Piece> {
        let start = self.next;
        let symbol = self.sql.get(start..)?.chars().next()?;
        let piece = match symbol {
            '"' => Piece::Name {
                start,
                end: self.end_of_quoted(start, '"', false),
            },
            '\'' => Piece::Text {
                start,
                end: self.end_of_quoted(start, '\'', self.has_escapes(start)),
            },
            '$' => match self.end_of_dollar_quoted(start) {
                Some(end) => Piece::Text { start, end },
                None => Piece::Symbol { at: start, symbol },
            },
            _ => Piece::Symbol { at: start, symbol },
        };
        self.next = match piece {
            Piece::Name { end, .. } | Piece::Text { end, .. } => end,
            Piece::Symbol { at, symbol } => at + symbol.len_utf8(),
        };
        Some(piece)
    }
}
