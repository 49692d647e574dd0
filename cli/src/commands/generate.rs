//! `cardlake generate`: synthetic bronze files, in a directory or in S3, and the row counts that the pipeline must report for them.

use crate::arguments::{Rates, parse_date};
use crate::console::Console;
use crate::error::{CliError, printed};
use crate::progress::RowProgress;
use crate::table::{count, new_table};
use cardlake_aws::clients::Aws;
use cardlake_aws::storage::Storage;
use cardlake_core::config::Variables;
use cardlake_core::events::{Compression, FileFormat, GeneratorEvent, GeneratorOutput, GeneratorPart};
use cardlake_core::paths::bronze_prefix;
use cardlake_generator::{
    DayOptions, Destination, FolderSink, Sink, all_parts, upload_day, write_burst_labels, write_day,
};
use chrono::NaiveDate;
use clap::{Args, ValueEnum};
use comfy_table::Cell;
use futures::future::{BoxFuture, try_join_all};
use serde::Serialize;
use std::collections::BTreeSet;
use std::fs::File;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// Options of `cardlake generate`.
#[derive(Debug, Clone, Args)]
#[command(after_help = "\
Examples:
  # Three days into ./landing, and through the pipeline
  cardlake generate --date 2026-01-13 --days 3
  cardlake run --input landing

  # The day after, of the same history
  cardlake generate --date 2026-01-16 --first-date 2026-01-13

  # Five million rows in compressed CSV
  cardlake generate --date 2026-01-15 --rows 5000000 \\
    --format csv --compression zst

  # Into S3, with a column that the contract does not know
  cardlake generate --date 2026-01-15 --drift-from 2026-01-15 \\
    --out s3://my-bucket --json

The same options give the same bytes. Files stand under DATASET/ingest_date=YYYY-MM-DD/, as \
`cardlake run --input` and the bronze bucket want them. Credentials, region and endpoint of S3 come from the environment, as for the AWS CLI.")]
pub(crate) struct GenerateArgs {
    /// The first day to make.
    #[arg(long, value_name = "YYYY-MM-DD", value_parser = parse_date)]
    date: NaiveDate,
    /// Number of days.
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..))]
    days: u16,
    /// First day of the history, with customers, cards and merchants in full; later days have what is new or changed.
    /// Default: --date.
    #[arg(long, value_name = "YYYY-MM-DD", value_parser = parse_date)]
    first_date: Option<NaiveDate>,
    /// Transactions of each day: late, repeated and broken ones included.
    #[arg(long, value_name = "N", default_value_t = 100_000)]
    rows: u64,
    /// Same seed, same day: same rows.
    #[arg(long, value_name = "N", default_value_t = 42)]
    seed: u64,
    /// Format of the files.
    #[arg(long, value_enum, default_value_t = Format::Jsonl)]
    format: Format,
    /// Compression of the files.
    #[arg(long, value_enum, default_value_t = Compressed::None)]
    compression: Compressed,
    /// Transactions in one file.
    #[arg(long, value_name = "N", default_value_t = cardlake_generator::DEFAULT_ROWS_PER_OBJECT)]
    rows_per_object: u64,
    #[command(flatten)]
    rates: Rates,
    /// Share of the transactions that belong to fraud-like bursts on one card. Default: 0.00025.
    #[arg(long, value_name = "F")]
    burst_rate: Option<f64>,
    /// Also write the transactions of the bursts to a CSV file, with their cards: what a fraud model should find. It is no
    /// part of the delivery.
    #[arg(long, value_name = "FILE")]
    labels: Option<PathBuf>,
    /// Day from which transactions have a field that the contract does not know.
    #[arg(long, value_name = "YYYY-MM-DD", value_parser = parse_date)]
    drift_from: Option<NaiveDate>,
    /// A folder, or a place in S3.
    #[arg(long, value_name = "DIR|s3://BUCKET[/PREFIX]", default_value = "landing")]
    out: String,
    /// Print the expected outcome as one JSON document instead of a table.
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Format {
    /// JSON lines.
    Jsonl,
    /// Comma-separated values with a header row.
    Csv,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Compressed {
    /// As it is.
    None,
    /// gzip.
    Gz,
    /// Zstandard.
    Zst,
}

impl GenerateArgs {
    fn event(&self, day: NaiveDate, part: GeneratorPart) -> GeneratorEvent {
        GeneratorEvent {
            batch_date: day,
            rows: self.rows,
            seed: self.seed,
            late_rate: self.rates.late_rate,
            duplicate_rate: self.rates.dup_rate,
            corrupt_rate: self.rates.corrupt_rate,
            format: match self.format {
                Format::Jsonl => FileFormat::Jsonl,
                Format::Csv => FileFormat::Csv,
            },
            compression: match self.compression {
                Compressed::None => Compression::None,
                Compressed::Gz => Compression::Gz,
                Compressed::Zst => Compression::Zst,
            },
            rows_per_object: Some(self.rows_per_object),
            drift_from: self.drift_from,
            first_date: Some(self.first_date.unwrap_or(self.date)),
            burst_rate: self.burst_rate,
            parts: None,
            part: Some(part),
        }
    }

    /// The options of all parts of a day: one for each thread that there can be, as far as there are files.
    fn parts(&self, day: NaiveDate) -> Result<Vec<DayOptions>, CliError> {
        let threads = std::thread::available_parallelism().map_or(1, usize::from) as u64;
        let files = self.rows.div_ceil(self.rows_per_object.max(1));
        let of = threads.min(files).max(1) as u32;
        let parts = (0..of).map(|index| DayOptions::new(&self.event(day, GeneratorPart { index, of })));
        parts
            .collect::<Result<_, _>>()
            .map_err(|error| CliError::usage(error.to_string()).hint("see `cardlake generate --help`"))
    }
}

/// What was made, and what the pipeline has to make of it.
#[derive(Debug, Serialize)]
struct Outcome {
    /// Where it is.
    out: String,
    days: Vec<GeneratorOutput>,
}

/// Makes the days and prints what to expect of them.
///
/// # Errors
/// Wrong usage, or a file cannot be written.
pub(crate) async fn generate(args: GenerateArgs, console: Console) -> Result<ExitCode, CliError> {
    if let Some(first) = args.first_date.filter(|first| *first > args.date) {
        return Err(
            CliError::usage(format!("--first-date {first} lies after --date {}", args.date))
                .hint("the history begins on the first day or before it"),
        );
    }
    let days: Vec<NaiveDate> = args.date.iter_days().take(usize::from(args.days)).collect();
    let parts: Vec<Vec<DayOptions>> = days.iter().map(|day| args.parts(*day)).collect::<Result<_, _>>()?;
    let target = Target::parse(&args.out).await?;
    if let Some(path) = &args.labels {
        let first_parts = parts.iter().filter_map(|parts| parts.first());
        write_labels(path, first_parts)
            .map_err(|error| CliError::caused(&format!("write {}", path.display()), &error).writing(path))?;
    }
    let visible = console.shows_progress(args.json);
    let progress = RowProgress::new(visible, args.rows.saturating_mul(u64::from(args.days)));
    let mut outcome = Outcome {
        out: args.out.clone(),
        days: Vec::new(),
    };
    for (day, parts) in days.iter().zip(parts) {
        progress.day(*day);
        let running = parts.into_iter().map(|part| target.write(part, progress.clone()));
        let made = all_parts(try_join_all(running).await?);
        outcome.days.extend(made);
    }
    progress.finish();
    let others = target.others(&outcome.days).await?;
    if !console.quiet {
        let mut out = io::stdout().lock();
        printed(if args.json {
            serde_json::to_writer_pretty(&mut out, &outcome)
                .map_err(io::Error::from)
                .and_then(|()| writeln!(out))
        } else {
            write!(out, "{}", outcome.summary())
        })?;
    }
    if let Some(first) = others.first() {
        // Nothing is left to tell when standard error is closed.
        let _ = writeln!(
            io::stderr(),
            "warning: {} other files of these days were there before and count as delivered too: {first}{} (hint: remove \
             them, or give an empty place with --out)",
            others.len(),
            if others.len() > 1 { ", …" } else { "" }
        );
    }
    Ok(ExitCode::SUCCESS)
}

/// Writes the labels of some days, with a header.
fn write_labels<'o>(path: &Path, days: impl Iterator<Item = &'o DayOptions>) -> io::Result<()> {
    let mut out = io::BufWriter::new(File::create(path)?);
    out.write_all(b"transaction_id,card_id\n")?;
    for day in days {
        write_burst_labels(day, &mut out)?;
    }
    out.flush()
}

/// Where files go.
enum Target {
    Folder(PathBuf),
    S3(Destination),
}

impl Target {
    async fn parse(out: &str) -> Result<Self, CliError> {
        let wrong = |problem: &str| {
            CliError::usage(format!("--out {out}: {problem}"))
                .hint("give a folder, or a place in S3 such as s3://my-bucket/some/prefix")
        };
        let Some(place) = out.strip_prefix("s3://") else {
            return match out.split_once("://") {
                Some((scheme, _)) => Err(wrong(&format!("{scheme} is not supported"))),
                None if out.is_empty() => Err(wrong("it is empty")),
                None => Ok(Self::Folder(out.into())),
            };
        };
        let (bucket, prefix) = place.split_once('/').unwrap_or((place, ""));
        if bucket.is_empty() {
            return Err(wrong("the bucket is missing"));
        }
        let prefix = prefix.trim_end_matches('/');
        let aws = Aws::from_environment(&Variables::from_process()).await;
        Ok(Self::S3(Destination {
            storage: Storage::new(aws.s3()),
            bucket: bucket.to_owned(),
            prefix: if prefix.is_empty() {
                String::new()
            } else {
                format!("{prefix}/")
            },
        }))
    }

    /// Makes one part of a day.
    async fn write(&self, options: DayOptions, progress: RowProgress) -> Result<GeneratorOutput, CliError> {
        match self {
            Self::Folder(folder) => {
                let mut sink = Watched {
                    sink: FolderSink::new(folder.clone()),
                    progress,
                };
                let writing = tokio::task::spawn_blocking(move || write_day(&options, &mut sink));
                let written = writing.await.map_err(|error| CliError::caused("make a day", &error))?;
                written.map_err(|error| {
                    CliError::caused(&format!("write into {}", folder.display()), &error).writing(folder)
                })
            }
            Self::S3(destination) => {
                // Behind a pointer: the futures of the SDK nest deeper than the compiler follows.
                let uploading: BoxFuture<'_, _> =
                    Box::pin(upload_day(options, destination, move |rows| progress.made(rows)));
                uploading.await.map_err(|error| {
                    CliError::failed(error.to_string())
                        .hint("credentials, region and endpoint come from the environment, as for the AWS CLI")
                })
            }
        }
    }

    /// Files of these days that were not made now: left by a call with other options, they would be taken for input.
    async fn others(&self, days: &[GeneratorOutput]) -> Result<Vec<String>, CliError> {
        let mut others = Vec::new();
        for day in days {
            let made: BTreeSet<&str> = day.objects.iter().map(String::as_str).collect();
            for dataset in day.rows.keys() {
                let there = self.list(&bronze_prefix(dataset, day.batch_date)).await?;
                others.extend(there.into_iter().filter(|key| !made.contains(key.as_str())));
            }
        }
        Ok(others)
    }

    /// Keys below a prefix, sorted.
    async fn list(&self, below: &str) -> Result<Vec<String>, CliError> {
        match self {
            Self::Folder(folder) => list_folder(&folder.join(below), below)
                .map_err(|error| CliError::caused(&format!("look into {}", folder.join(below).display()), &error)),
            Self::S3(Destination {
                storage,
                bucket,
                prefix,
            }) => {
                let listed = storage.list(bucket, &format!("{prefix}{below}")).await;
                let listed = listed.map_err(|error| CliError::failed(error.to_string()))?;
                let keys = listed.into_iter().map(|object| object.key);
                Ok(keys
                    .filter_map(|key| key.strip_prefix(prefix.as_str()).map(str::to_owned))
                    .collect())
            }
        }
    }
}

fn list_folder(folder: &Path, prefix: &str) -> io::Result<Vec<String>> {
    let entries = match std::fs::read_dir(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries?,
    };
    let mut keys = Vec::new();
    for entry in entries {
        keys.push(format!("{prefix}{}", entry?.file_name().to_string_lossy()));
    }
    keys.sort_unstable();
    Ok(keys)
}

/// A sink that shows progress.
struct Watched {
    sink: FolderSink,
    progress: RowProgress,
}

impl Sink for Watched {
    fn begin(&mut self, key: &str) -> io::Result<()> {
        self.sink.begin(key)
    }

    fn write(&mut self, bytes: Vec<u8>) -> io::Result<()> {
        self.sink.write(bytes)
    }

    fn finish(&mut self) -> io::Result<()> {
        self.sink.finish()
    }

    fn transactions_made(&mut self, rows: u64) {
        self.progress.made(rows);
    }
}

impl Outcome {
    /// For people.
    fn summary(&self) -> String {
        let mut table = new_table(&[
            "day",
            "transactions",
            "new",
            "duplicates",
            "corrections",
            "broken",
            "late",
            "with new field",
            "customers",
            "cards",
            "merchants",
            "files",
        ]);
        for day in &self.days {
            let rows = |dataset: &str| day.rows.get(dataset).copied().unwrap_or_default();
            let numbers = [
                rows("transactions"),
                day.distinct_ids,
                day.duplicate_rows,
                day.corrected_rows.values().sum(),
                day.corrupt_rows,
                day.late_rows,
                day.drift_rows.values().sum(),
                rows("customers"),
                rows("cards"),
                rows("merchants"),
                day.objects.len() as u64,
            ];
            let mut row = vec![Cell::new(day.batch_date)];
            row.extend(numbers.map(count));
            table.add_row(row);
        }
        let next = if self.out.starts_with("s3://") {
            String::new()
        } else {
            format!(" (run it: cardlake run --input {})", self.out)
        };
        format!(
            "{table}\n\
             new: first rows of their transaction_id; corrections: change a row of an earlier day; late: happened before the \
             day.\n\
             Data: {}{next}\n",
            self.out
        )
    }
}
