//! COPY of text: fields are read as text, converted as COPY converts them, and bad rows are filed with line and column.

use cardlake_redshift_sql::{
    Column, JsonFields, Layout, RedshiftType, SqlError, TextFormat, TimeFormat, literal, quoted,
};
use std::path::Path;

use serde::Deserialize;
use uuid::Uuid;

use crate::catalog::Table;
use crate::engine_error::{CsvError, FieldCount, translate};
use crate::executor::Executor;
use crate::load_error::{LoadError, record};
use crate::objects::Location;

/// Load errors of one file that are filed.
const FILED_ERRORS: usize = 100;
/// Bytes of a JSON object at most, like in Redshift.
const MAX_OBJECT_BYTES: usize = 4 * 1024 * 1024;

/// Loads files (their URLs and local copies) into the target columns and gives the number of rows.
pub(crate) fn load(
    executor: &Executor,
    table: &Table,
    text: &TextFormat,
    targets: &[&Column],
    files: &[(String, &Path)],
) -> Result<usize, LoadError> {
    let items = match &text.layout {
        Layout::Json(fields) => json_items(executor, fields, targets)?,
        _ => (0..targets.len()).map(|index| format!("c{index}")).collect(),
    };
    let mut errors = 0;
    let mut rows = 0;
    for (url, path) in files {
        let stage = quoted(&format!("rs_text_{}", Uuid::new_v4().simple()));
        let reader = reader(text, targets.len(), path);
        let columns = items
            .iter()
            .enumerate()
            .map(|(index, item)| format!("{item} AS v{index}"));
        let columns: Vec<String> = columns.collect();
        // One thread reads the file from its beginning, so that rows have numbers.
        let sql = format!(
            "CREATE TEMP TABLE {stage} AS SELECT row_number() OVER () + {} AS line, {} FROM {reader}",
            text.ignore_header,
            columns.join(", ")
        );
        if let Err(error) = executor.connection.execute_batch(&sql) {
            return Err(unreadable(url, &error));
        }
        let conversions: Vec<Conversion> = targets
            .iter()
            .enumerate()
            .map(|(index, column)| Conversion::new(text, column, &format!("v{index}")))
            .collect();
        let found = bad_rows(executor, &stage, targets, &conversions)?;
        for bad in found.iter().take(FILED_ERRORS) {
            let column = targets[bad.column];
            let failure = LoadError {
                file: Some(url.clone()),
                row: Some(bad.line),
                column: Some(Box::new(column.clone())),
                error: SqlError::redshift(conversions[bad.column].reason(column, bad.value.as_deref())),
            };
            record(executor, table, &failure);
        }
        let mut lines: Vec<i64> = found.iter().map(|bad| bad.line).collect();
        lines.dedup();
        errors += lines.len() as u64;
        if errors > 0 && errors >= text.max_error {
            return Err(SqlError::redshift(format!(
                "Load into table '{}' failed.  Check 'sys_load_error_detail' system table for details.",
                table.definition.relation.name
            ))
            .into());
        }
        rows += insert(executor, table, targets, &stage, &conversions)?;
        executor.batch(&format!("DROP TABLE {stage}"))?;
    }
    Ok(rows)
}

fn reader(text: &TextFormat, columns: usize, path: &Path) -> String {
    let path = literal(&path.to_string_lossy());
    let compression = literal(text.compression.unwrap_or("uncompressed"));
    let (delimiter, quote) = match &text.layout {
        Layout::Json(_) => {
            return format!(
                "read_json_objects({path}, format = 'unstructured', compression = {compression}, \
                 maximum_object_size = {MAX_OBJECT_BYTES})"
            );
        }
        Layout::Csv { delimiter, quote } => (delimiter, quote.as_str()),
        Layout::Delimited { delimiter } => (delimiter, ""),
    };
    let names = (0..columns)
        .map(|index| format!("'c{index}': 'VARCHAR'"))
        .collect::<Vec<_>>();
    // No text is NULL here: the conversion decides. The null string cannot be in a file.
    format!(
        "read_csv({path}, auto_detect = false, header = false, parallel = false, columns = {{{}}}, delim = {}, quote = {}, \
         escape = {}, nullstr = {}, skip = {}, null_padding = {}, compression = {compression})",
        names.join(", "),
        literal(delimiter),
        literal(quote),
        literal(quote),
        literal("\u{1}\u{2}rs\u{2}\u{1}"),
        text.ignore_header,
        text.fill_record
    )
}

#[derive(Deserialize)]
struct JsonPaths {
    jsonpaths: Vec<String>,
}

/// For each target column the expression that takes its value out of the object `json`.
fn json_items(executor: &Executor, fields: &JsonFields, targets: &[&Column]) -> Result<Vec<String>, SqlError> {
    let extract = |column: &Column, path: String| {
        if column.data_type == RedshiftType::Super {
            format!("json_extract(json, {path})")
        } else {
            format!("json_extract_string(json, {path})")
        }
    };
    match fields {
        JsonFields::Auto { ignore_case } => Ok(targets
            .iter()
            .map(|column| {
                if *ignore_case {
                    let key = format!(
                        "list_filter(json_keys(json), key -> lower(key) = {})[1]",
                        literal(&column.name.to_lowercase())
                    );
                    extract(column, format!("('$.\"' || {key} || '\"')"))
                } else {
                    extract(column, literal(&format!("$.\"{}\"", column.name)))
                }
            })
            .collect()),
        JsonFields::NoShred => match targets {
            [column] if column.data_type == RedshiftType::Super => Ok(vec!["json".to_owned()]),
            _ => Err(SqlError::redshift("JSON 'noshred' needs a table with one SUPER column")),
        },
        JsonFields::Paths(url) => {
            let location = Location::parse(url)?;
            let engine = &executor.engine;
            let missing = || SqlError::redshift(format!("The JSONPaths file {url} does not exist"));
            let bytes = engine
                .runtime
                .block_on(engine.objects.read(&location))?
                .ok_or_else(missing)?;
            let paths: JsonPaths = serde_json::from_slice(&bytes)
                .map_err(|error| SqlError::redshift(format!("Invalid JSONPath format in {url}: {error}")))?;
            if paths.jsonpaths.len() != targets.len() {
                return Err(SqlError::redshift(
                    "Number of jsonpaths and the number of columns should match.",
                ));
            }
            let pairs = targets.iter().zip(&paths.jsonpaths);
            pairs
                .map(|(column, path)| Ok(extract(column, literal(&json_path(path)?))))
                .collect()
        }
    }
}

/// A JSONPath in DuckDB's spelling: `$['a']['b'][0]` is `$."a"."b"[0]`.
fn json_path(path: &str) -> Result<String, SqlError> {
    let invalid = || SqlError::redshift(format!("Invalid JSONPath format: {path}"));
    let mut rest = path.strip_prefix('$').ok_or_else(invalid)?;
    let mut out = "$".to_owned();
    while !rest.is_empty() {
        if let Some(after) = rest.strip_prefix("['") {
            let (name, after) = after.split_once("']").ok_or_else(invalid)?;
            out.push_str(&format!(".\"{name}\""));
            rest = after;
        } else if let Some(after) = rest.strip_prefix('[') {
            let (index, after) = after.split_once(']').ok_or_else(invalid)?;
            let index: u32 = index.parse().map_err(|_| invalid())?;
            out.push_str(&format!("[{index}]"));
            rest = after;
        } else {
            let after = rest.strip_prefix('.').ok_or_else(invalid)?;
            let end = after.find(['.', '[']).unwrap_or(after.len());
            if end == 0 {
                return Err(invalid());
            }
            out.push_str(&format!(".\"{}\"", &after[..end]));
            rest = &after[end..];
        }
    }
    Ok(out)
}

/// How a field becomes a value.
struct Conversion {
    /// The text after NULL AS and the like; NULL if it is none.
    value: String,
    /// The value of the column's type; NULL if the text cannot be converted.
    converted: String,
    /// Whether the row cannot be loaded.
    bad: String,
}

impl Conversion {
    fn new(text: &TextFormat, column: &Column, field: &str) -> Self {
        let is_text = column.data_type.is_text();
        let mut value = field.to_owned();
        if column.data_type != RedshiftType::Super {
            if is_text && text.trim_blanks {
                value = format!("rtrim({value}, ' ')");
            }
            value = format!("nullif({value}, {})", literal(&text.null_as));
            if !is_text {
                value = format!("nullif(trim({value}), '')");
            } else if text.blanks_as_null {
                value = format!("CASE WHEN trim({value}) <> '' THEN {value} END");
            } else if text.empty_as_null {
                value = format!("nullif({value}, '')");
            }
        }
        let converted = convert(text, column.data_type, &value);
        let is_date = matches!(
            column.data_type,
            RedshiftType::Date | RedshiftType::Timestamp | RedshiftType::TimestampTz
        );
        let mut bad = Vec::new();
        if !(is_date && text.accept_any_date) {
            bad.push(format!("({value} IS NOT NULL AND {converted} IS NULL)"));
        }
        if column.not_null && column.identity.is_none() {
            bad.push(format!("{converted} IS NULL"));
        }
        let bad = if bad.is_empty() {
            "false".to_owned()
        } else {
            bad.join(" OR ")
        };
        Self { value, converted, bad }
    }

    /// What Redshift says about a field that cannot be loaded.
    fn reason(&self, column: &Column, value: Option<&str>) -> String {
        let Some(value) = value else {
            return "Missing data for not-null field".to_owned();
        };
        match column.data_type {
            RedshiftType::Varchar(_) | RedshiftType::Char(_) => "String length exceeds DDL length".to_owned(),
            RedshiftType::Date => "Invalid Date Format - length must be 10 or more".to_owned(),
            RedshiftType::Timestamp | RedshiftType::TimestampTz => {
                "Invalid timestamp format or value [YYYY-MM-DD HH24:MI:SS]".to_owned()
            }
            RedshiftType::Boolean => "Unknown boolean format".to_owned(),
            RedshiftType::Super => "Invalid JSON".to_owned(),
            other => {
                let digits = |symbol: char| symbol.is_ascii_digit() || "+-.eE".contains(symbol);
                match value.char_indices().find(|(_, symbol)| !digits(*symbol)) {
                    Some((position, symbol)) => {
                        let name = other.catalog_name();
                        let mut letters = name.chars();
                        let first = letters.next().map(|letter| letter.to_ascii_uppercase());
                        let name: String = first.into_iter().chain(letters).collect();
                        format!("Invalid digit, Value '{symbol}', Pos {position}, Type: {name}")
                    }
                    None => format!("Overflow or invalid number '{value}', Type: {}", other.definition()),
                }
            }
        }
    }
}

fn convert(text: &TextFormat, data_type: RedshiftType, value: &str) -> String {
    let duckdb = data_type.duckdb();
    match data_type {
        RedshiftType::Varchar(limit) | RedshiftType::Char(limit) => {
            if text.truncate_columns {
                format!("rs_varchar({value}, {limit})")
            } else {
                // Blanks at the end do not count.
                format!("CASE WHEN strlen(rtrim({value}, ' ')) <= {limit} THEN rs_varchar({value}, {limit}) END")
            }
        }
        RedshiftType::SmallInt | RedshiftType::Integer | RedshiftType::BigInt => {
            format!("CASE WHEN regexp_full_match({value}, '[+-]?[0-9]+') THEN TRY_CAST({value} AS {duckdb}) END")
        }
        RedshiftType::Decimal { scale, .. } if !text.round => {
            let pattern = if scale == 0 {
                r"^([+-]?\d*)\.\d*$".to_owned()
            } else {
                format!(r"^([+-]?\d*\.\d{{{scale}}})\d*$")
            };
            format!(r"TRY_CAST(regexp_replace({value}, '{pattern}', '\1') AS {duckdb})")
        }
        RedshiftType::Boolean => format!(
            "CASE WHEN lower({value}) IN ('t', 'true', 'y', 'yes', '1') THEN true \
             WHEN lower({value}) IN ('f', 'false', 'n', 'no', '0') THEN false END"
        ),
        RedshiftType::Date => time(&text.dates, value, &duckdb),
        RedshiftType::Timestamp | RedshiftType::TimestampTz => time(&text.times, value, &duckdb),
        RedshiftType::Super => format!("CASE WHEN json_valid(CAST({value} AS VARCHAR)) THEN CAST({value} AS JSON) END"),
        RedshiftType::Varbyte(_) => format!("TRY(unhex({value}))"),
        _ => format!("TRY_CAST({value} AS {duckdb})"),
    }
}

fn time(format: &TimeFormat, value: &str, duckdb: &str) -> String {
    match format {
        TimeFormat::Auto => format!("TRY_CAST({value} AS {duckdb})"),
        TimeFormat::Pattern(pattern) => format!("CAST(try_strptime({value}, {}) AS {duckdb})", literal(pattern)),
        TimeFormat::EpochSeconds => {
            format!("CAST(CAST(to_timestamp(TRY_CAST({value} AS DOUBLE)) AS TIMESTAMP) AS {duckdb})")
        }
        TimeFormat::EpochMilliseconds => {
            format!("CAST(CAST(to_timestamp(TRY_CAST({value} AS DOUBLE) / 1000) AS TIMESTAMP) AS {duckdb})")
        }
    }
}

struct BadRow {
    line: i64,
    /// Its number among the targets.
    column: usize,
    value: Option<String>,
}

/// The first bad field of each bad row, in the order of the rows.
fn bad_rows(
    executor: &Executor,
    stage: &str,
    targets: &[&Column],
    conversions: &[Conversion],
) -> Result<Vec<BadRow>, SqlError> {
    let cases = |pick: &dyn Fn(usize, &Conversion) -> String| {
        let cases = conversions.iter().enumerate();
        let cases =
            cases.map(|(index, conversion)| format!("WHEN {} THEN {}", conversion.bad, pick(index, conversion)));
        format!("CASE {} END", cases.collect::<Vec<_>>().join(" "))
    };
    let column = cases(&|index, _| index.to_string());
    let value = cases(&|_, conversion| format!("CAST({} AS VARCHAR)", conversion.value));
    let sql = format!("SELECT line, {column} AS bad, {value} FROM {stage} WHERE {column} IS NOT NULL ORDER BY line");
    let mut statement = executor.connection.prepare(&sql).map_err(|error| translate(&error))?;
    let rows = statement.query_map([], |row| {
        Ok(BadRow {
            line: row.get(0)?,
            column: usize::try_from(row.get::<_, i64>(1)?)
                .unwrap_or_default()
                .min(targets.len() - 1),
            value: row.get(2)?,
        })
    });
    rows.and_then(Iterator::collect).map_err(|error| translate(&error))
}

fn insert(
    executor: &Executor,
    table: &Table,
    targets: &[&Column],
    stage: &str,
    conversions: &[Conversion],
) -> Result<usize, SqlError> {
    let names = targets.iter().map(|column| quoted(&column.name)).collect::<Vec<_>>();
    let values = conversions
        .iter()
        .map(|conversion| conversion.converted.clone())
        .collect::<Vec<_>>();
    let bad = conversions
        .iter()
        .map(|conversion| format!("({})", conversion.bad))
        .collect::<Vec<_>>();
    executor.write(&format!(
        "INSERT INTO {} ({}) SELECT {} FROM {stage} WHERE NOT coalesce({}, false) ORDER BY line",
        table.definition.relation.sql(),
        names.join(", "),
        values.join(", "),
        bad.join(" OR ")
    ))
}

/// The error for a file that cannot be split into fields.
fn unreadable(url: &str, error: &duckdb::Error) -> LoadError {
    let csv = CsvError::new(error);
    let reason = match csv.fields {
        Some(FieldCount::TooFew) => SqlError::redshift("Delimiter not found"),
        Some(FieldCount::TooMany) => SqlError::redshift("Extra column(s) found"),
        None => translate(error),
    };
    LoadError {
        file: Some(url.to_owned()),
        row: csv.line,
        column: None,
        error: reason,
    }
}
