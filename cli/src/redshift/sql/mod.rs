//! From Redshift SQL to DuckDB SQL.
//!
//! Input: the text of a statement. Output: [`Command`]s, whose SQL is DuckDB's. The text is cut into tokens ([`lex`]),
//! parsed with sqlparser's Redshift dialect ([`parse`]), rewritten as a tree ([`rewrite`], [`functions`], [`types`]) and
//! printed. A construct that has no counterpart is an error that names it; nothing is left out that would change a result.

pub(crate) mod build;
pub(crate) mod columns;
pub(crate) mod copy;
pub(crate) mod cursor;
pub(crate) mod dates;
pub(crate) mod ddl;
pub(crate) mod dialect;
pub(crate) mod error;
pub(crate) mod function_names;
pub(crate) mod functions;
pub(crate) mod lex;
pub(crate) mod merge;
pub(crate) mod names;
pub(crate) mod number_format;
pub(crate) mod parse;
pub(crate) mod patterns;
pub(crate) mod rewrite;
pub(crate) mod settings;
pub(crate) mod storage;
pub(crate) mod text_format;
pub(crate) mod types;
pub(crate) mod unload;
pub(crate) mod unnest;

pub(crate) use error::SqlError;

/// What a statement asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Command {
    /// A statement with a result set.
    Query(String),
    /// INSERT, UPDATE or DELETE.
    Write(String),
    /// INSERT into a table without a column list: IDENTITY columns must be left out.
    Insert(Insert),
    /// A definition that is one DuckDB statement.
    Definition(String),
    /// Definitions that belong together.
    Definitions(Vec<String>),
    CreateTable(ddl::CreateTable),
    CreateTableAs(ddl::CreateTableAs),
    CreateTableLike(ddl::CreateTableLike),
    Rename {
        relation: names::Relation,
        new_name: String,
    },
    AddColumn {
        relation: names::Relation,
        column: ddl::Column,
    },
    ResizeColumn {
        relation: names::Relation,
        column: String,
        data_type: types::RedshiftType,
    },
    Merge(merge::MergePlan),
    Copy(copy::Copy),
    Unload(unload::Unload),
    /// TRUNCATE, which commits.
    Truncate(names::Relation),
    Begin,
    Commit,
    Rollback,
    /// SET search_path.
    SetSearchPath(Vec<String>),
    /// Accepted; changes no result here (ANALYZE, GRANT, …).
    Accepted,
    /// Accepted; ends the transaction (VACUUM).
    AcceptedAndCommits,
}

/// An INSERT, in parts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Insert {
    pub(crate) relation: names::Relation,
    /// The column list; all columns when there is none.
    pub(crate) columns: Vec<String>,
    /// The rows, as a DuckDB query or VALUES; DEFAULT VALUES when there is none.
    pub(crate) source: Option<String>,
}
