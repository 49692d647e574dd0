//! Builds the [`SourceFormat`] of a contract, and its limits.

use super::limits::ObjectLimits;
use super::model::ContractError;
use super::odcs::{CustomProperty, SchemaObject};
use super::place::{Place, custom, custom_text};
use super::source::{CsvDialect, SourceFormat, TextEncoding, TimestampFormat};
use serde_json::Value;

/// The format of a table's files.
pub(super) fn source_format(place: &Place<'_>, table: &SchemaObject) -> Result<SourceFormat, ContractError> {
    let properties = &table.custom_properties;
    let time_zone = custom_text(place, properties, "timeZone")?
        .map(|name| {
            name.parse().map_err(|_| {
                place.wrong(
                    "timeZone",
                    format!("'{name}' is unknown: give an IANA name, e.g. Asia/Seoul"),
                )
            })
        })
        .transpose()?;
    Ok(SourceFormat {
        csv: custom(properties, "csv").map_or(Ok(CsvDialect::default()), |value| dialect(place, value))?,
        encoding: named(place, properties, "encoding", &TextEncoding::NAMES)?,
        time_zone,
    })
}

/// Format of a column's timestamps.
pub(super) fn timestamp_format(
    place: &Place<'_>,
    properties: &[CustomProperty],
) -> Result<TimestampFormat, ContractError> {
    named(place, properties, "timestampFormat", &TimestampFormat::NAMES)
}

/// Texts that are read as null.
pub(super) fn null_values(place: &Place<'_>, properties: &[CustomProperty]) -> Result<Vec<String>, ContractError> {
    let Some(value) = custom(properties, "nullValues") else {
        return Ok(Vec::new());
    };
    let texts = value.as_array().and_then(|items| {
        let texts = items
            .iter()
            .map(|item| item.as_str().map(|text| text.trim().to_owned()));
        texts.collect::<Option<Vec<_>>>()
    });
    texts.ok_or_else(|| {
        place.wrong(
            "nullValues",
            format!("'{value}' is not a list of texts; put each in quotes"),
        )
    })
}

fn named<T: Copy + Default>(
    place: &Place<'_>,
    properties: &[CustomProperty],
    property: &str,
    names: &[(&str, T)],
) -> Result<T, ContractError> {
    let Some(text) = custom_text(place, properties, property)? else {
        return Ok(T::default());
    };
    let found = names.iter().find(|(name, _)| name.eq_ignore_ascii_case(&text));
    found.map(|(_, value)| *value).ok_or_else(|| {
        let allowed: Vec<&str> = names.iter().map(|(name, _)| *name).collect();
        place.wrong(
            property,
            format!("'{text}' is unknown: allowed are {}", allowed.join(", ")),
        )
    })
}

const FIELDS: [&str; 5] = ["delimiter", "quote", "escape", "comment", "skipRows"];

fn dialect(place: &Place<'_>, value: &Value) -> Result<CsvDialect, ContractError> {
    let wrong = |field: &str, problem: String| place.wrong(&format!("csv.{field}"), problem);
    let fields = value
        .as_object()
        .ok_or_else(|| place.wrong("csv", format!("'{value}' is not a map, e.g. {{delimiter: ';'}}")))?;
    if let Some(unknown) = fields.keys().find(|name| !FIELDS.contains(&name.as_str())) {
        return Err(wrong(unknown, format!("is unknown: allowed are {}", FIELDS.join(", "))));
    }
    let character = |field: &str| match fields.get(field) {
        None | Some(Value::Null) => Ok(None),
        Some(value) => match value.as_str().map(str::as_bytes) {
            Some([byte]) if byte.is_ascii() && !matches!(byte, b'\r' | b'\n' | b'\0') => Ok(Some(*byte)),
            _ => Err(wrong(field, format!("{value} is not one ASCII character"))),
        },
    };
    let default = CsvDialect::default();
    let skip_rows = match fields.get("skipRows") {
        None => 0,
        Some(value) => value
            .as_u64()
            .and_then(|rows| u32::try_from(rows).ok())
            .ok_or_else(|| wrong("skipRows", format!("{value} is not a number of lines")))?,
    };
    let dialect = CsvDialect {
        delimiter: character("delimiter")?.unwrap_or(default.delimiter),
        quote: character("quote")?.unwrap_or(default.quote),
        // A quote that escapes itself is the rule without an escape.
        escape: character("escape")?.filter(|escape| Some(*escape) != character("quote").ok().flatten()),
        comment: character("comment")?,
        skip_rows,
    };
    let used = [
        Some(dialect.delimiter),
        Some(dialect.quote),
        dialect.escape,
        dialect.comment,
    ];
    let used: Vec<u8> = used.into_iter().flatten().collect();
    if (1..used.len()).any(|index| used[..index].contains(&used[index])) {
        return Err(place.wrong("csv", "gives one character two meanings"));
    }
    Ok(dialect)
}

/// The limits of a table.
pub(super) fn object_limits(place: &Place<'_>, table: &SchemaObject) -> Result<ObjectLimits, ContractError> {
    let mut limits = ObjectLimits::default();
    let Some(value) = custom(&table.custom_properties, "limits") else {
        return Ok(limits);
    };
    let fields = value.as_object().ok_or_else(|| {
        let problem = format!("'{value}' is not a map, e.g. {{maxExpansion: 500}}");
        place.wrong("limits", problem)
    })?;
    for (name, value) in fields {
        let place_of = format!("limits.{name}");
        let within = |least: u64, most: u64| {
            let number = value.as_u64().filter(|number| (least..=most).contains(number));
            number.ok_or_else(|| place.wrong(&place_of, format!("{value} is not a number from {least} to {most}")))
        };
        // The bounds are within 32 bits, so that no number is cut.
        match name.as_str() {
            "maxColumns" => limits.max_columns = within(1, 10_000)? as u32,
            // Records are told apart in blocks of a mebibyte, some of which are held at once.
            "maxRecordBytes" => limits.max_record_bytes = within(1 << 20, 64 << 20)? as u32,
            "maxExpansion" => limits.max_expansion = within(1, 1_000_000)? as u32,
            "maxQuarantineBytes" => limits.max_quarantine_bytes = within(1 << 20, 1 << 40)?,
            _ => {
                let allowed = "maxColumns, maxRecordBytes, maxExpansion, maxQuarantineBytes";
                return Err(place.wrong(&place_of, format!("is unknown: allowed are {allowed}")));
            }
        }
    }
    Ok(limits)
}
