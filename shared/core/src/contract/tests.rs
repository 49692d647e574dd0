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

/// The minimal contract with a custom property of the table.
fn with(property: &str) -> Result<Contract, ContractError> {
    let text = MINIMAL.replace(
        "    properties:\n",
        &format!("    customProperties: [{property}]\n    properties:\n"),
    );
    Contract::from_yaml("things.yaml", &text)
}

#[test]
fn the_format_of_the_files_is_that_of_the_standards_unless_it_is_told() {
    let contract = Contract::from_yaml("things.yaml", MINIMAL).unwrap();
    assert_eq!(contract.source, SourceFormat::default());
    let csv = "{delimiter: \"\\t\", quote: \"'\", escape: \"'\", comment: '#', skipRows: 3}";
    let contract = with(&format!(
        "{{property: csv, value: {csv}}}, {{property: encoding, value: EUC-KR}}, \
         {{property: timeZone, value: Asia/Seoul}}, {{property: nullValues, value: ['NULL']}}"
    ))
    .unwrap();
    let expected = CsvDialect {
        delimiter: b'\t',
        quote: b'\'',
        escape: None,
        comment: Some(b'#'),
        skip_rows: 3,
    };
    assert_eq!(contract.source.csv, expected);
    assert_eq!(contract.source.encoding, TextEncoding::Cp949);
    assert_eq!(contract.source.time_zone.map(chrono_tz::Tz::name), Some("Asia/Seoul"));
    assert!(contract.columns.iter().all(|column| column.null_values == ["NULL"]));
}

#[test]
fn a_mistake_in_the_format_of_the_files_is_reported() {
    for (property, expected) in [
        ("{property: csv, value: ';'}", "things.csv: '\";\"' is not a map"),
        (
            "{property: csv, value: {delimeter: ';'}}",
            "things.csv.delimeter: is unknown: allowed are delimiter,",
        ),
        (
            "{property: csv, value: {delimiter: '||'}}",
            "things.csv.delimiter: \"||\" is not one ASCII character",
        ),
        (
            "{property: csv, value: {delimiter: '\"'}}",
            "things.csv: gives one character two meanings",
        ),
        (
            "{property: csv, value: {skipRows: -1}}",
            "things.csv.skipRows: -1 is not a number of lines",
        ),
        (
            "{property: encoding, value: ebcdic}",
            "things.encoding: 'ebcdic' is unknown: allowed are utf-8,",
        ),
        (
            "{property: timeZone, value: KST9}",
            "things.timeZone: 'KST9' is unknown: give an IANA name",
        ),
        (
            "{property: nullValues, value: [NULL]}",
            "is not a list of texts; put each in quotes",
        ),
    ] {
        let error = with(property).unwrap_err().to_string();
        assert!(error.contains(expected), "{error}");
    }
    let text = MINIMAL.replace(
        "'DECIMAL(18,2)'}",
        "'DECIMAL(18,2)', customProperties: [{property: timestampFormat, value: epoch_seconds}]}",
    );
    let error = Contract::from_yaml("things.yaml", &text).unwrap_err().to_string();
    assert!(
        error.ends_with("things.amount.timestampFormat: is for timestamp columns that bronze has"),
        "{error}"
    );
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

#[test]
fn a_trailer_is_described_by_its_marker_and_fields() {
    let contract = with("{property: controlTotals, value: {sum: amount, trailer: {marker: TRL, rows: 2, sum: 3}}}");
    let trailer = contract.unwrap().trailer().cloned();
    let expected = Trailer {
        marker: "TRL".to_owned(),
        rows: Some(2),
        sum: Some(3),
    };
    assert_eq!(trailer, Some(expected));
    for (value, expected) in [
        (
            "{trailer: {marker: TRL, rows: 1}}",
            "trailer: rows: 1 is wrong: allowed is {marker",
        ),
        ("{trailer: {marker: ' ', rows: 2}}", "marker: \" \" is wrong"),
        ("{trailer: {marker: TRL}}", "lacks something"),
        ("{trailer: {rows: 2}}", "lacks something"),
        ("{trailer: TRL}", "'\"TRL\"' is not {marker"),
        (
            "{trailer: {marker: TRL, sum: 2}}",
            "has a sum: name its column in controlTotals.sum",
        ),
        (
            "{trailers: {}}",
            "trailers: {} is unknown: allowed are sum: column, required: true|false, trailer:",
        ),
    ] {
        let error = with(&format!("{{property: controlTotals, value: {value}}}")).unwrap_err();
        assert!(error.to_string().contains(expected), "{error}");
    }
}

#[test]
fn rules_of_a_delivery_warn_or_fail() {
    let failing = |value: &str| {
        let contract = with(&format!("{{property: deliverySeverity, value: {value}}}"));
        contract.map(|contract| contract.delivery.fail)
    };
    assert_eq!(failing("warn").unwrap(), [].into());
    assert_eq!(failing("fail").unwrap(), DeliveryRule::ALL.into());
    let of_each = failing("{expectedFiles: fail, minRows: warn}").unwrap();
    assert_eq!(of_each, [DeliveryRule::ExpectedFiles].into());
    for value in ["error", "{minRows: stop}", "{rows: fail}", "[fail]"] {
        let error = failing(value).unwrap_err().to_string();
        let allowed = "allowed are warn, fail, or a map from expectedFiles, minRows, maxDuplicateShare to one of these";
        assert!(
            error.contains("things.deliverySeverity: ") && error.ends_with(allowed),
            "{error}"
        );
    }
}

#[test]
fn anomalies_are_warnings_unless_the_contract_says_otherwise() {
    let of = |value: &str| with(&format!("{{property: anomalyWarnings, value: {value}}}"));
    assert!(!of("false").unwrap().anomaly_warnings);
    assert!(with("{property: minRows, value: 1}").unwrap().anomaly_warnings);
    let error = of("no way").unwrap_err().to_string();
    assert!(error.ends_with("allowed are true, false"), "{error}");
}

#[test]
fn personal_data_are_masked_unless_the_contract_says_otherwise() {
    let policy = |value: &str| {
        let contract = with(&format!("{{property: onPersonalData, value: {value}}}"));
        contract.map(|contract| contract.on_personal_data)
    };
    assert_eq!(policy("mask").unwrap(), OnPersonalData::Mask);
    assert_eq!(policy("quarantine").unwrap(), OnPersonalData::Quarantine);
    assert_eq!(policy("allow").unwrap(), OnPersonalData::Allow);
    let other = with("{property: minRows, value: 1}").unwrap();
    assert_eq!(other.on_personal_data, OnPersonalData::Mask);
    let error = policy("drop").unwrap_err().to_string();
    assert!(
        error.contains("things.onPersonalData: ") && error.ends_with("allowed are mask, quarantine, allow"),
        "{error}"
    );
}

#[test]
fn limits_of_an_object_are_numbers_within_bounds() {
    let limits = |value: &str| with(&format!("{{property: limits, value: {value}}}")).map(|contract| contract.limits);
    let set =
        limits("{maxColumns: 9, maxRecordBytes: 2097152, maxExpansion: 50, maxQuarantineBytes: 5000000}").unwrap();
    let expected = ObjectLimits {
        max_columns: 9,
        max_record_bytes: 2 << 20,
        max_expansion: 50,
        max_quarantine_bytes: 5_000_000,
    };
    assert_eq!(set, expected);
    assert_eq!(limits("{}").unwrap(), ObjectLimits::default());
    assert_eq!(set.text_bytes(10 << 20), 500 << 20);
    assert_eq!(set.text_bytes(1), 64 << 20, "what is small does no harm");
    for (value, expected) in [
        (
            "{maxColumns: 0}",
            "things.limits.maxColumns: 0 is not a number from 1 to 10000",
        ),
        (
            "{maxRecordBytes: 10}",
            "things.limits.maxRecordBytes: 10 is not a number from 1048576 to 67108864",
        ),
        (
            "{maxRows: 10}",
            "things.limits.maxRows: is unknown: allowed are maxColumns, maxRecordBytes, maxExpansion",
        ),
        ("high", "things.limits: '\"high\"' is not a map"),
    ] {
        let error = limits(value).unwrap_err().to_string();
        assert!(error.contains(expected), "{error}");
    }
}
