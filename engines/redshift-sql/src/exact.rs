//! Strings and quoted names, printed exactly.
//!
//! sqlparser cannot know whether a text in its tree still has the escapes of its source. It takes two quotes in a row for one that
//! is doubled already, and one behind a backslash for one that is escaped. Here no text has escapes: every quote is doubled.

use std::ops::ControlFlow;

use sqlparser::ast::{Ident, Value, ValueWithSpan, VisitMut, VisitorMut};

use crate::names::{literal, quoted};

/// Gives every text with a quote a form that prints as it is. The last step before a tree is printed.
pub(crate) fn texts(tree: &mut impl VisitMut) {
    // Nothing breaks the walk.
    let _ = tree.visit(&mut Texts);
}

struct Texts;

impl VisitorMut for Texts {
    type Break = ();

    fn pre_visit_value(&mut self, value: &mut ValueWithSpan) -> ControlFlow<()> {
        if let Value::SingleQuotedString(text) = &value.value
            && text.contains('\'')
        {
            value.value = Value::Placeholder(literal(text));
        }
        ControlFlow::Continue(())
    }

    fn pre_visit_ident(&mut self, ident: &mut Ident) -> ControlFlow<()> {
        // Most names are read on after this: only those that would print wrongly are changed.
        if ident.quote_style == Some('"') && ["\"\"", "\\\""].iter().any(|pair| ident.value.contains(pair)) {
            ident.value = quoted(&ident.value);
            ident.quote_style = None;
        }
        ControlFlow::Continue(())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use crate::{Command, literal, quoted, statements, translate};

    /// All texts of up to `length` symbols.
    fn texts(length: usize) -> Vec<String> {
        let mut all = vec![String::new()];
        for at in 0.. {
            if at == all.len() || all[at].chars().count() == length {
                return all;
            }
            for symbol in ['\'', '\\', '"', 'x'] {
                all.push(format!("{}{symbol}", all[at]));
            }
        }
        all
    }

    #[test]
    fn every_text_is_printed_as_it_was_read() {
        for text in texts(4) {
            let source = text.replace('\\', r"\\").replace('\'', "''");
            let name = format!("n{text}");
            let sql = format!("select '{source}' as {} from t where a = '{source}'", quoted(&name));
            let parsed = statements(&sql, &BTreeMap::new(), &mut BTreeSet::new()).unwrap();
            let (value, name) = (literal(&text), quoted(&name));
            let expected = format!("SELECT {value} AS {name} FROM \"t\" WHERE a = {value}");
            assert_eq!(translate(&parsed[0], "dev"), Ok(Command::Query(expected)), "{sql}");
        }
    }
}
