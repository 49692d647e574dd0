//! Makes one day of bronze and prints what it took, as JSON:
//! `generate_day FORMAT COMPRESSION ROWS [FOLDER]`.
//!
//! The same code as in the function, without S3, on one thread: for the benchmark and for profiles. Without a folder
//! the bytes are thrown away.
#![expect(clippy::print_stdout, reason = "the figures are the output")]

use cardlake_generator::{DayOptions, FolderSink, Sink, write_day};
use cardlake_test_support::usage;
use serde_json::json;
use std::error::Error;
use std::io;
use std::time::Instant;

/// Counts bytes and passes them on, if there is somebody to take them.
struct Counted {
    folder: Option<FolderSink>,
    bytes: usize,
}

impl Sink for Counted {
    fn begin(&mut self, key: &str) -> io::Result<()> {
        self.folder.as_mut().map_or(Ok(()), |folder| folder.begin(key))
    }

    fn write(&mut self, bytes: Vec<u8>) -> io::Result<()> {
        self.bytes += bytes.len();
        self.folder.as_mut().map_or(Ok(()), |folder| folder.write(bytes))
    }

    fn finish(&mut self) -> io::Result<()> {
        self.folder.as_mut().map_or(Ok(()), Sink::finish)
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [format, compression, rows, folder @ ..] = arguments.as_slice() else {
        return Err("usage: generate_day jsonl|csv none|gz|zst ROWS [FOLDER]".into());
    };
    let event = serde_json::from_value(json!({
        "batch_date": "2026-01-15", "rows": rows.parse::<u64>()?, "format": format, "compression": compression,
        "late_rate": 0.05, "duplicate_rate": 0.02, "corrupt_rate": 0.005,
    }))?;
    let mut sink = Counted {
        folder: folder.first().map(|folder| FolderSink::new(folder.into())),
        bytes: 0,
    };
    let started = Instant::now();
    let output = write_day(&DayOptions::new(&event)?, &mut sink)?;
    let seconds = started.elapsed().as_secs_f64();
    println!(
        "{}",
        json!({
            "rows": output.rows["transactions"],
            "all_rows": output.rows,
            "bytes": sink.bytes,
            "seconds": seconds,
            "peak_kilobytes": usage::peak_kilobytes(),
        })
    );
    Ok(())
}
