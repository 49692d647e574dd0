//! COPY: the statement and its options.

use crate::cursor::Cursor;
use crate::error::SqlError;
use crate::lex::Statement;
use crate::names::Relation;
use crate::text_format::{self, TextFormat};
use sqlparser::tokenizer::Token;

/// A COPY statement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Copy {
    /// The table.
    pub relation: Relation,
    /// The column list; `None` for all columns.
    pub columns: Option<Vec<String>>,
    /// `s3://bucket/key or prefix`.
    pub source: String,
    /// The source is a manifest.
    pub manifest: bool,
    /// Text instead of Parquet.
    pub text: Option<TextFormat>,
    /// Nested Parquet columns are loaded into SUPER columns.
    pub serialize_to_json: bool,
    /// Missing columns at the end of a file are NULL.
    pub fill_record: bool,
}

/// Options that do not change the result: authorisation and statistics.
const IGNORED_WITH_VALUE: &[&str] = &["credentials", "access_key_id", "secret_access_key", "session_token"];

/// Options for text only, refused for Parquet in Redshift's words.
const TEXT_ONLY: &[&str] = &[
    "region",
    "maxerror",
    "acceptanydate",
    "ignoreallerrors",
    "truncatecolumns",
    "dateformat",
    "timeformat",
    "null",
    "delimiter",
    "ignoreheader",
    "emptyasnull",
    "blanksasnull",
    "escape",
    "removequotes",
    "gzip",
    "bzip2",
    "zstd",
    "lzop",
    "encoding",
    "fixedwidth",
    "quote",
    "trimblanks",
    "ignoreblanklines",
    "noload",
    "roundec",
    "readratio",
    "compupdate",
    "comprows",
];

/// Reads a COPY statement.
pub(crate) fn parse(statement: &Statement, database: &str) -> Result<Copy, SqlError> {
    let mut cursor = Cursor::new(&statement.tokens);
    cursor.expect_word("copy")?;
    let relation = cursor.relation(database)?;
    let columns = if cursor.take(&Token::LParen) {
        let mut names = vec![cursor.name("a column name")?];
        while cursor.take(&Token::Comma) {
            names.push(cursor.name("a column name")?);
        }
        cursor.expect(&Token::RParen)?;
        Some(names)
    } else {
        None
    };
    cursor.expect_word("from")?;
    let source = cursor.string("the location of the data")?.to_owned();
    if !source.starts_with("s3://") {
        return Err(SqlError::unsupported(format!(
            "COPY from '{source}' (only s3:// locations)"
        )));
    }
    let mut copy = Copy {
        relation,
        columns,
        source,
        manifest: false,
        text: None,
        serialize_to_json: false,
        fill_record: false,
    };
    let mut format = None;
    let mut text_options: Vec<(&str, String)> = Vec::new();
    while !cursor.is_done() {
        let option = cursor.any_word("a COPY option")?;
        match option {
            "iam_role" => {
                if !cursor.take_word("default") {
                    cursor.string("a role after IAM_ROLE")?;
                }
            }
            "authorization" | "with" | "as" => {}
            "format" => {
                cursor.take_word("as");
                let name = cursor.any_word("a format")?;
                format = Some(name);
                if name == "json" {
                    text_options.push((name, json_fields(&mut cursor)));
                }
            }
            "json" => {
                format = Some(option);
                text_options.push((option, json_fields(&mut cursor)));
            }
            "parquet" | "orc" | "avro" | "csv" | "shapefile" => format = Some(option),
            "manifest" => copy.manifest = true,
            "serializetojson" => copy.serialize_to_json = true,
            "fillrecord" => copy.fill_record = true,
            "explicit_ids" => return Err(SqlError::unsupported("COPY with EXPLICIT_IDS")),
            "acceptinvchars" => {
                cursor.take_word("as");
                cursor.take_string();
            }
            "statupdate" => {
                for state in ["on", "off", "true", "false"] {
                    cursor.take_word(state);
                }
            }
            _ if IGNORED_WITH_VALUE.contains(&option) => {
                cursor.take_word("as");
                cursor.string("a value")?;
            }
            _ if TEXT_ONLY.contains(&option) => {
                cursor.take_word("as");
                let value = match cursor.take_string() {
                    Some(text) => text.to_owned(),
                    None => match cursor.number("a value") {
                        Ok(number) => number.to_string(),
                        Err(_) => {
                            let states = ["on", "off", "true", "false", "preset", "utf8"];
                            let state = states.into_iter().find(|state| cursor.take_word(state));
                            state.unwrap_or_default().to_owned()
                        }
                    },
                };
                text_options.push((option, value));
            }
            _ => {
                return Err(SqlError::unsupported(format!(
                    "the COPY option {}",
                    option.to_uppercase()
                )));
            }
        }
    }
    match (format, text_options.first()) {
        (Some("parquet"), None) => Ok(copy),
        (Some("parquet"), Some((option, _))) => Err(SqlError::redshift(format!(
            "{} argument is not supported for PARQUET based COPY",
            option.to_uppercase()
        ))),
        (None | Some("csv" | "json"), _) => {
            if copy.serialize_to_json {
                return Err(SqlError::redshift("SERIALIZETOJSON goes with columnar formats only"));
            }
            copy.text = Some(text_format::read(format, &text_options, copy.fill_record)?);
            Ok(copy)
        }
        (Some(format), _) => Err(SqlError::unsupported(format!(
            "COPY with FORMAT AS {}",
            format.to_uppercase()
        ))),
    }
}

/// The argument of JSON: `'auto'`, `'noshred'` or the location of a JSONPaths file.
fn json_fields(cursor: &mut Cursor<'_>) -> String {
    cursor.take_word("as");
    cursor.take_string().unwrap_or("auto").to_owned()
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use super::*;
    use crate::lex;

    fn copy(sql: &str) -> Result<Copy, SqlError> {
        let statements = lex::statements(sql, &BTreeMap::new(), &mut BTreeSet::new()).unwrap();
        parse(&statements[0], "cardlake")
    }

    #[test]
    fn reads_a_manifest_of_parquet_files() {
        let copy = copy(
            "COPY \"load_tmp\" FROM 's3://silver/_manifests/7.json' IAM_ROLE 'arn:aws:iam::1:role/r' FORMAT AS PARQUET MANIFEST",
        )
        .unwrap();
        assert_eq!(
            copy.relation,
            Relation {
                schema: None,
                name: "load_tmp".to_owned()
            }
        );
        assert_eq!(copy.source, "s3://silver/_manifests/7.json");
        assert!(copy.manifest);
    }

    #[test]
    fn refuses_region_with_parquet_in_redshifts_words() {
        let error = copy("copy t from 's3://b/k' iam_role default parquet region 'us-east-1'").unwrap_err();
        assert_eq!(
            error.to_string(),
            "ERROR: REGION argument is not supported for PARQUET based COPY"
        );
    }

    #[test]
    fn names_a_format_it_does_not_read() {
        let error = copy("copy t from 's3://b/k' iam_role default format as avro 'auto'").unwrap_err();
        assert!(
            error.to_string().contains("expected a COPY option") || error.to_string().contains("AVRO"),
            "{error}"
        );
    }
}
