//! Transforms one local file of transactions and prints what it took: `transform_file INPUT OUTPUT_FOLDER [REPEATS]`.
//!
//! The same pipeline as in the function, without S3: for profiles and for measuring a change.
#![expect(clippy::print_stdout, reason = "the figures are the output")]

use cardlake_core::bronze::format_of;
use cardlake_core::contract::Contracts;
use cardlake_test_support::usage::{peak_kilobytes, processor_seconds};
use cardlake_transformer::{
    EncodedFile, FileNames, ObjectFacts, Pipeline, PipelineLimits, TransformPlan, decompressed,
};
use chrono::NaiveDate;
use std::error::Error;
use std::fs::{self, File};
use std::io::BufReader;
use std::path::Path;
use std::time::Instant;

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let (Some(input), Some(output)) = (arguments.next(), arguments.next()) else {
        return Err("usage: transform_file INPUT OUTPUT_FOLDER [REPEATS]".into());
    };
    let repeats: u32 = arguments.next().map_or(Ok(1), |text| text.parse())?;
    let (format, compression) = format_of(&input).ok_or("the input is neither .csv nor .jsonl")?;
    let contracts = Contracts::load(&cardlake_assets::embedded())?;
    let name = Path::new(&input).file_name().unwrap_or_default().to_string_lossy();
    let date = name.get(13..23).and_then(|date| date.parse().ok());
    let facts = ObjectFacts {
        key: format!("transactions/{name}"),
        ingest_date: date.or(NaiveDate::from_ymd_opt(2026, 1, 15)).unwrap_or_default(),
        ingest_micros: 0,
    };
    let plan = TransformPlan::new(contracts.get("transactions")?, facts, None, None)?;
    let names = FileNames::new(&[&name]);
    let folder = Path::new(&output);
    fs::create_dir_all(folder)?;
    for _ in 0..repeats {
        let (started, before) = (Instant::now(), processor_seconds());
        let emit = |encoded: EncodedFile| {
            let path = folder.join(&encoded.file.path);
            path.parent().is_some_and(|parent| fs::create_dir_all(parent).is_ok())
                && fs::write(path, &encoded.bytes).is_ok()
        };
        let mut quarantine = File::create(folder.join("_quarantine.jsonl"))?;
        let reader = decompressed(BufReader::with_capacity(1 << 16, File::open(&input)?), compression)?;
        let pipeline = Pipeline {
            plan: &plan,
            names: &names,
            limits: &PipelineLimits::default(),
            emit: &emit,
        };
        let summary = pipeline.run(reader, format, &mut quarantine);
        let summary = summary.map_err(|failure| format!("{failure:?}"))?;
        let (wall, processor) = (started.elapsed().as_secs_f64(), processor_seconds() - before);
        let bytes: u64 = summary.files.iter().map(|file| file.size).sum();
        println!(
            "{:?}\n{} files, {bytes} bytes; {wall:.3} s wall, {processor:.2} s processor, {:.0} rows/s, {} kB peak",
            summary.counts,
            summary.files.len(),
            summary.counts.bronze_rows as f64 / wall,
            peak_kilobytes()
        );
    }
    Ok(())
}
