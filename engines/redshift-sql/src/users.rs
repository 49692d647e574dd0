//! Users and groups: CREATE, ALTER and DROP of them, as changes of the tables behind PG_USER and PG_GROUP.
//!
//! There is one user here who may do everything, so passwords, rights and limits are accepted without effect. The names are
//! kept: a script that makes a user twice fails here as it does in Redshift.

use sqlparser::tokenizer::{Token, TokenWithSpan};

use crate::command::Command;
use crate::cursor::Cursor;
use crate::error::SqlError;
use crate::names::literal;

/// What a name is one of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    User,
    Group,
}

impl Kind {
    /// As a statement and an error name it.
    const fn word(self) -> &'static str {
        match self {
            Self::User => "user",
            Self::Group => "group",
        }
    }

    /// The view that lists all of them, and its column of names.
    const fn view(self) -> (&'static str, &'static str) {
        match self {
            Self::User => ("main.pg_user", "usename"),
            Self::Group => ("main.pg_group", "groname"),
        }
    }

    /// The table behind the view, and its column of numbers.
    const fn table(self) -> (&'static str, &'static str) {
        match self {
            Self::User => ("main.rs_users", "usesysid"),
            Self::Group => ("main.rs_groups", "grosysid"),
        }
    }

    /// Fails if there is one of that name.
    fn refuse(self, name: &str) -> String {
        let message = format!("{} \"{name}\" already exists", self.word());
        format!(
            "SELECT CASE WHEN {} THEN main.rs_fail({}) END",
            self.exists(name),
            literal(&message)
        )
    }

    /// Fails unless there is one of that name.
    fn require(self, name: &str) -> String {
        let message = format!("{} \"{name}\" does not exist", self.word());
        format!(
            "SELECT CASE WHEN NOT {} THEN main.rs_fail({}) END",
            self.exists(name),
            literal(&message)
        )
    }

    fn exists(self, name: &str) -> String {
        let (view, column) = self.view();
        format!("EXISTS (SELECT 1 FROM {view} WHERE {column} = {})", literal(name))
    }

    fn create(self, name: &str) -> String {
        let ((table, number), (_, column)) = (self.table(), self.view());
        format!(
            "INSERT INTO {table} ({column}, {number}) SELECT {}, coalesce(max({number}), 100) + 1 FROM {table}",
            literal(name)
        )
    }

    /// Takes a name out of its table and of all groups.
    fn drop(self, name: &str) -> [String; 2] {
        let ((table, _), (_, column)) = (self.table(), self.view());
        ["main.rs_group_members", table].map(|table| format!("DELETE FROM {table} WHERE {column} = {}", literal(name)))
    }

    fn rename(self, name: &str, new_name: &str) -> [String; 2] {
        let ((table, _), (_, column)) = (self.table(), self.view());
        let (name, new_name) = (literal(name), literal(new_name));
        ["main.rs_group_members", table]
            .map(|table| format!("UPDATE {table} SET {column} = {new_name} WHERE {column} = {name}"))
    }
}

/// Translates CREATE, ALTER or DROP of users and groups; `None` if the statement is about something else.
pub(crate) fn parse(tokens: &[TokenWithSpan]) -> Result<Option<Command>, SqlError> {
    let mut cursor = Cursor::new(tokens);
    let verb = cursor.any_word("a statement")?;
    let kind = match cursor.peek_word() {
        Some("user") => Kind::User,
        Some("group") => Kind::Group,
        _ => return Ok(None),
    };
    cursor.skip();
    let statements = match verb {
        "create" => create(kind, &mut cursor)?,
        "drop" => drop(kind, &mut cursor)?,
        _ => alter(kind, &mut cursor)?,
    };
    Ok(Some(Command::Definitions(statements)))
}

fn create(kind: Kind, cursor: &mut Cursor<'_>) -> Result<Vec<String>, SqlError> {
    let name = cursor.name("a name")?;
    let mut statements = vec![kind.refuse(&name), kind.create(&name)];
    // CREATE USER … IN GROUP g, CREATE GROUP … WITH USER u; the other options have no effect.
    while !cursor.is_done() {
        let other = match (kind, cursor.peek_word()) {
            (Kind::User, Some("group")) => Kind::Group,
            (Kind::Group, Some("user")) => Kind::User,
            _ => {
                cursor.skip();
                continue;
            }
        };
        cursor.skip();
        for other_name in list(cursor)? {
            statements.push(other.require(&other_name));
            statements.push(match kind {
                Kind::User => add(&other_name, &name),
                Kind::Group => add(&name, &other_name),
            });
        }
    }
    Ok(statements)
}

fn drop(kind: Kind, cursor: &mut Cursor<'_>) -> Result<Vec<String>, SqlError> {
    let if_exists = cursor.take_word("if");
    if if_exists {
        cursor.expect_word("exists")?;
    }
    let mut statements = Vec::new();
    for name in list(cursor)? {
        if !if_exists {
            statements.push(kind.require(&name));
        }
        statements.extend(kind.drop(&name));
    }
    Ok(statements)
}

fn alter(kind: Kind, cursor: &mut Cursor<'_>) -> Result<Vec<String>, SqlError> {
    let name = cursor.name("a name")?;
    let mut statements = vec![kind.require(&name)];
    match (kind, cursor.peek_word()) {
        (_, Some("rename")) => {
            cursor.skip();
            cursor.expect_word("to")?;
            let new_name = cursor.name("a name")?;
            statements.push(kind.refuse(&new_name));
            statements.extend(kind.rename(&name, &new_name));
        }
        (Kind::Group, Some(verb @ ("add" | "drop"))) => {
            cursor.skip();
            cursor.expect_word("user")?;
            for user in list(cursor)? {
                statements.push(Kind::User.require(&user));
                statements.push(if verb == "add" {
                    add(&name, &user)
                } else {
                    remove(&name, &user)
                });
            }
        }
        _ => {}
    }
    Ok(statements)
}

/// Takes `name, …`.
fn list(cursor: &mut Cursor<'_>) -> Result<Vec<String>, SqlError> {
    let mut names = vec![cursor.name("a name")?];
    while cursor.take(&Token::Comma) {
        names.push(cursor.name("a name")?);
    }
    Ok(names)
}

/// A user who is in the group stays there: Redshift only warns.
fn add(group: &str, user: &str) -> String {
    let (group, user) = (literal(group), literal(user));
    format!(
        "INSERT INTO main.rs_group_members SELECT {group}, {user} WHERE NOT EXISTS \
         (SELECT 1 FROM main.rs_group_members WHERE groname = {group} AND usename = {user})"
    )
}

fn remove(group: &str, user: &str) -> String {
    format!(
        "DELETE FROM main.rs_group_members WHERE groname = {} AND usename = {}",
        literal(group),
        literal(user)
    )
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use super::*;
    use crate::lex::statements;

    fn parsed(sql: &str) -> Result<Option<Command>, SqlError> {
        parse(&statements(sql, &BTreeMap::new(), &mut BTreeSet::new()).unwrap()[0].tokens)
    }

    #[test]
    fn other_definitions_are_left_alone() {
        assert_eq!(parsed("create role auditor").unwrap(), None);
        assert_eq!(parsed("drop table t").unwrap(), None);
    }

    #[test]
    fn a_user_is_made_with_its_name_and_its_groups() {
        let Some(Command::Definitions(statements)) =
            parsed("create user \"IAMR:a\" password disable in group readers, writers").unwrap()
        else {
            panic!()
        };
        assert_eq!(statements.len(), 6, "{statements:?}");
        assert!(
            statements[0].contains(r#"'user "iamr:a" already exists'"#),
            "{statements:?}"
        );
        assert!(statements[5].contains("SELECT 'writers', 'iamr:a'"), "{statements:?}");
    }

    #[test]
    fn a_statement_without_a_name_is_refused() {
        for sql in [
            "create user",
            "drop user if exists",
            "alter group readers add bob",
            "drop user a,",
        ] {
            assert!(parsed(sql).is_err(), "{sql}");
        }
    }
}
