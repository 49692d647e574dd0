//! The parser: from the tokens of one statement to sqlparser's tree.

use sqlparser::ast::Statement as Ast;
use sqlparser::parser::Parser;
use sqlparser::tokenizer::{Token, TokenWithSpan};

use crate::dialect::Redshift;
use crate::error::SqlError;
use crate::lex::word;

/// Parses tokens into one statement of sqlparser's tree.
pub(crate) fn ast(tokens: &[TokenWithSpan]) -> Result<Ast, SqlError> {
    let mut parser = Parser::new(&Redshift).with_tokens_with_locations(plain_operators(tokens));
    let syntax = |error: sqlparser::parser::ParserError| {
        let message = error.to_string();
        SqlError::Syntax(
            message
                .strip_prefix("sql parser error: ")
                .unwrap_or(&message)
                .to_owned(),
        )
    };
    let statement = parser.parse_statement().map_err(syntax)?;
    let next = parser.peek_token();
    if next.token == Token::EOF {
        Ok(statement)
    } else {
        Err(SqlError::Syntax(format!(
            "unexpected {} at {}",
            next.token, next.span.start
        )))
    }
}

/// The tokens with the operator itself in the place of `OPERATOR(pg_catalog.~)`, which psql writes.
fn plain_operators(tokens: &[TokenWithSpan]) -> Vec<TokenWithSpan> {
    let mut plain = Vec::with_capacity(tokens.len());
    let mut rest = tokens;
    while let Some((first, behind)) = rest.split_first() {
        let operator = match behind {
            [open, schema, period, operator, close, ..]
                if word(first) == Some("operator")
                    && open.token == Token::LParen
                    && word(schema) == Some("pg_catalog")
                    && period.token == Token::Period
                    && close.token == Token::RParen =>
            {
                Some(operator)
            }
            _ => None,
        };
        plain.push(operator.unwrap_or(first).clone());
        rest = &behind[if operator.is_some() { 5 } else { 0 }..];
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lex;
    use std::collections::{BTreeMap, BTreeSet};

    fn tree(sql: &str) -> String {
        let statements = lex::statements(sql, &BTreeMap::new(), &mut BTreeSet::new()).unwrap();
        ast(&statements[0].tokens).unwrap().to_string()
    }

    #[test]
    fn an_operator_with_its_schema_is_the_operator() {
        let named =
            "select operator from t where a OPERATOR(pg_catalog.~) '^x$' and b operator ( pg_catalog . !~ ) 'y'";
        assert_eq!(tree(named), tree("select operator from t where a ~ '^x$' and b !~ 'y'"));
    }
}
