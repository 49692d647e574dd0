//! Quarantined rows: the lines of the quarantine file, with personal data masked.
//!
//! In datasets with protected columns the values of these columns are replaced by [`MASK`] in the raw text, and those of fields
//! that are called like one; a row that cannot be taken apart into fields is masked as a whole, since nobody can say where its
//! values are. In every dataset whatever is a card number by its looks is masked, wherever it stands.

use crate::csv::{Layout, raw_fields};
use crate::json::{Entries, write_text};
use crate::plan::{Plan, SourceColumn};
use crate::rule::{Rule, Subject};
use cardlake_shared::contract::Protection;
use cardlake_shared::pii::{MASK, mask_card_numbers};
use std::borrow::Cow;
use std::collections::BTreeMap;

/// A row that breaks the contract.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Quarantined {
    /// Place in the object, as in [`crate::builder::Rows::places`].
    pub place: u64,
    /// What it breaks.
    pub problems: Vec<(Subject, Rule)>,
    /// Its text, masked.
    pub raw: String,
}

/// The quarantine file in the making.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Quarantine {
    /// JSON lines.
    pub lines: Vec<u8>,
    /// Rows by reason.
    pub reasons: BTreeMap<String, u64>,
    /// Rows.
    pub rows: u64,
}

impl Quarantine {
    /// Adds a row; `number` is its number in the object.
    pub fn add(&mut self, plan: &Plan, number: u64, row: &Quarantined) {
        let mut reasons: Vec<String> = Vec::new();
        for (subject, rule) in &row.problems {
            let reason = reason(plan, *subject, *rule);
            if !reasons.contains(&reason) {
                reasons.push(reason);
            }
        }
        self.lines.extend_from_slice(b"{\"object\":");
        write_text(&plan.object.key, &mut self.lines);
        self.lines
            .extend_from_slice(format!(",\"row\":{number},\"reasons\":[").as_bytes());
        for (index, reason) in reasons.iter().enumerate() {
            if index > 0 {
                self.lines.push(b',');
            }
            write_text(reason, &mut self.lines);
        }
        self.lines.extend_from_slice(b"],\"raw\":");
        write_text(&row.raw, &mut self.lines);
        self.lines.extend_from_slice(b"}\n");
        for reason in reasons {
            *self.reasons.entry(reason).or_default() += 1;
        }
        self.rows += 1;
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
