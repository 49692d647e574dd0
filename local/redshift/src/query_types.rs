//! Queries whose columns get types that Redshift has, for CREATE TABLE AS and UNLOAD.

use cardlake_redshift_sql::{SqlError, quoted};

use crate::executor::Executor;

/// Wraps a query so that its columns have types that Redshift has, and the given names.
///
/// SUM over integers is wider in DuckDB than Redshift's BIGINT; a value that does not fit is an error.
pub(crate) fn with_redshift_types(executor: &Executor, query: &str, names: &[String]) -> Result<String, SqlError> {
    let query = &executor.resolve(query);
    let columns = executor.describe(query)?;
    if !names.is_empty() && names.len() != columns.len() {
        return Err(SqlError::redshift(format!(
            "CREATE TABLE AS specifies {} column names, the query has {} columns",
            names.len(),
            columns.len()
        )));
    }
    for (index, (name, _)) in columns.iter().enumerate() {
        if columns[..index]
            .iter()
            .any(|(before, _)| before.eq_ignore_ascii_case(name))
        {
            return Err(SqlError::redshift(format!("column name \"{name}\" is duplicated")));
        }
    }
    let wide = |data_type: &str| matches!(data_type, "HUGEINT" | "UHUGEINT" | "UBIGINT");
    if names.is_empty() && !columns.iter().any(|(_, data_type)| wide(data_type)) {
        return Ok(query.to_owned());
    }
    let items = columns.iter().enumerate().map(|(index, (name, data_type))| {
        let new_name = quoted(names.get(index).unwrap_or(name));
        let name = quoted(name);
        if wide(data_type) {
            format!("CAST({name} AS BIGINT) AS {new_name}")
        } else {
            format!("{name} AS {new_name}")
        }
    });
    Ok(format!(
        "SELECT {} FROM ({query}) AS q",
        items.collect::<Vec<_>>().join(", ")
    ))
}
