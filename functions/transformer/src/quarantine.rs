//! Quarantined rows: the lines of the quarantine file, with personal data masked.
//!
//! In datasets with protected columns the values of these columns are replaced by [`MASK`] in the raw text, and those of fields
//! that are called like one; a row that cannot be taken apart into fields is masked as a whole, since nobody can say where its
//! values are. In every dataset whatever is a card number by its looks is masked, wherever it stands.

use crate::csv::{Layout, raw_fields};
use crate::json::{Entries, write_text};
use crate::plan::{Plan, SourceColumn};
use crate::rule::{Rule, Subject};
use cardlake_core::contract::Protection;
use cardlake_core::pii::{MASK, mask_card_numbers};
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::io::Write;

/// Rows that break the contract, as a worker collects them.
#[derive(Debug, Clone, Default)]
pub struct Quarantined {
    /// For each row what follows its number in its line, one after the other.
    texts: Vec<u8>,
    /// Place of each row in the object, as in [`crate::builder::Rows::places`], and the end of its text.
    rows: Vec<(u64, usize)>,
    /// Rows by reason.
    reasons: BTreeMap<String, u64>,
}

impl Quarantined {
    /// Number of rows.
    #[must_use]
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// Whether there is no row.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// Adds a row: what it breaks, and its text, masked.
    pub fn add(&mut self, plan: &Plan, place: u64, problems: impl Iterator<Item = (Subject, Rule)>, raw: &str) {
        let mut reasons: Vec<String> = Vec::new();
        for (subject, rule) in problems {
            let reason = reason(plan, subject, rule);
            if !reasons.contains(&reason) {
                reasons.push(reason);
            }
        }
        self.texts.extend_from_slice(b",\"reasons\":[");
        for (index, reason) in reasons.iter().enumerate() {
            if index > 0 {
                self.texts.push(b',');
            }
            write_text(reason, &mut self.texts);
        }
        self.texts.extend_from_slice(b"],\"raw\":");
        write_text(raw, &mut self.texts);
        self.texts.extend_from_slice(b"}\n");
        self.rows.push((place, self.texts.len()));
        for reason in reasons {
            *self.reasons.entry(reason).or_default() += 1;
        }
    }

    /// Places and texts of the rows.
    fn lines(&self) -> impl Iterator<Item = (u64, &[u8])> {
        let starts = std::iter::once(0).chain(self.rows.iter().map(|(_, end)| *end));
        let texts = starts.zip(&self.rows);
        texts.map(|(start, (place, end))| (*place, self.texts.get(start..*end).unwrap_or_default()))
    }
}

/// What the quarantine file holds.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Quarantine {
    /// Rows.
    pub rows: u64,
    /// Rows by reason; a row that breaks several rules counts under each.
    pub reasons: BTreeMap<String, u64>,
}

impl Quarantine {
    /// Writes what the workers have collected, in the order of the object; `number` turns a place into the number of the
    /// row.
    ///
    /// # Errors
    /// Of the file.
    pub fn write(
        &mut self,
        plan: &Plan,
        collected: Vec<Quarantined>,
        number: impl Fn(u64) -> u64,
        file: &mut dyn Write,
    ) -> std::io::Result<()> {
        let mut lines: Vec<(u64, &[u8])> = collected.iter().flat_map(Quarantined::lines).collect();
        lines.sort_unstable_by_key(|(place, _)| *place);
        let mut start = b"{\"object\":".to_vec();
        write_text(&plan.object.key, &mut start);
        for (place, text) in lines {
            file.write_all(&start)?;
            write!(file, ",\"row\":{}", number(place))?;
            file.write_all(text)?;
            self.rows += 1;
        }
        for (reason, rows) in collected.into_iter().flat_map(|collected| collected.reasons) {
            *self.reasons.entry(reason).or_default() += rows;
        }
        Ok(())
    }
}

/// The text of a reason.
#[must_use]
pub fn reason(plan: &Plan, subject: Subject, rule: Rule) -> String {
    let (name, max_length) = match subject {
        Subject::Row => ("row", None),
        Subject::Extra => ("extra", plan.extra),
        Subject::Column(index) => match plan.sources.get(usize::from(index)) {
            Some(column) => (column.name.as_str(), column.max_length),
            None => ("row", None),
        },
        Subject::Lookup(index) => match plan.lookups.get(usize::from(index)) {
            Some(lookup) => (lookup.name.as_str(), None),
            None => ("row", None),
        },
    };
    format!("{name}: {}", rule.text(max_length))
}

/// Knows the fields of a dataset that hold what must not be stored in the clear.
#[derive(Debug, Clone, Default)]
pub struct Guard {
    /// Names of protected columns, reduced to what nobody writes in two ways.
    names: Vec<String>,
}

impl Guard {
    /// For the columns of a plan.
    #[must_use]
    pub fn new(plan: &Plan) -> Self {
        let is_protected = |source: &&SourceColumn| source.protection != Protection::None;
        Self {
            names: plan
                .sources
                .iter()
                .filter(is_protected)
                .map(|source| reduced(&source.name))
                .collect(),
        }
    }

    /// Whether a field is called like a protected column, give or take case and punctuation: `Card-Number`.
    #[must_use]
    pub fn hides_name(&self, name: &str) -> bool {
        !self.names.is_empty() && self.names.contains(&reduced(name))
    }

    /// Whether the value of a field that the contract does not know must not be stored: a renamed column would
    /// otherwise take personal data past the contract.
    #[must_use]
    pub fn hides(&self, name: &str, value: &str) -> bool {
        self.hides_name(name) || (!self.names.is_empty() && matches!(mask_card_numbers(value), Cow::Owned(_)))
    }
}

fn reduced(name: &str) -> String {
    name.chars()
        .filter(|c| c.is_alphanumeric())
        .flat_map(char::to_lowercase)
        .collect()
}

/// The text of a row for the quarantine file; `layout` is the header of a CSV file, none for JSON lines.
#[must_use]
pub fn raw_text(plan: &Plan, layout: Option<&Layout>, raw: &[u8], readable: bool) -> String {
    let text = String::from_utf8_lossy(raw);
    if !plan.is_protected() {
        return mask_card_numbers(&text).into_owned();
    }
    let masked = match layout {
        Some(layout) if readable => Some(mask_csv(layout, &text)),
        None if readable => mask_json(plan, &text),
        _ => None,
    };
    let masked = masked.map(|text| mask_card_numbers(&text).into_owned());
    masked.unwrap_or_else(|| format!("{MASK} ({} bytes, masked as a whole)", raw.len()))
}

fn mask_csv(layout: &Layout, text: &str) -> String {
    let fields = raw_fields(text.as_bytes()).enumerate().map(|(place, (start, end))| {
        if layout.protected.contains(&place) {
            MASK
        } else {
            text.get(start..end).unwrap_or_default()
        }
    });
    fields.collect::<Vec<_>>().join(",")
}

fn mask_json(plan: &Plan, text: &str) -> Option<String> {
    let Entries(entries) = serde_json::from_str(text).ok()?;
    let guard = Guard::new(plan);
    let mut json = Vec::new();
    for (name, value) in entries {
        json.push(if json.is_empty() { b'{' } else { b',' });
        write_text(&name, &mut json);
        json.push(b':');
        if guard.hides_name(&name) {
            write_text(MASK, &mut json);
        } else {
            json.extend_from_slice(value.get().as_bytes());
        }
    }
    if json.is_empty() {
        json.push(b'{');
    }
    json.push(b'}');
    String::from_utf8(json).ok()
}
