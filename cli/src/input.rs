//! Real files from a folder into bronze, as they are.
//!
//! A name that holds a date says where a file belongs: `transactions_2026-01-15.csv`; or the folder is a tree
//! `DATASET/ingest_date=YYYY-MM-DD/FILE`. What is no input is left alone and named; an input that would be lost in bronze, as
//! another file has its key or no contract describes it, is an error before anything is written.

use crate::error::CliError;
use aws_sdk_s3::primitives::ByteStream;
use cardlake_aws::storage::Storage;
use cardlake_core::bronze::{FileKind, file_kind};
use cardlake_core::contract::Contracts;
use cardlake_core::events::UnreadFile;
use cardlake_core::paths::{BronzeKey, parse_day};
use chrono::NaiveDate;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// Problems named in an error.
const EXAMPLES: usize = 5;

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
    /// Files that are not taken, sorted by path.
    pub ignored: Vec<UnreadFile>,
}

impl Input {
    /// Looks through a folder.
    ///
    /// # Errors
    /// The folder does not exist or cannot be read, holds no file that can be taken, or holds files that would be lost: of a
    /// dataset without a contract, or two for one key.
    pub fn scan(folder: &Path, contracts: &Contracts) -> Result<Self, CliError> {
        if !folder.is_dir() {
            return Err(CliError::usage(format!("there is no folder {}", folder.display()))
                .hint("--input takes a folder with files such as transactions_2026-01-15.csv"));
        }
        let mut scan = Scan {
            root: folder,
            contracts,
            input: Self::default(),
            problems: Vec::new(),
        };
        scan.visit(folder)?;
        scan.finish()
    }

    /// The days that the files belong to.
    #[must_use]
    pub fn days(&self) -> BTreeSet<NaiveDate> {
        self.files.iter().map(|file| file.key.ingest_date).collect()
    }
}

/// A folder that is being looked through.
struct Scan<'a> {
    root: &'a Path,
    contracts: &'a Contracts,
    input: Input,
    /// One sentence for each file that would be lost.
    problems: Vec<String>,
}

impl Scan<'_> {
    fn visit(&mut self, folder: &Path) -> Result<(), CliError> {
        let failed = |error: &std::io::Error| CliError::caused(&format!("read the folder {}", folder.display()), error);
        for entry in fs::read_dir(folder).map_err(|error| failed(&error))? {
            let path = entry.map_err(|error| failed(&error))?.path();
            if path.is_dir() {
                self.visit(&path)?;
            } else {
                self.file(path);
            }
        }
        Ok(())
    }

    fn file(&mut self, path: PathBuf) {
        let relative = path.strip_prefix(self.root).unwrap_or(&path);
        let relative = relative.to_string_lossy().replace('\\', "/");
        let reason = match file_kind(&relative) {
            FileKind::Ignored(reason) | FileKind::Unknown(reason) => reason,
            FileKind::Input(_) | FileKind::Control => match bronze_key(&relative) {
                None => "its name says neither dataset nor date",
                Some(key) => {
                    match self.dataset(&key.dataset) {
                        Some(dataset) => self.input.files.push(InputFile {
                            key: BronzeKey { dataset, ..key },
                            path,
                        }),
                        None => self.problems.push(format!(
                            "{} is of the dataset '{}', which has no contract",
                            path.display(),
                            key.dataset
                        )),
                    }
                    return;
                }
            },
        };
        self.input.ignored.push(UnreadFile {
            file: path.display().to_string(),
            reason: reason.to_owned(),
        });
    }

    /// The dataset of this name, in any case if that leaves no doubt.
    fn dataset(&self, name: &str) -> Option<String> {
        let all = || self.contracts.iter().map(|contract| contract.dataset.as_str());
        if let Some(found) = all().find(|dataset| *dataset == name) {
            return Some(found.to_owned());
        }
        let mut alike = all().filter(|dataset| dataset.eq_ignore_ascii_case(name));
        let found = alike.next()?;
        alike.next().is_none().then(|| found.to_owned())
    }

    fn finish(mut self) -> Result<Input, CliError> {
        let mut paths: BTreeMap<String, &Path> = BTreeMap::new();
        self.input
            .files
            .sort_by(|one, other| (one.key.key(), &one.path).cmp(&(other.key.key(), &other.path)));
        for file in &self.input.files {
            if let Some(first) = paths.insert(file.key.key(), &file.path) {
                self.problems.push(format!(
                    "{} and {} are both {}",
                    first.display(),
                    file.path.display(),
                    file.key.key()
                ));
            }
        }
        if !self.problems.is_empty() {
            self.problems.sort();
            let known: Vec<&str> = self
                .contracts
                .iter()
                .map(|contract| contract.dataset.as_str())
                .collect();
            return Err(CliError::usage(format!("nothing was taken: {}", shortened(self.problems))).hint(format!(
                "the name of a file begins with its dataset ({}) and goes on with the date, and anything after that makes \
                 it unique: transactions_2026-01-15_fix.csv",
                known.join(", ")
            )));
        }
        self.input.ignored.sort_by(|one, other| one.file.cmp(&other.file));
        if self.input.files.is_empty() {
            let seen = self
                .input
                .ignored
                .into_iter()
                .map(|file| format!("{}: {}", file.file, file.reason));
            let seen = shortened(seen.collect());
            return Err(CliError::usage(format!(
                "no file in {} says dataset and date{}{seen}",
                self.root.display(),
                if seen.is_empty() { "" } else { "; not taken: " }
            ))
            .hint("name files like transactions_2026-01-15.csv, or sort them into DATASET/ingest_date=YYYY-MM-DD/"));
        }
        Ok(self.input)
    }
}

/// The first of some sentences, and how many more there are.
fn shortened(mut sentences: Vec<String>) -> String {
    let more = sentences.len().saturating_sub(EXAMPLES);
    sentences.truncate(EXAMPLES);
    let mut text = sentences.join("; ");
    if more > 0 {
        text.push_str(&format!("; and {more} more"));
    }
    text
}

/// Where a file belongs, by its path below the input folder.
fn bronze_key(relative: &str) -> Option<BronzeKey> {
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
    fn a_name_without_dataset_or_date_is_no_key() {
        for path in ["transactions.csv", "transactions_2026-13-15.csv", "2026-01-15.csv"] {
            assert_eq!(bronze_key(path), None, "{path}");
        }
    }

    fn scan(files: &[&str]) -> Result<(Vec<String>, Vec<String>), String> {
        let folder = tempfile::tempdir().unwrap();
        for file in files {
            let path = folder.path().join(file);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, "x").unwrap();
        }
        let contracts = Contracts::load(&cardlake_assets::embedded()).unwrap();
        let root = folder.path().display().to_string();
        let input = Input::scan(folder.path(), &contracts).map_err(|error| error.to_string().replace(&root, ""))?;
        Ok((
            input.files.iter().map(|file| file.key.key()).collect(),
            input.ignored.iter().map(|file| file.file.replace(&root, "")).collect(),
        ))
    }

    #[test]
    fn what_is_unambiguous_is_taken_and_everything_else_is_named() {
        let (taken, ignored) = scan(&[
            "Transactions_2026-01-15.CSV",
            "cards_2026-01-15.json",
            "customers_2026-01-15_fix.ndjson.GZ",
            "merchants_2026-01-15",
            "transactions_2026-01-15.xlsx",
            "_temporary/transactions_2026-01-15.csv",
            "transactions_2026-01-15.csv.md5",
            "README",
        ])
        .unwrap();
        assert_eq!(
            taken,
            [
                "cards/ingest_date=2026-01-15/cards_2026-01-15.json",
                "customers/ingest_date=2026-01-15/customers_2026-01-15_fix.ndjson.GZ",
                "merchants/ingest_date=2026-01-15/merchants_2026-01-15",
                "transactions/ingest_date=2026-01-15/Transactions_2026-01-15.CSV",
            ]
        );
        assert_eq!(
            ignored,
            [
                "/README",
                "/_temporary/transactions_2026-01-15.csv",
                "/transactions_2026-01-15.csv.md5",
                "/transactions_2026-01-15.xlsx",
            ]
        );
    }

    #[test]
    fn files_that_would_be_lost_are_an_error() {
        let error = scan(&["a/cards_2026-01-15.csv", "b/cards_2026-01-15.csv"]).unwrap_err();
        let expected = "/a/cards_2026-01-15.csv and /b/cards_2026-01-15.csv are both cards/ingest_date=2026-01-15/";
        assert!(error.contains(expected), "{error}");
        let error = scan(&["cards_2026-01-15.csv", "transactions_fix_2026-01-15.csv"]).unwrap_err();
        let expected = "is of the dataset 'transactions_fix', which has no contract";
        assert!(error.contains(expected) && error.contains("hint:"), "{error}");
    }

    #[test]
    fn a_folder_without_input_is_wrong_usage() {
        let error = scan(&["notes.txt"]).unwrap_err();
        assert!(
            error.contains("says dataset and date") && error.contains("/notes.txt"),
            "{error}"
        );
        let contracts = Contracts::load(&cardlake_assets::embedded()).unwrap();
        let error = Input::scan(Path::new("missing"), &contracts).unwrap_err();
        assert!(error.to_string().contains("there is no folder"), "{error}");
    }
}
