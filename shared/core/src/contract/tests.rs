use super::*;
use arrow::datatypes::DataType;

fn project() -> Assets {
    Assets::Folder([env!("CARGO_MANIFEST_DIR"), "..", ".."].iter().collect())
}

const MINIMAL: &str = r"
apiVersion: v3.1.0
kind: DataContract
id: things
version: 1.2.0
status: active
schema:
  - name: things
    properties:
      - {name: thing_id, logicalType: string, physicalType: VARCHAR(36), primaryKey: true, logicalTypeOptions: {format: uuid}}
      - {name: amount, logicalType: number, physicalType: 'DECIMAL(18,2)'}
      - {name: happened_at, logicalType: timestamp, physicalType: TIMESTAMP}
      - name: day
        logicalType: date
        physicalType: DATE
        partitioned: true
        customProperties: [{property: derivation, value: {kind: date, from: happened_at}}]
";

#[test]
fn a_small_contract_gives_schemas() {
    let contract = Contract::from_yaml("things.yaml", MINIMAL).unwrap();
    assert_eq!(contract.primary_key, ["thing_id"]);
    assert_eq!(contract.partition_columns, ["day"]);
    assert_eq!(contract.file_schema().fields().len(), 3);
    assert_eq!(
        contract.table_schema().field(1).data_type(),
        &DataType::Decimal128(18, 2)
    );
    assert!(contract.columns[0].required, "a key column is required");
    assert_eq!(contract.columns[0].rules.max_length, Some(36));
}

#[test]
fn a_mistake_is_reported_with_file_property_and_what_is_allowed() {
    let check = |from: &str, to: &str, expected: &str| {
        assert!(MINIMAL.contains(from), "{from}");
        let error = Contract::from_yaml("things.yaml", &MINIMAL.replace(from, to))
            .unwrap_err()
            .to_string();
        assert!(
            error.starts_with("things.yaml: ") && error.contains(expected),
            "{error}"
        );
    };
    check(
        "DECIMAL(18,2)",
        "MONEY",
        "things.amount.logicalType: 'number' with physicalType 'MONEY' is not supported: allowed are",
    );
    check(
        "format: uuid",
        "format: ulid",
        "things.thing_id.logicalTypeOptions.format: 'ulid' is unknown: allowed are uuid",
    );
    check(
        "kind: date,",
        "kind: dates,",
        "things.day.derivation.kind: 'dates' is unknown: allowed are lookup, date",
    );
    check(
        "from: happened_at",
        "from: amount",
        "things.day.derivation.from: 'amount' is not a Timestamp column",
    );
    check("primaryKey: true, ", "", "no column has primaryKey");
    check(
        "apiVersion: v3.1.0",
        "apiVersion: v2.0.0",
        "wanted is a DataContract of v3",
    );
    check("name: amount", "name: thing_id", "things.thing_id: is described twice");
}

#[test]
fn the_contracts_of_the_project_are_valid() {
    let contracts = Contracts::load(&project()).unwrap();
    let datasets: Vec<_> = contracts.iter().map(|contract| contract.dataset.as_str()).collect();
    assert_eq!(datasets, ["cards", "customers", "merchants", "transactions"]);
    let transactions = contracts.get("transactions").unwrap();
    assert_eq!(transactions.partition_columns, ["txn_date", "merchant_category"]);
    assert_eq!(transactions.event_time.as_ref().unwrap().late_window_days, 2);
    let error = contracts.get("transaction").unwrap_err().to_string();
    assert!(
        error.contains("known are cards, customers, merchants, transactions"),
        "{error}"
    );
}

#[test]
fn card_numbers_and_personal_columns_are_protected() {
    let contracts = Contracts::load(&project()).unwrap();
    let protection = |dataset: &str, column: &str| contracts.get(dataset).unwrap().column(column).unwrap().protection;
    assert_eq!(protection("cards", "card_number"), Protection::CardNumber);
    for column in ["name", "email", "phone", "birth_date"] {
        assert_eq!(protection("customers", column), Protection::Token, "{column}");
    }
}
