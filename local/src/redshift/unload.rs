//! UNLOAD: DuckDB writes Parquet files into a staging folder, which are then uploaded.
//!
//! There is one slice, so that the same rows in the same order give the same files.

use std::path::{Path, PathBuf};

use serde_json::json;

use super::copy::StagingFolder;
use super::definitions::with_redshift_types;
use super::objects::Location;
use super::session::Session;
use super::sql::SqlError;
use super::sql::names::{literal, quoted};
use super::sql::unload::{Existing, Unload};

/// Runs an UNLOAD and gives the number of unloaded rows.
pub(crate) fn run(session: &Session, unload: &Unload) -> Result<usize, SqlError> {
    let target = Location::parse(&unload.target)?;
    let engine = &session.engine;
    let existing = engine.runtime.block_on(engine.objects.list(&target))?;
    if unload.existing == Existing::Refuse && !existing.is_empty() {
        return Err(SqlError::redshift(
            "Specified unload destination on S3 is not empty. Consider using a different bucket / prefix, manually removing \
             the target files in S3, or using the ALLOWOVERWRITE option.",
        ));
    }
    let folder = StagingFolder::new(&engine.staging)?;
    let (rows, files) = write(session, unload, &folder.path)?;
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
fn write(session: &Session, unload: &Unload, folder: &Path) -> Result<(usize, Vec<PathBuf>), SqlError> {
    let query = with_redshift_types(session, &unload.query, &[])?;
    let (path, partition) = if unload.partition_by.is_empty() {
        (folder.join("data.parquet"), String::new())
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
    let rows = session.write(&format!(
        "COPY ({query}) TO {} (FORMAT parquet, COMPRESSION snappy{partition})",
        literal(&path.to_string_lossy())
    ))?;
    let mut files = Vec::new();
    collect_files(folder, &mut files)
        .map_err(|error| SqlError::redshift(format!("cannot list {}: {error}", folder.display())))?;
    files.sort();
    Ok((rows, files))
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
    let name = if unload.parallel {
        "0000_part_00.parquet"
    } else {
        "000.parquet"
    };
    if unload.partition_by.is_empty() {
        return name.to_owned();
    }
    let folders = file
        .trim_start_matches("data/")
        .rsplit_once('/')
        .map(|(folders, _)| folders)
        .unwrap_or_default();
    format!("{folders}/{name}")
}
