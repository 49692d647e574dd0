//! Statements that are typed: with history, completion of names, and Ctrl-C that stops a statement, not the session.

use super::session::{Session, ask, is_query};
use super::split;
use crate::error::CliError;
use cardlake_aws::data_api::Value;
use rustyline::completion::Completer;
use rustyline::error::ReadlineError;
use rustyline::highlight::Highlighter;
use rustyline::hint::Hinter;
use rustyline::history::FileHistory;
use rustyline::validate::{ValidationContext, ValidationResult, Validator};
use rustyline::{Config, Context, Editor, Helper};
use std::collections::BTreeSet;
use std::io::Write;
use std::path::Path;

const WELCOME: &str =
    "A statement ends with a semicolon. \\d lists tables, \\d NAME columns, \\q leaves; Tab completes names.";

/// The history of a data directory, and how much it keeps.
const HISTORY: &str = "sql_history";
const HISTORY_ENTRIES: usize = 1000;

const TABLES: &str = "select table_schema, table_name, table_type from information_schema.tables \
                      where table_schema not in ('information_schema', 'pg_catalog') order by 1, 2";
const NAMES: &str = "select table_schema, table_name, column_name from information_schema.columns \
                     where table_schema not in ('information_schema', 'pg_catalog')";

const KEYWORDS: [&str; 38] = [
    "and", "as", "asc", "between", "by", "case", "cast", "count", "create", "cross", "date", "delete", "desc",
    "distinct", "else", "end", "exists", "explain", "from", "group", "having", "in", "inner", "insert", "into", "is",
    "join", "left", "limit", "not", "null", "on", "or", "order", "select", "union", "where", "with",
];

/// A line of the prompt.
#[derive(Debug, PartialEq, Eq)]
enum Line<'a> {
    Leave,
    /// A statement of the prompt's own: a query for names.
    Describe(String),
    Statements(Vec<&'a str>),
    Unknown(&'a str),
}

impl<'a> Line<'a> {
    fn of(text: &'a str) -> Self {
        let text = text.trim();
        if matches!(text.trim_end_matches(';').trim_end(), "exit" | "quit" | "\\q") {
            return Self::Leave;
        }
        let Some(command) = text.strip_prefix('\\') else {
            return Self::Statements(split::statements(text));
        };
        let mut words = command.trim_end_matches(';').split_whitespace();
        match (words.next(), words.next(), words.next()) {
            (Some("d"), None, _) => Self::Describe(TABLES.to_owned()),
            (Some("d"), Some(name), None) => Self::Describe(columns(name)),
            _ => Self::Unknown(text),
        }
    }
}

/// The query for the columns of a table, with or without its schema.
fn columns(name: &str) -> String {
    let literal = |text: &str| format!("'{}'", text.to_lowercase().replace('\'', "''"));
    let (schema, table) = match name.split_once('.') {
        Some((schema, table)) => (format!("and table_schema = {} ", literal(schema)), table),
        None => (String::new(), name),
    };
    format!(
        "select column_name, data_type, is_nullable from information_schema.columns where table_name = {} \
         {schema}order by table_schema, ordinal_position",
        literal(table)
    )
}

/// Completes keywords and the names of the warehouse.
#[derive(Debug, Default)]
struct Names(BTreeSet<String>);

impl Names {
    /// What the word before `at` may be completed to, and where it begins.
    fn complete(&self, line: &str, at: usize) -> (usize, Vec<String>) {
        let is_name = |letter: char| letter.is_alphanumeric() || matches!(letter, '_' | '.');
        let before = line.get(..at).unwrap_or_default();
        let start = before.trim_end_matches(is_name).len();
        let word = &before[start..];
        if word.is_empty() {
            return (at, Vec::new());
        }
        let lower = word.to_lowercase();
        let is_upper = word.chars().all(|letter| !letter.is_lowercase());
        let keywords = KEYWORDS.into_iter().filter(|keyword| keyword.starts_with(&lower));
        let keywords = keywords.map(|keyword| {
            if is_upper {
                keyword.to_uppercase()
            } else {
                keyword.to_owned()
            }
        });
        let names = self
            .0
            .range(lower.clone()..)
            .take_while(|name| name.starts_with(&lower));
        let all: BTreeSet<String> = keywords.chain(names.cloned()).collect();
        (start, all.into_iter().collect())
    }
}

impl Completer for Names {
    type Candidate = String;

    fn complete(&self, line: &str, at: usize, _: &Context<'_>) -> rustyline::Result<(usize, Vec<String>)> {
        Ok(self.complete(line, at))
    }
}

impl Validator for Names {
    /// A line goes on until its last statement is closed.
    fn validate(&self, context: &mut ValidationContext<'_>) -> rustyline::Result<ValidationResult> {
        Ok(if is_whole(context.input()) {
            ValidationResult::Valid(None)
        } else {
            ValidationResult::Incomplete
        })
    }
}

fn is_whole(input: &str) -> bool {
    match Line::of(input) {
        Line::Statements(_) => split::is_blank(split::split(input).1),
        Line::Leave | Line::Describe(_) | Line::Unknown(_) => true,
    }
}

impl Hinter for Names {
    type Hint = String;
}
impl Highlighter for Names {}
impl Helper for Names {}

/// Reads and runs statements until the end of the input. A statement that fails is reported, and the next one is read.
///
/// # Errors
/// The terminal cannot be read or written.
pub(super) async fn prompt(session: &Session, data_dir: &Path) -> Result<(), CliError> {
    let failed = |error: ReadlineError| CliError::caused("read from the terminal", &error);
    let config = Config::builder()
        .max_history_size(HISTORY_ENTRIES)
        .map_err(failed)?
        .auto_add_history(true)
        .build();
    let mut editor: Editor<Names, FileHistory> = Editor::with_config(config).map_err(failed)?;
    let history = data_dir.join(HISTORY);
    // There is none at first.
    let _ = editor.load_history(&history);
    tell(WELCOME);
    let mut is_stale = true;
    loop {
        if std::mem::take(&mut is_stale) {
            editor.set_helper(Some(names(session).await));
        }
        let line = match tokio::task::block_in_place(|| editor.readline("cardlake> ")) {
            Ok(line) => line,
            Err(ReadlineError::Interrupted) => continue,
            Err(ReadlineError::Eof) => break,
            Err(error) => return Err(failed(error)),
        };
        // Without a history the next session starts afresh.
        let _ = editor.save_history(&history);
        match Line::of(&line) {
            Line::Leave => break,
            Line::Unknown(command) => tell(&format!("{command} is unknown. {WELCOME}")),
            Line::Describe(query) => {
                run(session, &query).await?;
            }
            Line::Statements(statements) => {
                for statement in statements {
                    is_stale |= !is_query(statement);
                    if !run(session, statement).await? {
                        break;
                    }
                }
            }
        }
    }
    Ok(())
}

/// Runs and prints one statement; false if it failed or was stopped.
async fn run(session: &Session, statement: &str) -> Result<bool, CliError> {
    match session.answer(statement, tokio::signal::ctrl_c()).await {
        Ok(answer) => session.print(&answer).map(|()| true),
        Err(error) => {
            tell(&error.to_string());
            Ok(false)
        }
    }
}

/// All names of the warehouse; none if it does not say.
async fn names(session: &Session) -> Names {
    let rows = ask(&session.warehouse, NAMES).await.unwrap_or_default();
    let mut names = BTreeSet::new();
    for row in rows.rows {
        if let [Value::Text(schema), Value::Text(table), Value::Text(column)] = row.as_slice() {
            names.extend([format!("{schema}.{table}"), table.clone(), column.clone()]);
        }
    }
    Names(names)
}

fn tell(text: &str) {
    // Standard error may be closed; the session goes on.
    let _ = writeln!(std::io::stderr(), "{text}");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_goes_on_until_its_statement_is_closed() {
        for whole in [
            "select 1;",
            "",
            "-- nothing",
            "\\d",
            "\\d raw.cards",
            "\\x",
            "exit",
            "quit;",
            "select ';';",
        ] {
            assert!(is_whole(whole), "{whole}");
        }
        for open in ["select 1", "select ';", "select 1; select 2", "-- two\nselect"] {
            assert!(!is_whole(open), "{open}");
        }
    }

    #[test]
    fn commands_of_the_prompt_are_told_from_statements() {
        assert_eq!(Line::of(" quit ; "), Line::Leave);
        assert_eq!(Line::of("\\q"), Line::Leave);
        assert_eq!(Line::of("\\d"), Line::Describe(TABLES.to_owned()));
        let Line::Describe(query) = Line::of("\\d Raw.it's") else {
            panic!()
        };
        assert!(
            query.contains("table_name = 'it''s' and table_schema = 'raw' order"),
            "{query}"
        );
        assert_eq!(Line::of("\\d a b"), Line::Unknown("\\d a b"));
        assert_eq!(
            Line::of("select 1; select 2;"),
            Line::Statements(vec!["select 1", "select 2"])
        );
    }

    #[test]
    fn names_and_keywords_are_completed() {
        let names = ["raw.cards", "cards", "card_id", "customers"].map(str::to_owned);
        let names = Names(names.into());
        let complete = |line: &str| names.complete(line, line.len());
        assert_eq!(
            complete("select car"),
            (7, vec!["card_id".to_owned(), "cards".to_owned()])
        );
        assert_eq!(complete("select * from raw."), (14, vec!["raw.cards".to_owned()]));
        assert_eq!(complete("SEL"), (0, vec!["SELECT".to_owned()]));
        assert_eq!(complete("select "), (7, Vec::new()));
    }
}
