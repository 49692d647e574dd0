//! A question of the reader's as a panel: its file, and the page's file with its name in it.
//!
//! Pure: the caller writes the files. What is given has been read as a dashboard before.

use crate::definition::{Dashboard, DefinitionError, PAGE, is_id};
use serde::Deserialize;
use std::fmt::Write;

/// A question to save.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Draft {
    /// Name of the file, without its extension.
    pub id: String,
    /// Title of the panel.
    pub title: String,
    /// One SELECT, with `ref('model')`.
    pub sql: String,
    /// Without one, the panel shows its table.
    #[serde(default)]
    pub chart: Option<DraftChart>,
    /// Columns of the table, in order.
    pub columns: Vec<String>,
}

/// Its chart.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DraftChart {
    /// `bars` or `columns`.
    pub kind: DraftChartKind,
    /// Column of the names.
    pub name: String,
    /// Column of the values.
    pub value: String,
}

/// A kind of chart that has a name and a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DraftChartKind {
    /// Horizontal.
    Bars,
    /// Upright.
    Columns,
}

/// Files of a dashboard with one panel more.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Saved {
    /// Name of the panel's file, which is new.
    pub panel_file: String,
    /// Its text.
    pub panel: String,
    /// Name of the page's file, which is changed.
    pub page_file: String,
    /// Its text.
    pub page: String,
}

/// Why a question cannot be a panel.
#[derive(Debug, thiserror::Error)]
pub enum SaveError {
    /// The name is no file's name.
    #[error("'{0}' cannot be the panel's name: use lower-case letters, digits and hyphens")]
    Id(String),
    /// There is such a panel.
    #[error("there is a {0}.yml already: choose another name")]
    Exists(String),
    /// The folder has no dashboard.
    #[error("there is no {PAGE} in the folder")]
    NoPage,
    /// The list of panels is written in a way that this does not edit.
    #[error("cannot add '{0}' to 'panels' of {PAGE}: add it there yourself")]
    Page(String),
    /// The dashboard with the panel would be wrong.
    #[error(transparent)]
    Definition(#[from] DefinitionError),
}

impl Draft {
    /// The panel's file.
    #[must_use]
    pub fn yaml(&self) -> String {
        let mut text = format!("title: {}\n{}", quoted(&self.title), block("sql", &self.sql));
        if let Some(chart) = &self.chart {
            let (name, value) = (quoted(&chart.name), quoted(&chart.value));
            let (kind, more) = match chart.kind {
                DraftChartKind::Bars => ("bars", String::new()),
                // The titles of the axes are templates.
                DraftChartKind::Columns => {
                    let title = |column: &str| quoted(&column.replace(['{', '}'], ""));
                    let (x, y) = (title(&chart.name), title(&chart.value));
                    ("columns", format!("    x_title: {x}\n    y_title: {y}\n"))
                }
            };
            // Writing to a String cannot fail, here and below.
            let _ = write!(
                text,
                "chart:\n  {kind}:\n    name: {name}\n    value: {value}\n{more}    alternative: \"{{{{ points | listing }}}}\"\n"
            );
        }
        text.push_str("table:\n");
        for column in &self.columns {
            let column = quoted(column);
            let _ = writeln!(text, "  - {{column: {column}, title: {column}}}");
        }
        text
    }

    /// Adds the panel to a dashboard, given its files as name and text.
    ///
    /// # Errors
    /// See [`SaveError`].
    pub fn add_to(&self, files: &[(String, String)]) -> Result<Saved, SaveError> {
        if !is_id(&self.id) || self.id == "page" {
            return Err(SaveError::Id(self.id.clone()));
        }
        let panel_file = format!("{}.yml", self.id);
        if files.iter().any(|(name, _)| *name == panel_file) {
            return Err(SaveError::Exists(self.id.clone()));
        }
        let (page_file, page) = files.iter().find(|(name, _)| name == PAGE).ok_or(SaveError::NoPage)?;
        let before = Dashboard::parse(pairs(files))?;
        let saved = Saved {
            panel: self.yaml(),
            panel_file,
            page_file: page_file.clone(),
            page: with_panel(page, &self.id).ok_or_else(|| SaveError::Page(self.id.clone()))?,
        };
        let others = files.iter().filter(|(name, _)| name != PAGE).cloned();
        let mut after: Vec<(String, String)> = others.collect();
        after.push((saved.page_file.clone(), saved.page.clone()));
        after.push((saved.panel_file.clone(), saved.panel.clone()));
        let after = Dashboard::parse(pairs(&after))?;
        // The text was edited as text: everything else has to be as it was.
        let ids = |dashboard: &Dashboard| -> Vec<String> { dashboard.page.panels.clone() };
        let mut expected = ids(&before);
        expected.push(self.id.clone());
        if ids(&after) != expected || after.page.title != before.page.title {
            return Err(SaveError::Page(self.id.clone()));
        }
        Ok(saved)
    }
}

fn pairs(files: &[(String, String)]) -> impl Iterator<Item = (&str, &str)> {
    files.iter().map(|(name, text)| (name.as_str(), text.as_str()))
}

/// A text as YAML: JSON's strings are YAML's, too, if all control characters are escaped.
fn quoted(text: &str) -> String {
    let mut quoted = String::new();
    for letter in serde_json::Value::from(text).to_string().chars() {
        if letter.is_control() {
            let _ = write!(quoted, "\\u{:04x}", u32::from(letter));
        } else {
            quoted.push(letter);
        }
    }
    quoted
}

/// A field with text of several lines, in a block where it can be one.
fn block(field: &str, text: &str) -> String {
    let text = text.replace("\r\n", "\n");
    let text = text.trim_end();
    let is_plain = |line: &str| !line.contains(|letter: char| letter.is_control());
    if text.is_empty() || text.starts_with(char::is_whitespace) || !text.split('\n').all(is_plain) {
        return format!("{field}: {}\n", quoted(text));
    }
    let mut block = format!("{field}: |\n");
    for line in text.split('\n') {
        let line = line.trim_end();
        let _ = writeln!(block, "{}{line}", if line.is_empty() { "" } else { "  " });
    }
    block
}

/// `page.yml` with a panel more at the end of its list; comments stay. `None` if the list is written in another way.
fn with_panel(page: &str, id: &str) -> Option<String> {
    let lines: Vec<&str> = page.split_inclusive('\n').collect();
    let at = lines.iter().position(|line| line.starts_with("panels:"))?;
    let line = lines.get(at)?.trim_end();
    let (before, after) = lines.split_at(at + 1);
    if let Some((open, rest)) = line.rsplit_once(']') {
        let separator = if open.trim_end().ends_with('[') { "" } else { ", " };
        let kept = before.get(..at)?.concat();
        return Some(format!("{kept}{open}{separator}{id}]{rest}\n{}", after.concat()));
    }
    if line != "panels:" {
        return None;
    }
    let is_item = |line: &&str| line.trim_start().starts_with("- ");
    let is_inside = |line: &&str| is_item(line) || line.trim().is_empty() || line.trim_start().starts_with('#');
    let inside = after.iter().take_while(|line| is_inside(line)).count();
    let last = after.get(..inside)?.iter().rposition(is_item)?;
    let item = after.get(last)?;
    let indent = &item[..item.len() - item.trim_start().len()];
    let end = if item.ends_with('\n') { "" } else { "\n" };
    let (kept, rest) = after.split_at(last + 1);
    Some(format!(
        "{}{}{end}{indent}- {id}\n{}",
        before.concat(),
        kept.concat(),
        rest.concat()
    ))
}

#[cfg(test)]
mod tests;
