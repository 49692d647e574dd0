//! The header of a CSV file: where it is, and which column each of its fields names.
//!
//! What is unambiguous is read: a byte order mark, blank lines and comments before the header, Excel's `sep=;`, names in another
//! case, columns without a name. A line that is no header may be a row, so no message quotes it: messages name columns of the
//! contract, positions and counts.

use crate::csv::{CsvLayout, is_blank};
use crate::csv_record::{CsvSyntax, QuotedEnd, without_line_end};
use crate::limited::LimitExceeded;
use crate::mask::MaskPolicy;
use crate::plan::TransformPlan;
use crate::text_source::BYTE_ORDER_MARK;
use memchr::memchr;

/// Result of the search for a header.
#[derive(Debug)]
pub(crate) enum HeaderSearch {
    /// The columns, and the offset of the text behind the header.
    Found(CsvLayout, usize),
    /// The file has no text.
    Empty,
    /// The header does not end within the text.
    Incomplete,
    /// The reason why the file is rejected.
    Rejected(String),
}

/// Finds the header at the start of a file. `is_complete`: the text is the whole file, and ends with a line end.
pub(crate) fn find_header(text: &[u8], is_complete: bool, plan: &TransformPlan) -> HeaderSearch {
    let dialect = &plan.contract.source.csv;
    let mut syntax = CsvSyntax::from(dialect);
    let mark = if text.starts_with(BYTE_ORDER_MARK) {
        BYTE_ORDER_MARK.len()
    } else {
        0
    };
    let mut position = mark;
    let mut rows_to_skip = dialect.skip_rows;
    loop {
        let unread = &text[position..];
        let Some(end) = memchr(b'\n', unread) else {
            return if is_complete {
                HeaderSearch::Empty
            } else {
                HeaderSearch::Incomplete
            };
        };
        let line = without_line_end(&unread[..=end]);
        if let Some(delimiter) = declared_delimiter(line).filter(|_| position == mark) {
            syntax.delimiter = delimiter;
        } else if rows_to_skip > 0 {
            rows_to_skip -= 1;
        } else if !is_blank(line) && !syntax.is_comment(line) {
            break;
        }
        position += end + 1;
    }
    let end = match syntax.record_end(text, position) {
        QuotedEnd::At(end) => end,
        QuotedEnd::TextAfterQuote(_) => return no_header("text follows a closing quote"),
        QuotedEnd::Beyond if is_complete => return no_header("a quote is not closed"),
        QuotedEnd::Beyond => return HeaderSearch::Incomplete,
    };
    let Ok(header) = std::str::from_utf8(&text[position..end]) else {
        let reason = "the file is not UTF-8 text; set encoding in the contract if it is text in another encoding";
        return HeaderSearch::Rejected(reason.to_owned());
    };
    match columns(header, syntax, plan) {
        Ok(columns) => HeaderSearch::Found(CsvLayout::new(syntax, columns, plan), end),
        Err(reason) => HeaderSearch::Rejected(reason),
    }
}

fn no_header(reason: &str) -> HeaderSearch {
    HeaderSearch::Rejected(format!("the first line is no header: {reason}"))
}

/// The delimiter that a first line `sep=;` declares.
fn declared_delimiter(line: &[u8]) -> Option<u8> {
    let line = line
        .strip_prefix(b"\"")
        .and_then(|line| line.strip_suffix(b"\""))
        .unwrap_or(line);
    match line.strip_prefix(b"sep=") {
        Some([delimiter]) if delimiter.is_ascii() => Some(*delimiter),
        _ => None,
    }
}

/// The source column that each name means: that of the same name, or the only one of the same name in another case.
fn sources(names: &[String], plan: &TransformPlan) -> Vec<Option<usize>> {
    let position = |name: &String| plan.sources.iter().position(|source| source.name == *name);
    let exact: Vec<Option<usize>> = names.iter().map(position).collect();
    let in_other_case = |name: &String| {
        let lower = name.to_lowercase();
        let mut found = (0..)
            .zip(&plan.sources)
            .filter(|(index, source)| source.name.to_lowercase() == lower && !exact.contains(&Some(*index)))
            .map(|(index, _)| index);
        found.next().filter(|_| found.next().is_none())
    };
    let either = |(name, exact): (&String, &Option<usize>)| exact.or_else(|| in_other_case(name));
    names.iter().zip(&exact).map(either).collect()
}

/// The columns of a file by its header, or the reason why it is rejected.
fn columns(header: &str, syntax: CsvSyntax, plan: &TransformPlan) -> Result<Vec<(String, Option<usize>)>, String> {
    let mut names = syntax.texts(header.as_bytes());
    LimitExceeded::columns(names.len(), plan.contract.limits.max_columns).map_err(|limit| limit.to_string())?;
    let sources = sources(&names, plan);
    let is_header = |sources: &[Option<usize>]| {
        let mut required = (0..)
            .zip(&plan.sources)
            .filter(|(_, source)| source.required)
            .peekable();
        required.peek().is_none() || required.any(|(index, _)| sources.contains(&Some(index)))
    };
    if !is_header(&sources) {
        let seen = "the first line is no header: it names none of the required columns";
        for delimiter in [b';', b'\t', b'|', b','] {
            let other = CsvSyntax { delimiter, ..syntax };
            if is_header(&self::sources(&other.texts(header.as_bytes()), plan)) {
                let delimiter = char::from(delimiter).escape_default();
                return Err(format!(
                    "{seen}; columns separated by '{delimiter}'? set csv.delimiter in the contract"
                ));
            }
        }
        let known = sources.iter().flatten().count();
        let hint = if known == 0 && names.len() == plan.sources.len() {
            "; it may be a row of a file without a header"
        } else {
            ""
        };
        let fields = names.len();
        return Err(format!(
            "{seen}; {known} of its {fields} fields name a column of the contract{hint}"
        ));
    }
    let mask = MaskPolicy::new(plan);
    let nameless = names.iter().filter(|name| name.is_empty()).count();
    for index in 0..names.len() {
        let is_nameless = names[index].is_empty() && nameless > 1;
        if is_nameless || (sources[index].is_none() && mask.hides_name(&names[index])) {
            names[index] = format!("column {}", index + 1);
        }
        if let Some(source) = sources[index]
            && sources[..index].contains(&Some(source))
        {
            let name = &plan.sources[source].name;
            return Err(format!("the header names the column '{name}' twice"));
        }
        if sources[index].is_none()
            && let Some(first) = names[..index].iter().position(|name| *name == names[index])
        {
            let (first, second) = (first + 1, index + 1);
            return Err(format!("the header gives columns {first} and {second} the same name"));
        }
    }
    Ok(names.into_iter().zip(sources).collect())
}
