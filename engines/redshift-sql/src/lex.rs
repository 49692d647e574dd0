//! From text to tokens: statements are split, identifiers folded and `:name` parameters filled in.
//!
//! Input: the SQL text of a request and its parameters. Output: one token list per statement, without white space and
//! comments. Tokens keep strings, quoted names and comments from being changed.

use std::collections::{BTreeMap, BTreeSet};

use sqlparser::dialect::RedshiftSqlDialect;
use sqlparser::keywords::Keyword;
use sqlparser::tokenizer::{Token, TokenWithSpan, Tokenizer};

use crate::error::SqlError;

/// The tokens of one statement, without white space and comments.
#[derive(Debug, Clone)]
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
    let tokens = Tokenizer::new(&RedshiftSqlDialect {}, sql)
        .tokenize_with_location()
        .map_err(|error| SqlError::Syntax(error.to_string()))?;
    let mut statements = Vec::new();
    let mut current = Vec::new();
    let mut tokens = tokens.into_iter().peekable();
    while let Some(mut token) = tokens.next() {
        match &mut token.token {
            Token::Whitespace(_) | Token::EOF => continue,
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
    fn names_a_parameter_without_a_value() {
        let error = statements("select :missing", &BTreeMap::new(), &mut BTreeSet::new()).unwrap_err();
        assert_eq!(error.to_string(), "ERROR: Cannot find parameter: missing");
    }
}
