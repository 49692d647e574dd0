//! What a session keeps: prepared statements and cursors, and what SHOW tells.

use sqlparser::tokenizer::Token;

use crate::command::{Command, FetchCount};
use crate::cursor::Cursor;
use crate::error::SqlError;
use crate::lex::Statement;

/// `SHOW name`, also of several words (`SHOW TRANSACTION ISOLATION LEVEL`).
pub(crate) fn show(statement: &Statement) -> Result<Command, SqlError> {
    let mut cursor = Cursor::new(&statement.tokens);
    cursor.expect_word("show")?;
    let mut name = cursor.any_word("a setting")?.to_owned();
    while !cursor.is_done() {
        name.push(' ');
        name.push_str(cursor.any_word("a setting")?);
    }
    let name = match name.as_str() {
        "time zone" => "timezone",
        "session authorization" => "session_authorization",
        "transaction isolation level" => "transaction_isolation",
        other => other,
    };
    Ok(Command::Show(name.to_owned()))
}

/// `PREPARE name [(type, …)] AS statement`.
pub(crate) fn prepare(statement: &Statement) -> Result<Command, SqlError> {
    let tokens = &statement.tokens;
    let mut cursor = Cursor::new(tokens);
    cursor.expect_word("prepare")?;
    let name = cursor.name("a name")?;
    // The types are those that the statement itself gives its parameters.
    while !cursor.is_done() && cursor.peek_word() != Some("as") {
        cursor.skip();
    }
    cursor.expect_word("as")?;
    let statement = rest(&cursor, statement)?;
    if !matches!(statement.verb().as_str(), "SELECT" | "INSERT" | "UPDATE" | "DELETE") {
        return Err(SqlError::Syntax("expected SELECT, INSERT, UPDATE or DELETE".to_owned()));
    }
    Ok(Command::Prepare { name, statement })
}

/// `EXECUTE name [(value, …)]`.
pub(crate) fn execute(statement: &Statement) -> Result<Command, SqlError> {
    let mut cursor = Cursor::new(&statement.tokens);
    cursor.expect_word("execute")?;
    let name = cursor.name("the name of a prepared statement")?;
    let mut values = Vec::new();
    if cursor.take(&Token::LParen) {
        loop {
            values.push(cursor.expression());
            if !cursor.take(&Token::Comma) {
                break;
            }
        }
        cursor.expect(&Token::RParen)?;
    }
    done(&cursor)?;
    Ok(Command::Execute { name, values })
}

/// `DEALLOCATE [PREPARE] name`, or of all.
pub(crate) fn deallocate(statement: &Statement) -> Result<Command, SqlError> {
    let mut cursor = Cursor::new(&statement.tokens);
    cursor.expect_word("deallocate")?;
    cursor.take_word("prepare");
    let name = one_or_all(&mut cursor)?;
    Ok(Command::Deallocate(name))
}

/// `DISCARD ALL`.
pub(crate) fn discard(statement: &Statement) -> Result<Command, SqlError> {
    let mut cursor = Cursor::new(&statement.tokens);
    cursor.expect_word("discard")?;
    cursor.expect_word("all")?;
    done(&cursor)?;
    Ok(Command::Discard)
}

/// `DECLARE name CURSOR FOR query`.
pub(crate) fn declare(statement: &Statement) -> Result<Command, SqlError> {
    let mut cursor = Cursor::new(&statement.tokens);
    cursor.expect_word("declare")?;
    let name = cursor.name("the name of a cursor")?;
    if cursor.take_word("no") {
        cursor.expect_word("scroll")?;
    }
    if matches!(cursor.peek_word(), Some("binary" | "insensitive" | "scroll")) {
        return Err(SqlError::unsupported(
            "a cursor that scrolls, or is insensitive or binary",
        ));
    }
    cursor.expect_word("cursor")?;
    if cursor.take_word("without") {
        cursor.expect_word("hold")?;
    }
    if cursor.peek_word() == Some("with") {
        return Err(SqlError::unsupported("a cursor WITH HOLD"));
    }
    cursor.expect_word("for")?;
    Ok(Command::Declare {
        name,
        query: rest(&cursor, statement)?,
    })
}

/// `FETCH [NEXT | ALL | FORWARD [count | ALL]] FROM name`.
pub(crate) fn fetch(statement: &Statement) -> Result<Command, SqlError> {
    let mut cursor = Cursor::new(&statement.tokens);
    cursor.expect_word("fetch")?;
    if matches!(
        cursor.peek_word(),
        Some("backward" | "prior" | "first" | "last" | "absolute" | "relative")
    ) {
        return Err(SqlError::redshift("cursor can only scan forward"));
    }
    let forward = cursor.take_word("forward");
    let count = if cursor.take_word("all") {
        FetchCount::All
    } else if (!forward && cursor.take_word("next")) || matches!(cursor.peek_word(), Some("from" | "in")) {
        FetchCount::Rows(1)
    } else {
        FetchCount::Rows(cursor.number("a number of rows")?)
    };
    if !cursor.take_word("from") {
        cursor.expect_word("in")?;
    }
    let name = cursor.name("the name of a cursor")?;
    done(&cursor)?;
    Ok(Command::Fetch { name, count })
}

/// `CLOSE name`, or all.
pub(crate) fn close(statement: &Statement) -> Result<Command, SqlError> {
    let mut cursor = Cursor::new(&statement.tokens);
    cursor.expect_word("close")?;
    Ok(Command::Close(one_or_all(&mut cursor)?))
}

fn one_or_all(cursor: &mut Cursor<'_>) -> Result<Option<String>, SqlError> {
    let name = if cursor.take_word("all") {
        None
    } else {
        Some(cursor.name("a name, or ALL")?)
    };
    done(cursor)?;
    Ok(name)
}

fn done(cursor: &Cursor<'_>) -> Result<(), SqlError> {
    if cursor.is_done() {
        Ok(())
    } else {
        Err(cursor.expected("the end"))
    }
}

/// The statement that the rest of another one is.
fn rest(cursor: &Cursor<'_>, statement: &Statement) -> Result<Statement, SqlError> {
    if cursor.is_done() {
        return Err(cursor.expected("a statement"));
    }
    Ok(statement.from(cursor.taken()))
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use crate::{Command, FetchCount, SqlError, statements, translate};

    fn command(sql: &str) -> Result<Command, SqlError> {
        let parsed = statements(sql, &BTreeMap::new(), &mut BTreeSet::new())?;
        translate(&parsed[0], "dev")
    }

    #[test]
    fn prepared_statements_take_expressions() {
        let Ok(Command::Prepare { name, statement }) = command("prepare p (int, varchar(5)) as select $1, $2") else {
            panic!("no PREPARE");
        };
        assert_eq!(name, "p");
        let Ok(Command::Execute { values, .. }) = command("execute p (greatest(1, 2), 'a,(b')") else {
            panic!("no EXECUTE");
        };
        let bound = statement.bind_expressions(&values).unwrap();
        let text: Vec<String> = bound.tokens.iter().map(|token| token.token.to_string()).collect();
        assert_eq!(text.join(" "), "select ( greatest ( 1 , 2 ) ) , ( 'a,(b' )");
        assert_eq!(
            command("execute p"),
            Ok(Command::Execute {
                name: "p".to_owned(),
                values: Vec::new()
            })
        );
        assert!(command("execute p (1").is_err());
        assert!(command("prepare p as").is_err());
        // It would call itself.
        assert!(command("prepare p as execute p").is_err());
    }

    #[test]
    fn cursors_go_forward() {
        for (sql, count) in [
            ("fetch from c", FetchCount::Rows(1)),
            ("fetch next from c", FetchCount::Rows(1)),
            ("fetch forward from c", FetchCount::Rows(1)),
            ("fetch 5 in c", FetchCount::Rows(5)),
            ("fetch forward 2000 from \"C\"", FetchCount::Rows(2000)),
            ("fetch all from c", FetchCount::All),
            ("fetch forward all from c", FetchCount::All),
        ] {
            let name = "c".to_owned();
            assert_eq!(command(sql), Ok(Command::Fetch { name, count }), "{sql}");
        }
        assert!(
            command("fetch backward 1 from c")
                .unwrap_err()
                .to_string()
                .contains("forward")
        );
        assert!(command("declare c scroll cursor for select 1").is_err());
        assert!(matches!(
            command("declare c no scroll cursor for select 1"),
            Ok(Command::Declare { .. })
        ));
        assert_eq!(command("close all"), Ok(Command::Close(None)));
    }

    #[test]
    fn settings_of_several_words_have_one_name() {
        for (sql, name) in [
            ("show transaction isolation level", "transaction_isolation"),
            ("show time zone", "timezone"),
            ("SHOW search_path", "search_path"),
        ] {
            assert_eq!(command(sql), Ok(Command::Show(name.to_owned())));
        }
    }
}
