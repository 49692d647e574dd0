//! UNLOAD: the statement and its options.

use std::collections::{BTreeMap, BTreeSet};

use sqlparser::ast::{OrderBy, OrderByKind, OrderByOptions};

use crate::cursor::Cursor;
use crate::error::SqlError;
use crate::lex::{self, Statement};
use crate::rewrite;
use crate::syntax;

/// An UNLOAD statement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unload {
    /// The query, rewritten for DuckDB.
    pub query: String,
    /// `s3://bucket/prefix`; file names are appended as they are.
    pub target: String,
    /// Write a manifest of the files.
    pub manifest: bool,
    /// Handling of existing files.
    pub existing: Existing,
    /// One file per slice (this server has one slice); otherwise the name has no slice number.
    pub parallel: bool,
    /// Columns that become folders.
    pub partition_by: Vec<String>,
    /// Partition columns are also written into the files.
    pub include: bool,
    /// The format of the files.
    pub format: UnloadFormat,
    /// `gzip` or `zstd`, for text.
    pub compression: Option<&'static str>,
    /// The ending of file names, instead of the usual one.
    pub extension: Option<String>,
}

/// The format of unloaded files.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum UnloadFormat {
    /// Parquet.
    Parquet,
    /// One JSON object per line.
    Json,
    /// CSV or delimited text.
    Text(TextOptions),
}

/// Fields between delimiters.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TextOptions {
    /// FORMAT CSV: fields are quoted where they have to be.
    pub csv: bool,
    /// The delimiter; `None` for the default of the format.
    pub delimiter: Option<String>,
    /// A first line with the names of the columns.
    pub header: bool,
    /// ADDQUOTES: every field is quoted.
    pub quote_all: bool,
    /// The text for NULL.
    pub null_as: String,
}

/// Handling of files that exist under the prefix.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Existing {
    /// Refuse.
    Refuse,
    /// ALLOWOVERWRITE: files of the same name are replaced.
    Overwrite,
    /// CLEANPATH: files under the prefix are removed first.
    Clean,
}

/// Reads an UNLOAD statement and rewrites its query.
pub(crate) fn parse(statement: &Statement, database: &str) -> Result<Unload, SqlError> {
    let mut cursor = Cursor::new(&statement.tokens);
    cursor.expect_word("unload")?;
    cursor.expect(&sqlparser::tokenizer::Token::LParen)?;
    let text = cursor.string("a query in quotes")?;
    cursor.expect(&sqlparser::tokenizer::Token::RParen)?;
    cursor.expect_word("to")?;
    let target = cursor.string("the location of the files")?.to_owned();
    if !target.starts_with("s3://") {
        return Err(SqlError::unsupported(format!(
            "UNLOAD to '{target}' (only s3:// locations)"
        )));
    }
    let mut unload = Unload {
        query: query(text, database)?,
        target,
        manifest: false,
        existing: Existing::Refuse,
        parallel: true,
        partition_by: Vec::new(),
        include: false,
        format: UnloadFormat::Parquet,
        compression: None,
        extension: None,
    };
    let mut format = None;
    let mut text = TextOptions::default();
    // An option for text files only.
    let mut text_option: Option<&str> = None;
    while !cursor.is_done() {
        let option = cursor.any_word("an UNLOAD option")?;
        match option {
            "iam_role" => {
                if !cursor.take_word("default") {
                    cursor.string("a role after IAM_ROLE")?;
                }
            }
            "credentials" | "access_key_id" | "secret_access_key" | "session_token" | "kms_key_id" | "region" => {
                cursor.take_word("as");
                cursor.string("a value")?;
            }
            "authorization" | "with" => {}
            "format" => {
                cursor.take_word("as");
                format = Some(cursor.any_word("a format")?);
            }
            "parquet" | "csv" | "json" => format = Some(option),
            "header" => {
                text.header = true;
                text_option = Some(option);
            }
            "addquotes" => {
                text.quote_all = true;
                text_option = Some(option);
            }
            "delimiter" => {
                cursor.take_word("as");
                text.delimiter = Some(cursor.string("a delimiter")?.to_owned());
                text_option = Some(option);
            }
            "null" => {
                cursor.take_word("as");
                text.null_as = cursor.string("the text for NULL")?.to_owned();
                text_option = Some(option);
            }
            "gzip" | "zstd" => {
                unload.compression = Some(if option == "gzip" { "gzip" } else { "zstd" });
                text_option = Some(option);
            }
            "extension" => {
                cursor.take_word("as");
                unload.extension = Some(cursor.string("an extension")?.to_owned());
            }
            "manifest" => {
                unload.manifest = true;
                if cursor.take_word("verbose") {
                    return Err(SqlError::unsupported("UNLOAD with MANIFEST VERBOSE"));
                }
            }
            "allowoverwrite" | "cleanpath" => {
                if unload.existing != Existing::Refuse {
                    return Err(SqlError::redshift("ALLOWOVERWRITE and CLEANPATH exclude each other"));
                }
                unload.existing = if option == "cleanpath" {
                    Existing::Clean
                } else {
                    Existing::Overwrite
                };
            }
            "parallel" => {
                let state = cursor.peek_word();
                if matches!(state, Some("on" | "off" | "true" | "false")) {
                    unload.parallel = matches!(state, Some("on" | "true"));
                    cursor.skip();
                }
            }
            "partition" => {
                cursor.expect_word("by")?;
                unload.partition_by = cursor.names()?;
                unload.include = cursor.take_word("include");
            }
            "encrypted" => {
                cursor.take_word("auto");
            }
            // The size of files and row groups does not change the rows.
            "maxfilesize" | "rowgroupsize" => {
                cursor.take_word("as");
                cursor.skip();
                if matches!(cursor.peek_word(), Some("mb" | "gb")) {
                    cursor.skip();
                }
            }
            _ => {
                return Err(SqlError::unsupported(format!(
                    "the UNLOAD option {}",
                    option.to_uppercase()
                )));
            }
        }
    }
    unload.format = match format {
        Some("parquet") => {
            if let Some(option) = text_option {
                return Err(SqlError::redshift(format!(
                    "{} is not supported for UNLOAD to PARQUET",
                    option.to_uppercase()
                )));
            }
            UnloadFormat::Parquet
        }
        Some("json") => UnloadFormat::Json,
        Some("csv") => {
            if text.quote_all {
                return Err(SqlError::redshift("ADDQUOTES is not supported for UNLOAD to CSV"));
            }
            UnloadFormat::Text(TextOptions { csv: true, ..text })
        }
        None => UnloadFormat::Text(text),
        Some(other) => {
            return Err(SqlError::unsupported(format!(
                "UNLOAD with FORMAT AS {}",
                other.to_uppercase()
            )));
        }
    };
    Ok(unload)
}

fn query(text: &str, database: &str) -> Result<String, SqlError> {
    let statements = lex::statements(text, &BTreeMap::new(), &mut BTreeSet::new())?;
    let [statement] = statements.as_slice() else {
        return Err(SqlError::Syntax("UNLOAD needs exactly one query".to_owned()));
    };
    let sqlparser::ast::Statement::Query(mut query) = syntax::ast(&statement.tokens)? else {
        return Err(SqlError::Syntax("UNLOAD needs a query".to_owned()));
    };
    if query.limit_clause.is_some() {
        return Err(SqlError::redshift(
            "LIMIT clause is not supported in the outer SELECT of UNLOAD",
        ));
    }
    rewrite::query(&mut query, database)?;
    // Redshift promises no order; here the same rows give the same file.
    query.order_by.get_or_insert(OrderBy {
        kind: OrderByKind::All(OrderByOptions::default()),
        interpolate: None,
    });
    Ok(query.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn unload(sql: &str) -> Result<Unload, SqlError> {
        let statements = lex::statements(sql, &BTreeMap::new(), &mut BTreeSet::new()).unwrap();
        parse(&statements[0], "cardlake")
    }

    #[test]
    fn reads_the_query_with_doubled_quotes() {
        let unload = unload(
            "UNLOAD ('select day, nvl(channel, ''none'') as channel from marts.m') TO 's3://gold/m/' IAM_ROLE default FORMAT PARQUET CLEANPATH PARALLEL OFF",
        )
        .unwrap();
        insta::assert_snapshot!(unload.query, @r#"SELECT day, coalesce(channel, 'none') AS channel FROM "marts"."m" ORDER BY ALL"#);
        assert_eq!(unload.existing, Existing::Clean);
        assert!(!unload.parallel);
    }

    #[test]
    fn refuses_an_outer_limit() {
        let error = unload("unload ('select 1 limit 1') to 's3://b/p' iam_role default parquet").unwrap_err();
        assert!(error.to_string().contains("LIMIT"));
    }
}
