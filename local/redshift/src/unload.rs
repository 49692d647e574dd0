//! UNLOAD: DuckDB writes Parquet, CSV, delimited or JSON files into a staging folder, which are then uploaded.
//!
//! There is one slice, so that the same rows in the same order give the same files.

use cardlake_redshift_sql::{Existing, RedshiftType, SqlError, Unload, UnloadFormat, literal, quoted};
use std::path::{Path, PathBuf};

use serde_json::json;

use crate::executor::Executor;
use crate::objects::Location;
use crate::query_types::with_redshift_types;
use crate::staging::StagingFolder;

/// Runs an UNLOAD and gives the number of unloaded rows.
pub(crate) fn run(executor: &Executor, unload: &Unload) -> Result<usize, SqlError> {
    let target = Location::parse(&unload.target)?;
    let engine = &executor.engine;
    let existing = engine.runtime.block_on(engine.objects.list(&target))?;
    if unload.existing == Existing::Refuse && !existing.is_empty() {
        return Err(SqlError::redshift(
            "Specified unload destination on S3 is not empty. Consider using a different bucket / prefix, manually removing \
             the target files in S3, or using the ALLOWOVERWRITE option.",
        ));
    }
    let folder = StagingFolder::new(&engine.staging)?;
    let (rows, files) = write(executor, unload, &folder.path)?;
    let uploads = files.into_iter().map(|file| {
        let suffix = file
            .strip_prefix(&folder.path)
            .unwrap_or(&file)
            .to_string_lossy()
            .into_owned();
        let separator = if unload.partition_by.is_empty() || target.key.ends_with('/') {
            ""
        } else {
            "/"
        };
        let key = format!("{}{separator}{}", target.key, object_suffix(&suffix, unload));
        (
            file,
            Location {
                bucket: target.bucket.clone(),
                key,
            },
        )
    });
    let uploads: Vec<(PathBuf, Location)> = uploads.collect();
    engine.runtime.block_on(async {
        if unload.existing == Existing::Clean {
            for location in &existing {
                // With partitions, only the folders that receive files are emptied.
                let folder = |location: &Location| location.key.rsplit_once('/').map(|(folder, _)| folder.to_owned());
                if unload.partition_by.is_empty()
                    || uploads.iter().any(|(_, upload)| folder(upload) == folder(location))
                {
                    engine.objects.remove(location).await?;
                }
            }
        }
        for (file, location) in &uploads {
            engine.objects.upload(file, location).await?;
        }
        if unload.manifest {
            let entries: Vec<_> = uploads
                .iter()
                .map(|(file, location)| {
                    let length = std::fs::metadata(file)
                        .map(|metadata| metadata.len())
                        .unwrap_or_default();
                    json!({ "url": location.url(), "meta": { "content_length": length } })
                })
                .collect();
            let manifest = Location {
                bucket: target.bucket.clone(),
                key: format!("{}manifest", target.key),
            };
            engine
                .objects
                .write(json!({ "entries": entries }).to_string().into_bytes(), &manifest)
                .await?;
        }
        Ok(())
    })?;
    Ok(rows)
}

/// Writes the rows into `folder` and gives the files in name order.
fn write(executor: &Executor, unload: &Unload, folder: &Path) -> Result<(usize, Vec<PathBuf>), SqlError> {
    let mut query = with_redshift_types(executor, &unload.query, &[])?;
    if matches!(unload.format, UnloadFormat::Text(_)) {
        query = with_letters_for_booleans(executor, &query)?;
    }
    let options = format_options(unload);
    let (path, partition) = if unload.partition_by.is_empty() {
        (folder.join("data"), String::new())
    } else {
        let names = unload
            .partition_by
            .iter()
            .map(|name| quoted(name))
            .collect::<Vec<_>>()
            .join(", ");
        let include = if unload.include {
            ", WRITE_PARTITION_COLUMNS true"
        } else {
            ""
        };
        (
            folder.join("data"),
            format!(", PARTITION_BY ({names}){include}, FILENAME_PATTERN 'data'"),
        )
    };
    let rows = executor.write(&format!(
        "COPY ({query}) TO {} ({options}{partition})",
        literal(&path.to_string_lossy())
    ))?;
    let mut files = Vec::new();
    collect_files(folder, &mut files)
        .map_err(|error| SqlError::redshift(format!("cannot list {}: {error}", folder.display())))?;
    files.sort();
    Ok((rows, files))
}

fn format_options(unload: &Unload) -> String {
    let compression = unload
        .compression
        .map_or(String::new(), |name| format!(", COMPRESSION {name}"));
    match &unload.format {
        UnloadFormat::Parquet => "FORMAT parquet, COMPRESSION snappy".to_owned(),
        UnloadFormat::Json => format!("FORMAT json{compression}"),
        UnloadFormat::Text(text) => {
            let delimiter = text.delimiter.as_deref().unwrap_or(if text.csv { "," } else { "|" });
            let quote = if text.csv || text.quote_all { "\"" } else { "" };
            let all = if text.quote_all { ", FORCE_QUOTE *" } else { "" };
            format!(
                "FORMAT csv, HEADER {}, DELIMITER {}, QUOTE {quote}, ESCAPE {quote}, NULLSTR {}{all}{compression}",
                text.header,
                literal(delimiter),
                literal(&text.null_as),
                quote = literal(quote),
            )
        }
    }
}

/// Text files have `t` and `f` for booleans.
fn with_letters_for_booleans(executor: &Executor, query: &str) -> Result<String, SqlError> {
    let columns = executor.describe(query)?;
    let is_boolean = |data_type: &str| RedshiftType::from_duckdb(data_type) == Some(RedshiftType::Boolean);
    if !columns.iter().any(|(_, data_type)| is_boolean(data_type)) {
        return Ok(query.to_owned());
    }
    let items = columns.iter().map(|(name, data_type)| {
        let name = quoted(name);
        if is_boolean(data_type) {
            format!("CASE WHEN {name} THEN 't' WHEN NOT {name} THEN 'f' END AS {name}")
        } else {
            name
        }
    });
    Ok(format!(
        "SELECT {} FROM ({query}) AS q",
        items.collect::<Vec<_>>().join(", ")
    ))
}

fn collect_files(folder: &Path, files: &mut Vec<PathBuf>) -> std::io::Result<()> {
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            collect_files(&entry.path(), files)?;
        } else {
            files.push(entry.path());
        }
    }
    Ok(())
}

/// What Redshift appends to the prefix: slice and part, or the partition folders before them.
fn object_suffix(file: &str, unload: &Unload) -> String {
    let number = if unload.parallel { "0000_part_00" } else { "000" };
    let ending = match (&unload.extension, &unload.format, unload.compression) {
        (Some(extension), ..) => format!(".{}", extension.trim_start_matches('.')),
        (None, UnloadFormat::Parquet, _) => ".parquet".to_owned(),
        (None, _, Some("gzip")) => ".gz".to_owned(),
        (None, _, Some(_)) => ".zst".to_owned(),
        (None, _, None) => String::new(),
    };
    let name = format!("{number}{ending}");
    if unload.partition_by.is_empty() {
        return name;
    }
    let folders = file
        .trim_start_matches("data/")
        .rsplit_once('/')
        .map(|(folders, _)| folders)
        .unwrap_or_default();
    format!("{folders}/{name}")
}
