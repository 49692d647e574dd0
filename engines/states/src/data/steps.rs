//! Steps of a definite path: names and indices.

use serde_json::Value;

/// One step of a definite path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Step {
    Key(String),
    /// Counts from the end if negative.
    Index(i64),
}

/// Follows `steps` from `value`.
pub(crate) fn descend<'a>(value: &'a Value, steps: &[Step]) -> Option<&'a Value> {
    steps.iter().try_fold(value, |value, step| match step {
        Step::Key(key) => value.as_object()?.get(key),
        Step::Index(index) => {
            let items = value.as_array()?;
            items.get(position(*index, items.len())?)
        }
    })
}

/// The offset of `index` in an array of `length` items; `None` if it is out of range.
pub(crate) fn position(index: i64, length: usize) -> Option<usize> {
    if index < 0 {
        length.checked_sub(usize::try_from(index.unsigned_abs()).ok()?)
    } else {
        usize::try_from(index).ok()
    }
}

/// The steps of a definite path, without its `$`; `None` if it is anything else.
pub(crate) fn parse_steps(text: &str) -> Option<Vec<Step>> {
    let mut steps = Vec::new();
    let mut rest = text;
    while !rest.is_empty() {
        if let Some(after) = rest.strip_prefix('.') {
            let end = after.find(['.', '[']).unwrap_or(after.len());
            let (name, tail) = after.split_at(end);
            let plain = |c: char| c.is_alphanumeric() || c == '_' || c == '-';
            if name.is_empty() || !name.chars().all(plain) {
                return None;
            }
            steps.push(Step::Key(name.to_owned()));
            rest = tail;
        } else {
            let (step, tail) = parse_bracket(rest.strip_prefix('[')?)?;
            steps.push(step);
            rest = tail;
        }
    }
    Some(steps)
}

/// A step in brackets, after the opening one; and what follows the closing one.
fn parse_bracket(text: &str) -> Option<(Step, &str)> {
    let Some(quote) = text.chars().next().filter(|c| matches!(c, '\'' | '"')) else {
        let (index, rest) = text.split_once(']')?;
        return Some((Step::Index(index.parse().ok()?), rest));
    };
    let mut name = String::new();
    let mut characters = text.char_indices().skip(1).peekable();
    while let Some((at, character)) = characters.next() {
        match character {
            // Only the quote itself needs its backslash; before anything else it stands for itself.
            '\\' if characters.peek().is_some_and(|(_, next)| *next == quote) => {
                characters.next();
                name.push(quote);
            }
            c if c == quote => return Some((Step::Key(name), text[at + 1..].strip_prefix(']')?)),
            c => name.push(c),
        }
    }
    None
}
