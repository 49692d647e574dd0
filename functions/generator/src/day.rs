//! Generates a day: from options to bytes.
//!
//! Streaming: one or two megabytes of rows are in memory at a time. No clock, no unordered map and no floating-point number
//! in the data: the same options yield the same rows on every machine, and the same compressed bytes with the same compressor
//! versions.

use crate::calendar::{date, day_number};
use crate::corrupt::{Corruption, push_corrupt};
use crate::dimensions::{CARD_COLUMNS, CUSTOMER_COLUMNS, Dimensions, MERCHANT_COLUMNS, Record};
use crate::options::DayOptions;
use crate::plan::Slot;
use crate::record::{DRIFT_FIELD, TransactionWriter, push_header, push_record};
use crate::sink::{ObjectWriter, Sink};
use crate::transaction::{Row, World};
use cardlake_core::events::{Compression, FileFormat, GeneratorOutput};
use cardlake_core::paths::bronze_prefix;
use std::collections::BTreeMap;
use std::io;
use std::ops::Range;

/// Writes the objects of a day and returns the counts the pipeline must report for them.
///
/// Datasets are written one after the other, each in key order: `transactions` (one object per
/// [`crate::DEFAULT_ROWS_PER_OBJECT`] rows, or as the options say), then, in part 0 only, `customers`, `cards` and `merchants`
/// as of the day: complete, or after the first day of a history only new and changed rows. Part i of n writes every n-th
/// object of `transactions`; its output counts these only.
///
/// # Errors
/// Errors of the sink.
pub fn write_day<S: Sink>(options: &DayOptions, sink: &mut S) -> io::Result<GeneratorOutput> {
    let mut writer = DayWriter {
        options,
        world: World::new(options),
        output: GeneratorOutput {
            batch_date: options.batch_date,
            rows: BTreeMap::new(),
            objects: Vec::new(),
            corrupt_rows: 0,
            corrupt_by_reason: BTreeMap::new(),
            distinct_ids: 0,
            duplicate_rows: 0,
            redelivered_rows: BTreeMap::new(),
            corrected_rows: BTreeMap::new(),
            late_rows: 0,
            drift_rows: BTreeMap::new(),
        },
    };
    writer.transactions(sink)?;
    if options.part.index == 0 {
        writer.dimensions(sink)?;
    }
    writer.output.objects.sort_unstable();
    Ok(writer.output)
}

/// Merges the outputs of all parts into that of the whole day.
#[must_use]
pub fn all_parts(parts: impl IntoIterator<Item = GeneratorOutput>) -> Option<GeneratorOutput> {
    let mut whole = parts.into_iter().reduce(|mut whole, part| {
        add(&mut whole.rows, part.rows);
        whole.objects.extend(part.objects);
        whole.corrupt_rows += part.corrupt_rows;
        add(&mut whole.corrupt_by_reason, part.corrupt_by_reason);
        whole.distinct_ids += part.distinct_ids;
        whole.duplicate_rows += part.duplicate_rows;
        add(&mut whole.redelivered_rows, part.redelivered_rows);
        add(&mut whole.corrected_rows, part.corrected_rows);
        whole.late_rows += part.late_rows;
        add(&mut whole.drift_rows, part.drift_rows);
        whole
    })?;
    whole.objects.sort_unstable();
    Some(whole)
}

fn add<Name: Ord>(whole: &mut BTreeMap<Name, u64>, part: BTreeMap<Name, u64>) {
    for (name, rows) in part {
        *whole.entry(name).or_insert(0) += rows;
    }
}

struct DayWriter<'a> {
    options: &'a DayOptions,
    world: World,
    output: GeneratorOutput,
}

impl DayWriter<'_> {
    fn transactions<S: Sink>(&mut self, sink: &mut S) -> io::Result<()> {
        let options = self.options;
        let objects = options.rows.div_ceil(options.rows_per_object);
        let mut index = u64::from(options.part.index);
        let mut rows = 0;
        while index < objects {
            let first = index * options.rows_per_object;
            let range = first..(first + options.rows_per_object).min(options.rows);
            rows += range.end - range.start;
            let key = self.key("transactions", index);
            self.transaction_object(sink, &key, range)?;
            self.output.objects.push(key);
            index += u64::from(options.part.of);
        }
        self.output.rows.insert("transactions".to_owned(), rows);
        Ok(())
    }

    fn transaction_object<S: Sink>(&mut self, sink: &mut S, key: &str, rows: Range<u64>) -> io::Result<()> {
        let DayOptions {
            format, compression, ..
        } = *self.options;
        let day = day_number(self.options.batch_date);
        let mut drift = 0;
        let mut lines = TransactionWriter::new(format, day, self.options.drift_from.map(day_number));
        let mut object = ObjectWriter::begin(sink, key, compression)?;
        if format == FileFormat::Csv {
            push_header(&mut object.rows, lines.columns());
        }
        for position in rows {
            let slot = self.world.slot(position);
            match self.world.row(slot, position) {
                Row::Valid(row) => {
                    lines.push(&mut object.rows, &row);
                    drift += u64::from(lines.drift(&row).is_some());
                }
                Row::Corrupt(row, number) => {
                    let corruption = Corruption::of_row(number);
                    drift += push_corrupt(&mut object.rows, &lines, format, &row, corruption);
                    for reason in corruption.reasons(format) {
                        *self.output.corrupt_by_reason.entry((*reason).to_owned()).or_insert(0) += 1;
                    }
                }
            }
            self.count(slot, day);
            object.end_transaction()?;
        }
        if drift > 0 {
            *self.output.drift_rows.entry(DRIFT_FIELD.to_owned()).or_insert(0) += drift;
        }
        object.finish()
    }

    #[inline]
    fn count(&mut self, slot: Slot, day: i32) {
        let output = &mut self.output;
        match slot {
            Slot::Fresh(_) => output.distinct_ids += 1,
            Slot::Corrupt(_) => output.corrupt_rows += 1,
            Slot::Duplicate(_) => output.duplicate_rows += 1,
            Slot::Delayed(_) => {
                output.late_rows += 1;
                output.distinct_ids += 1;
            }
            Slot::Redelivered { days, corrected, .. } => {
                output.late_rows += 1;
                let first = date(day - i32::from(days));
                if self.options.first_date.is_some_and(|first_date| first < first_date) {
                    // Events before the first day of the history were never delivered.
                    output.distinct_ids += 1;
                } else if corrected {
                    *output.corrected_rows.entry(first).or_insert(0) += 1;
                } else {
                    output.duplicate_rows += 1;
                    *output.redelivered_rows.entry(first).or_insert(0) += 1;
                }
            }
        }
    }

    fn dimensions<S: Sink>(&mut self, sink: &mut S) -> io::Result<()> {
        let population = self.world.population;
        let options = self.options;
        let changes_only = options.first_date.is_some_and(|first| options.batch_date > first);
        let dimensions = Dimensions::new(options.seed, &population, day_number(options.batch_date), changes_only);
        self.dimension(sink, "customers", &CUSTOMER_COLUMNS, dimensions.customers())?;
        self.dimension(sink, "cards", &CARD_COLUMNS, dimensions.cards())?;
        self.dimension(sink, "merchants", &MERCHANT_COLUMNS, dimensions.merchants())
    }

    fn dimension<S: Sink>(
        &mut self,
        sink: &mut S,
        dataset: &str,
        columns: &[&str],
        records: impl Iterator<Item = Record>,
    ) -> io::Result<()> {
        let DayOptions {
            format, compression, ..
        } = *self.options;
        self.output.rows.insert(dataset.to_owned(), 0);
        let mut records = records.peekable();
        if records.peek().is_none() {
            return Ok(());
        }
        let key = self.key(dataset, 0);
        let mut object = ObjectWriter::begin(sink, &key, compression)?;
        if format == FileFormat::Csv {
            push_header(&mut object.rows, columns.iter().copied());
        }
        let mut rows = 0;
        for record in records {
            push_record(&mut object.rows, format, &record);
            object.end_row()?;
            rows += 1;
        }
        object.finish()?;
        self.output.objects.push(key);
        self.output.rows.insert(dataset.to_owned(), rows);
        Ok(())
    }

    /// Bronze key of an object.
    fn key(&self, dataset: &str, index: u64) -> String {
        let format = match self.options.format {
            FileFormat::Jsonl => "jsonl",
            FileFormat::Csv => "csv",
        };
        let compression = match self.options.compression {
            Compression::None => "",
            Compression::Gz => ".gz",
            Compression::Zst => ".zst",
        };
        let prefix = bronze_prefix(dataset, self.options.batch_date);
        format!("{prefix}{dataset}-{index:05}.{format}{compression}")
    }
}

#[cfg(test)]
mod tests;
