//! Translation of one statement to a [`Command`].

use std::ops::ControlFlow;

use sqlparser::ast::{
    Expr, FromTable, Insert as AstInsert, ObjectName, Query, SchemaName, SetExpr, Statement as Ast, TableObject,
    visit_relations,
};
use sqlparser::tokenizer::{Token, TokenWithSpan};

use crate::build::string_literal;
use crate::command::{Command, Insert};
use crate::cursor::Cursor;
use crate::definition::CreateTableAs;
use crate::error::SqlError;
use crate::lex::{Statement, name, word};
use crate::names::{Relation, last_part};
use crate::syntax::ast;
use crate::{columns, copy, ddl, merge, rewrite, session, settings, storage, unload, users, view};

/// Translates one statement. `database` is the name that clients give the one database there is.
pub fn command(statement: &Statement, database: &str) -> Result<Command, SqlError> {
    let tokens = &statement.tokens;
    let words: Vec<Option<&str>> = tokens.iter().take(4).map(word).collect();
    let second = words.get(1).copied().flatten();
    match words.first().copied().flatten() {
        Some("copy") => copy::parse(statement, database).map(Command::Copy),
        Some("unload") => unload::parse(statement, database).map(Command::Unload),
        Some("merge") => merge::parse(tokens, database).map(Command::Merge),
        Some("set" | "reset") => settings::parse(statement),
        Some("show")
            if !matches!(
                second,
                Some(
                    "columns"
                        | "databases"
                        | "external"
                        | "grants"
                        | "procedures"
                        | "schemas"
                        | "table"
                        | "tables"
                        | "view"
                )
            ) =>
        {
            session::show(statement)
        }
        Some("prepare") => session::prepare(statement),
        Some("execute") => session::execute(statement),
        Some("deallocate") => session::deallocate(statement),
        Some("discard") => session::discard(statement),
        Some("declare") => session::declare(statement),
        Some("fetch") => session::fetch(statement),
        Some("close") => session::close(statement),
        Some("begin" | "start") => Ok(Command::Begin {
            read_only: settings::is_read_only(statement),
        }),
        Some("commit" | "end") => Ok(Command::Commit),
        Some("rollback" | "abort") if words.len() <= 2 => Ok(Command::Rollback),
        Some("analyze" | "grant" | "revoke" | "comment" | "lock") => Ok(Command::Accepted),
        Some("vacuum") => Ok(Command::AcceptedAndCommits),
        Some("create" | "alter" | "drop") if is_about_access(tokens) => {
            Ok(users::parse(tokens)?.unwrap_or(Command::Accepted))
        }
        Some("attach" | "detach") if matches!(second, Some("rls" | "masking")) => Ok(Command::Accepted),
        Some("refresh") => Err(SqlError::unsupported("REFRESH MATERIALIZED VIEW")),
        Some("create") if second == Some("schema") => from_ast(ast(&without_quota(tokens))?, database),
        Some("truncate") => {
            let mut cursor = Cursor::new(tokens);
            cursor.skip();
            cursor.take_word("table");
            let relation = cursor.relation(database)?;
            if cursor.is_done() {
                Ok(Command::Truncate(relation))
            } else {
                Err(cursor.expected("the end"))
            }
        }
        Some("create") if words.iter().flatten().any(|word| *word == "table") => {
            let (mut tokens, storage) = storage::extract(tokens)?;
            type_names(&mut tokens);
            match ast(&tokens)? {
                Ast::CreateTable(table) => ddl::create_table(table, storage, database),
                _ => Err(SqlError::Syntax("expected CREATE TABLE".to_owned())),
            }
        }
        Some("create") if second == Some("materialized") => Err(SqlError::unsupported("CREATE MATERIALIZED VIEW")),
        Some(verb @ ("create" | "alter" | "drop"))
            if tokens.iter().skip(1).take(3).any(|token| {
                matches!(
                    word(token),
                    Some("function" | "procedure" | "library" | "model" | "datashare")
                )
            }) =>
        {
            let mut kinds = tokens.iter().skip(1).take(3).filter_map(word);
            let kind = kinds
                .find(|word| !matches!(*word, "or" | "replace"))
                .unwrap_or_default();
            Err(SqlError::unsupported(format!(
                "{} {}",
                verb.to_uppercase(),
                kind.to_uppercase()
            )))
        }
        Some("create") if second == Some("external") => Err(SqlError::unsupported("an external schema or table")),
        Some("alter") if second == Some("table") => alter_table(tokens, database),
        Some("explain") if second == Some("explain") => Err(SqlError::unsupported("EXPLAIN of this statement")),
        Some("explain") => {
            let mut explained = statement.clone();
            explained.tokens.remove(0);
            match command(&explained, database)? {
                command @ (Command::Query(_) | Command::Write(_) | Command::Insert(_)) => {
                    Ok(Command::Explain(Box::new(command)))
                }
                _ => Err(SqlError::unsupported("EXPLAIN of this statement")),
            }
        }
        _ => from_ast(ast(tokens)?, database),
    }
}

/// Whether a definition says who may do what: there is one user, who may do everything.
fn is_about_access(tokens: &[TokenWithSpan]) -> bool {
    let words: Vec<Option<&str>> = tokens.iter().take(3).map(word).collect();
    let level = |pair: &[TokenWithSpan]| matches!((word(&pair[0]), word(&pair[1])), (Some("row"), Some("level")));
    matches!(
        words.get(1..),
        Some([Some("user" | "group" | "role" | "rls" | "masking"), ..] | [Some("default"), Some("privileges")])
    ) || (words.get(1) == Some(&Some("table")) && words.first() == Some(&Some("alter")) && tokens.windows(2).any(level))
}

/// `CREATE SCHEMA … QUOTA 10 GB` without the quota, which nobody watches here.
fn without_quota(tokens: &[TokenWithSpan]) -> Vec<TokenWithSpan> {
    let end = tokens.iter().position(|token| word(token) == Some("quota"));
    tokens[..end.unwrap_or(tokens.len())].to_vec()
}

/// Gives types to the names in `CREATE TABLE t (a, b) AS …`: the parser wants them, and nobody reads them.
fn type_names(tokens: &mut Vec<TokenWithSpan>) {
    let is = |token: &TokenWithSpan, wanted: &Token| token.token == *wanted;
    // A parenthesis behind AS belongs to the query.
    let begin = tokens.iter().take_while(|token| word(token) != Some("as")).count();
    let Some(open) = tokens[..begin].iter().position(|token| is(token, &Token::LParen)) else {
        return;
    };
    let Some(close) = tokens[open..].iter().position(|token| is(token, &Token::RParen)) else {
        return;
    };
    let close = open + close;
    let list = &tokens[open + 1..close];
    let alternate = list.iter().enumerate().all(|(index, token)| match index % 2 {
        0 => name(token).is_some(),
        _ => is(token, &Token::Comma),
    });
    if list.is_empty() || !alternate || tokens.get(close + 1).and_then(word) != Some("as") {
        return;
    }
    for at in (open + 2..close + 1).step_by(2).rev() {
        let span = tokens[at].span;
        tokens.insert(at, TokenWithSpan::new(Token::make_keyword("SUPER"), span));
    }
}

fn from_ast(mut statement: Ast, database: &str) -> Result<Command, SqlError> {
    match &mut statement {
        Ast::Query(query) => {
            if let Some(table) = select_into(query) {
                rewrite::query(query, database)?;
                return Ok(Command::CreateTableAs(CreateTableAs {
                    relation: Relation::new(&table, database)?,
                    temporary: table.to_string().contains('#'),
                    if_not_exists: false,
                    columns: Vec::new(),
                    query: query.to_string(),
                    storage: storage::TableStorage::default(),
                }));
            }
            rewrite::query(query, database)?;
            columns::name_columns(query);
            Ok(Command::Query(query.to_string()))
        }
        Ast::Insert(_) => insert(statement, database),
        Ast::Update(update) => {
            if update.returning.is_some() {
                return Err(SqlError::unsupported("RETURNING"));
            }
            rewrite::statement(&mut statement, database)?;
            Ok(Command::Write(statement.to_string()))
        }
        Ast::Delete(delete) => {
            if delete.returning.is_some() || delete.limit.is_some() || !delete.tables.is_empty() {
                return Err(SqlError::unsupported("DELETE with RETURNING, LIMIT or several tables"));
            }
            if let FromTable::WithoutKeyword(tables) = &mut delete.from {
                delete.from = FromTable::WithFromKeyword(std::mem::take(tables));
            }
            rewrite::statement(&mut statement, database)?;
            Ok(Command::Write(statement.to_string()))
        }
        Ast::CreateView(view) => view::create(view, database),
        Ast::CreateSchema {
            schema_name,
            if_not_exists,
            or_replace: false,
            ..
        } => {
            let (SchemaName::Simple(name) | SchemaName::NamedAuthorization(name, _)) = schema_name else {
                return Err(SqlError::unsupported("CREATE SCHEMA without a name"));
            };
            let exists = if *if_not_exists { "IF NOT EXISTS " } else { "" };
            Ok(Command::Definition(format!(
                "CREATE SCHEMA {exists}{}",
                Relation::new(name, database)?.sql()
            )))
        }
        Ast::Drop { .. } => ddl::drop(&statement, database),
        other => {
            let text = other.to_string();
            let head = text.split_whitespace().take(2).collect::<Vec<_>>().join(" ");
            Err(SqlError::unsupported(format!("the statement {head} …")))
        }
    }
}

fn select_into(query: &mut Query) -> Option<ObjectName> {
    match query.body.as_mut() {
        SetExpr::Select(select) => match select.into.take()?.targets.into_iter().next()? {
            Expr::Identifier(ident) => Some(ObjectName::from(vec![ident])),
            Expr::CompoundIdentifier(idents) => Some(ObjectName::from(idents)),
            _ => None,
        },
        _ => None,
    }
}

fn insert(mut statement: Ast, database: &str) -> Result<Command, SqlError> {
    if let Ast::Insert(AstInsert { returning: Some(_), .. } | AstInsert { on: Some(_), .. }) = &statement {
        return Err(SqlError::unsupported("INSERT with RETURNING or ON CONFLICT"));
    }
    if let Ast::Insert(AstInsert {
        source: Some(query), ..
    }) = &statement
        && let SetExpr::Values(values) = query.body.as_ref()
        && values.rows.len() > 1
        && values.rows.iter().any(|row| row.content.iter().any(is_subquery))
    {
        return Err(SqlError::redshift("can't use subqueries in multi-row VALUES"));
    }
    let texts = match &statement {
        Ast::Insert(AstInsert {
            source: Some(query), ..
        }) => texts_of(query),
        _ => Vec::new(),
    };
    rewrite::statement(&mut statement, database)?;
    let Ast::Insert(insert) = statement else {
        return Err(SqlError::Syntax("expected INSERT".to_owned()));
    };
    let TableObject::TableName(table) = &insert.table else {
        return Err(SqlError::unsupported("INSERT into something else than a table"));
    };
    let target = last_part(table);
    Ok(Command::Insert(Insert {
        relation: Relation::new(table, database)?,
        columns: insert.columns.iter().map(last_part).collect(),
        source: insert.source.map(|source| source_of(&source, &target)),
        texts,
    }))
}

/// The string literals of VALUES, with the positions of their columns.
fn texts_of(source: &Query) -> Vec<(usize, String)> {
    let SetExpr::Values(values) = source.body.as_ref() else {
        return Vec::new();
    };
    let rows = values.rows.iter().flat_map(|row| row.content.iter().enumerate());
    rows.filter_map(|(index, expr)| Some((index, string_literal(expr)?.to_owned())))
        .collect()
}

/// The source of an INSERT. One that reads the target is materialized first: DuckDB runs the branches of a UNION ALL one after
/// the other, and a later branch would read the rows that the earlier ones have inserted.
fn source_of(source: &Query, target: &str) -> String {
    let reads_the_target = visit_relations(source, |name| {
        if last_part(name) == target {
            ControlFlow::Break(())
        } else {
            ControlFlow::Continue(())
        }
    });
    if reads_the_target.is_break() {
        format!("WITH \"rows to insert\" AS MATERIALIZED ({source}) SELECT * FROM \"rows to insert\"")
    } else {
        source.to_string()
    }
}

fn is_subquery(expr: &Expr) -> bool {
    match expr {
        Expr::Subquery(_) => true,
        Expr::Nested(inner) => is_subquery(inner),
        _ => false,
    }
}

fn alter_table(tokens: &[TokenWithSpan], database: &str) -> Result<Command, SqlError> {
    // ALTER DISTKEY, DISTSTYLE, SORTKEY and ENCODE change the storage only.
    let physical = |pair: &[TokenWithSpan]| {
        word(&pair[0]) == Some("alter")
            && matches!(
                word(&pair[1]),
                Some("distkey" | "diststyle" | "sortkey" | "compound" | "interleaved" | "encode")
            )
    };
    let has = |expected: &str| tokens.iter().any(|token| word(token) == Some(expected));
    if has("append") {
        return Err(SqlError::unsupported("ALTER TABLE APPEND"));
    }
    if tokens.windows(2).skip(1).any(physical) || (has("encode") && !has("add")) || has("owner") {
        return Ok(Command::Accepted);
    }
    // ADD COLUMN may carry an encoding.
    let mut storage = storage::Storage::default();
    let mut kept = tokens.to_vec();
    if let Some(at) = kept.iter().position(|token| word(token) == Some("encode"))
        && let Some(encoding) = kept.get(at + 1).and_then(word)
        && let Some(add) = kept.iter().position(|token| word(token) == Some("add"))
    {
        let column = usize::from(kept.get(add + 1).and_then(word) == Some("column")) + add + 1;
        if let Some(column) = kept.get(column).and_then(name) {
            storage.encodings.push((column.to_owned(), encoding.to_owned()));
            kept.drain(at..=at + 1);
        }
    }
    match ast(&kept)? {
        Ast::AlterTable(table) => ddl::alter_table(table, &storage, database),
        _ => Err(SqlError::Syntax("expected ALTER TABLE".to_owned())),
    }
}
