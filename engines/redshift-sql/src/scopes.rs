//! Numbers for the SELECTs of a statement. DuckDB's binder merges equal expressions of one SELECT, never of two.

use sqlparser::ast::{Query, SetExpr};

/// The open SELECTs of a walk over a statement.
#[derive(Default)]
pub(crate) struct Scopes {
    count: usize,
    open: Vec<Scope>,
}

struct Scope {
    number: usize,
    /// A query whose SELECT has not begun: the two are one scope, as ORDER BY sees the expressions of SELECT.
    awaits_select: bool,
}

impl Scopes {
    /// The number of the innermost open SELECT; 0 outside of any.
    pub(crate) fn current(&self) -> usize {
        self.open.last().map_or(0, |scope| scope.number)
    }

    /// Begins a query.
    pub(crate) fn open_query(&mut self, query: &Query) {
        self.count += 1;
        self.open.push(Scope {
            number: self.count,
            awaits_select: matches!(query.body.as_ref(), SetExpr::Select(_)),
        });
    }

    /// Begins a SELECT.
    pub(crate) fn open_select(&mut self) {
        let number = match self.open.last_mut() {
            Some(query) if query.awaits_select => {
                query.awaits_select = false;
                query.number
            }
            _ => {
                self.count += 1;
                self.count
            }
        };
        self.open.push(Scope {
            number,
            awaits_select: false,
        });
    }

    /// Ends what was begun last.
    pub(crate) fn close(&mut self) {
        self.open.pop();
    }
}
