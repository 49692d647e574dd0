//! From text to tokens: statements are split, identifiers folded and `:name` parameters filled in.
//!
//! Input: the SQL text of a request and its parameters. Output: one token list per statement, without white space and
//! comments. Tokens keep strings, quoted names and comments from being changed.

use std::collections::{BTreeMap, BTreeSet};

use sqlparser::dialect::RedshiftSqlDialect;
use sqlparser::keywords::Keyword;
use sqlparser::tokenizer::{Location, Token, TokenWithSpan, Tokenizer};

use crate::error::SqlError;

/// The tokens of one statement, without white space and comments.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Statement {
    pub(crate) tokens: Vec<TokenWithSpan>,
}

/// Splits `sql` at semicolons and prepares the tokens of each statement; empty statements are skipped.
///
/// `parameters` are the named values of the request; the names that were used are added to `used`. Fails on text that
/// has no tokens (an open string, an open comment) and on a placeholder without a value.
pub fn statements(
    sql: &str,
    parameters: &BTreeMap<String, String>,
    used: &mut BTreeSet<String>,
) -> Result<Vec<Statement>, SqlError> {
    let tokens = tokenize(sql)?;
    let mut statements = Vec::new();
    let mut current = Vec::new();
    let mut tokens = tokens.into_iter().peekable();
    while let Some(mut token) = tokens.next() {
        match &mut token.token {
            blank if is_blank(blank) => continue,
            Token::SemiColon => {
                finish(&mut current, &mut statements);
                continue;
            }
            Token::Word(word) => {
                // Redshift folds every name to lower case, quoted or not (enable_case_sensitive_identifier is off).
                word.value = word.value.to_lowercase();
                // Its answer is an estimate; the exact count, median or percentile is within the promised error.
                if word.quote_style.is_none() && word.value == "approximate" {
                    continue;
                }
                if word.keyword == Keyword::MINUS && word.quote_style.is_none() {
                    word.value = "except".to_owned();
                    word.keyword = Keyword::EXCEPT;
                }
            }
            Token::Colon => {
                let end = token.span.end;
                let following = tokens.next_if(|next| next.span.start == end && matches!(next.token, Token::Word(_)));
                if let Some(Token::Word(word)) = following.map(|next| next.token) {
                    let name = word.value;
                    let value = parameters
                        .get(&name)
                        .ok_or_else(|| SqlError::redshift(format!("Cannot find parameter: {name}")))?;
                    used.insert(name);
                    token.token = Token::SingleQuotedString(value.clone());
                }
            }
            _ => {}
        }
        current.push(token);
    }
    finish(&mut current, &mut statements);
    Ok(statements)
}

impl Statement {
    /// The verb of the statement as a client is told when it has ended: `SELECT`, `CREATE TABLE`, `BEGIN`.
    pub fn verb(&self) -> String {
        let mut words = self.tokens.iter().map_while(word);
        let first = words.next().unwrap_or_default().to_uppercase();
        let second = match first.as_str() {
            "CREATE" | "DROP" | "ALTER" => {
                words.find(|word| !matches!(*word, "or" | "replace" | "temp" | "temporary" | "local"))
            }
            _ => None,
        };
        match (first.as_str(), second) {
            ("WITH" | "", _) => "SELECT".to_owned(),
            ("START", _) => "BEGIN".to_owned(),
            ("END", _) => "COMMIT".to_owned(),
            ("ABORT", _) => "ROLLBACK".to_owned(),
            (_, Some(second)) => format!("{first} {}", second.to_uppercase()),
            _ => first,
        }
    }

    /// The prepared statement that DEALLOCATE names.
    pub fn deallocated(&self) -> Option<String> {
        let (verb, rest) = self.tokens.split_first()?;
        if word(verb) != Some("deallocate") {
            return None;
        }
        let mut names = rest.iter().filter_map(name);
        names.next_back().map(str::to_owned)
    }

    /// The highest number of a placeholder (`$1`, `$2`, …); 0 if there is none.
    pub fn placeholders(&self) -> usize {
        self.tokens.iter().filter_map(placeholder).max().unwrap_or_default()
    }

    /// The name of the type that a cast gives to each placeholder (`$1::int`, `cast($2 as date)`), by their numbers.
    pub fn placeholder_types(&self) -> Vec<Option<&str>> {
        let mut types = vec![None; self.placeholders()];
        for (at, token) in self.tokens.iter().enumerate() {
            let [operator, name] = [1, 2].map(|offset| self.tokens.get(at + offset));
            let is_operator = operator.is_some_and(|token| token.token == Token::DoubleColon);
            let called = at
                .checked_sub(2)
                .and_then(|before| self.tokens.get(before))
                .and_then(word);
            let is_call = called == Some("cast") && operator.and_then(word) == Some("as");
            if let Some(index) = placeholder(token).and_then(|number| number.checked_sub(1))
                && (is_operator || is_call)
                && let Some(name) = name.and_then(word)
            {
                types[index] = Some(name);
            }
        }
        types
    }

    /// The statement with SQL expressions in place of `$1`, `$2`, …
    ///
    /// # Errors
    /// A placeholder has no value, or a value is no SQL.
    pub fn bind(&self, values: &[String]) -> Result<Self, SqlError> {
        let tokenized = values.iter().map(|value| {
            let mut tokens = tokenize(value)?;
            tokens.retain(|part| !is_blank(&part.token));
            Ok(tokens)
        });
        self.replace_placeholders(&tokenized.collect::<Result<Vec<_>, SqlError>>()?)
    }

    /// The same with expressions that are read already, as those of EXECUTE.
    ///
    /// # Errors
    /// A placeholder has no value.
    pub fn bind_expressions(&self, values: &[Expression]) -> Result<Self, SqlError> {
        let inside = |value: &Expression| {
            let mut tokens = vec![TokenWithSpan::wrap(Token::LParen)];
            tokens.extend(value.iter().cloned());
            tokens.push(TokenWithSpan::wrap(Token::RParen));
            tokens
        };
        self.replace_placeholders(&values.iter().map(inside).collect::<Vec<_>>())
    }

    fn replace_placeholders(&self, values: &[Expression]) -> Result<Self, SqlError> {
        let mut tokens = Vec::with_capacity(self.tokens.len());
        for token in &self.tokens {
            let Some(number) = placeholder(token) else {
                tokens.push(token.clone());
                continue;
            };
            let value = number.checked_sub(1).and_then(|index| values.get(index));
            let value = value.ok_or_else(|| SqlError::classed("42P02", format!("there is no parameter ${number}")))?;
            tokens.extend(
                value
                    .iter()
                    .map(|part| TokenWithSpan::new(part.token.clone(), token.span)),
            );
        }
        Ok(Self { tokens })
    }

    /// The statement that begins at a token of this one.
    pub(crate) fn from(&self, token: usize) -> Self {
        Self {
            tokens: self.tokens[token..].to_vec(),
        }
    }
}

/// The tokens of an expression.
pub type Expression = Vec<TokenWithSpan>;

fn tokenize(sql: &str) -> Result<Vec<TokenWithSpan>, SqlError> {
    let tokens = Tokenizer::new(&RedshiftSqlDialect {}, sql).tokenize_with_location();
    let mut tokens = tokens.map_err(|error| SqlError::Syntax(error.to_string()))?;
    for token in &mut tokens {
        // `E'…'` is a string like any other once its escapes are read.
        if let Token::EscapedStringLiteral(text) = &mut token.token {
            token.token = Token::SingleQuotedString(std::mem::take(text));
        }
    }
    Ok(tokens)
}

/// The part of a text that each of its statements is. One walk, however many there are.
pub fn texts<'a>(sql: &'a str, statements: &[Statement]) -> Vec<&'a str> {
    let mut place = Place::new(sql);
    let parts = statements.iter().map(|statement| {
        let (Some(first), Some(last)) = (statement.tokens.first(), statement.tokens.last()) else {
            return "";
        };
        let begin = place.seek(first.span.start);
        let end = place.seek(last.span.end);
        &sql[begin..end]
    });
    parts.collect()
}

/// A place in a text that moves forward. Lines and columns count from 1, columns in characters.
struct Place<'a> {
    symbols: std::str::Chars<'a>,
    length: usize,
    line: u64,
    column: u64,
}

impl<'a> Place<'a> {
    fn new(sql: &'a str) -> Self {
        Self {
            symbols: sql.chars(),
            length: sql.len(),
            line: 1,
            column: 1,
        }
    }

    /// Moves to a line and column, and gives its byte.
    fn seek(&mut self, location: Location) -> usize {
        while (self.line, self.column) < (location.line, location.column) {
            match self.symbols.next() {
                Some('\n') => (self.line, self.column) = (self.line + 1, 1),
                Some(_) => self.column += 1,
                None => break,
            }
        }
        self.length - self.symbols.as_str().len()
    }
}

fn is_blank(token: &Token) -> bool {
    matches!(token, Token::Whitespace(_) | Token::EOF)
}

/// The number of a placeholder, if `token` is one.
fn placeholder(token: &TokenWithSpan) -> Option<usize> {
    match &token.token {
        Token::Placeholder(text) => text.strip_prefix('$')?.parse().ok(),
        _ => None,
    }
}

fn finish(current: &mut Vec<TokenWithSpan>, statements: &mut Vec<Statement>) {
    if !current.is_empty() {
        statements.push(Statement {
            tokens: std::mem::take(current),
        });
    }
}

/// The lower-case text of an unquoted word, if `token` is one.
pub(crate) fn word(token: &TokenWithSpan) -> Option<&str> {
    match &token.token {
        Token::Word(word) if word.quote_style.is_none() => Some(&word.value),
        _ => None,
    }
}

/// The lower-case text of a word, quoted or not, if `token` is one.
pub(crate) fn name(token: &TokenWithSpan) -> Option<&str> {
    match &token.token {
        Token::Word(word) => Some(&word.value),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(sql: &str, parameters: &[(&str, &str)]) -> Vec<String> {
        let parameters = parameters
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect();
        statements(sql, &parameters, &mut BTreeSet::new())
            .unwrap()
            .iter()
            .map(|statement| {
                statement
                    .tokens
                    .iter()
                    .map(|token| token.token.to_string())
                    .collect::<Vec<_>>()
                    .join(" ")
            })
            .collect()
    }

    #[test]
    fn splits_at_semicolons_outside_of_strings_and_comments() {
        assert_eq!(
            texts("select ';' ; -- a;b\n select 2;;", &[]),
            ["select ';'", "select 2"]
        );
    }

    #[test]
    fn fills_parameters_in_as_values_and_leaves_strings_comments_and_casts_alone() {
        assert_eq!(
            texts("select :a, ':a', x::int /* :b */ from t", &[("a", "it's")]),
            ["select 'it's' , ':a' , x :: int from t"]
        );
    }

    #[test]
    fn folds_names_and_keeps_strings() {
        assert_eq!(texts("SELECT \"Foo\", 'Bar'", &[]), ["select \"foo\" , 'Bar'"]);
    }

    #[test]
    fn placeholders_are_replaced_by_expressions() {
        let parsed = statements(
            "select $2::int, '$1', t.a from t where b = $1",
            &BTreeMap::new(),
            &mut BTreeSet::new(),
        );
        let statement = parsed.unwrap().remove(0);
        assert_eq!((statement.placeholders(), statement.verb().as_str()), (2, "SELECT"));
        assert_eq!(statement.placeholder_types(), [None, Some("int")]);
        let bound = statement.bind(&["'it''s'".to_owned(), "(-5)".to_owned()]).unwrap();
        let text: Vec<String> = bound.tokens.iter().map(|token| token.token.to_string()).collect();
        // A token prints without escapes.
        assert_eq!(
            text.join(" "),
            "select ( - 5 ) :: int , '$1' , t . a from t where b = 'it's'"
        );
        assert_eq!(
            statement.bind(&["1".to_owned()]).unwrap_err().to_string(),
            "ERROR: there is no parameter $2"
        );
    }

    #[test]
    fn statements_know_their_own_text() {
        let sql = "select 'é;'  -- first;\n ;\n\tinsert into \"t;\"\nvalues ('ü') ; select 1";
        let parsed = statements(sql, &BTreeMap::new(), &mut BTreeSet::new()).unwrap();
        assert_eq!(
            super::texts(sql, &parsed),
            ["select 'é;'", "insert into \"t;\"\nvalues ('ü')", "select 1"]
        );
    }

    #[test]
    fn verbs_are_those_that_clients_are_told() {
        for (sql, verb) in [
            ("with a as (select 1) select * from a", "SELECT"),
            ("create or replace temp view v as select 1", "CREATE VIEW"),
            ("create temporary table t (a int)", "CREATE TABLE"),
            ("start transaction", "BEGIN"),
            ("end", "COMMIT"),
            ("insert into t values (1)", "INSERT"),
            ("(select 1)", "SELECT"),
        ] {
            let parsed = statements(sql, &BTreeMap::new(), &mut BTreeSet::new()).unwrap();
            assert_eq!(parsed[0].verb(), verb, "{sql}");
        }
    }

    #[test]
    fn names_a_parameter_without_a_value() {
        let error = statements("select :missing", &BTreeMap::new(), &mut BTreeSet::new()).unwrap_err();
        assert_eq!(error.to_string(), "ERROR: Cannot find parameter: missing");
    }
}
