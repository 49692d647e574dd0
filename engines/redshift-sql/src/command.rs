//! The result of a translation: what to execute, with its SQL in DuckDB's dialect.

use crate::copy::Copy;
use crate::definition::{Column, CreateTable, CreateTableAs, CreateTableLike, View};
use crate::lex::{Expression, Statement};
use crate::merge::MergePlan;
use crate::names::Relation;
use crate::types::RedshiftType;
use crate::unload::Unload;

/// A translated statement.
///
/// Queries, `Write`s, the sources of INSERT and MERGE statements, defaults and views may contain pending divisions and
/// averages: pass them through [`crate::resolve_arithmetic`] before they are executed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Command {
    /// A statement with a result set.
    Query(String),
    /// UPDATE or DELETE.
    Write(String),
    /// INSERT, with or without a column list.
    Insert(Insert),
    /// EXPLAIN of a `Query`, `Write` or `Insert`.
    Explain(Box<Command>),
    /// A definition that is one DuckDB statement.
    Definition(String),
    /// Definitions to execute in one transaction.
    Definitions(Vec<String>),
    /// CREATE TABLE with columns.
    CreateTable(CreateTable),
    /// CREATE TABLE AS, or SELECT INTO.
    CreateTableAs(CreateTableAs),
    /// CREATE TABLE (LIKE …).
    CreateTableLike(CreateTableLike),
    /// CREATE VIEW.
    CreateView(View),
    /// ALTER TABLE … RENAME TO, of a table or a view.
    Rename {
        /// The table or view.
        relation: Relation,
        /// The new name, without a schema.
        new_name: String,
    },
    /// ALTER TABLE … ADD COLUMN.
    AddColumn {
        /// The table.
        relation: Relation,
        /// The new column.
        column: Column,
    },
    /// ALTER TABLE … ALTER COLUMN … TYPE VARCHAR(n).
    ResizeColumn {
        /// The table.
        relation: Relation,
        /// The name of the column.
        column: String,
        /// The new type, always a VARCHAR.
        data_type: RedshiftType,
    },
    /// MERGE.
    Merge(MergePlan),
    /// COPY.
    Copy(Copy),
    /// UNLOAD.
    Unload(Unload),
    /// TRUNCATE, which commits the open transaction.
    Truncate(Relation),
    /// BEGIN or START TRANSACTION.
    Begin {
        /// Whether nothing may be changed.
        read_only: bool,
    },
    /// COMMIT or END.
    Commit,
    /// ROLLBACK or ABORT.
    Rollback,
    /// SET search_path.
    SetSearchPath(Vec<String>),
    /// SHOW of a setting.
    Show(String),
    /// PREPARE.
    Prepare {
        /// Its name.
        name: String,
        /// What is executed, with placeholders.
        statement: Statement,
    },
    /// EXECUTE of a prepared statement.
    Execute {
        /// Its name.
        name: String,
        /// The values of its placeholders.
        values: Vec<Expression>,
    },
    /// DEALLOCATE of one prepared statement, or of all.
    Deallocate(Option<String>),
    /// DISCARD ALL.
    Discard,
    /// DECLARE of a cursor.
    Declare {
        /// Its name.
        name: String,
        /// What it reads.
        query: Statement,
    },
    /// FETCH from a cursor.
    Fetch {
        /// Its name.
        name: String,
        /// How many rows.
        count: FetchCount,
    },
    /// CLOSE of one cursor, or of all.
    Close(Option<String>),
    /// A statement without effect in DuckDB (ANALYZE, GRANT, …).
    Accepted,
    /// A statement without effect in DuckDB that commits the open transaction (VACUUM).
    AcceptedAndCommits,
}

impl Command {
    /// Whether the database is another one after it, so that a read-only transaction refuses it.
    #[must_use]
    pub fn changes(&self) -> bool {
        match self {
            Self::Write(_)
            | Self::Insert(_)
            | Self::Definition(_)
            | Self::Definitions(_)
            | Self::CreateTable(_)
            | Self::CreateTableAs(_)
            | Self::CreateTableLike(_)
            | Self::CreateView(_)
            | Self::Rename { .. }
            | Self::AddColumn { .. }
            | Self::ResizeColumn { .. }
            | Self::Merge(_)
            | Self::Copy(_)
            | Self::Truncate(_) => true,
            Self::Query(_)
            | Self::Explain(_)
            | Self::Unload(_)
            | Self::Begin { .. }
            | Self::Commit
            | Self::Rollback
            | Self::SetSearchPath(_)
            | Self::Show(_)
            | Self::Prepare { .. }
            | Self::Execute { .. }
            | Self::Deallocate(_)
            | Self::Discard
            | Self::Declare { .. }
            | Self::Fetch { .. }
            | Self::Close(_)
            | Self::Accepted
            | Self::AcceptedAndCommits => false,
        }
    }
}

/// How many rows a FETCH takes at most.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FetchCount {
    /// So many.
    Rows(u64),
    /// Those that are left.
    All,
}

/// An INSERT, in parts: IDENTITY columns, which only the catalog knows, may have to be excluded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Insert {
    /// The table.
    pub relation: Relation,
    /// The column list; empty for all columns.
    pub columns: Vec<String>,
    /// The rows, as a DuckDB query or VALUES; `None` for DEFAULT VALUES.
    pub source: Option<String>,
    /// String literals of VALUES, each with the position of its column: [`RedshiftType::check_text`] tells whether the column
    /// takes them.
    pub texts: Vec<(usize, String)>,
}
