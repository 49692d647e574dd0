//! Real files from a folder into bronze, as they are.
//!
//! A name that holds a date says where a file belongs: `transactions_2026-01-15.csv`; or the folder is a tree
//! `DATASET/ingest_date=YYYY-MM-DD/FILE`. Anything else is left alone and named.

use crate::error::CliError;
use aws_sdk_s3::primitives::ByteStream;
use cardlake_aws::storage::Storage;
use cardlake_core::paths::{BronzeKey, parse_day};
use chrono::NaiveDate;
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

const EXTENSIONS: [&str; 6] = [".csv", ".jsonl", ".csv.gz", ".jsonl.gz", ".csv.zst", ".jsonl.zst"];

/// A file and where it goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InputFile {
    /// The file.
    pub path: PathBuf,
    /// Its place in bronze.
    pub key: BronzeKey,
}

/// What a folder holds.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Input {
    /// Files to take, sorted by key.
    pub files: Vec<InputFile>,
    /// Files that say neither dataset nor date.
    pub ignored: Vec<PathBuf>,
}

impl Input {
    /// Looks through a folder.
    ///
    /// # Errors
    /// The folder does not exist or cannot be read, or holds no file that can be taken.
    pub fn scan(folder: &Path) -> Result<Self, CliError> {
        if !folder.is_dir() {
            return Err(CliError::usage(format!("there is no folder {}", folder.display()))
                .hint("--input takes a folder with files such as transactions_2026-01-15.csv"));
        }
        let mut input = Self::default();
        visit(folder, folder, &mut input)?;
        if input.files.is_empty() {
            return Err(
                CliError::usage(format!("no file in {} says dataset and date", folder.display())).hint(
                    "name files like transactions_2026-01-15.csv, or sort them into DATASET/ingest_date=YYYY-MM-DD/",
                ),
            );
        }
        input.files.sort_by_key(|file| file.key.key());
        Ok(input)
    }

    /// The days that the files belong to.
    #[must_use]
    pub fn days(&self) -> BTreeSet<NaiveDate> {
        self.files.iter().map(|file| file.key.ingest_date).collect()
    }
}

fn visit(root: &Path, folder: &Path, input: &mut Input) -> Result<(), CliError> {
    let doing = || format!("read the folder {}", folder.display());
    for entry in fs::read_dir(folder).map_err(|error| CliError::caused(&doing(), &error))? {
        let path = entry.map_err(|error| CliError::caused(&doing(), &error))?.path();
        if path.is_dir() {
            visit(root, &path, input)?;
            continue;
        }
        let relative = path
            .strip_prefix(root)
            .unwrap_or(&path)
            .to_string_lossy()
            .replace('\\', "/");
        match bronze_key(&relative) {
            Some(key) => input.files.push(InputFile { path, key }),
            None => input.ignored.push(path),
        }
    }
    Ok(())
}

/// Where a file belongs, by its path below the input folder.
fn bronze_key(relative: &str) -> Option<BronzeKey> {
    if !EXTENSIONS.iter().any(|extension| relative.ends_with(extension)) {
        return None;
    }
    if let Some(key) = BronzeKey::parse(relative) {
        return Some(key);
    }
    let name = relative.rsplit('/').next()?;
    let (start, ingest_date) = (0..name.len()).find_map(|at| Some((at, parse_day(name.get(at..at + 10)?)?)))?;
    let dataset = name[..start].trim_end_matches(['_', '-', '.']);
    (!dataset.is_empty()).then(|| BronzeKey {
        dataset: dataset.to_owned(),
        ingest_date,
        name: name.to_owned(),
    })
}

/// Puts the files of a day into bronze. A file that is there already, byte for byte, is left alone: its time, which
/// becomes `ingest_ts`, stays.
///
/// # Errors
/// A file cannot be read or written.
pub async fn put_into_bronze(input: &Input, day: NaiveDate, storage: &Storage, bucket: &str) -> Result<(), CliError> {
    for file in input.files.iter().filter(|file| file.key.ingest_date == day) {
        let key = file.key.key();
        if is_same(file, storage, bucket, &key).await? {
            continue;
        }
        let doing = format!("read {}", file.path.display());
        let body = ByteStream::from_path(&file.path)
            .await
            .map_err(|error| CliError::caused(&doing, &error))?;
        storage
            .put(bucket, &key, body)
            .await
            .map_err(|error| CliError::caused("fill bronze", &error))?;
    }
    Ok(())
}

async fn is_same(file: &InputFile, storage: &Storage, bucket: &str, key: &str) -> Result<bool, CliError> {
    let doing = format!("read {}", file.path.display());
    let there = storage
        .head(bucket, key)
        .await
        .map_err(|error| CliError::caused("look into bronze", &error))?;
    let size = fs::metadata(&file.path)
        .map_err(|error| CliError::caused(&doing, &error))?
        .len();
    if there.is_none_or(|object| object.size != size) {
        return Ok(false);
    }
    // Compared in blocks: input files can be larger than memory.
    const BLOCK: u64 = 8 << 20;
    let mut reader = fs::File::open(&file.path).map_err(|error| CliError::caused(&doing, &error))?;
    let mut start = 0;
    while start < size {
        let end = size.min(start + BLOCK);
        let mut block = Vec::new();
        let mut part = std::io::Read::take(&mut reader, end - start);
        std::io::Read::read_to_end(&mut part, &mut block).map_err(|error| CliError::caused(&doing, &error))?;
        let stored = storage.get_range(bucket, key, start..end).await;
        if stored.map_err(|error| CliError::caused("look into bronze", &error))? != block {
            return Ok(false);
        }
        start = end;
    }
    Ok(true)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_say_dataset_and_day() {
        let check = |path: &str, dataset: &str, day: &str, name: &str| {
            let key = bronze_key(path).unwrap_or_else(|| panic!("{path}"));
            assert_eq!(
                (
                    key.dataset.as_str(),
                    key.ingest_date.to_string().as_str(),
                    key.name.as_str()
                ),
                (dataset, day, name)
            );
        };
        check(
            "transactions_2026-01-15.csv",
            "transactions",
            "2026-01-15",
            "transactions_2026-01-15.csv",
        );
        check(
            "x/customers-2026-01-15-part1.jsonl.gz",
            "customers",
            "2026-01-15",
            "customers-2026-01-15-part1.jsonl.gz",
        );
        check(
            "cards/ingest_date=2026-01-15/a.csv.zst",
            "cards",
            "2026-01-15",
            "a.csv.zst",
        );
    }

    #[test]
    fn other_files_are_left_alone() {
        for path in [
            "transactions.csv",
            "transactions_2026-13-15.csv",
            "2026-01-15.csv",
            "transactions_2026-01-15.txt",
        ] {
            assert_eq!(bronze_key(path), None, "{path}");
        }
    }

    #[test]
    fn a_folder_without_input_is_wrong_usage() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("notes.txt"), "x").unwrap();
        let error = Input::scan(folder.path()).unwrap_err().to_string();
        assert!(
            error.contains("says dataset and date") && error.contains("hint:"),
            "{error}"
        );
        assert!(
            Input::scan(&folder.path().join("missing"))
                .unwrap_err()
                .to_string()
                .contains("there is no folder")
        );
    }
}
