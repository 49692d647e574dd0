//! Quarantined rows: the lines of the quarantine file, with personal data masked.
//!
//! [`MASK`] replaces the values of protected columns, of fields with a similar name and of unknown fields that are personal by
//! their name. In datasets with protected columns a row that cannot be split into fields is masked entirely, since the location
//! of its values is unknown. Anything that looks like a card number is masked in every dataset, and like other personal data
//! unless the contract allows it.

use crate::csv::CsvLayout;
use crate::json_text::{Entries, write_text};
use crate::mask::MaskPolicy;
use crate::plan::TransformPlan;
use crate::rule::{Rule, Subject};
use cardlake_core::pii::MASK;
use std::collections::BTreeMap;
use std::io::Write;

/// Invalid rows collected by a worker.
#[derive(Debug, Clone, Default)]
pub(crate) struct QuarantinedRows {
    /// The part of each row's line after the row number, concatenated.
    texts: Vec<u8>,
    /// Position of each row, as in [`crate::columns::ColumnarRows::positions`], and the end of its text.
    rows: Vec<(u64, usize)>,
    /// Rows by reason.
    reasons: BTreeMap<String, u64>,
}

impl QuarantinedRows {
    /// Number of rows.
    pub(crate) fn len(&self) -> usize {
        self.rows.len()
    }

    /// Adds a row: the violated rules and its masked text.
    pub(crate) fn add(
        &mut self,
        plan: &TransformPlan,
        position: u64,
        problems: impl Iterator<Item = (Subject, Rule)>,
        raw: &str,
    ) {
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
        self.rows.push((position, self.texts.len()));
        for reason in reasons {
            *self.reasons.entry(reason).or_default() += 1;
        }
    }

    /// Positions and texts of the rows.
    fn lines(&self) -> impl Iterator<Item = (u64, &[u8])> {
        let starts = std::iter::once(0).chain(self.rows.iter().map(|(_, end)| *end));
        let texts = starts.zip(&self.rows);
        texts.map(|(start, (position, end))| (*position, &self.texts[start..*end]))
    }
}

/// Contents of the quarantine file.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct QuarantineSummary {
    /// Number of rows.
    pub rows: u64,
    /// Number of rows by reason; a row that violates several rules counts under each.
    pub reasons: BTreeMap<String, u64>,
}

impl QuarantineSummary {
    /// Writes the rows collected by the workers in the order of the object; `number` turns a position into a row number.
    ///
    /// # Errors
    /// The file cannot be written.
    pub(crate) fn write(
        &mut self,
        plan: &TransformPlan,
        collected: Vec<QuarantinedRows>,
        number: impl Fn(u64) -> u64,
        file: &mut dyn Write,
    ) -> std::io::Result<()> {
        let mut lines: Vec<(u64, &[u8])> = collected.iter().flat_map(QuarantinedRows::lines).collect();
        lines.sort_unstable_by_key(|(position, _)| *position);
        let mut start = b"{\"object\":".to_vec();
        write_text(&plan.object.key, &mut start);
        for (position, text) in lines {
            file.write_all(&start)?;
            write!(file, ",\"row\":{}", number(position))?;
            file.write_all(text)?;
            self.rows += 1;
        }
        for (reason, rows) in collected.into_iter().flat_map(|collected| collected.reasons) {
            *self.reasons.entry(reason).or_default() += rows;
        }
        Ok(())
    }
}

/// Text of a reason.
fn reason(plan: &TransformPlan, subject: Subject, rule: Rule) -> String {
    let (name, max_length) = match subject {
        Subject::Row => ("row", None),
        Subject::Extra => ("extra", plan.extra),
        Subject::Column(index) => {
            let column = &plan.sources[usize::from(index)];
            (column.name.as_str(), column.max_length)
        }
        Subject::Lookup(index) => (plan.lookups[usize::from(index)].name.as_str(), None),
    };
    format!("{name}: {}", rule.text(max_length))
}

/// Masked text of a row for the quarantine file; `layout` is the header of a CSV file, or `None` for JSON.
pub(crate) fn raw_text(plan: &TransformPlan, layout: Option<&CsvLayout>, raw: &[u8], readable: bool) -> String {
    let text = String::from_utf8_lossy(raw);
    let mask = MaskPolicy::new(plan);
    let fields = match layout {
        Some(layout) if readable => Some(mask_csv(layout, &text)),
        None if readable => mask_json(plan, &mask, &text),
        _ => None,
    };
    match fields {
        Some(fields) => mask.masked(&fields).into_owned(),
        None if plan.is_protected() => format!("{MASK} ({} bytes, masked as a whole)", raw.len()),
        None => mask.masked(&text).into_owned(),
    }
}

fn mask_csv(layout: &CsvLayout, text: &str) -> String {
    if layout.protected.is_empty() {
        return text.to_owned();
    }
    let syntax = &layout.records.syntax;
    let fields = syntax
        .raw_fields(text.as_bytes())
        .enumerate()
        .map(|(index, (start, end))| {
            if layout.protected.contains(&index) {
                MASK
            } else {
                &text[start..end]
            }
        });
    let delimiter = char::from(syntax.delimiter).to_string();
    fields.collect::<Vec<_>>().join(&delimiter)
}

/// `None` for text that is no object.
fn mask_json(plan: &TransformPlan, mask: &MaskPolicy, text: &str) -> Option<String> {
    let Entries(entries) = serde_json::from_str(text).ok()?;
    let is_known = |name: &str| plan.sources.iter().any(|source| source.name == name);
    let is_masked = |name: &str| mask.masks_name(name) || (!is_known(name) && mask.masks_unknown(name));
    if !plan.is_protected() && !entries.iter().any(|(name, _)| is_masked(name)) {
        return Some(text.to_owned());
    }
    let mut json = Vec::new();
    for (name, value) in entries {
        json.push(if json.is_empty() { b'{' } else { b',' });
        write_text(&name, &mut json);
        json.push(b':');
        if is_masked(&name) {
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
