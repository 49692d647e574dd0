//! Template objects: relations and the start of the run.

use crate::sql::{identifier, relation};
use chrono::{DateTime, Utc};
use minijinja::value::{Object, Value};
use minijinja::{Error, ErrorKind, State};
use std::fmt;
use std::sync::Arc;

/// A table or view, as returned by `ref`, `source` and `this`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Relation {
    /// Its database.
    pub database: String,
    /// Its schema.
    pub schema: String,
    /// Its name.
    pub identifier: String,
    /// It is inlined as a common table expression.
    pub ephemeral: bool,
}

impl Relation {
    /// The quoted name, without the database: a Redshift statement runs in one.
    #[must_use]
    pub fn sql(&self) -> String {
        if self.ephemeral {
            self.cte()
        } else {
            relation(&self.schema, &self.identifier)
        }
    }

    /// Name of the common table expression of an ephemeral model.
    pub(crate) fn cte(&self) -> String {
        format!("__dbt__cte__{}", self.identifier)
    }
}

impl Object for Relation {
    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        Some(match key.as_str()? {
            "database" => Value::from(&self.database),
            "schema" => Value::from(&self.schema),
            "identifier" | "name" | "table" => Value::from(&self.identifier),
            _ => return None,
        })
    }

    fn call_method(self: &Arc<Self>, _: &mut State<'_, '_>, method: &str, _: &[Value]) -> Result<Value, Error> {
        match method {
            "render" => Ok(Value::from(self.sql())),
            "quoted" => Ok(Value::from(identifier(&self.identifier))),
            _ => Err(Error::from(ErrorKind::UnknownMethod)),
        }
    }

    fn render(self: &Arc<Self>, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.sql())
    }
}

/// `run_started_at`: midnight of the batch date, so that a rerun renders the same text.
#[derive(Debug, Clone, Copy)]
pub(super) struct StartedAt(pub(super) DateTime<Utc>);

impl Object for StartedAt {
    fn call_method(self: &Arc<Self>, _: &mut State<'_, '_>, method: &str, args: &[Value]) -> Result<Value, Error> {
        match (method, args) {
            ("strftime", [format]) => {
                let format = format.as_str().unwrap_or_default();
                let items = chrono::format::StrftimeItems::new(format).parse();
                let items = items.map_err(|_| {
                    Error::new(
                        ErrorKind::InvalidOperation,
                        format!("strftime does not know '{format}'"),
                    )
                })?;
                Ok(Value::from(self.0.format_with_items(items.iter()).to_string()))
            }
            ("isoformat", []) => Ok(Value::from(self.0.format("%Y-%m-%dT%H:%M:%S+00:00").to_string())),
            ("date", []) => Ok(Value::from(self.0.format("%Y-%m-%d").to_string())),
            _ => Err(Error::from(ErrorKind::UnknownMethod)),
        }
    }

    fn render(self: &Arc<Self>, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0.format("%Y-%m-%d %H:%M:%S+00:00"))
    }
}
