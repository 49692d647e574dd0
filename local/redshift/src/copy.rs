//! COPY: objects are downloaded, checked against the table as Redshift checks them, and read by DuckDB.
//!
//! Columns go by position and are never converted: the number of columns and every type must fit, sizes must be those of
//! the manifest. Any error fails the whole COPY; the reason is also filed in `SYS_LOAD_ERROR_DETAIL`.

use cardlake_redshift_sql::{Column, Copy, RedshiftType, SqlError, literal, quoted};
use std::path::{Path, PathBuf};

use serde::Deserialize;

use crate::catalog::{self, Table};
use crate::copy_text;
use crate::executor::Executor;
use crate::load_error::{LoadError, record};
use crate::objects::Location;
use crate::staging::StagingFolder;

#[derive(Debug, Deserialize)]
struct Manifest {
    entries: Vec<ManifestEntry>,
}

#[derive(Debug, Deserialize)]
struct ManifestEntry {
    url: String,
    #[serde(default)]
    mandatory: bool,
    meta: Option<ManifestMeta>,
}

#[derive(Debug, Deserialize)]
struct ManifestMeta {
    content_length: Option<u64>,
}

/// A file to load.
struct File {
    location: Location,
    mandatory: bool,
    content_length: Option<u64>,
}

/// Runs a COPY and gives the number of loaded rows. The caller has opened a transaction.
pub(crate) fn run(executor: &Executor, copy: &Copy) -> Result<usize, SqlError> {
    let table = catalog::table(&executor.connection, &copy.relation)?;
    let folder = StagingFolder::new(&executor.engine.staging)?;
    load(executor, copy, &table, &folder.path).map_err(|failure| {
        if failure.file.is_some() {
            record(executor, &table, &failure);
        }
        failure.error
    })
}

fn load(executor: &Executor, copy: &Copy, table: &Table, folder: &Path) -> Result<usize, LoadError> {
    let targets = target_columns(copy, table)?;
    let files = files(executor, copy)?;
    let downloads: Vec<(Location, PathBuf)> = files
        .iter()
        .enumerate()
        .map(|(index, file)| (file.location.clone(), folder.join(format!("{index}.parquet"))))
        .collect();
    let engine = &executor.engine;
    let sizes = engine.runtime.block_on(engine.objects.download(downloads.clone()))?;
    let mut batches: Vec<Batch<'_>> = Vec::new();
    let mut texts = Vec::new();
    for ((file, (_, path)), size) in files.iter().zip(&downloads).zip(sizes) {
        let Some(size) = size else {
            if file.mandatory {
                return Err(SqlError::redshift(format!(
                    "S3ServiceException:The specified key does not exist.,Status 404,Error NoSuchKey, mandatory file {}",
                    file.location.url()
                ))
                .into());
            }
            continue;
        };
        let url = engine.objects.https_url(&file.location);
        if let Some(expected) = file.content_length
            && expected != size
        {
            return Err(LoadError {
                file: Some(file.location.url()),
                row: None,
                column: None,
                error: scan_error(
                    15001,
                    &format!(
                        "content_length of the manifest is {expected}, the file has {size} bytes, File name: {url}"
                    ),
                ),
            });
        }
        if copy.text.is_some() {
            texts.push((file.location.url(), path.as_path()));
            continue;
        }
        let items = items(executor, copy, &targets, file, path, &url)?;
        // Files of one form are read by one statement: a statement for each takes several times as long.
        match batches.last_mut() {
            Some(batch) if batch.items == items => batch.files.push((file, path)),
            _ => batches.push(Batch {
                items,
                files: vec![(file, path)],
            }),
        }
    }
    if let Some(text) = &copy.text
        && !texts.is_empty()
    {
        return copy_text::load(executor, table, text, &targets, &texts);
    }
    if batches.is_empty() {
        return Err(SqlError::redshift(format!("The specified S3 prefix '{}' does not exist", copy.source)).into());
    }
    let mut rows = 0;
    for batch in &batches {
        rows += insert(executor, table, &targets, batch)?;
    }
    Ok(rows)
}

/// Files whose columns are read in the same way.
struct Batch<'a> {
    /// An expression for each target column.
    items: Vec<String>,
    files: Vec<(&'a File, &'a PathBuf)>,
}

/// The columns that a file's columns go to, in order.
fn target_columns<'a>(copy: &Copy, table: &'a Table) -> Result<Vec<&'a Column>, SqlError> {
    let columns = &table.definition.columns;
    let Some(names) = &copy.columns else {
        return Ok(columns
            .iter()
            .filter(|column| !table.identity_always.contains(&column.name))
            .collect());
    };
    names
        .iter()
        .map(|name| {
            columns.iter().find(|column| column.name == *name).ok_or_else(|| {
                SqlError::redshift(format!(
                    "column \"{name}\" of relation \"{}\" does not exist",
                    copy.relation.name
                ))
            })
        })
        .collect()
}

fn files(executor: &Executor, copy: &Copy) -> Result<Vec<File>, SqlError> {
    let engine = &executor.engine;
    let source = Location::parse(&copy.source)?;
    if !copy.manifest {
        let found = engine.runtime.block_on(engine.objects.list(&source))?;
        if found.is_empty() {
            return Err(SqlError::redshift(format!(
                "The specified S3 prefix '{}' does not exist",
                source.key
            )));
        }
        // Like Redshift Spectrum, which reads Parquet for COPY: names with a leading _ or . are not data.
        let is_data = |location: &Location| {
            let name = location.key.rsplit('/').next().unwrap_or_default();
            !name.is_empty() && (copy.text.is_some() || !name.starts_with(['_', '.']))
        };
        let files = found.into_iter().filter(is_data);
        return Ok(files
            .map(|location| File {
                location,
                mandatory: true,
                content_length: None,
            })
            .collect());
    }
    let invalid = |why: String| SqlError::redshift(format!("Problem reading manifest file {}: {why}", copy.source));
    let bytes = engine.runtime.block_on(engine.objects.read(&source))?.ok_or_else(|| {
        invalid("S3ServiceException:The specified key does not exist.,Status 404,Error NoSuchKey".to_owned())
    })?;
    let manifest: Manifest = serde_json::from_slice(&bytes).map_err(|error| invalid(error.to_string()))?;
    if manifest.entries.is_empty() {
        return Err(invalid("it has no entries".to_owned()));
    }
    manifest
        .entries
        .into_iter()
        .map(|entry| {
            let content_length = entry.meta.and_then(|meta| meta.content_length);
            if content_length.is_none() && copy.text.is_none() {
                return Err(invalid(format!(
                    "meta.content_length is required for Parquet files, entry {} has none",
                    entry.url
                )));
            }
            Ok(File {
                location: Location::parse(&entry.url)?,
                mandatory: entry.mandatory,
                content_length,
            })
        })
        .collect()
}

/// How a file's columns are read into the target columns; fails if they do not fit.
fn items(
    executor: &Executor,
    copy: &Copy,
    targets: &[&Column],
    file: &File,
    path: &Path,
    url: &str,
) -> Result<Vec<String>, LoadError> {
    let failed = |column: Option<&Column>, error: SqlError| LoadError {
        file: Some(file.location.url()),
        row: None,
        column: column.cloned().map(Box::new),
        error,
    };
    let reader = reader(&[path]);
    let columns = file_columns(executor, &reader).map_err(|error| {
        failed(
            None,
            scan_error(15001, &format!("File '{url}' is not a Parquet file: {error}")),
        )
    })?;
    let missing = targets.len().saturating_sub(columns.len());
    if columns.len() != targets.len() && !(copy.fill_record && missing > 0) {
        return Err(failed(
            None,
            scan_error(
                15007,
                &format!(
                    "Unmatched number of columns between table and file. Table columns: {}, Data columns: {}, File name: {url}",
                    targets.len(),
                    columns.len()
                ),
            ),
        ));
    }
    let mut items = Vec::new();
    for ((name, duckdb_type), column) in columns.iter().zip(targets) {
        let Some(value) = fit(name, duckdb_type, column.data_type, copy.serialize_to_json) else {
            let context = format!(
                "File '{url}' has an incompatible Parquet schema for column '{}.{name}'. Column type: {}, Parquet schema: {duckdb_type}",
                file.location.url(),
                column.data_type.definition().to_uppercase(),
            );
            return Err(failed(Some(column), scan_error(15001, &context)));
        };
        items.push(value);
    }
    items.extend(std::iter::repeat_n("NULL".to_owned(), missing));
    Ok(items)
}

fn reader(paths: &[&Path]) -> String {
    let paths = paths.iter().map(|path| literal(&path.to_string_lossy()));
    format!(
        "read_parquet([{}], hive_partitioning = false, file_row_number = true)",
        paths.collect::<Vec<_>>().join(", ")
    )
}

fn insert(executor: &Executor, table: &Table, targets: &[&Column], batch: &Batch<'_>) -> Result<usize, LoadError> {
    let names = targets.iter().map(|column| quoted(&column.name));
    let paths: Vec<&Path> = batch.files.iter().map(|(_, path)| path.as_path()).collect();
    let sql = format!(
        "INSERT INTO {} ({}) SELECT {} FROM {}",
        table.definition.relation.sql(),
        names.collect::<Vec<_>>().join(", "),
        batch.items.join(", "),
        reader(&paths)
    );
    executor
        .write(&sql)
        .map_err(|error| locate(executor, targets, batch, error))
}

/// The file, row and column that a failed insert stumbled over: the first value that is NULL or too long where it must
/// not be. The failed transaction answers no more questions, so they go to a connection of their own.
fn locate(executor: &Executor, targets: &[&Column], batch: &Batch<'_>, error: SqlError) -> LoadError {
    let Ok(connection) = executor.engine.connect() else {
        return error.into();
    };
    for (file, path) in &batch.files {
        for (column, item) in targets.iter().zip(&batch.items) {
            let mut wrong = Vec::new();
            if column.not_null {
                wrong.push(format!("{item} IS NULL"));
            }
            if let Some(limit) = column.data_type.byte_limit() {
                wrong.push(format!("strlen(CAST({item} AS VARCHAR)) > {limit}"));
            }
            if wrong.is_empty() {
                continue;
            }
            let sql = format!(
                "SELECT min(file_row_number) + 1 FROM {} WHERE {}",
                reader(&[path]),
                wrong.join(" OR ")
            );
            if let Ok(Some(row)) = connection.query_row(&sql, [], |row| row.get::<_, Option<i64>>(0)) {
                return LoadError {
                    file: Some(file.location.url()),
                    row: Some(row),
                    column: Some(Box::new((*column).clone())),
                    error,
                };
            }
        }
    }
    LoadError {
        file: batch.files.first().map(|(file, _)| file.location.url()),
        row: None,
        column: find_column(&error, targets).cloned().map(Box::new),
        error,
    }
}

/// The column that an error about NULL names.
fn find_column<'a>(error: &SqlError, targets: &[&'a Column]) -> Option<&'a Column> {
    let SqlError::NullValue(name) = error else { return None };
    targets.iter().find(|column| column.name == *name).copied()
}

fn file_columns(executor: &Executor, reader: &str) -> Result<Vec<(String, String)>, SqlError> {
    let mut columns = executor.describe(&format!("SELECT * FROM {reader}"))?;
    // The last one is the number of the row.
    columns.pop();
    Ok(columns)
}

/// The expression that loads a Parquet column into a table column; `None` if their types do not go together.
fn fit(name: &str, file: &str, column: RedshiftType, serialize_to_json: bool) -> Option<String> {
    let value = quoted(name);
    let file_type = RedshiftType::from_duckdb(file);
    let fits = match (file, file_type, column) {
        // Any unit but nanoseconds, which Redshift loads as wrong values; with or without a zone, which is UTC.
        ("TIMESTAMP_NS", ..) => false,
        (_, Some(RedshiftType::Timestamp | RedshiftType::TimestampTz), RedshiftType::Timestamp) => {
            return Some(format!("CAST({value} AS TIMESTAMP)"));
        }
        (_, Some(RedshiftType::Timestamp | RedshiftType::TimestampTz), RedshiftType::TimestampTz) => true,
        (_, Some(RedshiftType::Varchar(_)), RedshiftType::Varchar(_)) => true,
        (_, Some(RedshiftType::Varchar(_)), RedshiftType::Char(_)) => {
            return Some(format!("rtrim({value}, ' ')"));
        }
        (_, Some(RedshiftType::Varbyte(_)), RedshiftType::Varbyte(_)) => true,
        (
            _,
            Some(RedshiftType::Decimal { precision, scale }),
            RedshiftType::Decimal {
                precision: column_precision,
                scale: column_scale,
            },
        ) => scale == column_scale && precision <= column_precision,
        (_, _, RedshiftType::Super) if serialize_to_json => return Some(format!("to_json({value})")),
        ("TINYINT" | "SMALLINT", _, RedshiftType::SmallInt) => true,
        ("INTEGER", _, RedshiftType::Integer) | ("BIGINT", _, RedshiftType::BigInt) => true,
        (_, Some(file_type), column) => {
            file_type == column
                && matches!(
                    column,
                    RedshiftType::Boolean
                        | RedshiftType::Real
                        | RedshiftType::Double
                        | RedshiftType::Date
                        | RedshiftType::Time
                )
        }
        _ => false,
    };
    fits.then_some(value)
}

fn scan_error(code: u32, context: &str) -> SqlError {
    SqlError::redshift(format!(
        " Spectrum Scan Error  DETAIL: error: Spectrum Scan Error  code: {code}  context: {context}"
    ))
}
