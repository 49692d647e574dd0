//! Delta schemas of contracts.

use super::error::DeltaError;
use cardlake_core::contract::{Column, ColumnType, Contract};
use delta_kernel::schema::{DataType, SchemaRef, StructField, StructType};
use std::sync::Arc;

/// Delta field of a column, always nullable: see [`Contract::table_schema`].
fn field(column: &Column, table: &str) -> Result<StructField, DeltaError> {
    let data_type = match column.column_type {
        ColumnType::String => DataType::STRING,
        ColumnType::Integer { bits: 16 } => DataType::SHORT,
        ColumnType::Integer { bits: 32 } => DataType::INTEGER,
        ColumnType::Integer { .. } => DataType::LONG,
        ColumnType::Decimal { precision, scale } => {
            let scale = scale.try_into().unwrap_or_default();
            DataType::decimal(precision, scale).map_err(|error| DeltaError::kernel("describe", table, error))?
        }
        ColumnType::Double => DataType::DOUBLE,
        ColumnType::Boolean => DataType::BOOLEAN,
        ColumnType::Date => DataType::DATE,
        ColumnType::Timestamp => DataType::TIMESTAMP,
    };
    Ok(StructField::nullable(&column.name, data_type))
}

/// Schema of a new table.
pub(super) fn table_schema(contract: &Contract) -> Result<SchemaRef, DeltaError> {
    let fields = contract
        .columns
        .iter()
        .map(|column| field(column, &contract.dataset))
        .collect::<Result<Vec<_>, _>>()?;
    let schema =
        StructType::try_new(fields).map_err(|error| DeltaError::kernel("describe", &contract.dataset, error))?;
    Ok(Arc::new(schema))
}

/// Columns of the contract that are missing in the table.
///
/// # Errors
/// The type of a column or the partition columns differ, which requires a new table.
pub(super) fn missing_columns(
    contract: &Contract,
    table: &StructType,
    partition_columns: &[String],
) -> Result<Vec<StructField>, DeltaError> {
    let differs = |problem: String| DeltaError::Schema {
        table: contract.dataset.clone(),
        problem,
    };
    if contract.partition_columns != partition_columns {
        return Err(differs(format!(
            "it is partitioned by [{}], the contract says [{}]",
            partition_columns.join(", "),
            contract.partition_columns.join(", ")
        )));
    }
    let mut missing = Vec::new();
    for column in &contract.columns {
        let wanted = field(column, &contract.dataset)?;
        match table.field(&column.name) {
            None => missing.push(wanted),
            Some(present) if present.data_type() == wanted.data_type() => {}
            Some(present) => {
                return Err(differs(format!(
                    "column {} is {}, the contract says {}",
                    column.name,
                    present.data_type(),
                    wanted.data_type()
                )));
            }
        }
    }
    Ok(missing)
}

#[cfg(test)]
mod tests {
    use super::*;
    use cardlake_core::contract::Contracts;

    fn transactions() -> Arc<Contract> {
        let contracts = Contracts::load(&cardlake_assets::embedded()).unwrap();
        Arc::clone(contracts.get("transactions").unwrap())
    }

    #[test]
    fn a_table_made_from_a_contract_lacks_no_column_of_it() {
        let contract = transactions();
        let schema = table_schema(&contract).unwrap();
        assert_eq!(schema.fields().count(), contract.columns.len());
        assert_eq!(
            missing_columns(&contract, &schema, &contract.partition_columns).unwrap(),
            []
        );
    }

    #[test]
    fn a_new_column_of_the_contract_is_missing_in_the_table() {
        let mut contract = transactions().as_ref().clone();
        let schema = table_schema(&contract).unwrap();
        let mut column = contract.columns[0].clone();
        column.name = "device".to_owned();
        contract.columns.push(column);
        let missing = missing_columns(&contract, &schema, &contract.partition_columns).unwrap();
        assert_eq!(missing, [StructField::nullable("device", DataType::STRING)]);
    }

    #[test]
    fn another_type_is_refused_with_both_types() {
        let mut contract = transactions().as_ref().clone();
        let schema = table_schema(&contract).unwrap();
        contract.columns[0].column_type = ColumnType::Date;
        let error = missing_columns(&contract, &schema, &contract.partition_columns).unwrap_err();
        assert!(
            error
                .to_string()
                .contains("column transaction_id is string, the contract says date"),
            "{error}"
        );
    }
}
