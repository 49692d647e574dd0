//! Layout of the lake: builds and parses every object key.
//!
//! ```text
//! BRONZE  <dataset>/ingest_date=YYYY-MM-DD/<name>.{jsonl,csv}[.gz|.zst]
//! SILVER  <dataset>/...                                   the Delta table: data files and _delta_log/
//!         <dataset>/_keys/<id>.keys                       key filters of its data files
//!         <dataset>/_bundles/<id>.bundle                  data files of a small object behind one another
//!         _objects/<dataset>/ingest_date=D/<name>.json    object records
//!         _candidates/<dataset>/batch_date=D/<id>.json    candidates
//!         _quarantine/<dataset>/ingest_date=D/<name>.jsonl
//!         _quarantine/<dataset>/batch_date=D/<id>.{json,jsonl}  result and failing rows of a candidate that was stopped
//!         _validations/<dataset>/batch_date=D/<id>.{json,html}  validation results, and the same as pages
//!         _validations/index.html, _validations/<dataset>/index.html  pages that lead to them
//!         _figures/<dataset>/batch_date=D/<id>.json       figures of a batch, which later ones are compared with
//!         _loads/<dataset>/<from>-<to>.<n>.manifest       COPY manifests
//!         _loads/<dataset>/quarantine/batch_date=D/<hash>.parquet  quarantined rows for `raw.quarantine`
//!         _warehouse/lease.json                           holder of the warehouse
//!         _warehouse/run_results.json                     node results of the last build, successful or not
//!         _warehouse/last_build.json                      what is in the warehouse, by the code and inputs it was made from
//!         _builds/<execution>/state.json                  state of the mart builder between its ticks
//!         _builds/<execution>/compiled/<file>             compiled SQL of what failed
//!         _runs/batch_date=D/<execution>.json             run records
//!         _lineage/batch_date=D/<execution>.ndjson        OpenLineage events of a run
//! GOLD    <mart>/batch_date=D/...                         published marts
//!         <mart>/latest.json                              pointer to the newest of these
//!         dbt/{manifest,run_results}.json                 dbt's artifacts of the last build
//!         report/index.html
//! ```

use chrono::NaiveDate;

/// A folder with a date, e.g. `ingest_date=2026-01-15`.
fn dated(name: &str, date: NaiveDate) -> String {
    format!("{name}={}", date.format("%Y-%m-%d"))
}

/// Parses exactly `YYYY-MM-DD`; chrono also accepts signs and single digits.
#[must_use]
pub fn parse_day(text: &str) -> Option<NaiveDate> {
    let day = NaiveDate::parse_from_str(text, "%Y-%m-%d").ok()?;
    (day.to_string() == text).then_some(day)
}

/// The parts of a bronze key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BronzeKey {
    /// The dataset: first part of the key.
    pub dataset: String,
    /// The day of delivery: from the `ingest_date=` part.
    pub ingest_date: NaiveDate,
    /// File name with extensions, including subfolders.
    pub name: String,
}

impl BronzeKey {
    /// Parses a key; `None` for keys of another format, which are not input.
    #[must_use]
    pub fn parse(key: &str) -> Option<Self> {
        let (dataset, rest) = key.split_once('/')?;
        let (day, name) = rest.strip_prefix("ingest_date=")?.split_once('/')?;
        if dataset.is_empty() || name.is_empty() || name.ends_with('/') {
            return None;
        }
        let ingest_date = parse_day(day)?;
        Some(Self {
            dataset: dataset.to_owned(),
            ingest_date,
            name: name.to_owned(),
        })
    }

    /// Key.
    #[must_use]
    pub fn key(&self) -> String {
        format!("{}{}", bronze_prefix(&self.dataset, self.ingest_date), self.name)
    }

    /// Key of this object's record, in silver.
    #[must_use]
    pub fn object_record(&self) -> String {
        format!(
            "{}{}.json",
            object_records_prefix(&self.dataset, self.ingest_date),
            self.name
        )
    }

    /// Key of this object's quarantined rows, in silver.
    #[must_use]
    pub fn quarantine(&self) -> String {
        format!(
            "_quarantine/{}/{}/{}.jsonl",
            self.dataset,
            dated("ingest_date", self.ingest_date),
            self.name
        )
    }
}

/// Prefix of the bronze objects of a dataset and day, with a `/` at its end.
#[must_use]
pub fn bronze_prefix(dataset: &str, ingest_date: NaiveDate) -> String {
    format!("{dataset}/{}/", dated("ingest_date", ingest_date))
}

/// Prefix of the object records of a dataset and day, in silver.
#[must_use]
pub fn object_records_prefix(dataset: &str, ingest_date: NaiveDate) -> String {
    format!("_objects/{dataset}/{}/", dated("ingest_date", ingest_date))
}

/// Prefix of all object records of a dataset, in silver.
#[must_use]
pub fn all_object_records_prefix(dataset: &str) -> String {
    format!("_objects/{dataset}/")
}

/// Prefix of a dataset's Delta table, in silver.
#[must_use]
pub fn table_prefix(dataset: &str) -> String {
    format!("{dataset}/")
}

/// Path of a data file within the table's folder, from its key in silver; `None` for the log and any other object.
#[must_use]
pub fn data_file_path<'k>(dataset: &str, key: &'k str) -> Option<&'k str> {
    let path = key.strip_prefix(dataset)?.strip_prefix('/')?;
    // By convention of Delta tables, names with these prefixes are not data.
    let hidden = path.split('/').any(|part| part.starts_with(['_', '.']));
    (!hidden && path.ends_with(".parquet")).then_some(path)
}

/// Bytes of an encoded partition value in a folder's name at most: names of 255 bytes fit every file system.
const FOLDER_VALUE_BYTES: usize = 200;

/// Folder of a partition value in a table's folder, such as `category=fast%20food`: letters, digits, `-`, `.`, `_` and `~` as
/// they are, all other bytes percent-encoded, as delta-rs and Hive do. Readers that take the value from the folder's name get
/// it back. Null (and empty text, which is null in Delta) is `__HIVE_DEFAULT_PARTITION__`.
///
/// A value whose encoded form is longer than 200 bytes is cut at the last whole character; the log has all of it.
#[must_use]
pub fn partition_folder(column: &str, value: Option<&str>) -> String {
    let mut folder = format!("{column}=");
    let Some(value) = value.filter(|value| !value.is_empty()) else {
        folder.push_str("__HIVE_DEFAULT_PARTITION__");
        return folder;
    };
    let limit = folder.len() + FOLDER_VALUE_BYTES;
    for character in value.chars() {
        let before = folder.len();
        for byte in character.encode_utf8(&mut [0; 4]).bytes() {
            if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~') {
                folder.push(char::from(byte));
            } else {
                folder.push_str(&format!("%{byte:02X}"));
            }
        }
        if folder.len() > limit {
            folder.truncate(before);
            break;
        }
    }
    folder
}

/// Prefix of the key filters of a dataset's table, in silver. It is in the table's folder, under a name that readers of Delta
/// tables ignore.
#[must_use]
pub fn key_filters_prefix(dataset: &str) -> String {
    format!("{dataset}/_keys/")
}

/// Key of some key filters of a dataset's table, in silver; `id` follows from what they hold.
#[must_use]
pub fn key_filters(dataset: &str, id: &str) -> String {
    format!("{}{id}.keys", key_filters_prefix(dataset))
}

/// Prefix of the bundles of a dataset's table, in silver; as [`key_filters_prefix`], in its folder.
#[must_use]
pub fn bundles_prefix(dataset: &str) -> String {
    format!("{dataset}/_bundles/")
}

/// Key of the bundle of an object's data files, in silver; `id` follows from what determines their bytes.
#[must_use]
pub fn bundle(dataset: &str, id: &str) -> String {
    format!("{}{id}.bundle", bundles_prefix(dataset))
}

/// Prefix of the candidates of a dataset and batch, in silver.
#[must_use]
pub fn candidates_prefix(dataset: &str, batch_date: NaiveDate) -> String {
    format!("_candidates/{dataset}/{}/", dated("batch_date", batch_date))
}

/// Prefix of all candidates of a dataset, in silver.
#[must_use]
pub fn all_candidates_prefix(dataset: &str) -> String {
    format!("_candidates/{dataset}/")
}

/// Batch date in the key of a candidate; `None` for keys of another format.
#[must_use]
pub fn candidate_batch_date(key: &str) -> Option<NaiveDate> {
    let (_, rest) = key.strip_prefix("_candidates/")?.split_once("/batch_date=")?;
    let (day, _) = rest.split_once('/')?;
    day.parse().ok()
}

/// Key of one candidate, in silver.
#[must_use]
pub fn candidate(dataset: &str, batch_date: NaiveDate, id: &str) -> String {
    format!("{}{id}.json", candidates_prefix(dataset, batch_date))
}

/// Prefix of all validation results of a dataset, in silver.
#[must_use]
pub fn all_validations_prefix(dataset: &str) -> String {
    format!("_validations/{dataset}/")
}

/// Key of a validation result, in silver; `id` is the candidate's.
#[must_use]
pub fn validation_result(dataset: &str, batch_date: NaiveDate, id: &str) -> String {
    format!(
        "{}{}/{id}.json",
        all_validations_prefix(dataset),
        dated("batch_date", batch_date)
    )
}

/// Batch date in the key of a validation result; `None` for keys of another format, including pages.
#[must_use]
pub fn validation_batch_date(key: &str) -> Option<NaiveDate> {
    let (_, rest) = key.strip_prefix("_validations/")?.split_once("/batch_date=")?;
    let (day, name) = rest.split_once('/')?;
    name.ends_with(".json").then(|| parse_day(day))?
}

/// Prefixes of the figures of a dataset in the months of these days, in silver.
#[must_use]
pub fn figures_prefixes(dataset: &str, first: NaiveDate, last: NaiveDate) -> Vec<String> {
    by_month(&format!("_figures/{dataset}/"), first, last)
}

/// Prefixes of the validation results of a dataset in the months of these days, in silver.
#[must_use]
pub fn validations_prefixes(dataset: &str, first: NaiveDate, last: NaiveDate) -> Vec<String> {
    by_month(&all_validations_prefix(dataset), first, last)
}

/// Listing a few months costs the same whatever the years before them hold.
fn by_month(folder: &str, first: NaiveDate, last: NaiveDate) -> Vec<String> {
    let days = first.iter_days().take_while(|day| *day <= last);
    let mut prefixes: Vec<String> = days
        .map(|day| format!("{folder}batch_date={}-", day.format("%Y-%m")))
        .collect();
    prefixes.dedup();
    prefixes
}

/// Folder of all validation results, in silver.
const VALIDATIONS: &str = "_validations/";

/// Key of the page that leads to the validations of a dataset, or to those of all, in silver.
#[must_use]
pub fn validations_index(dataset: Option<&str>) -> String {
    match dataset {
        Some(dataset) => format!("{}index.html", all_validations_prefix(dataset)),
        None => format!("{VALIDATIONS}index.html"),
    }
}

/// Key of the figures of a batch, in silver; `id` is the candidate's.
#[must_use]
pub fn figures(dataset: &str, batch_date: NaiveDate, id: &str) -> String {
    format!("_figures/{dataset}/{}/{id}.json", dated("batch_date", batch_date))
}

/// Batch date in the key of figures; `None` for keys of another format.
#[must_use]
pub fn figures_batch_date(key: &str) -> Option<NaiveDate> {
    let (_, rest) = key.strip_prefix("_figures/")?.split_once("/batch_date=")?;
    let (day, name) = rest.split_once('/')?;
    name.ends_with(".json").then(|| parse_day(day))?
}

/// Key of a validation result as a page, in silver; `id` is the candidate's.
#[must_use]
pub fn validation_docs(dataset: &str, batch_date: NaiveDate, id: &str) -> String {
    format!(
        "{}{}/{id}.html",
        all_validations_prefix(dataset),
        dated("batch_date", batch_date)
    )
}

/// Key of the failing rows of a rejected candidate, in silver; `id` is the candidate's.
#[must_use]
pub fn quarantined_rows(dataset: &str, batch_date: NaiveDate, id: &str) -> String {
    format!("_quarantine/{dataset}/{}/{id}.jsonl", dated("batch_date", batch_date))
}

/// Key of the validation result of a rejected candidate, next to its failing rows, in silver.
#[must_use]
pub fn quarantined_result(dataset: &str, batch_date: NaiveDate, id: &str) -> String {
    format!("_quarantine/{dataset}/{}/{id}.json", dated("batch_date", batch_date))
}

/// Key of a COPY manifest from one Delta version (exclusive; -1: empty table) to another, in silver. There is one per group of
/// files that can be copied together.
#[must_use]
pub fn load_manifest(dataset: &str, from_version: i64, to_version: u64, group: usize) -> String {
    format!("_loads/{dataset}/{from_version}-{to_version}.{group}.manifest")
}

/// Key of the quarantined rows of a dataset and batch as a file to copy, in silver; `hash` tells other rows from these.
#[must_use]
pub fn quarantine_load(dataset: &str, batch_date: NaiveDate, hash: &str) -> String {
    format!(
        "_loads/{dataset}/quarantine/{}/{hash}.parquet",
        dated("batch_date", batch_date)
    )
}

/// Prefix of all run records, in silver.
pub const RUN_RECORDS_PREFIX: &str = "_runs/";

/// Key of a run record, in silver.
#[must_use]
pub fn run_record(batch_date: NaiveDate, run_id: &str) -> String {
    format!("{RUN_RECORDS_PREFIX}{}/{run_id}.json", dated("batch_date", batch_date))
}

/// Key of the OpenLineage events of a run, in silver.
#[must_use]
pub fn lineage(batch_date: NaiveDate, run_id: &str) -> String {
    format!("_lineage/{}/{run_id}.ndjson", dated("batch_date", batch_date))
}

/// Key of the list of receivers notified of a run, in silver.
#[must_use]
pub fn notified(batch_date: NaiveDate, run_id: &str) -> String {
    format!("_notifications/{}/{run_id}.json", dated("batch_date", batch_date))
}

/// Key of the warehouse lease, in silver.
pub const WAREHOUSE_LEASE: &str = "_warehouse/lease.json";

/// Key of the mart builder's state of a run, in silver.
#[must_use]
pub fn build_state(run_id: &str) -> String {
    format!("_builds/{run_id}/state.json")
}

/// Key of the compiled SQL of a failed model or test of a run, in silver.
#[must_use]
pub fn compiled_sql(run_id: &str, file: &str) -> String {
    format!("_builds/{run_id}/compiled/{file}")
}

/// Key prefix of a mart published for a batch, in gold, with a `/` at its end.
#[must_use]
pub fn mart_prefix(mart: &str, batch_date: NaiveDate) -> String {
    format!("{mart}/{}/", dated("batch_date", batch_date))
}

/// Key of the pointer to the newest snapshot of a mart, in gold.
#[must_use]
pub fn mart_latest(mart: &str) -> String {
    format!("{mart}/latest.json")
}

/// Key of the node results of the last build, in silver.
pub const LAST_RUN_RESULTS: &str = "_warehouse/run_results.json";

/// Key of what the last complete build left in the warehouse, in silver.
pub const LAST_BUILD: &str = "_warehouse/last_build.json";

/// Key of dbt's `manifest.json`, in gold.
pub const DBT_MANIFEST: &str = "dbt/manifest.json";
/// Key of dbt's `run_results.json`, in gold.
pub const DBT_RUN_RESULTS: &str = "dbt/run_results.json";
/// Key of the report, in gold.
pub const REPORT: &str = "report/index.html";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bronze_key_survives_the_round_trip() {
        let key = "transactions/ingest_date=2026-01-15/part 1/a+b.csv.gz";
        let parsed = BronzeKey::parse(key).unwrap();
        assert_eq!(parsed.name, "part 1/a+b.csv.gz");
        assert_eq!(parsed.key(), key);
        assert_eq!(
            parsed.object_record(),
            "_objects/transactions/ingest_date=2026-01-15/part 1/a+b.csv.gz.json"
        );
    }

    #[test]
    fn a_candidates_key_tells_its_batch_date() {
        let date = NaiveDate::from_ymd_opt(2026, 1, 15).unwrap();
        let key = candidate("cards", date, "ab");
        assert!(key.starts_with(&all_candidates_prefix("cards")));
        assert_eq!(candidate_batch_date(&key), Some(date));
        assert_eq!(candidate_batch_date("_candidates/cards/ab.json"), None);
    }

    #[test]
    fn a_validation_results_key_tells_its_batch_date() {
        let date = NaiveDate::from_ymd_opt(2026, 1, 15).unwrap();
        let key = validation_result("cards", date, "ab");
        assert!(key.starts_with(&all_validations_prefix("cards")));
        assert_eq!(validation_batch_date(&key), Some(date));
        assert_eq!(validation_batch_date(&validation_docs("cards", date, "ab")), None);
        assert_eq!(validation_batch_date("_validations/cards/ab.json"), None);
    }

    #[test]
    fn figures_are_listed_by_month() {
        let date = |month, day| NaiveDate::from_ymd_opt(2026, month, day).unwrap();
        let key = figures("cards", date(3, 1), "ab");
        assert_eq!(figures_batch_date(&key), Some(date(3, 1)));
        let prefixes = figures_prefixes("cards", date(1, 30), date(3, 1));
        assert_eq!(prefixes.len(), 3);
        assert!(key.starts_with(&prefixes[2]));
    }

    #[test]
    fn only_parquet_files_outside_of_hidden_folders_are_data_files() {
        let path = |key| data_file_path("cards", key);
        assert_eq!(path("cards/part-0.parquet"), Some("part-0.parquet"));
        assert_eq!(path("cards/day=1/part-0.parquet"), Some("day=1/part-0.parquet"));
        for key in [
            "cards/_delta_log/00000000000000000010.checkpoint.parquet",
            "cards/_delta_log/00000000000000000000.json",
            "cards/day=1/.part-0.parquet",
            "cards/notes.txt",
            "cardsmore/part-0.parquet",
        ] {
            assert_eq!(path(key), None, "{key}");
        }
    }

    #[test]
    fn a_partition_value_is_percent_encoded_in_the_folder() {
        let folder = |value| partition_folder("c", value);
        assert_eq!(folder(Some("2026-01-15")), "c=2026-01-15");
        assert_eq!(folder(Some("a b=c/d 25%?")), "c=a%20b%3Dc%2Fd%2025%25%3F");
        assert_eq!(folder(Some("a_b~c")), "c=a_b~c");
        assert_eq!(folder(Some("커피")), "c=%EC%BB%A4%ED%94%BC");
        assert_eq!(folder(None), "c=__HIVE_DEFAULT_PARTITION__");
        assert_eq!(folder(Some("")), "c=__HIVE_DEFAULT_PARTITION__");
    }

    #[test]
    fn a_long_partition_value_is_cut_between_characters() {
        let folder = partition_folder("c", Some(&"피".repeat(50)));
        assert_eq!(folder.len(), 2 + 22 * 9);
        assert!(folder.ends_with("%ED%94%BC"));
    }

    #[test]
    fn other_keys_are_not_bronze() {
        for key in [
            "",
            "transactions/x.csv",
            "transactions/ingest_date=2026-13-01/x",
            "transactions/ingest_date=2026-01-01/",
            "/ingest_date=2026-01-01/x",
            "transactions/ingest_date=2026-1-01/x",
            "transactions/ingest_date=-2026-1-1/x",
        ] {
            assert_eq!(BronzeKey::parse(key), None, "{key}");
        }
    }
}
