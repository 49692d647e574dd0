//! A lake in a folder: the S3 server over it, and the handlers of transformer and reconciler.

use arrow::util::display::array_value_to_string;
use cardlake_aws::clients::Aws;
use cardlake_aws::runtime::Resources;
use cardlake_core::assets::AssetFolder;
use cardlake_core::env;
use cardlake_core::error::{ErrorKind, StageError, with_causes};
use cardlake_core::events::{
    OptimizedDataset, PublishOutput, ReconcileOutput, ReconcilerEvent, TransformerEvent, TransformerOutput,
    VacuumedDataset,
};
use cardlake_core::paths::bundles_prefix;
use cardlake_lake::delta::{ActiveFile, DeltaStore, DeltaTable};
use cardlake_loopback::RequestHook;
use cardlake_reconciler::Output;
use cardlake_test_support::{BRONZE, LoopbackLake};
use chrono::{DateTime, NaiveDate, Utc};
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use proptest::prelude::ProptestConfig;
use std::cell::OnceCell;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, LazyLock};
use std::time::{Duration, SystemTime};
use tempfile::TempDir;

pub use cardlake_test_support::SILVER;

pub const DATASET: &str = "transactions";
const HEADER: &str =
    "transaction_id,customer_id,card_id,merchant_id,txn_ts,amount,currency,mcc,status,is_refund,channel\n";

/// A stage that failed: how the state machine sees it, and what people read.
#[derive(Debug, thiserror::Error)]
#[error("{kind}: {message}")]
pub struct Failed {
    pub kind: ErrorKind,
    pub message: String,
}

fn failed<E: StageError>(error: E) -> Failed {
    Failed {
        kind: error.kind(),
        message: with_causes(&error),
    }
}

/// What a lake is opened with.
#[derive(Debug, Clone, Default)]
pub struct Options {
    pub hook: Option<Arc<dyn RequestHook>>,
    /// Folder with a contract of its own; default: the project's one, without those of the other datasets.
    pub assets: Option<PathBuf>,
    /// What the reconciler takes for now.
    pub now: Option<DateTime<Utc>>,
}

pub struct Lake {
    server: LoopbackLake,
    aws: Aws,
    transformer: cardlake_transformer::Context,
    reconciler: cardlake_reconciler::Context,
    store: OnceCell<DeltaStore>,
}

impl Lake {
    /// Starts a server over the folder. Its clients do not retry: a failed request fails the stage.
    pub async fn open(root: &Path, options: Options) -> Self {
        let server = LoopbackLake::open(root, options.hook).await;
        let aws = server.aws_without_retries();
        let assets = options.assets.as_deref().unwrap_or_else(|| one_contract());
        let settings = [
            (env::QUARANTINE_THRESHOLD, "1"),
            (env::ASSETS_DIR, assets.to_str().unwrap()),
        ];
        let resources = || Resources {
            aws: aws.clone(),
            ..server.resources(&settings)
        };
        let transformer = cardlake_transformer::Context::new(resources()).await.unwrap();
        let mut reconciler = cardlake_reconciler::Context::new(resources()).await.unwrap();
        if let Some(now) = options.now {
            reconciler = reconciler.at(now);
        }
        Self {
            server,
            aws,
            transformer,
            reconciler,
            store: OnceCell::new(),
        }
    }

    pub fn root(&self) -> &Path {
        self.server.folder()
    }

    pub fn aws(&self) -> &Aws {
        &self.aws
    }

    pub fn endpoint(&self) -> String {
        self.server.endpoint_url()
    }

    /// Cuts all connections: what a stage still has under way reaches the folder no more.
    pub async fn close(self) {
        self.server.close().await;
    }

    pub async fn transform(&self, key: &str, late_window_days: Option<u32>) -> Result<TransformerOutput, Failed> {
        let event = TransformerEvent {
            late_window_days,
            ..TransformerEvent::of(key)
        };
        cardlake_transformer::transform(&event, &self.transformer)
            .await
            .map_err(failed)
    }

    pub async fn reconcile(&self, day: u32, late_window_days: Option<u32>) -> Result<ReconcileOutput, Failed> {
        let event = ReconcilerEvent::Reconcile {
            batch_date: date(day),
            dataset: DATASET.to_owned(),
            late_window_days,
        };
        match cardlake_reconciler::handle(event, &self.reconciler).await {
            Ok(Output::Reconcile(output)) => Ok(output),
            Ok(other) => panic!("{other:?}"),
            Err(error) => Err(failed(error)),
        }
    }

    pub async fn publish(&self, day: u32, candidate: Option<String>) -> Result<PublishOutput, Failed> {
        let event = ReconcilerEvent::Publish {
            batch_date: date(day),
            dataset: DATASET.to_owned(),
            candidate,
        };
        match cardlake_reconciler::handle(event, &self.reconciler).await {
            Ok(Output::Publish(output)) => Ok(output),
            Ok(other) => panic!("{other:?}"),
            Err(error) => Err(failed(error)),
        }
    }

    /// A day through the stages, as the state machine does it.
    pub async fn run(&self, day: u32, late_window_days: Option<u32>) -> Result<PublishOutput, Failed> {
        for name in names(self.root(), day) {
            self.transform(&bronze_key(day, &name), late_window_days).await?;
        }
        let candidate = self.reconcile(day, late_window_days).await?.candidate;
        self.publish(day, candidate).await
    }

    pub async fn optimize(&self) -> Result<OptimizedDataset, Failed> {
        let event = ReconcilerEvent::Optimize {
            dataset: Some(DATASET.to_owned()),
            from: None,
            to: None,
        };
        match cardlake_reconciler::handle(event, &self.reconciler).await {
            Ok(Output::Optimize(mut output)) => Ok(output.datasets.remove(DATASET).unwrap()),
            Ok(other) => panic!("{other:?}"),
            Err(error) => Err(failed(error)),
        }
    }

    pub async fn vacuum(&self, dry_run: bool) -> Result<VacuumedDataset, Failed> {
        let event = ReconcilerEvent::Vacuum {
            dataset: Some(DATASET.to_owned()),
            retention_days: 7,
            dry_run,
        };
        match cardlake_reconciler::handle(event, &self.reconciler).await {
            Ok(Output::Vacuum(mut output)) => Ok(output.datasets.remove(DATASET).unwrap()),
            Ok(other) => panic!("{other:?}"),
            Err(error) => Err(failed(error)),
        }
    }

    pub async fn table(&self) -> DeltaTable {
        let store = self.store.get_or_init(|| DeltaStore::new(&self.aws, SILVER).unwrap());
        DeltaTable::open(store, DATASET).await.unwrap()
    }

    pub async fn active_files(&self) -> Vec<ActiveFile> {
        self.table().await.active_files().await.unwrap()
    }

    /// Amount and event day of each key of the table, which has none twice.
    pub async fn amounts_and_days(&self) -> BTreeMap<String, (String, u32)> {
        let mut found = BTreeMap::new();
        for row in self.rows().await {
            let values: Vec<&str> = row.split('|').collect();
            let day = values[4].get(8..10).and_then(|day| day.parse().ok()).unwrap();
            let before = found.insert(values[0].to_owned(), (values[5].to_owned(), day));
            assert_eq!(before, None, "{row} is there twice");
        }
        found
    }

    /// Every row of the table, all columns in one text, sorted.
    pub async fn rows(&self) -> Vec<String> {
        let mut rows = Vec::new();
        for file in self.active_files().await {
            let path = self.root().join(SILVER).join(DATASET).join(&file.path);
            let content = bytes::Bytes::from(fs::read(&path).unwrap());
            assert_eq!(content.len() as u64, file.size, "{}", file.path);
            let before = rows.len();
            for batch in ParquetRecordBatchReaderBuilder::try_new(content)
                .unwrap()
                .build()
                .unwrap()
            {
                let batch = batch.unwrap();
                for row in 0..batch.num_rows() {
                    let values = batch
                        .columns()
                        .iter()
                        .map(|column| array_value_to_string(column, row).unwrap());
                    rows.push(format!(
                        "{} {:?}",
                        values.collect::<Vec<_>>().join("|"),
                        file.partition_values
                    ));
                }
            }
            assert_eq!((rows.len() - before) as u64, file.rows, "{}", file.path);
        }
        rows.sort();
        rows
    }
}

/// The text of the contract.
pub fn contract() -> String {
    let asset = cardlake_assets::embedded().read(AssetFolder::Contracts, "transactions.yaml");
    asset.unwrap().text
}

/// Writes the contract of a lake into a folder for [`Options::assets`].
pub fn write_contract(folder: &Path, text: &str) {
    fs::create_dir_all(folder.join("contracts")).unwrap();
    fs::write(folder.join("contracts/transactions.yaml"), text).unwrap();
}

/// A folder with the one contract that these tests need: to read all of them takes longer than to reconcile.
fn one_contract() -> &'static Path {
    static FOLDER: LazyLock<TempDir> = LazyLock::new(|| {
        let folder = tempfile::tempdir().unwrap();
        write_contract(folder.path(), &contract());
        folder
    });
    FOLDER.path()
}

pub fn date(day: u32) -> NaiveDate {
    NaiveDate::from_ymd_opt(2026, 1, day).unwrap()
}

pub fn bronze_key(day: u32, name: &str) -> String {
    format!("{DATASET}/ingest_date={}/{name}", date(day))
}

/// Names of the day's bronze objects.
fn names(root: &Path, day: u32) -> Vec<String> {
    let folder = root.join(BRONZE).join(bronze_key(day, ""));
    let mut names: Vec<String> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

/// The key of a row with this number.
pub fn transaction_id(number: u32) -> String {
    format!("{:08x}-0000-4000-8000-{number:012x}", number.wrapping_mul(0x9e37_79b9))
}

/// A row of a bronze file: number, event day and amount; the number tells the category.
pub fn row(number: u32, day: u32, amount: u32) -> String {
    let mcc = if number.is_multiple_of(2) { "4121" } else { "5411" };
    format!(
        "{},CUS{:04},{number:08x}-1111-4111-8111-000000000000,MER0001,2026-01-{day:02} \
         10:00:{:02}.{:06},{amount}.50,KRW,{mcc},approved,false,pos",
        transaction_id(number),
        number % 10_000,
        number % 60,
        number * 7_919 % 1_000_000,
    )
}

/// Puts a bronze object of these rows, whose time is the `minute` of its day.
pub fn deliver(root: &Path, day: u32, name: &str, minute: u32, rows: &[String]) {
    let mut text = HEADER.to_owned();
    for row in rows {
        text.push_str(row);
        text.push('\n');
    }
    let path = root.join(BRONZE).join(bronze_key(day, name));
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(&path, text).unwrap();
    let time = date(day).and_hms_opt(20, minute, 0).unwrap().and_utc();
    set_modified(&path, time.into());
}

/// Gives every row of a bronze object one more field with this value.
pub fn add_field(root: &Path, day: u32, name: &str, field: &str, value: &str) {
    let path = root.join(BRONZE).join(bronze_key(day, name));
    let time = fs::metadata(&path).unwrap().modified().unwrap();
    let text = fs::read_to_string(&path).unwrap();
    let lines = text.lines().enumerate();
    let wider = lines.map(|(number, line)| format!("{line},{}\n", if number == 0 { field } else { value }));
    fs::write(&path, wider.collect::<String>()).unwrap();
    set_modified(&path, time);
}

pub fn set_modified(path: &Path, time: SystemTime) {
    let file = fs::File::options().append(true).open(path).unwrap();
    file.set_modified(time).unwrap();
}

/// All files below a folder, by relative path; none if there is no such folder.
pub fn files_below(folder: &Path) -> BTreeMap<String, PathBuf> {
    fn collect(root: &Path, folder: &Path, files: &mut BTreeMap<String, PathBuf>) {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                collect(root, &path, files);
            } else {
                let name = path.strip_prefix(root).unwrap().to_str().unwrap().to_owned();
                files.insert(name, path);
            }
        }
    }
    let mut files = BTreeMap::new();
    if folder.is_dir() {
        collect(folder, folder, &mut files);
    }
    files
}

/// A copy of the buckets in a folder of its own, times included.
pub fn copy(root: &Path) -> TempDir {
    copy_buckets(root, &[BRONZE, SILVER])
}

/// A copy of the raw files in a folder of its own, times included.
pub fn copy_bronze(root: &Path) -> TempDir {
    copy_buckets(root, &[BRONZE])
}

fn copy_buckets(root: &Path, buckets: &[&str]) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    for bucket in buckets {
        for (name, path) in files_below(&root.join(bucket)) {
            let target = folder.path().join(bucket).join(name);
            fs::create_dir_all(target.parent().unwrap()).unwrap();
            fs::copy(&path, &target).unwrap();
            set_modified(&target, fs::metadata(&path).unwrap().modified().unwrap());
        }
    }
    folder
}

/// Keys of all data files that lie in the table's folder.
pub fn data_files(root: &Path) -> BTreeSet<String> {
    let table = files_below(&root.join(SILVER).join(DATASET));
    table
        .into_keys()
        .filter(|name| !name.starts_with('_'))
        .map(|name| format!("{DATASET}/{name}"))
        .collect()
}

/// Keys of all bundles in the table's folder.
pub fn bundles(root: &Path) -> BTreeSet<String> {
    let prefix = bundles_prefix(DATASET);
    let folder = files_below(&root.join(SILVER).join(&prefix));
    folder.into_keys().map(|name| format!("{prefix}{name}")).collect()
}

/// Settings of a property test: so many cases, or as many as the variable `PROPTEST_CASES` says.
pub fn property_tests(cases: u32) -> ProptestConfig {
    let default = ProptestConfig::default();
    let is_set = std::env::var_os("PROPTEST_CASES").is_some();
    ProptestConfig {
        cases: if is_set { default.cases } else { cases },
        failure_persistence: None,
        ..default
    }
}

/// Runs to the end of a future on threads of its own.
pub fn block_on<F: Future>(future: F) -> F::Output {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(future)
}

/// A time at which all that a test wrote is past its retention.
pub fn after_the_retention() -> DateTime<Utc> {
    DateTime::from(SystemTime::now() + Duration::from_secs(8 * 24 * 3600))
}
