//! Names of relations and columns.

use sqlparser::ast::{Ident, ObjectName, ObjectNamePart};

use crate::error::SqlError;

/// Words that DuckDB reserves and Redshift does not.
const RESERVED_IN_DUCKDB: &[&str] = &[
    "anti",
    "asof",
    "asymmetric",
    "at",
    "collation",
    "columns",
    "concurrently",
    "describe",
    "fetch",
    "generated",
    "glob",
    "lambda",
    "lateral",
    "map",
    "pivot_longer",
    "pivot_wider",
    "positional",
    "qualify",
    "returning",
    "semi",
    "show",
    "struct",
    "summarize",
    "symmetric",
    "tablesample",
    "try_cast",
    "unpack",
    "variadic",
    "window",
];

/// The views of this server that stand in for views of Redshift which DuckDB also has, with other contents.
const CATALOG_VIEWS: &[(&str, &str, &str)] = &[
    ("information_schema", "columns", "rs_information_schema_columns"),
    ("information_schema", "tables", "rs_information_schema_tables"),
    ("pg_catalog", "svv_columns", "svv_columns"),
    ("pg_catalog", "svv_tables", "svv_tables"),
    ("pg_catalog", "svv_table_info", "svv_table_info"),
    ("pg_catalog", "pg_table_def", "pg_table_def"),
    ("pg_catalog", "pg_user", "pg_user"),
    ("pg_catalog", "pg_group", "pg_group"),
    ("pg_catalog", "sys_load_error_detail", "sys_load_error_detail"),
    ("pg_catalog", "stl_load_errors", "stl_load_errors"),
    ("pg_catalog", "svv_external_columns", "svv_external_columns"),
    ("pg_catalog", "svv_external_schemas", "svv_external_schemas"),
    ("pg_catalog", "svv_external_tables", "svv_external_tables"),
    ("pg_catalog", "pg_attrdef", "pg_attrdef"),
    ("pg_catalog", "pg_attribute", "pg_attribute"),
    ("pg_catalog", "pg_class", "pg_class"),
    ("pg_catalog", "pg_constraint", "pg_constraint"),
    ("pg_catalog", "pg_database", "pg_database"),
    ("pg_catalog", "pg_depend", "pg_depend"),
    ("pg_catalog", "pg_description", "pg_description"),
    ("pg_catalog", "pg_index", "pg_index"),
    ("pg_catalog", "pg_namespace", "pg_namespace"),
    ("pg_catalog", "pg_rewrite", "pg_rewrite"),
    ("pg_catalog", "pg_tables", "pg_tables"),
    ("pg_catalog", "pg_type", "pg_type"),
    ("pg_catalog", "pg_views", "pg_views"),
];

/// A table or view: schema, if given, and name. Lower case.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Relation {
    /// The schema, if given.
    pub schema: Option<String>,
    /// The table or view.
    pub name: String,
}

impl Relation {
    /// Reads a name of one to three parts; the first of three must be the database.
    pub(crate) fn new(name: &ObjectName, database: &str) -> Result<Self, SqlError> {
        let mut name = name.clone();
        relation(&mut name, database)?;
        let mut parts = parts(&name)?.into_iter().rev();
        let table = parts
            .next()
            .ok_or_else(|| SqlError::Syntax("a name is missing".to_owned()))?;
        Ok(Self {
            schema: parts.next(),
            name: table,
        })
    }

    /// The name as SQL, quoted.
    pub fn sql(&self) -> String {
        match &self.schema {
            Some(schema) => format!("{}.{}", quoted(schema), quoted(&self.name)),
            None => quoted(&self.name),
        }
    }
}

/// The last part of a name: the table without its schema.
pub(crate) fn last_part(name: &ObjectName) -> String {
    name.0
        .last()
        .and_then(|part| part.as_ident())
        .map(|ident| ident.value.clone())
        .unwrap_or_default()
}

/// `name` in double quotes.
pub fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// `text` as a string literal.
pub fn literal(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

/// Quotes an identifier that DuckDB would take for a keyword.
pub(crate) fn quote_if_reserved(ident: &mut Ident) {
    if ident.quote_style.is_none() && RESERVED_IN_DUCKDB.contains(&ident.value.as_str())
        || ident.value.starts_with('#')
        || ident.quote_style == Some('[')
    {
        ident.quote_style = Some('"');
    }
}

/// Drops the database from a name of three parts, and points the catalog's views to this server's own.
pub(crate) fn relation(name: &mut ObjectName, database: &str) -> Result<(), SqlError> {
    let mut parts = parts(name)?;
    if parts.len() > 3 {
        return Err(SqlError::redshift(format!(
            "improper qualified name (too many dotted names): {name}"
        )));
    }
    if parts.len() == 3 {
        if parts[0] != database {
            return Err(SqlError::unsupported(format!("the cross-database reference {name}")));
        }
        parts.remove(0);
    }
    if let [schema, table] = parts.as_slice()
        && let Some(view) = catalog_view(schema, table)
    {
        parts = vec!["main".to_owned(), view.to_owned()];
    }
    *name = ObjectName::from(
        parts
            .into_iter()
            .map(|part| Ident::with_quote('"', part))
            .collect::<Vec<_>>(),
    );
    Ok(())
}

/// Points a column of a catalog's view, with schema and view before it, to this server's own.
pub(crate) fn column(parts: &mut [Ident]) {
    if let [schema, table, _] = parts
        && let Some(view) = catalog_view(&schema.value, &table.value)
    {
        *schema = Ident::with_quote('"', "main");
        *table = Ident::with_quote('"', view);
    }
}

/// This server's view for one of the catalog's.
fn catalog_view(schema: &str, table: &str) -> Option<&'static str> {
    let found = CATALOG_VIEWS.iter().find(|(s, t, _)| *s == schema && *t == table);
    found.map(|(_, _, view)| *view)
}

fn parts(name: &ObjectName) -> Result<Vec<String>, SqlError> {
    name.0
        .iter()
        .map(|part| match part {
            ObjectNamePart::Identifier(ident) if ident.quote_style == Some('\'') => {
                Err(SqlError::redshift(format!("syntax error at or near \"{ident}\"")))
            }
            ObjectNamePart::Identifier(ident) => Ok(ident.value.clone()),
            ObjectNamePart::Function(_) => Err(SqlError::Syntax(format!("{name} is not a name"))),
        })
        .collect()
}
