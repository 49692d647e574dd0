//! Unnesting of SUPER arrays in FROM: `FROM t, t.c.orders AS o`.
//!
//! A name that begins with the alias of an earlier item of the same FROM is no table but a path. It is put aside under a
//! name that no table can have before the walk over the tree, and becomes a lateral subquery after it.

use sqlparser::ast::{Ident, ObjectName, ObjectNamePart, Select, SetExpr, Statement, TableFactor};
use sqlparser::parser::Parser;

use crate::dialect::Redshift;
use crate::error::SqlError;
use crate::names::{literal, quoted};

/// Separates the parts of a path that was put aside.
const SEPARATOR: char = '\u{1}';

/// Puts the paths of a FROM aside.
pub(crate) fn put_aside(select: &mut Select) {
    let mut aliases: Vec<String> = Vec::new();
    for item in &mut select.from {
        let joined = item.joins.iter_mut().map(|join| &mut join.relation);
        for factor in std::iter::once(&mut item.relation).chain(joined) {
            match factor {
                TableFactor::Table {
                    name,
                    alias,
                    args: None,
                    ..
                } => {
                    let parts: Vec<String> = name.0.iter().filter_map(ident).collect();
                    let is_path = parts.len() > 1 && parts.len() == name.0.len() && aliases.contains(&parts[0]);
                    if is_path {
                        let path = format!("{SEPARATOR}{}", parts.join(&SEPARATOR.to_string()));
                        *name = ObjectName::from(vec![Ident::with_quote('"', path)]);
                    }
                    let own = alias.as_ref().map(|alias| alias.name.value.clone());
                    aliases.extend(own.or_else(|| parts.last().cloned()));
                }
                TableFactor::Derived { alias: Some(alias), .. } => aliases.push(alias.name.value.clone()),
                _ => {}
            }
        }
    }
}

/// Turns the paths that were put aside into subqueries.
pub(crate) fn replace(select: &mut Select) -> Result<(), SqlError> {
    for item in &mut select.from {
        let joined = item.joins.iter_mut().map(|join| &mut join.relation);
        for factor in std::iter::once(&mut item.relation).chain(joined) {
            if let TableFactor::Table { alias: Some(alias), .. } = factor
                && alias.at.is_some()
            {
                return Err(SqlError::unsupported("an index of array elements with AT"));
            }
            if let TableFactor::Table { name, alias, .. } = factor
                && let Some(path) = name.0.first().and_then(ident)
                && let Some(path) = path.strip_prefix(SEPARATOR)
            {
                let parts: Vec<&str> = path.split(SEPARATOR).collect();
                let alias = alias.as_ref().map(|alias| alias.name.value.clone());
                *factor = elements(&parts, alias)?;
            }
        }
    }
    Ok(())
}

fn ident(part: &ObjectNamePart) -> Option<String> {
    part.as_ident().map(|ident| ident.value.clone())
}

/// The elements of the array at a path: table alias, column, members.
fn elements(parts: &[&str], alias: Option<String>) -> Result<TableFactor, SqlError> {
    let [table, column, members @ ..] = parts else {
        return Err(SqlError::unsupported("this kind of table in FROM"));
    };
    let path: String = members.iter().map(|member| format!(".\"{member}\"")).collect();
    let alias = quoted(&alias.unwrap_or_else(|| (*parts.last().unwrap_or(column)).to_owned()));
    let text = format!(
        "SELECT 1 FROM LATERAL (SELECT unnest(json_extract({}.{}, {})) AS {alias}) AS {alias}",
        quoted(table),
        quoted(column),
        literal(&format!("${path}[*]"))
    );
    let parsed = Parser::parse_sql(&Redshift, &text).map_err(|error| SqlError::Syntax(error.to_string()))?;
    let factor = parsed.into_iter().next().and_then(|statement| match statement {
        Statement::Query(query) => match *query.body {
            SetExpr::Select(select) => select.from.into_iter().next().map(|item| item.relation),
            _ => None,
        },
        _ => None,
    });
    factor.ok_or_else(|| SqlError::unsupported("this kind of table in FROM"))
}
