//! ListDatabases, ListSchemas, ListTables and DescribeTable.

use cardlake_redshift_sql::SqlError;
use std::sync::Arc;

use serde_json::{Value, json};

use super::shared::{check_target, with_token};
use crate::catalog;
use crate::error::ApiError;
use crate::protocol::{CatalogRequest, page};
use crate::results::ColumnMetadata;
use crate::service::Service;

/// Serves one of the four operations.
pub(crate) async fn serve(service: &Service, operation: &str, request: CatalogRequest) -> Result<Value, ApiError> {
    check_target(service, &request.target)?;
    let engine = Arc::clone(service.statements.engine());
    let database = request.connected_database.as_ref().or(request.target.database.as_ref());
    if let Some(wanted) = database
        && *wanted != engine.database
    {
        return Err(ApiError::new(
            "DatabaseConnectionException",
            format!("FATAL: database \"{wanted}\" does not exist"),
        ));
    }
    let operation = operation.to_owned();
    let work = tokio::task::spawn_blocking(move || {
        let token = request.next_token.as_deref();
        let failed = |error: SqlError| ApiError::new("DatabaseConnectionException", error.to_string());
        let connection = engine.connect().map_err(failed)?;
        let schema = request.schema_pattern.as_deref().unwrap_or("%");
        match operation.as_str() {
            "ListDatabases" => Ok(json!({ "Databases": [engine.database] })),
            "ListSchemas" => {
                let schemas = catalog::schemas(&connection, schema).map_err(failed)?;
                let (page, next) = page(schemas, token, request.max_results, 1000)?;
                Ok(with_token(json!({ "Schemas": page }), next))
            }
            "ListTables" => {
                let table = request.table_pattern.as_deref().unwrap_or("%");
                let members = catalog::members(&connection, schema, table).map_err(failed)?;
                let (page, next) = page(members, token, request.max_results, 1000)?;
                let tables: Vec<Value> = page
                    .iter()
                    .map(|member| json!({ "name": member.name, "schema": member.schema, "type": member.kind }))
                    .collect();
                Ok(with_token(json!({ "Tables": tables }), next))
            }
            _ => {
                let schema = request.schema.as_deref().unwrap_or("public");
                let Some(table) = request.table.as_deref() else {
                    return Err(ApiError::validation("Table is required"));
                };
                let columns = catalog::describe(&connection, schema, table).map_err(failed)?;
                let columns = columns.into_iter().map(|column| ColumnMetadata {
                    column_default: column.default,
                    nullable: i32::from(column.nullable),
                    length: column
                        .data_type
                        .byte_limit()
                        .and_then(|length| i32::try_from(length).ok())
                        .unwrap_or_default(),
                    schema_name: schema.to_owned(),
                    table_name: table.to_owned(),
                    ..ColumnMetadata::new(&column.name, column.data_type)
                });
                let (page, next) = page(columns.collect(), token, request.max_results, 1000)?;
                Ok(with_token(json!({ "TableName": table, "ColumnList": page }), next))
            }
        }
    });
    work.await.unwrap_or_else(|_| {
        Err(ApiError::new(
            "InternalServerException",
            "the request's thread panicked",
        ))
    })
}
