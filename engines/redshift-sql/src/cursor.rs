//! A cursor over the tokens of statements whose grammar the parser does not know (COPY, UNLOAD, SET, …).

use sqlparser::tokenizer::{Token, TokenWithSpan};

use crate::error::SqlError;
use crate::lex::{name, word};
use crate::names::Relation;

/// Reads tokens one after the other.
pub(crate) struct Cursor<'a> {
    tokens: &'a [TokenWithSpan],
    next: usize,
}

impl<'a> Cursor<'a> {
    pub(crate) fn new(tokens: &'a [TokenWithSpan]) -> Self {
        Self { tokens, next: 0 }
    }

    /// The next unquoted word, in lower case, without taking it.
    pub(crate) fn peek_word(&self) -> Option<&'a str> {
        self.tokens.get(self.next).and_then(word)
    }

    /// Whether all tokens have been taken.
    pub(crate) fn is_done(&self) -> bool {
        self.next >= self.tokens.len()
    }

    /// How many tokens have been taken.
    pub(crate) fn taken(&self) -> usize {
        self.next
    }

    /// Takes what stands before the next comma or the end of the parenthesis around it.
    pub(crate) fn expression(&mut self) -> Vec<TokenWithSpan> {
        let (begin, mut depth) = (self.next, 0_usize);
        while let Some(token) = self.tokens.get(self.next) {
            match &token.token {
                Token::Comma | Token::RParen if depth == 0 => break,
                Token::LParen => depth += 1,
                Token::RParen => depth -= 1,
                _ => {}
            }
            self.next += 1;
        }
        self.tokens[begin..self.next].to_vec()
    }

    /// Takes one token, whatever it is.
    pub(crate) fn skip(&mut self) {
        self.next += 1;
    }

    /// Takes `expected` if it is the next word.
    pub(crate) fn take_word(&mut self, expected: &str) -> bool {
        let found = self.peek_word() == Some(expected);
        if found {
            self.next += 1;
        }
        found
    }

    /// Takes `expected` or fails.
    pub(crate) fn expect_word(&mut self, expected: &str) -> Result<(), SqlError> {
        if self.take_word(expected) {
            Ok(())
        } else {
            Err(self.expected(&expected.to_uppercase()))
        }
    }

    /// Takes any unquoted word.
    pub(crate) fn any_word(&mut self, what: &str) -> Result<&'a str, SqlError> {
        let found = self.peek_word().ok_or_else(|| self.expected(what))?;
        self.next += 1;
        Ok(found)
    }

    /// Takes `expected` if it is the next token.
    pub(crate) fn take(&mut self, expected: &Token) -> bool {
        let found = self.tokens.get(self.next).is_some_and(|token| token.token == *expected);
        if found {
            self.next += 1;
        }
        found
    }

    /// Takes `expected` or fails.
    pub(crate) fn expect(&mut self, expected: &Token) -> Result<(), SqlError> {
        if self.take(expected) {
            Ok(())
        } else {
            Err(self.expected(&expected.to_string()))
        }
    }

    /// Takes a string literal.
    pub(crate) fn string(&mut self, what: &str) -> Result<&'a str, SqlError> {
        self.take_string().ok_or_else(|| self.expected(what))
    }

    /// Takes a string literal, if one comes next.
    pub(crate) fn take_string(&mut self) -> Option<&'a str> {
        match &self.tokens.get(self.next)?.token {
            Token::SingleQuotedString(text) | Token::EscapedStringLiteral(text) => {
                self.next += 1;
                Some(text)
            }
            Token::DollarQuotedString(text) => {
                self.next += 1;
                Some(&text.value)
            }
            _ => None,
        }
    }

    /// Takes a whole number.
    pub(crate) fn number(&mut self, what: &str) -> Result<u64, SqlError> {
        match self.tokens.get(self.next).map(|token| &token.token) {
            Some(Token::Number(text, _)) => match text.parse() {
                Ok(number) => {
                    self.next += 1;
                    Ok(number)
                }
                Err(_) => Err(self.expected(what)),
            },
            _ => Err(self.expected(what)),
        }
    }

    /// Takes a table name of one to three parts; the first of three must be the database.
    pub(crate) fn relation(&mut self, database: &str) -> Result<Relation, SqlError> {
        let mut parts = vec![self.name("a table name")?];
        while self.take(&Token::Period) {
            parts.push(self.name("a name after the dot")?);
        }
        let parts = parts.into_iter().map(sqlparser::ast::Ident::new).collect::<Vec<_>>();
        Relation::new(&sqlparser::ast::ObjectName::from(parts), database)
    }

    /// Takes a name, quoted or not.
    pub(crate) fn name(&mut self, what: &str) -> Result<String, SqlError> {
        let found = self
            .tokens
            .get(self.next)
            .and_then(name)
            .ok_or_else(|| self.expected(what))?;
        self.next += 1;
        Ok(found.to_owned())
    }

    /// Takes `(name, …)`.
    pub(crate) fn names(&mut self) -> Result<Vec<String>, SqlError> {
        self.expect(&Token::LParen)?;
        let mut names = vec![self.name("a column name")?];
        while self.take(&Token::Comma) {
            names.push(self.name("a column name")?);
        }
        self.expect(&Token::RParen)?;
        Ok(names)
    }

    /// The error for a token that is not what the grammar wants here.
    pub(crate) fn expected(&self, what: &str) -> SqlError {
        let found = self.tokens.get(self.next).map_or_else(
            || "the end of the statement".to_owned(),
            |token| format!("{}", token.token),
        );
        SqlError::Syntax(format!("expected {what}, found {found}"))
    }
}
