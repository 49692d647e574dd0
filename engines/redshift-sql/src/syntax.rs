//! The parser: from the tokens of one statement to sqlparser's tree.

use sqlparser::ast::Statement as Ast;
use sqlparser::parser::Parser;
use sqlparser::tokenizer::{Token, TokenWithSpan};

use crate::dialect::Redshift;
use crate::error::SqlError;

/// Parses tokens into one statement of sqlparser's tree.
pub(crate) fn ast(tokens: &[TokenWithSpan]) -> Result<Ast, SqlError> {
    let mut parser = Parser::new(&Redshift).with_tokens_with_locations(tokens.to_vec());
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
