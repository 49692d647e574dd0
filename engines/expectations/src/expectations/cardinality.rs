//! How many distinct values there are.
//!
//! Values are counted by their wide hashes: in one table as long as they are few, then in partitions ([`Spill`]), so that time
//! is linear and memory bounded.

use super::check::{Check, CheckError, Rows};
use super::hashing::{HASH_MEMORY, Identity};
use super::ranges::Bounds;
use crate::arguments::Arguments;
use crate::detail::Detail;
use crate::result::Outcome;
use crate::spill::Spill;
use crate::table::{BuildError, Table};
use serde_json::Value;
use std::collections::HashSet;
use std::io;

/// Bytes of memory for each value of the table, while it grows.
const BYTES_EACH: usize = 64;

type Hashes = HashSet<u128, Identity>;

enum Values {
    Few(Hashes),
    Many(Spill<16>),
}

/// Counts distinct values by their wide hashes.
pub(super) struct Distinct {
    rows: u64,
    /// Bytes for hashes.
    memory: usize,
    values: Values,
}

impl Distinct {
    /// For a column of the table.
    pub(super) fn new(table: &Table) -> Self {
        Self {
            rows: table.rows,
            memory: HASH_MEMORY / table.hashing.max(1) as usize,
            values: Values::Few(Hashes::default()),
        }
    }

    /// Takes in a value; false if it is known to have been taken in before.
    pub(super) fn add(&mut self, hash: u128) -> io::Result<bool> {
        match &mut self.values {
            Values::Few(few) => {
                let new = few.insert(hash);
                if few.len() * BYTES_EACH > self.memory {
                    let mut many = Spill::new(self.rows, self.memory);
                    for hash in std::mem::take(few) {
                        many.push(hash as u64, &hash.to_le_bytes())?;
                    }
                    self.values = Values::Many(many);
                }
                Ok(new)
            }
            Values::Many(many) => {
                many.push(hash as u64, &hash.to_le_bytes())?;
                Ok(true)
            }
        }
    }

    /// The number of distinct values; none are left.
    pub(super) fn count(&mut self) -> io::Result<u64> {
        let count = match &self.values {
            Values::Few(few) => few.len() as u64,
            Values::Many(many) => {
                let counts = many.on_partitions(
                    || 0,
                    |count, place| {
                        let mut hashes = Hashes::default();
                        many.each(place, |record| {
                            hashes.insert(u128::from_le_bytes(*record));
                        })?;
                        *count += hashes.len() as u64;
                        Ok(())
                    },
                );
                counts?.into_iter().sum()
            }
        };
        self.values = Values::Few(Hashes::default());
        Ok(count)
    }
}

/// The number of distinct values of a column, or their share.
struct Cardinality {
    column: String,
    bounds: Bounds<f64>,
    proportion: bool,
    values: Distinct,
    present: u64,
    distinct: u64,
}

impl Check for Cardinality {
    fn columns(&self) -> Vec<String> {
        vec![self.column.clone()]
    }

    fn update(&mut self, rows: &Rows<'_>) -> Result<(), CheckError> {
        let column = rows.column(&self.column)?;
        for row in (0..rows.batch.num_rows()).filter(|row| !column.is_null(*row)) {
            self.present += 1;
            self.values.add(column.wide_hash(row, 0))?;
        }
        Ok(())
    }

    fn next_pass(&mut self) -> Result<bool, CheckError> {
        self.distinct = self.values.count()?;
        Ok(false)
    }

    fn finish(&mut self, _: &Detail) -> Outcome {
        if !self.proportion {
            return Outcome::observed(self.bounds.hold(self.distinct as f64), self.distinct);
        }
        let (observed, shown) = match self.present {
            0 => (0.0, Value::from(0)),
            present => {
                let share = self.distinct as f64 / present as f64;
                (share, Value::from(share))
            }
        };
        Outcome::observed(self.bounds.hold(observed), shown)
    }
}

fn cardinality(arguments: &Arguments<'_>, table: &Table, proportion: bool) -> Result<Box<dyn Check>, BuildError> {
    let column = arguments.text("column")?.to_owned();
    table.any(&column)?;
    Ok(Box::new(Cardinality {
        column,
        bounds: Bounds::of_numbers(arguments)?,
        proportion,
        values: Distinct::new(table),
        present: 0,
        distinct: 0,
    }))
}

pub(super) fn value_count(arguments: &Arguments<'_>, table: &Table) -> Result<Box<dyn Check>, BuildError> {
    cardinality(arguments, table, false)
}

pub(super) fn proportion(arguments: &Arguments<'_>, table: &Table) -> Result<Box<dyn Check>, BuildError> {
    cardinality(arguments, table, true)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tally::Positions;
    use arrow::array::{ArrayRef, RecordBatch, StringArray};
    use proptest::prelude::*;
    use std::sync::Arc;

    proptest! {
        #[test]
        fn distinct_values_are_counted_in_memory_and_on_disk(
            values in prop::collection::vec(prop::option::of(0..200_u32), 0..400),
            memory in prop_oneof![Just(1_usize), Just(4000), Just(1 << 20)],
        ) {
            let texts: Vec<Option<String>> = values.iter().map(|value| value.map(|value| value.to_string())).collect();
            let texts: ArrayRef = Arc::new(StringArray::from(texts));
            let batch = RecordBatch::try_from_iter_with_nullable([("a", texts, true)]).unwrap();
            let mut check = Cardinality {
                column: "a".to_owned(),
                bounds: Bounds {
                    minimum: None,
                    maximum: None,
                    strict_minimum: false,
                    strict_maximum: false,
                },
                proportion: false,
                values: Distinct { rows: values.len() as u64, memory, values: Values::Few(Hashes::default()) },
                present: 0,
                distinct: 0,
            };
            let positions = || Positions { first_row: 0, kept: None };
            check.update(&Rows { batch: &batch, positions: positions() }).unwrap();
            check.next_pass().unwrap();
            let distinct: std::collections::BTreeSet<u32> = values.into_iter().flatten().collect();
            prop_assert_eq!(check.distinct, distinct.len() as u64);
        }
    }
}
