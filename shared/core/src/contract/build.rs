//! Builds a validated [`Contract`] from a document.

use super::build_source::{null_values, object_limits, source_format, timestamp_format};
use super::model::{
    Column, ColumnType, Contract, ContractError, ControlTotals, DeliveryRule, DeliveryRules, Derivation, EventTime,
    FilePattern, Normalisation, OnPersonalData, Protection, Rules, TextFormat, Trailer,
};
use super::odcs::{CustomProperty, Document, Property, SchemaObject};
use super::place::{Place, custom, custom_list, custom_text};
use super::source::TimestampFormat;
use serde_json::Value;
use sha2::{Digest, Sha256};
use std::collections::{BTreeMap, BTreeSet};

impl Contract {
    /// Parses and validates a contract.
    ///
    /// # Errors
    /// The invalid property, with the allowed values.
    pub fn from_yaml(file: &str, text: &str) -> Result<Self, ContractError> {
        contract(file, text)
    }
}

fn contract(file: &str, text: &str) -> Result<Contract, ContractError> {
    let syntax = |cause: String| ContractError::Syntax {
        file: file.to_owned(),
        cause,
    };
    let document: Document = serde_saphyr::from_str(text).map_err(|error| syntax(error.to_string()))?;
    if document.kind != "DataContract" || !document.api_version.starts_with("v3.") {
        return Err(syntax(format!(
            "this is a {} of {}; wanted is a DataContract of v3",
            document.kind, document.api_version
        )));
    }
    let [table] = document.schema.as_slice() else {
        return Err(syntax(format!(
            "schema lists {} tables; wanted is one",
            document.schema.len()
        )));
    };
    let place = Place {
        file,
        path: table.name.clone(),
    };
    let columns = table
        .properties
        .iter()
        .map(|property| column(file, table, property))
        .collect::<Result<Vec<_>, _>>()?;
    let primary_key = positioned(table, |property| (property.primary_key, property.primary_key_position));
    let partition_columns = positioned(table, |property| {
        (property.partitioned, property.partition_key_position)
    });
    if primary_key.is_empty() {
        return Err(place.wrong(
            "properties",
            "no column has primaryKey: true; rows cannot be told apart",
        ));
    }
    let contract = Contract {
        dataset: table.name.clone(),
        description: table.description.trim().to_owned(),
        version: document.version,
        event_time: event_time(&place, table)?,
        distribution_key: custom_text(&place, &table.custom_properties, "redshiftDistributionKey")?,
        sort_keys: custom_list(&place, &table.custom_properties, "redshiftSortKeys")?,
        on_personal_data: on_personal_data(&place, table)?,
        anomaly_warnings: anomaly_warnings(&place, table)?,
        delivery: delivery_rules(&place, table)?,
        control_totals: control_totals(&place, table, &columns)?,
        limits: object_limits(&place, table)?,
        columns,
        primary_key,
        partition_columns,
        source: source_format(&place, table)?,
        fingerprint: hex::encode(Sha256::digest(text.as_bytes())),
    };
    check(&place, &contract)?;
    Ok(contract)
}

/// Names selected by `pick`, in the order of their positions.
fn positioned(table: &SchemaObject, pick: impl Fn(&Property) -> (bool, Option<i64>)) -> Vec<String> {
    let mut marked: Vec<_> = table
        .properties
        .iter()
        .filter_map(|property| {
            let (marked, position) = pick(property);
            marked.then(|| (position.unwrap_or(i64::MAX), property.name.clone()))
        })
        .collect();
    marked.sort_by_key(|(position, _)| *position);
    marked.into_iter().map(|(_, name)| name).collect()
}

fn column(file: &str, table: &SchemaObject, property: &Property) -> Result<Column, ContractError> {
    let place = Place {
        file,
        path: format!("{}.{}", table.name, property.name),
    };
    let physical_type = property
        .physical_type
        .clone()
        .ok_or_else(|| place.wrong("physicalType", "is missing: give the Redshift type, e.g. VARCHAR(36)"))?
        .to_ascii_uppercase();
    let column_type = column_type(&place, property.logical_type.as_deref(), &physical_type)?;
    let protection = match property.classification.as_deref() {
        Some("personal") => Protection::Token,
        Some("card_number") => Protection::CardNumber,
        None | Some("public" | "internal" | "confidential" | "restricted") => Protection::None,
        Some(other) => {
            return Err(place.wrong(
                "classification",
                format!("'{other}' is unknown: allowed are public, internal, confidential, restricted, personal, card_number"),
            ));
        }
    };
    let normalisation = match custom_text(&place, &property.custom_properties, "normalisation")?.as_deref() {
        None => Normalisation::None,
        Some("lower") => Normalisation::Lower,
        Some("upper") => Normalisation::Upper,
        Some(other) => {
            return Err(place.wrong(
                "normalisation",
                format!("'{other}' is unknown: allowed are lower and upper"),
            ));
        }
    };
    Ok(Column {
        name: property.name.clone(),
        description: property.description.trim().to_owned(),
        column_type,
        rules: rules(&place, property, &physical_type)?,
        physical_type,
        required: property.required || property.primary_key,
        derivation: custom(&property.custom_properties, "derivation")
            .map(|value| derivation(&place, value))
            .transpose()?,
        protection,
        normalisation,
        null_values: [&table.custom_properties, &property.custom_properties]
            .iter()
            .map(|properties| null_values(&place, properties))
            .collect::<Result<Vec<_>, _>>()?
            .concat(),
        timestamp_format: timestamp_format(&place, &property.custom_properties)?,
    })
}

fn column_type(place: &Place<'_>, logical: Option<&str>, physical: &str) -> Result<ColumnType, ContractError> {
    let (name, arguments) = match physical.split_once('(') {
        Some((name, rest)) => (name.trim(), rest.trim_end_matches(')')),
        None => (physical, ""),
    };
    let found = match (logical, name) {
        (Some("string"), "VARCHAR" | "CHAR") => ColumnType::String,
        (Some("integer"), "SMALLINT") => ColumnType::Integer { bits: 16 },
        (Some("integer"), "INTEGER") => ColumnType::Integer { bits: 32 },
        (Some("integer"), "BIGINT") => ColumnType::Integer { bits: 64 },
        (Some("number"), "DOUBLE PRECISION") => ColumnType::Double,
        (Some("number"), "DECIMAL") => {
            let digits = arguments.split_once(',').and_then(|(precision, scale)| {
                Some((precision.trim().parse::<u8>().ok()?, scale.trim().parse::<i8>().ok()?))
            });
            let (precision, scale) = digits
                .filter(|(precision, scale)| (1..=38).contains(precision) && (0..=37).contains(scale))
                .ok_or_else(|| place.wrong("physicalType", format!("'{physical}' needs digits, e.g. DECIMAL(18,2)")))?;
            ColumnType::Decimal { precision, scale }
        }
        (Some("boolean"), "BOOLEAN") => ColumnType::Boolean,
        (Some("date"), "DATE") => ColumnType::Date,
        (Some("timestamp"), "TIMESTAMP") => ColumnType::Timestamp,
        (logical, _) => {
            return Err(place.wrong(
                "logicalType",
                format!(
                    "'{}' with physicalType '{physical}' is not supported: allowed are string VARCHAR(n), integer \
                     SMALLINT|INTEGER|BIGINT, number DECIMAL(p,s)|DOUBLE PRECISION, boolean BOOLEAN, date DATE, \
                     timestamp TIMESTAMP",
                    logical.unwrap_or("none")
                ),
            ));
        }
    };
    Ok(found)
}

fn rules(place: &Place<'_>, property: &Property, physical_type: &str) -> Result<Rules, ContractError> {
    let options = property.logical_type_options.clone().unwrap_or_default();
    let format = match options.format.as_deref() {
        Some("uuid") => Some(TextFormat::Uuid),
        Some("email") => Some(TextFormat::Email),
        None => None,
        Some(other) => {
            return Err(place.wrong(
                "logicalTypeOptions.format",
                format!("'{other}' is unknown: allowed are uuid, email"),
            ));
        }
    };
    if let Some(pattern) = &options.pattern {
        regex::Regex::new(pattern).map_err(|error| place.wrong("logicalTypeOptions.pattern", error.to_string()))?;
    }
    let width = physical_type
        .strip_prefix("VARCHAR(")
        .and_then(|rest| rest.trim_end_matches(')').parse::<u32>().ok());
    let mut allowed = Vec::new();
    for quality in &property.quality {
        if quality.metric.as_deref() != Some("invalidValues") {
            continue;
        }
        let values = quality
            .arguments
            .as_ref()
            .and_then(|arguments| arguments.get("validValues"));
        let values = values.and_then(Value::as_array).ok_or_else(|| {
            place.wrong(
                "quality.arguments.validValues",
                "is missing: give the list of allowed values",
            )
        })?;
        allowed.extend(values.iter().map(scalar_text));
    }
    Ok(Rules {
        pattern: options.pattern,
        format,
        max_length: match (options.max_length, width) {
            (Some(length), Some(width)) => Some(length.min(width)),
            (length, width) => length.or(width),
        },
        minimum: options.minimum.as_ref().map(scalar_text),
        maximum: options.maximum.as_ref().map(scalar_text),
        allowed,
    })
}

fn derivation(place: &Place<'_>, value: &Value) -> Result<Derivation, ContractError> {
    let text = |field: &str| value.get(field).and_then(Value::as_str).map(str::to_owned);
    let from =
        || text("from").ok_or_else(|| place.wrong("derivation.from", "is missing: name the column it comes from"));
    Ok(match text("kind").as_deref() {
        Some("lookup") => {
            let values = value
                .get("values")
                .and_then(Value::as_object)
                .ok_or_else(|| place.wrong("derivation.values", "is missing: give the result for each value"))?;
            let values: BTreeMap<_, _> = values
                .iter()
                .map(|(key, value)| (key.clone(), scalar_text(value)))
                .collect();
            Derivation::Lookup { from: from()?, values }
        }
        Some("date") => Derivation::DateOf { from: from()? },
        Some("days_late") => Derivation::DaysLate { from: from()? },
        Some("last_four") => Derivation::LastFour { from: from()? },
        Some("ingest_date") => Derivation::IngestDate,
        Some("ingest_ts") => Derivation::IngestTimestamp,
        Some("source_object") => Derivation::SourceObject,
        Some("source_row") => Derivation::SourceRow,
        Some("extra") => Derivation::Extra,
        Some("row_hash") => Derivation::RowHash,
        other => {
            return Err(place.wrong(
                "derivation.kind",
                format!(
                    "'{}' is unknown: allowed are lookup, date, days_late, last_four, ingest_date, ingest_ts, \
                     source_object, source_row, extra, row_hash",
                    other.unwrap_or("none")
                ),
            ));
        }
    })
}

fn event_time(place: &Place<'_>, table: &SchemaObject) -> Result<Option<EventTime>, ContractError> {
    let days = |name: &str, default: u32| match custom(&table.custom_properties, name) {
        None => Ok(default),
        Some(value) => value
            .as_u64()
            .and_then(|days| u32::try_from(days).ok())
            .ok_or_else(|| place.wrong(name, format!("'{value}' is not a number of days"))),
    };
    let Some(column) = custom_text(place, &table.custom_properties, "eventTime")? else {
        return Ok(None);
    };
    Ok(Some(EventTime {
        column,
        late_window_days: days("lateWindowDays", 2)?,
        future_tolerance_days: days("futureToleranceDays", 1)?,
    }))
}

fn delivery_rules(place: &Place<'_>, table: &SchemaObject) -> Result<DeliveryRules, ContractError> {
    let properties = &table.custom_properties;
    let min_rows = custom(properties, "minRows").map(|value| {
        let rows = value.as_u64();
        rows.ok_or_else(|| place.wrong("minRows", format!("'{value}' is not a number of rows")))
    });
    let max_duplicate_share = custom(properties, "maxDuplicateShare").map(|value| {
        let share = value.as_f64().filter(|share| (0.0..=1.0).contains(share));
        share.ok_or_else(|| place.wrong("maxDuplicateShare", format!("'{value}' is not a share from 0 to 1")))
    });
    let files = custom_list(place, properties, "expectedFiles")?;
    Ok(DeliveryRules {
        min_rows: min_rows.transpose()?,
        max_duplicate_share: max_duplicate_share.transpose()?,
        files: files.into_iter().map(FilePattern::new).collect(),
        fail: failing_rules(place, properties)?,
    })
}

fn anomaly_warnings(place: &Place<'_>, table: &SchemaObject) -> Result<bool, ContractError> {
    let Some(value) = custom(&table.custom_properties, "anomalyWarnings") else {
        return Ok(true);
    };
    let wrong = || {
        place.wrong(
            "anomalyWarnings",
            format!("'{value}' is wrong: allowed are true, false"),
        )
    };
    value.as_bool().ok_or_else(wrong)
}

fn on_personal_data(place: &Place<'_>, table: &SchemaObject) -> Result<OnPersonalData, ContractError> {
    let Some(value) = custom(&table.custom_properties, "onPersonalData") else {
        return Ok(OnPersonalData::default());
    };
    match value.as_str() {
        Some("mask") => Ok(OnPersonalData::Mask),
        Some("quarantine") => Ok(OnPersonalData::Quarantine),
        Some("allow") => Ok(OnPersonalData::Allow),
        _ => {
            let problem = format!("'{value}' is wrong: allowed are mask, quarantine, allow");
            Err(place.wrong("onPersonalData", problem))
        }
    }
}

/// The rules about a delivery that fail a run.
fn failing_rules(place: &Place<'_>, properties: &[CustomProperty]) -> Result<BTreeSet<DeliveryRule>, ContractError> {
    let Some(value) = custom(properties, "deliverySeverity") else {
        return Ok(BTreeSet::new());
    };
    let names = DeliveryRule::ALL.map(DeliveryRule::property).join(", ");
    let wrong = || {
        let problem = format!("'{value}' is wrong: allowed are warn, fail, or a map from {names} to one of these");
        place.wrong("deliverySeverity", problem)
    };
    let fails = |severity: &Value| match severity.as_str() {
        Some("fail") => Ok(true),
        Some("warn") => Ok(false),
        _ => Err(wrong()),
    };
    let Some(severities) = value.as_object() else {
        let all = if fails(value)? { &DeliveryRule::ALL[..] } else { &[] };
        return Ok(all.iter().copied().collect());
    };
    let mut failing = BTreeSet::new();
    for (name, severity) in severities {
        let rule = DeliveryRule::ALL.into_iter().find(|rule| rule.property() == name);
        let rule = rule.ok_or_else(wrong)?;
        if fails(severity)? {
            failing.insert(rule);
        }
    }
    Ok(failing)
}

fn control_totals(
    place: &Place<'_>,
    table: &SchemaObject,
    columns: &[Column],
) -> Result<Option<ControlTotals>, ContractError> {
    let Some(value) = custom(&table.custom_properties, "controlTotals") else {
        return Ok(None);
    };
    let wrong = |problem: String| place.wrong("controlTotals", problem);
    let fields = value
        .as_object()
        .ok_or_else(|| wrong(format!("'{value}' is not {{sum: column, required: true}}")))?;
    let mut totals = ControlTotals::default();
    for (name, value) in fields {
        match (name.as_str(), value) {
            ("sum", Value::String(name)) => {
                let column = columns
                    .iter()
                    .find(|column| column.name == *name && column.derivation.is_none());
                if column.is_none_or(|column| {
                    !matches!(
                        column.column_type,
                        ColumnType::Decimal { .. } | ColumnType::Integer { .. }
                    )
                }) {
                    return Err(wrong(format!(
                        "'{name}' is not a DECIMAL or integer column that bronze has"
                    )));
                }
                totals.sum = Some(name.clone());
            }
            ("required", Value::Bool(required)) => totals.required = *required,
            ("trailer", value) => totals.trailer = Some(trailer(place, value)?),
            _ => {
                return Err(wrong(format!(
                    "{name}: {value} is unknown: allowed are sum: column, required: true|false, trailer: {{marker, rows, sum}}"
                )));
            }
        }
    }
    if totals.sum.is_none() && totals.trailer.as_ref().is_some_and(|trailer| trailer.sum.is_some()) {
        let problem = "has a sum: name its column in controlTotals.sum".to_owned();
        return Err(place.wrong("controlTotals.trailer", problem));
    }
    Ok(Some(totals))
}

/// The last line of every file.
fn trailer(place: &Place<'_>, value: &Value) -> Result<Trailer, ContractError> {
    let wrong = |problem: String| place.wrong("controlTotals.trailer", problem);
    let allowed =
        "{marker: text at the start of the line, rows: field, sum: field}, fields from 2 on, one of them at least";
    let fields = value
        .as_object()
        .ok_or_else(|| wrong(format!("'{value}' is not {allowed}")))?;
    let (mut marker, mut rows, mut sum) = (None, None, None);
    for (name, value) in fields {
        // The marker is in the first field.
        let field = value
            .as_u64()
            .filter(|field| *field > 1)
            .and_then(|field| usize::try_from(field).ok());
        match (name.as_str(), value.as_str(), field) {
            ("marker", Some(text), _) if !text.trim().is_empty() && text.trim() == text && !text.contains('\n') => {
                marker = Some(text.to_owned());
            }
            ("rows", _, Some(field)) => rows = Some(field),
            ("sum", _, Some(field)) => sum = Some(field),
            _ => return Err(wrong(format!("{name}: {value} is wrong: allowed is {allowed}"))),
        }
    }
    match marker {
        Some(marker) if rows.is_some() || sum.is_some() => Ok(Trailer { marker, rows, sum }),
        _ => Err(wrong(format!("lacks something: allowed is {allowed}"))),
    }
}

/// Validation across columns.
fn check(place: &Place<'_>, contract: &Contract) -> Result<(), ContractError> {
    let known = |name: &str| contract.column(name);
    let named = contract.sort_keys.iter().chain(&contract.distribution_key);
    if let Some(name) = named.into_iter().find(|name| known(name).is_none()) {
        return Err(place.wrong("customProperties", format!("names the unknown column '{name}'")));
    }
    if let Some(event_time) = &contract.event_time
        && known(&event_time.column).is_none_or(|column| column.column_type != ColumnType::Timestamp)
    {
        return Err(place.wrong(
            "eventTime",
            format!("'{}' is not a timestamp column", event_time.column),
        ));
    }
    for (index, column) in contract.columns.iter().enumerate() {
        if contract.columns[..index].iter().any(|other| other.name == column.name) {
            return Err(place.wrong(&column.name, "is described twice"));
        }
        if column.timestamp_format != TimestampFormat::Iso
            && (column.column_type != ColumnType::Timestamp || column.derivation.is_some())
        {
            return Err(place.wrong(
                &format!("{}.timestampFormat", column.name),
                "is for timestamp columns that bronze has",
            ));
        }
        let (from, wanted) = match &column.derivation {
            Some(Derivation::Lookup { from, .. } | Derivation::LastFour { from }) => (from, ColumnType::String),
            Some(Derivation::DateOf { from } | Derivation::DaysLate { from }) => (from, ColumnType::Timestamp),
            _ => continue,
        };
        if known(from).is_none_or(|source| source.column_type != wanted || source.derivation.is_some()) {
            return Err(place.wrong(
                &format!("{}.derivation.from", column.name),
                format!("'{from}' is not a {wanted:?} column that bronze has"),
            ));
        }
    }
    for name in &contract.primary_key {
        if known(name).is_none_or(|column| column.derivation.is_some() || column.protection != Protection::None) {
            return Err(place.wrong(name, "a key column must come from bronze and be stored as it is"));
        }
    }
    Ok(())
}

fn scalar_text(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}
