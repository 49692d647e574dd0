//! The cursors of a transaction.
//!
//! As in a cluster, the whole result is made when a cursor is declared; here it is a temporary table, which may be larger than the
//! memory. FETCH reads a stretch of it.

use std::collections::BTreeMap;

use cardlake_redshift_sql::{FetchCount, RedshiftType, SqlError, quoted};

use crate::executor::Executor;

/// What the tables of cursors are called; the catalog does not show them.
const PREFIX: &str = "rs_cursor_";

/// The cursors that are declared.
#[derive(Debug, Default)]
pub(crate) struct Cursors {
    open: BTreeMap<String, OpenCursor>,
    /// The number of the next table.
    next: u64,
}

#[derive(Debug)]
struct OpenCursor {
    table: String,
    columns: Vec<(String, RedshiftType)>,
    /// Rows that have been fetched.
    position: u64,
}

impl Cursors {
    /// Makes the result of a query and a cursor before its first row.
    pub(crate) fn declare(&mut self, executor: &Executor, name: &str, query: &str) -> Result<(), SqlError> {
        if self.open.contains_key(name) {
            return Err(SqlError::classed("42P03", format!("cursor \"{name}\" already exists")));
        }
        let query = executor.resolve(query);
        let columns = executor.columns(&query)?;
        let table = format!("{PREFIX}{}", self.next);
        self.next += 1;
        let names: Vec<String> = (0..columns.len()).map(|index| format!("c{index}")).collect();
        // Rows are numbered one after the other as the query makes them.
        executor.batch(&format!(
            "CREATE TEMP TABLE {table} AS SELECT row_number() OVER () AS n, q.* FROM ({query}) AS q({})",
            names.join(", ")
        ))?;
        let cursor = OpenCursor {
            table,
            columns,
            position: 0,
        };
        self.open.insert(name.to_owned(), cursor);
        Ok(())
    }

    /// The columns of a cursor.
    pub(crate) fn columns(&self, name: &str) -> Result<Vec<(String, RedshiftType)>, SqlError> {
        self.find(name).map(|cursor| cursor.columns.clone())
    }

    /// The query for the next rows of a cursor.
    pub(crate) fn fetch(&self, name: &str, count: FetchCount) -> Result<String, SqlError> {
        let cursor = self.find(name)?;
        let columns = cursor.columns.iter().enumerate();
        let columns: Vec<String> = columns
            .map(|(index, (name, _))| format!("t.c{index} AS {}", quoted(name)))
            .collect();
        // With the table before them: the query may have names like these.
        let last = match count {
            FetchCount::Rows(count) => format!(" AND t.n <= {}", cursor.position.saturating_add(count)),
            FetchCount::All => String::new(),
        };
        let (table, position) = (&cursor.table, cursor.position);
        Ok(format!(
            "SELECT {} FROM temp.{table} AS t WHERE t.n > {position}{last} ORDER BY t.n",
            columns.join(", ")
        ))
    }

    /// Moves a cursor on by the rows that were fetched.
    pub(crate) fn advance(&mut self, name: &str, rows: i64) {
        if let Some(cursor) = self.open.get_mut(name) {
            cursor.position += u64::try_from(rows).unwrap_or_default();
        }
    }

    /// Closes one cursor, or all.
    pub(crate) fn close(&mut self, executor: &Executor, name: Option<&str>) -> Result<(), SqlError> {
        let names: Vec<String> = match name {
            Some(name) => self.find(name).map(|_| vec![name.to_owned()])?,
            None => self.open.keys().cloned().collect(),
        };
        for name in names {
            if let Some(cursor) = self.open.remove(&name) {
                executor.batch(&format!("DROP TABLE temp.{}", cursor.table))?;
            }
        }
        Ok(())
    }

    /// After a rollback, which has removed their tables.
    pub(crate) fn forget(&mut self) {
        self.open.clear();
    }

    fn find(&self, name: &str) -> Result<&OpenCursor, SqlError> {
        self.open
            .get(name)
            .ok_or_else(|| SqlError::classed("34000", format!("cursor \"{name}\" does not exist")))
    }
}
