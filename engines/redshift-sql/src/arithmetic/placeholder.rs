//! Placeholders: calls of functions that do not exist, by which a translated statement marks pending operations.
//!
//! A placeholder is named after its operation and its scope, the number of the SELECT that it belongs to. It is found again
//! in the text of the statement, outside of strings and other quoted names.

use super::pieces::{Piece, Pieces};

/// A pending operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Two operands.
    Division,
    /// Three operands: the average as DuckDB computes it, the total and the number of values.
    Average,
}

const DIVISION: &str = "rs division ";
const AVERAGE: &str = "rs average ";

impl Kind {
    /// The beginning of the call that does the operation as DuckDB does it.
    pub(crate) fn plain(self) -> &'static str {
        match self {
            Self::Division => "rs_div(",
            Self::Average => "rs_avg_double(",
        }
    }

    /// The name of the placeholder function, quoted.
    pub(crate) fn placeholder(self, scope: usize) -> String {
        let prefix = match self {
            Self::Division => DIVISION,
            Self::Average => AVERAGE,
        };
        format!("\"{prefix}{scope}\"")
    }

    /// Reads the name of a placeholder function.
    fn of(name: &str) -> Option<(Self, usize)> {
        let (kind, scope) = name
            .strip_prefix(DIVISION)
            .map(|scope| (Self::Division, scope))
            .or_else(|| name.strip_prefix(AVERAGE).map(|scope| (Self::Average, scope)))?;
        Some((kind, scope.parse().ok()?))
    }
}

/// A placeholder in the text of a statement, with byte offsets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Placeholder {
    pub(crate) kind: Kind,
    pub(crate) scope: usize,
    pub(crate) start: usize,
    /// After the opening parenthesis.
    pub(crate) open: usize,
    /// Of the closing parenthesis.
    pub(crate) end: usize,
    /// No placeholder is among its operands.
    pub(crate) is_innermost: bool,
}

impl Placeholder {
    /// The text between the parentheses.
    pub(crate) fn operands<'a>(&self, sql: &'a str) -> &'a str {
        &sql[self.open..self.end]
    }
}

/// The placeholders of a statement, in the order of their beginnings.
pub(crate) fn find(sql: &str) -> Vec<Placeholder> {
    let mut found: Vec<Placeholder> = Vec::new();
    // For each open parenthesis, the placeholder that it belongs to.
    let mut open: Vec<Option<usize>> = Vec::new();
    let mut pending = None;
    for piece in Pieces::new(sql) {
        match piece {
            Piece::Name { start, end } => {
                pending = Kind::of(&sql[start + 1..end - 1]).map(|(kind, scope)| (kind, scope, start, end));
                continue;
            }
            Piece::Symbol { at, symbol: '(' } => {
                open.push(None);
                if let Some((kind, scope, start, end)) = pending
                    && end == at
                {
                    for outer in open.iter().flatten() {
                        found[*outer].is_innermost = false;
                    }
                    open.pop();
                    open.push(Some(found.len()));
                    found.push(Placeholder {
                        kind,
                        scope,
                        start,
                        open: at + 1,
                        end: sql.len(),
                        is_innermost: true,
                    });
                }
            }
            Piece::Symbol { at, symbol: ')' } => {
                if let Some(Some(closed)) = open.pop() {
                    found[closed].end = at;
                }
            }
            Piece::Symbol { .. } | Piece::Text { .. } => {}
        }
        pending = None;
    }
    found
}

/// The statement with its placeholders replaced. `write` writes the whole call in the place of an innermost one, and the
/// beginning of the call, up to the operands, in the place of any other one.
pub(crate) fn rebuild(
    sql: &str,
    placeholders: &[Placeholder],
    mut write: impl FnMut(usize, &Placeholder, &mut String),
) -> String {
    let mut text = String::with_capacity(sql.len() * 2);
    let mut done = 0;
    for (index, placeholder) in placeholders.iter().enumerate() {
        text.push_str(&sql[done..placeholder.start]);
        write(index, placeholder, &mut text);
        done = if placeholder.is_innermost {
            placeholder.end + 1
        } else {
            placeholder.open
        };
    }
    text.push_str(sql.get(done..).unwrap_or_default());
    text
}

/// An expression with the names of tables and schemas left out: `"t"."a"` and `t.a` become `a`.
pub(crate) fn unqualified(expression: &str) -> String {
    let mut text = String::with_capacity(expression.len());
    // Where the name begins that the text ends with.
    let mut name = None;
    for piece in Pieces::new(expression) {
        match piece {
            Piece::Name { start, end } => {
                name.get_or_insert(text.len());
                text.push_str(&expression[start + 1..end - 1]);
            }
            Piece::Text { start, end } => {
                name = None;
                text.push_str(&expression[start..end]);
            }
            Piece::Symbol { symbol: '.', .. }
                if name.is_some_and(|name| !text[name..].starts_with(char::is_numeric)) =>
            {
                text.truncate(name.take().unwrap_or_default());
            }
            Piece::Symbol { symbol, .. } => {
                if symbol.is_alphanumeric() || symbol == '_' {
                    name.get_or_insert(text.len());
                } else {
                    name = None;
                }
                text.push(symbol);
            }
        }
    }
    text
}
