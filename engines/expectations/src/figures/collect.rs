//! Takes figures from batches.

use super::sketch::Sketch;
use super::{ColumnFigures, Figures, LISTED_VALUES};
use crate::expectations::check::CheckError;
use crate::value::{Column, array, decimal_to_f64};
use arrow::array::{Array, ArrayRef, AsArray, DictionaryArray, RecordBatch};
use arrow::datatypes::Int32Type;
use std::collections::{BTreeMap, HashMap};

const SECONDS_PER_DAY: i64 = 86_400;

/// How often texts have to be there on average to be listed: not names and keys of a table that just has few rows.
const TIMES_LISTED: u64 = 5;

/// Rows whose values are told apart and counted: doing so with all would take a third of the time of an evaluation.
const SAMPLED_ROWS: u64 = 131_072;
/// Rows that are taken, or not, together.
const BLOCK_ROWS: u64 = 8192;

/// Takes figures of some columns from normalised batches.
pub(crate) struct Collector {
    rows: u64,
    /// Values of one in so many blocks are told apart.
    stride: u64,
    columns: Vec<ColumnCollector>,
}

#[derive(Default)]
struct ColumnCollector {
    name: String,
    nulls: u64,
    present: u64,
    sketch: Sketch,
    sum: Sum,
    latest: Option<i64>,
    /// Texts and their counts; none once there are too many.
    values: Option<HashMap<String, u64>>,
    is_text: bool,
}

#[derive(Default)]
enum Sum {
    #[default]
    None,
    Exact {
        unscaled: i128,
        scale: i8,
    },
    Float(f64),
}

impl Collector {
    /// `rows`: those to come.
    pub(crate) fn new(columns: &[String], rows: u64) -> Self {
        let columns = columns.iter().map(|name| ColumnCollector {
            name: name.clone(),
            values: Some(HashMap::new()),
            ..ColumnCollector::default()
        });
        Self {
            rows: 0,
            stride: rows.div_ceil(SAMPLED_ROWS).max(1),
            columns: columns.collect(),
        }
    }

    /// Takes in a batch.
    ///
    /// # Errors
    /// The batch lacks a column.
    pub(crate) fn update(&mut self, batch: &RecordBatch) -> Result<(), CheckError> {
        let is_sampled = (self.rows / BLOCK_ROWS).is_multiple_of(self.stride);
        self.rows += batch.num_rows() as u64;
        for column in &mut self.columns {
            column.update(array(batch, &column.name)?, is_sampled);
        }
        Ok(())
    }

    pub(crate) fn finish(self) -> Figures {
        let columns = self
            .columns
            .into_iter()
            .map(|column| (column.name.clone(), column.finish()));
        Figures {
            delivered: self.rows,
            among_delivered: BTreeMap::new(),
            rows: self.rows,
            columns: columns.collect(),
        }
    }
}

impl ColumnCollector {
    fn update(&mut self, array: &ArrayRef, is_sampled: bool) {
        if let Some(dictionary) = array.as_dictionary_opt::<Int32Type>() {
            return self.update_dictionary(dictionary, is_sampled);
        }
        let nulls = array.logical_null_count() as u64;
        self.nulls += nulls;
        self.present += array.len() as u64 - nulls;
        let Some(column) = Column::of(array) else { return };
        let rows = || (0..array.len()).filter(|row| array.is_valid(*row));
        match column {
            // Bytes, lists and the like: only whether they are there.
            Column::Other(_) => return,
            Column::Text(texts) => {
                self.is_text = true;
                if is_sampled {
                    rows().for_each(|row| self.count(texts.value(row), 1));
                }
            }
            Column::Float(numbers) => {
                let sum: f64 = rows().map(|row| numbers.value(row)).sum();
                let before = if let Sum::Float(before) = self.sum { before } else { 0.0 };
                self.sum = Sum::Float(before + sum);
            }
            Column::Integer(_) | Column::Decimal(_) | Column::Boolean(_) => {
                let sum = exact_sum(&column);
                let before = if let Sum::Exact { unscaled, .. } = self.sum {
                    unscaled
                } else {
                    0
                };
                self.sum = Sum::Exact {
                    unscaled: before.saturating_add(sum),
                    scale: i8::try_from(column.scale()).unwrap_or_default(),
                };
            }
            Column::Date(_) | Column::Timestamp(_) | Column::Nanoseconds(_) => {
                let latest = rows().filter_map(|row| column.exact(row)).max();
                let seconds = latest
                    .and_then(|latest| i64::try_from(latest).ok())
                    .map(|latest| match column {
                        Column::Date(_) => latest.saturating_mul(SECONDS_PER_DAY),
                        Column::Nanoseconds(_) => latest.div_euclid(1_000_000_000),
                        _ => latest.div_euclid(1_000_000),
                    });
                self.latest = self.latest.max(seconds);
            }
        }
        if is_sampled {
            rows().for_each(|row| self.sketch.add(column.hash(row, 0)));
        }
    }

    /// Each different value is looked at once for each batch, of those that are sampled.
    fn update_dictionary(&mut self, dictionary: &DictionaryArray<Int32Type>, is_sampled: bool) {
        self.is_text = true;
        let values = dictionary.values();
        if !is_sampled {
            let nulls = dictionary.logical_null_count() as u64;
            self.nulls += nulls;
            self.present += dictionary.len() as u64 - nulls;
            return;
        }
        let mut counts = vec![0_u64; values.len()];
        let keys = dictionary.keys();
        for row in 0..keys.len() {
            if keys.is_valid(row)
                && let Some(count) = usize::try_from(keys.value(row))
                    .ok()
                    .and_then(|key| counts.get_mut(key))
            {
                *count += 1;
            }
        }
        let Some(texts) = values.as_string_opt::<i32>() else {
            return;
        };
        let column = Column::Text(texts);
        let mut present = 0;
        for (key, count) in counts.into_iter().enumerate() {
            if count == 0 || texts.is_null(key) {
                continue;
            }
            present += count;
            self.sketch.add(column.hash(key, 0));
            self.count(texts.value(key), count);
        }
        self.present += present;
        self.nulls += dictionary.len() as u64 - present;
    }

    fn count(&mut self, text: &str, times: u64) {
        let Some(values) = &mut self.values else { return };
        let is_full = values.len() >= LISTED_VALUES;
        match values.get_mut(text) {
            Some(count) => *count += times,
            None if is_full => self.values = None,
            None => {
                values.insert(text.to_owned(), times);
            }
        }
    }

    fn finish(self) -> ColumnFigures {
        let present = self.present as f64;
        let mean = match self.sum {
            Sum::Exact { unscaled, scale } => Some(decimal_to_f64(unscaled, scale) / present),
            Sum::Float(sum) => Some(sum / present),
            Sum::None => None,
        };
        let values = self.values.filter(|values| self.is_text && !values.is_empty());
        let distinct = match &values {
            Some(values) => values.len() as u64,
            None => self.sketch.estimate(),
        };
        ColumnFigures {
            nulls: self.nulls,
            distinct,
            // Not of no numbers, nor of infinite ones: JSON has none.
            mean: mean.filter(|mean| mean.is_finite()),
            latest: self.latest,
            values: values
                .filter(|values| values.values().sum::<u64>() >= TIMES_LISTED * distinct)
                .map(|values| values.into_iter().collect()),
        }
    }
}

/// The sum of the numbers of a batch, unscaled.
fn exact_sum(column: &Column<'_>) -> i128 {
    match column {
        // What lies in the slot of a null is no number.
        Column::Integer(numbers) if numbers.null_count() == 0 => {
            numbers.values().iter().map(|number| i128::from(*number)).sum()
        }
        Column::Decimal(numbers) if numbers.null_count() == 0 => {
            numbers.values().iter().copied().fold(0, i128::saturating_add)
        }
        Column::Boolean(flags) => flags.true_count() as i128,
        column => {
            let rows = (0..column.array().len()).filter(|row| !column.is_null(*row));
            rows.filter_map(|row| column.exact(row)).fold(0, i128::saturating_add)
        }
    }
}
