//! The types of operands, from the plan that DuckDB's binder makes of a probe.
//!
//! `json_serialize_plan` binds a statement without executing it and returns the unoptimized plan as JSON, with the type of
//! each expression and its offset in the text. A statement that cannot be bound has an object with `error` instead.

use cardlake_redshift_sql::{OperandTypes, PROBE_FUNCTION};
use duckdb::Connection;
use serde_json::Value;

/// Binds a probe; empty if DuckDB cannot bind it or serialize its plan.
pub(crate) fn bind(connection: &Connection, probe: &str) -> OperandTypes {
    let plan = connection.query_row("SELECT json_serialize_plan(CAST(? AS VARCHAR))", [probe], |row| {
        row.get::<_, String>(0)
    });
    let mut types = OperandTypes::new();
    match plan.map(|plan| serde_json::from_str::<Value>(&plan)) {
        Ok(Ok(plan)) => collect(&plan, &mut types),
        Ok(Err(error)) => tracing::debug!(%error, "the plan is not JSON"),
        Err(error) => tracing::debug!(%error, "the statement has no plan"),
    }
    types
}

/// Collects the calls of the probe function anywhere in a plan.
fn collect(node: &Value, types: &mut OperandTypes) {
    match node {
        Value::Array(items) => items.iter().for_each(|item| collect(item, types)),
        Value::Object(members) => {
            if node["expression_class"] == "BOUND_FUNCTION"
                && node["name"] == PROBE_FUNCTION
                && let Some(offset) = node["query_location"].as_u64().and_then(|at| usize::try_from(at).ok())
                && let Some(operands) = node["children"].as_array()
            {
                types.insert(offset, operands.iter().map(type_of).collect());
            }
            members.values().for_each(|member| collect(member, types));
        }
        _ => {}
    }
}

/// The type of a bound expression, as DuckDB spells it. Expressions without a type in the plan are BOOLEAN.
fn type_of(expression: &Value) -> String {
    let data_type = if expression["expression_class"] == "BOUND_CONSTANT" {
        &expression["value"]["type"]
    } else {
        &expression["return_type"]
    };
    let id = data_type["id"].as_str().unwrap_or("BOOLEAN");
    let info = &data_type["type_info"];
    match (id, info["width"].as_u64(), info["scale"].as_u64()) {
        ("DECIMAL", Some(width), Some(scale)) => format!("DECIMAL({width},{scale})"),
        _ => id.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn types(probe: &str) -> Vec<Vec<String>> {
        let connection = Connection::open_in_memory().unwrap();
        let table = "CREATE TABLE t (a DECIMAL(18,2), b BIGINT, c DOUBLE, d DATE)";
        connection.execute_batch(table).unwrap();
        let bound = bind(&connection, probe);
        let offsets: Vec<_> = bound.keys().copied().collect();
        for offset in offsets {
            assert!(probe[offset..].starts_with("hash("), "{probe}: {offset}");
        }
        bound.into_values().collect()
    }

    #[test]
    fn operands_have_their_types_wherever_they_are() {
        assert_eq!(
            types("SELECT 'ü', hash(a, b), hash(c, 1.5), hash(sum(b), count(*)) FROM t GROUP BY a, b, c"),
            [
                ["DECIMAL(18,2)", "BIGINT"],
                ["DOUBLE", "DECIMAL(2,1)"],
                ["HUGEINT", "BIGINT"]
            ]
        );
        assert_eq!(
            types("DELETE FROM t WHERE hash(a, 2) > 1"),
            [["DECIMAL(18,2)", "INTEGER"]]
        );
        let merge = "MERGE INTO t USING t AS s ON t.b = s.b WHEN MATCHED THEN UPDATE SET a = hash(s.a, 3000000000) \
                     WHEN NOT MATCHED THEN INSERT (a) VALUES (hash(s.d, s.b > 1))";
        assert_eq!(types(merge), [["DECIMAL(18,2)", "BIGINT"], ["DATE", "BOOLEAN"]]);
    }

    #[test]
    fn a_statement_that_cannot_be_bound_has_no_types() {
        assert!(types("SELECT hash(a, nowhere) FROM t").is_empty());
        assert!(types("SELEC hash(1)").is_empty());
    }
}
