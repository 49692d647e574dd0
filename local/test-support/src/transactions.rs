//! Transactions in silver without the transformer: rows, the data files and records it would write for them, and the
//! table's contents read back.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::SystemTime;

use arrow::array::{ArrayRef, BooleanArray, Decimal128Array, Int32Array, Int64Array, RecordBatch, StringArray};
use arrow::array::{Date32Array, TimestampMicrosecondArray, new_null_array};
use cardlake_aws::clients::Aws;
use cardlake_aws::storage::Storage;
use cardlake_core::contract::{Contract, Contracts};
use cardlake_core::paths::BronzeKey;
use cardlake_core::records::{DataFile, FORMAT_VERSION, ObjectRecord, RowCounts, SourceObject};
use cardlake_lake::delta::{DeltaStore, DeltaTable};
use cardlake_lake::parquet::{column_statistics, writer_properties};
use chrono::{DateTime, NaiveDate, Utc};
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_reader::{ArrowReaderOptions, ParquetRecordBatchReaderBuilder};

use crate::lake::{BRONZE, LoopbackLake, SILVER};

const CATEGORIES: [(&str, &str); 2] = [("5411", "grocery"), ("4121", "taxi")];

/// A valid transaction, as far as the tests care.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Row {
    /// Becomes the `transaction_id`.
    pub id: u32,
    /// Day of January 2026.
    pub day: u32,
    /// Second of the day.
    pub second: u32,
    /// Amount in cents: distinguishes versions.
    pub amount: i64,
    /// Index into the categories.
    pub category: usize,
}

impl Row {
    /// A row at ten in the morning, whose category follows from its id.
    #[must_use]
    pub fn new(id: u32, day: u32, amount: i64) -> Self {
        Self {
            id,
            day,
            second: 36_000,
            amount,
            category: (id % 2) as usize,
        }
    }

    /// The key.
    #[must_use]
    pub fn transaction_id(&self) -> String {
        transaction_id(self.id)
    }

    fn event_time(&self) -> i64 {
        let midnight = date(self.day).and_hms_opt(0, 0, 0).unwrap().and_utc().timestamp();
        (midnight + i64::from(self.second)) * 1_000_000
    }

    /// A hash of the contents.
    #[must_use]
    pub fn hash(&self) -> i64 {
        (self.event_time() / 1_000_000) * 1_000_003 + self.amount * 31 + self.category as i64
    }
}

/// The key of the row `id`; keys are spread over the whole range of UUIDs.
#[must_use]
pub fn transaction_id(id: u32) -> String {
    let spread = id.wrapping_mul(2_654_435_761);
    format!("{spread:08x}-0000-4000-8000-{id:012x}")
}

/// A day of January 2026.
#[must_use]
pub fn date(day: u32) -> NaiveDate {
    NaiveDate::from_ymd_opt(2026, 1, day).unwrap()
}

fn days_since_1970(date: NaiveDate) -> i32 {
    date.signed_duration_since(NaiveDate::default()).num_days() as i32
}

/// A lake with the project's contract for `transactions`, and deliveries as the transformer leaves them in silver.
#[derive(Debug)]
pub struct TransactionLake {
    /// The server.
    pub lake: LoopbackLake,
    /// Clients for it.
    pub aws: Aws,
    /// Its objects.
    pub storage: Storage,
    /// The contract that files are written by.
    pub contract: Arc<Contract>,
    deliveries: AtomicI64,
}

/// Key of an object of the day.
fn bronze_key(name: &str, day: u32) -> String {
    let key = BronzeKey {
        dataset: "transactions".into(),
        ingest_date: date(day),
        name: name.into(),
    };
    key.key()
}

impl TransactionLake {
    /// An empty lake in a temporary folder.
    pub async fn start() -> Self {
        let lake = LoopbackLake::start().await;
        let contracts = Contracts::load(&cardlake_assets::embedded()).unwrap();
        Self {
            aws: lake.aws(),
            storage: lake.storage(),
            contract: Arc::clone(contracts.get("transactions").unwrap()),
            deliveries: AtomicI64::new(0),
            lake,
        }
    }

    /// The Delta table.
    pub async fn table(&self) -> DeltaTable {
        let store = DeltaStore::new(&self.aws, SILVER).unwrap();
        DeltaTable::open(&store, "transactions").await.unwrap()
    }

    /// Sets the modification time of everything written to silver since the last call, the Delta log included.
    pub fn age(&self, time: DateTime<Utc>) {
        let silver = self.lake.folder().join(SILVER);
        for path in files_below(&silver) {
            if SystemTime::from(time + chrono::Duration::days(100))
                < std::fs::metadata(&path).unwrap().modified().unwrap()
            {
                set_modified(&path, time);
            }
        }
    }

    /// Sets the modification time of one object of silver.
    pub fn set_age(&self, key: &str, time: DateTime<Utc>) {
        set_modified(&self.lake.folder().join(SILVER).join(key), time);
    }

    /// Puts a bronze object.
    pub async fn put_bronze(&self, name: &str, day: u32, text: &str) -> SourceObject {
        let key = bronze_key(name, day);
        self.storage.put(BRONZE, &key, text.as_bytes().to_vec()).await.unwrap();
        let meta = self.storage.head(BRONZE, &key).await.unwrap().unwrap();
        SourceObject {
            etag: meta.etag,
            size: meta.size,
            last_modified: DateTime::from_timestamp(1_768_000_000 + self.deliveries.fetch_add(1, Ordering::Relaxed), 0)
                .unwrap(),
            key,
        }
    }

    /// Puts a bronze object with these rows, and the transformer's output for it.
    pub async fn deliver(&self, name: &str, day: u32, rows: &[Row]) -> ObjectRecord {
        self.deliver_with(name, day, rows, 0).await
    }

    /// As [`Self::deliver`], with this many more rows in quarantine.
    pub async fn deliver_with(&self, name: &str, day: u32, rows: &[Row], quarantined: u64) -> ObjectRecord {
        let source = self.put_bronze(name, day, &format!("{rows:?} {quarantined}")).await;
        self.transform(source, day, rows, quarantined, "narrow").await
    }

    /// Removes an object from bronze. Its object record stays, as it does in a lake.
    pub async fn remove(&self, name: &str, day: u32) {
        let key = bronze_key(name, day);
        self.storage.delete(BRONZE, &key).await.unwrap();
    }

    /// Repeats the transformer's output for an object whose record is gone.
    pub async fn deliver_again(&self, before: &ObjectRecord, rows: &[Row]) -> ObjectRecord {
        let day = chrono::Datelike::day(&before.ingest_date);
        self.transform(before.source.clone(), day, rows, 0, &before.rules).await
    }

    /// The transformer's output for an object under other rules.
    pub async fn deliver_as(&self, before: &ObjectRecord, rows: &[Row]) -> ObjectRecord {
        let day = chrono::Datelike::day(&before.ingest_date);
        self.transform(before.source.clone(), day, rows, 0, "wide").await
    }

    async fn transform(
        &self,
        source: SourceObject,
        day: u32,
        rows: &[Row],
        quarantined: u64,
        rules: &str,
    ) -> ObjectRecord {
        let mut kept: BTreeMap<String, (usize, &Row)> = BTreeMap::new();
        for (index, row) in rows.iter().enumerate() {
            // The later row of the object wins.
            kept.insert(row.transaction_id(), (index, row));
        }
        let mut partitions: BTreeMap<(u32, usize), Vec<(usize, &Row)>> = BTreeMap::new();
        for (index, row) in kept.values() {
            partitions
                .entry((row.day, row.category))
                .or_default()
                .push((*index, row));
        }
        let mut files = Vec::new();
        for ((event_day, category), rows) in &partitions {
            files.push(
                self.write_file(&source, rules, (day, *event_day), *category, rows)
                    .await,
            );
        }
        let record = ObjectRecord {
            format_version: FORMAT_VERSION,
            dataset: "transactions".into(),
            ingest_date: date(day),
            counts: RowCounts {
                bronze_rows: rows.len() as u64 + quarantined,
                silver_rows: kept.len() as u64,
                duplicates: (rows.len() - kept.len()) as u64,
                quarantined,
                late_rows: kept.values().filter(|(_, row)| row.day < day).count() as u64,
            },
            rules: rules.into(),
            files,
            text: None,
            drift: BTreeMap::new(),
            quarantine: None,
            late_window_days: None,
            rejection: None,
            source,
        };
        self.put_record(&record).await;
        record
    }

    /// Writes an object record.
    pub async fn put_record(&self, record: &ObjectRecord) {
        let key = BronzeKey::parse(&record.source.key).unwrap().object_record();
        self.storage.put_json(SILVER, &key, record).await.unwrap();
    }

    async fn write_file(
        &self,
        source: &SourceObject,
        rules: &str,
        (day, event_day): (u32, u32),
        category: usize,
        rows: &[(usize, &Row)],
    ) -> DataFile {
        let (mcc, name) = CATEGORIES[category];
        let path = format!(
            "txn_date={}/merchant_category={name}/part-{}-{}-{rules}.parquet",
            date(event_day),
            &source.key.replace(['/', '.', '='], "-"),
            source.last_modified.timestamp()
        );
        let batch = self.batch(source, day, mcc, rows);
        let properties = writer_properties(&self.contract);
        let mut content = Vec::new();
        let mut writer = ArrowWriter::try_new(&mut content, batch.schema(), Some(properties)).unwrap();
        writer.write(&batch).unwrap();
        let metadata = writer.close().unwrap();
        let file = DataFile {
            path,
            size: content.len() as u64,
            rows: rows.len() as u64,
            partition_values: BTreeMap::from([
                ("txn_date".into(), Some(date(event_day).to_string())),
                ("merchant_category".into(), Some(name.into())),
            ]),
            modification_time: source.last_modified.timestamp_millis(),
            columns: column_statistics(&self.contract, &metadata).unwrap(),
            bundle: None,
        };
        let key = format!("transactions/{}", file.path);
        self.storage.put(SILVER, &key, content).await.unwrap();
        file
    }

    fn batch(&self, source: &SourceObject, day: u32, mcc: &str, rows: &[(usize, &Row)]) -> RecordBatch {
        let count = rows.len();
        let text = |value: &str| Arc::new(StringArray::from(vec![value; count])) as ArrayRef;
        let schema = self.contract.file_schema();
        let columns = schema.fields().iter().map(|field| -> ArrayRef {
            match field.name().as_str() {
                "transaction_id" => Arc::new(
                    rows.iter()
                        .map(|(_, row)| Some(row.transaction_id()))
                        .collect::<StringArray>(),
                ),
                "customer_id" => text("CUS0001"),
                "card_id" => text("0d79c8fc-b79a-4b00-974a-17103325ad28"),
                "merchant_id" => text("MER0001"),
                "txn_ts" => {
                    let times = rows.iter().map(|(_, row)| row.event_time());
                    Arc::new(TimestampMicrosecondArray::from_iter_values(times).with_timezone("UTC"))
                }
                "amount" => {
                    let amounts = Decimal128Array::from_iter_values(rows.iter().map(|(_, row)| row.amount.into()));
                    Arc::new(amounts.with_precision_and_scale(18, 2).unwrap())
                }
                "currency" => text("KRW"),
                "mcc" => text(mcc),
                "status" => text("approved"),
                "is_refund" => Arc::new(BooleanArray::from(vec![false; count])),
                "channel" => text("pos"),
                "days_late" => Arc::new(Int32Array::from_iter_values(
                    rows.iter().map(|(_, row)| day as i32 - row.day as i32),
                )),
                "ingest_date" => Arc::new(Date32Array::from(vec![days_since_1970(date(day)); count])),
                "ingest_ts" => {
                    let time = source.last_modified.timestamp_micros();
                    Arc::new(TimestampMicrosecondArray::from(vec![time; count]).with_timezone("UTC"))
                }
                "source_object" => text(&source.key),
                "source_row" => Arc::new(Int64Array::from_iter_values(
                    rows.iter().map(|(index, _)| *index as i64 + 1),
                )),
                "row_hash" => Arc::new(Int64Array::from_iter_values(rows.iter().map(|(_, row)| row.hash()))),
                _ => new_null_array(field.data_type(), count),
            }
        });
        RecordBatch::try_new(schema.clone(), columns.collect()).unwrap()
    }

    /// The rows of the table, read from its active files: amount, event day and category by transaction_id.
    ///
    /// Panics on a duplicate key, or on a row outside the partition of its day and category.
    pub async fn contents(&self) -> BTreeMap<String, (i64, u32, String)> {
        let mut found = BTreeMap::new();
        for file in self.table().await.active_files().await.unwrap() {
            let path = self.lake.folder().join(SILVER).join("transactions").join(&file.path);
            let content = bytes::Bytes::from(std::fs::read(&path).unwrap());
            assert_eq!(content.len() as u64, file.size, "{}", file.path);
            let mut rows = 0;
            // As Parquet types: other writers keep Arrow types of theirs in their files.
            let options = ArrowReaderOptions::new().with_skip_arrow_metadata(true);
            for batch in ParquetRecordBatchReaderBuilder::try_new_with_options(content, options)
                .unwrap()
                .build()
                .unwrap()
            {
                let batch = batch.unwrap();
                rows += batch.num_rows() as u64;
                read_rows(&batch, &file.partition_values, &mut found);
            }
            assert_eq!(rows, file.rows, "{}", file.path);
        }
        found
    }

    /// Names of the Delta log's files, sorted.
    #[must_use]
    pub fn log_files(&self) -> Vec<String> {
        let folder = self.lake.folder().join(SILVER).join("transactions/_delta_log");
        let mut names: Vec<_> = std::fs::read_dir(folder)
            .map(|entries| {
                entries
                    .map(|entry| entry.unwrap().file_name().into_string().unwrap())
                    .collect()
            })
            .unwrap_or_default();
        names.sort();
        names
    }
}

fn set_modified(path: &Path, time: DateTime<Utc>) {
    let file = std::fs::File::options().append(true).open(path).unwrap();
    file.set_modified(time.into()).unwrap();
}

fn files_below(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let (folders, mut files): (Vec<_>, Vec<_>) = entries.partition(|path| path.is_dir());
    files.extend(folders.iter().flat_map(|folder| files_below(folder)));
    files
}

fn read_rows(
    batch: &RecordBatch,
    partition: &BTreeMap<String, Option<String>>,
    found: &mut BTreeMap<String, (i64, u32, String)>,
) {
    use arrow::array::AsArray;
    use arrow::datatypes::{Decimal128Type, TimestampMicrosecondType};
    let column = |name: &str| batch.column_by_name(name).unwrap();
    let ids = column("transaction_id").as_string::<i32>();
    let times = column("txn_ts").as_primitive::<TimestampMicrosecondType>();
    let amounts = column("amount").as_primitive::<Decimal128Type>();
    let codes = column("mcc").as_string::<i32>();
    for row in 0..batch.num_rows() {
        let day = DateTime::from_timestamp_micros(times.value(row)).unwrap().date_naive();
        let category = CATEGORIES.iter().find(|(mcc, _)| *mcc == codes.value(row)).unwrap().1;
        assert_eq!(partition["txn_date"], Some(day.to_string()));
        assert_eq!(partition["merchant_category"].as_deref(), Some(category));
        let value = (
            amounts.value(row) as i64,
            chrono::Datelike::day(&day),
            category.to_owned(),
        );
        let before = found.insert(ids.value(row).to_owned(), value);
        assert_eq!(before, None, "{} comes twice", ids.value(row));
    }
}

/// The [`TransactionLake::contents`] of a table with these rows.
#[must_use]
pub fn expected<'a>(rows: impl IntoIterator<Item = &'a Row>) -> BTreeMap<String, (i64, u32, String)> {
    rows.into_iter()
        .map(|row| {
            let category = CATEGORIES[row.category].1.to_owned();
            (row.transaction_id(), (row.amount, row.day, category))
        })
        .collect()
}
