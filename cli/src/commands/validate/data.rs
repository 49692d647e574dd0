//! Opens the data named by an option as a table.

use super::csv::CsvTable;
use crate::error::CliError;
use arrow::datatypes::{DataType, Field, Schema};
use cardlake_core::bronze::{InputFormat, format_of};
use cardlake_core::paths::parse_day;
use cardlake_expectations::{LocalFile, ParquetTable, Source, TableFile};
use cardlake_lake::delta::{DeltaStore, DeltaTable};
use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

const WANTED: &str = "give a .parquet, .csv, .csv.gz or .csv.zst file, or a folder of such files";

/// Opens what an option names: a file, a folder of files, or the folder of a Delta table. Files of a Delta table are never read as a folder of
/// files: those that were replaced are still there.
///
/// # Errors
/// The path is not a table in a supported format, or is above or inside of a Delta table.
pub(in crate::commands) async fn open(option: &str, path: &Path) -> Result<Box<dyn Source>, CliError> {
    let name = format!("{option} {}", path.display());
    let read = |error: io::Error| CliError::usage(format!("cannot read {option} {name}: {error}")).hint(WANTED);
    if !std::fs::metadata(path).map_err(read)?.is_dir() {
        return open_files(&name, vec![path.to_path_buf()], Path::new("")).await;
    }
    if is_delta(path) {
        return open_delta(&name, &path.canonicalize().map_err(read)?).await;
    }
    let canonical = path.canonicalize().map_err(read)?;
    if let Some(table) = canonical.ancestors().find(|folder| is_delta(folder)) {
        let problem = "it belongs to a Delta table, whose current version need not have all of its files";
        return Err(CliError::usage(format!("{option} {name}: {problem}"))
            .hint(format!("give the folder of the table: {option} {}", table.display())));
    }
    let (mut files, mut tables) = (Vec::new(), Vec::new());
    collect(path, &mut files, &mut tables).map_err(read)?;
    if let Some(first) = tables.iter().min() {
        let problem = match tables.len() {
            1 => "it is not a Delta table, but one is below it".to_owned(),
            count => format!("it is not a table, but {count} Delta tables are below it"),
        };
        return Err(CliError::usage(format!("{option} {name}: {problem}")).hint(format!(
            "give the folder of one table, such as {option} {}",
            first.display()
        )));
    }
    files.retain(|file| is_parquet(file) || is_csv(file));
    files.sort_unstable();
    open_files(&name, files, path).await
}

/// Whether a folder is a Delta table.
fn is_delta(folder: &Path) -> bool {
    folder.join("_delta_log").is_dir()
}

/// All files below a folder, except hidden ones (names that begin with `_` or `.`) and those of Delta tables, whose
/// folders are collected instead.
fn collect(folder: &Path, files: &mut Vec<PathBuf>, tables: &mut Vec<PathBuf>) -> io::Result<()> {
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        if entry.file_name().to_string_lossy().starts_with(['_', '.']) {
            continue;
        }
        let path = entry.path();
        if is_delta(&path) {
            tables.push(path);
        } else if path.is_dir() {
            collect(&path, files, tables)?;
        } else {
            files.push(path);
        }
    }
    Ok(())
}

fn is_parquet(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension == "parquet")
}

fn is_csv(path: &Path) -> bool {
    matches!(format_of(&path.to_string_lossy()), Some((InputFormat::Csv, _)))
}

async fn open_files(named: &str, files: Vec<PathBuf>, below: &Path) -> Result<Box<dyn Source>, CliError> {
    let wrong = |problem: &str| CliError::usage(format!("{named}: {problem}")).hint(WANTED);
    if files.is_empty() {
        return Err(wrong("there is no file in it that can be read as a table"));
    }
    if files.iter().all(|file| is_csv(file)) {
        let reading = tokio::task::spawn_blocking(move || CsvTable::open(files)).await;
        let table = reading.map_err(|error| CliError::caused("read the data", &error))?;
        return Ok(Box::new(
            table.map_err(|error| CliError::caused("read the data", &error))?,
        ));
    }
    if !files.iter().all(|file| is_parquet(file)) {
        return Err(wrong(if files.len() == 1 {
            "its name does not tell what it is"
        } else {
            "it holds Parquet and CSV files"
        }));
    }
    let (types, values) = partitions(below, &files);
    let files = files.into_iter().zip(values).map(|(path, partition_values)| TableFile {
        file: Arc::new(LocalFile(path)),
        partition_values,
    });
    let table = ParquetTable::open(files.collect(), &types).await;
    Ok(Box::new(
        table.map_err(|error| CliError::caused("read the data", &error))?,
    ))
}

/// Hive partition columns (`day=2026-01-15`), with the narrowest type that fits all their values, and the values of each
/// file.
fn partitions(below: &Path, files: &[PathBuf]) -> (Schema, Vec<BTreeMap<String, Option<String>>>) {
    let values = files.iter().map(|file| {
        let folders = file.strip_prefix(below).ok().and_then(Path::parent);
        let parts = folders.into_iter().flat_map(Path::iter).filter_map(|part| {
            let (name, value) = part.to_str()?.split_once('=')?;
            // Null in Hive partitioning.
            let value = (value != "__HIVE_DEFAULT_PARTITION__").then(|| value.to_owned());
            Some((name.to_owned(), value))
        });
        parts.collect::<BTreeMap<_, _>>()
    });
    let values: Vec<BTreeMap<String, Option<String>>> = values.collect();
    let mut columns: BTreeMap<&String, Vec<&str>> = BTreeMap::new();
    for (name, value) in values.iter().flatten() {
        columns.entry(name).or_default().extend(value.as_deref());
    }
    let fields = columns.into_iter().map(|(name, values)| {
        let data_type = if values.is_empty() {
            DataType::Utf8
        } else if values.iter().all(|value| parse_day(value).is_some()) {
            DataType::Date32
        } else if values.iter().all(|value| value.parse::<i64>().is_ok()) {
            DataType::Int64
        } else {
            DataType::Utf8
        };
        Field::new(name, data_type, true)
    });
    (Schema::new(fields.collect::<Vec<_>>()), values)
}

/// The newest version of a Delta table.
async fn open_delta(named: &str, folder: &Path) -> Result<Box<dyn Source>, CliError> {
    let failed = |error: &(dyn std::error::Error + 'static)| CliError::caused("read the data", error);
    let (Some(parent), Some(table)) = (folder.parent(), folder.file_name().and_then(|name| name.to_str())) else {
        return Err(CliError::usage(format!("{named}: not the folder of a table")).hint(WANTED));
    };
    let store = DeltaStore::folder(parent).map_err(|error| failed(&error))?;
    let table = DeltaTable::open(&store, table).await.map_err(|error| failed(&error))?;
    let schema = table.schema().map_err(|error| failed(&error))?;
    let active = table.active_files().await.map_err(|error| failed(&error))?;
    let files = active.into_iter().map(|file| TableFile {
        file: Arc::new(LocalFile(folder.join(&file.path))),
        partition_values: file.partition_values,
    });
    let table = ParquetTable::open(files.collect(), &schema).await;
    Ok(Box::new(table.map_err(|error| failed(&error))?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_folder_above_or_inside_of_a_delta_table_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = |part: &str| folder.path().join(part);
        for part in [
            "silver/cards/_delta_log",
            "silver/cards/day=2026-01-15",
            "silver/customers/_delta_log",
        ] {
            std::fs::create_dir_all(path(part)).unwrap();
        }
        std::fs::write(path("silver/cards/day=2026-01-15/a.csv"), "id\n1\n").unwrap();
        std::fs::write(path("b.csv"), "id\n1\n").unwrap();
        let error = async |part: &str| open("--data", &path(part)).await.err().unwrap().to_string();
        let above = error("").await;
        assert!(
            above.contains("it is not a table, but 2 Delta tables are below it"),
            "{above}"
        );
        assert!(
            above.contains("such as --data") && above.contains("silver/cards"),
            "{above}"
        );
        let inside = error("silver/cards/day=2026-01-15").await;
        assert!(inside.contains("it belongs to a Delta table"), "{inside}");
        std::fs::remove_dir_all(path("silver/customers")).unwrap();
        let one = error("silver").await;
        assert!(one.contains("it is not a Delta table, but one is below it"), "{one}");
        std::fs::remove_dir_all(path("silver/cards/_delta_log")).unwrap();
        assert_eq!(open("--data", folder.path()).await.unwrap().rows(), 2);
    }

    #[test]
    fn names_of_folders_are_columns_with_the_type_that_fits() {
        let files = ["data/day=2026-01-15/n=1/a.parquet", "data/day=2026-01-16/n=x/b.parquet"].map(PathBuf::from);
        let (schema, values) = partitions(Path::new("data"), &files);
        let types: Vec<_> = schema.fields().iter().map(|field| field.data_type()).collect();
        assert_eq!(types, [&DataType::Date32, &DataType::Utf8]);
        assert_eq!(values[1]["day"].as_deref(), Some("2026-01-16"));
        assert_eq!(values[0]["n"].as_deref(), Some("1"));
    }
}
