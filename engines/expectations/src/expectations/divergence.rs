//! How far the distribution of a column is from an expected one: the Kullback-Leibler divergence.
//!
//! The expected distribution lists values or bins with their weights. Without one, the column is compared with its own bins or
//! values, so that a first run shows its distribution. One pass counts; five more find the quartiles that bins are made of.

mod bins;
mod entropy;
mod partition;

use super::check::{Check, CheckError, Rows};
use super::quantiles::Selection;
use super::sets::ValueIds;
use crate::arguments::Arguments;
use crate::detail::Detail;
use crate::result::Outcome;
use crate::table::{BuildError, Problem, Table};
use crate::tally::order;
use crate::value::{Kind, float};
use bins::{Bins, own_edges};
use entropy::relative_entropy;
use partition::{Holdout, Partition, close_to_one};
use serde_json::{Map, Value, json};
use std::collections::HashMap;

/// Most different values that are counted; a column with more has no distribution of values worth the name.
const COUNTED_VALUES: usize = 1 << 20;

/// What the rows are counted by.
enum Counting {
    /// The values of the column; those that are listed have a number.
    Values {
        listed: Vec<Value>,
        /// Their expected weights; `None`: those that are found.
        weights: Option<Vec<f64>>,
        ids: ValueIds,
        numbers: HashMap<u32, usize>,
        counts: Vec<u64>,
        /// By hash, the values that are not listed.
        others: HashMap<u128, (Value, u64)>,
    },
    /// Bins of numbers.
    Bins(Bins),
    /// The quartiles of the column, of which its bins are made in the next pass.
    Quartiles(Selection),
}

struct Divergence {
    column: String,
    counting: Counting,
    /// Values that are not null.
    present: u64,
    threshold: Option<f64>,
    holdout: Holdout,
    /// Why there is no divergence.
    problem: Option<Problem>,
}

impl Divergence {
    /// The verdict on the weights that the divergence is computed of, shown as two partitions.
    fn outcome(&self, observed: &[f64], expected: &[f64], shown: [Map<String, Value>; 2]) -> Outcome {
        let divergence = relative_entropy(observed, expected);
        let success = self.threshold.is_none_or(|threshold| divergence <= threshold);
        let value = divergence.is_finite().then_some(divergence);
        let [observed, expected] = shown;
        Outcome::observed(success, value).with(
            "details",
            json!({"observed_partition": observed, "expected_partition": expected}),
        )
    }
}

/// Weights as results show them.
fn shown(weights: &[f64]) -> Value {
    weights.iter().map(|weight| float(*weight)).collect()
}

fn object<const N: usize>(fields: [(&str, Value); N]) -> Map<String, Value> {
    fields
        .into_iter()
        .map(|(name, value)| (name.to_owned(), value))
        .collect()
}

impl Check for Divergence {
    fn columns(&self) -> Vec<String> {
        vec![self.column.clone()]
    }

    fn update(&mut self, rows: &Rows<'_>) -> Result<(), CheckError> {
        let column = rows.column(&self.column)?;
        let present = (0..rows.batch.num_rows()).filter(|row| !column.is_null(*row));
        match &mut self.counting {
            Counting::Quartiles(selection) => return selection.update(rows),
            Counting::Bins(bins) => {
                for row in present {
                    self.present += 1;
                    bins.add(column.number(row));
                }
            }
            Counting::Values {
                ids,
                numbers,
                counts,
                others,
                ..
            } => {
                for row in present {
                    self.present += 1;
                    if let Some(place) = ids.of(&column, row).and_then(|id| numbers.get(&id)) {
                        counts[*place] += 1;
                        continue;
                    }
                    let hash = column.wide_hash(row, 0);
                    if let Some((_, count)) = others.get_mut(&hash) {
                        *count += 1;
                    } else if others.len() < COUNTED_VALUES {
                        others.insert(hash, (column.json(row), 1));
                    } else {
                        self.problem = Some(format!(
                            "column '{}' has more than {COUNTED_VALUES} different values: they are not counted",
                            self.column
                        ));
                    }
                }
            }
        }
        Ok(())
    }

    fn next_pass(&mut self) -> Result<bool, CheckError> {
        let Counting::Quartiles(selection) = &mut self.counting else {
            return Ok(false);
        };
        if selection.next_pass() {
            return Ok(true);
        }
        match own_edges(&selection.values(), selection.count()) {
            Ok(edges) => self.counting = Counting::Bins(Bins::of_itself(edges)),
            Err(problem) => self.problem = Some(format!("column '{}' has no bins: {problem}", self.column)),
        }
        Ok(self.problem.is_none())
    }

    fn finish(&mut self, _: &Detail) -> Outcome {
        if let Some(problem) = self.problem.take() {
            return Outcome::refused(problem);
        }
        match &self.counting {
            Counting::Values {
                listed,
                weights,
                counts,
                others,
                ..
            } => {
                let mut others: Vec<&(Value, u64)> = others.values().collect();
                others.sort_by(|(a, _), (b, _)| order(a, b));
                let share = |count: &u64| *count as f64 / self.present as f64;
                let (found, count) = (counts.iter(), others.iter().map(|(_, count)| count));
                let observed: Vec<f64> = match self.present {
                    0 => vec![0.0; counts.len()],
                    _ => found.chain(count).map(share).collect(),
                };
                let expected = match weights {
                    Some(weights) => self.holdout.of_values(weights, others.len()),
                    None if close_to_one(&observed) => observed.clone(),
                    None => return Outcome::refused(format!("column '{}' has no values", self.column)),
                };
                let values = listed.iter().chain(others.iter().map(|(value, _)| value));
                let values = Value::from_iter(values.cloned());
                let partition = |weights: &[f64]| object([("values", values.clone()), ("weights", shown(weights))]);
                self.outcome(&observed, &expected, [partition(&observed), partition(&expected)])
            }
            Counting::Bins(bins) => {
                let weights = bins.weigh(self.present, self.holdout);
                let partition = |inner: &[f64], tails: [f64; 2]| {
                    object([
                        ("bins", shown(weights.edges)),
                        ("weights", shown(inner)),
                        ("tail_weights", shown(&tails)),
                    ])
                };
                let partitions = [
                    partition(&weights.observed, weights.observed_tails),
                    partition(&weights.expected, weights.expected_tails),
                ];
                self.outcome(&weights.all_observed, &weights.all_expected, partitions)
            }
            // Its passes have ended: there is a problem, or there are bins.
            Counting::Quartiles(_) => Outcome::refused(format!("column '{}' has no bins", self.column)),
        }
    }
}

pub(super) fn kullback_leibler(arguments: &Arguments<'_>, table: &Table) -> Result<Box<dyn Check>, BuildError> {
    let column = arguments.text("column")?.to_owned();
    let kind = table.kind(&column)?;
    let bucketize = arguments.flag_or_true("bucketize_data")?;
    let threshold = arguments.number("threshold")?;
    if threshold.is_some_and(|threshold| threshold < 0.0) {
        return Err("argument 'threshold' is negative: give a number from 0"
            .to_owned()
            .into());
    }
    // Known to Great Expectations, without influence on its result.
    arguments.optional("min_value");
    arguments.optional("max_value");
    let partition = Partition::of(arguments)?;
    let holdout = Holdout::of(arguments)?;
    let numbers_only = || match kind.is_number() {
        true => Ok(()),
        false => Err(format!("column '{column}' holds {}, bins need numbers", kind.name())),
    };
    let counting = match partition {
        Some(Partition::Values { values, weights }) => {
            holdout.fits_values()?;
            values_of(kind, values, Some(weights))?
        }
        Some(Partition::Bins(bins)) => {
            if !bucketize {
                return Err(
                    "argument 'bucketize_data' is false: give a partition_object of values, not of bins"
                        .to_owned()
                        .into(),
                );
            }
            numbers_only()?;
            holdout.fits_bins(&bins)?;
            Counting::Bins(Bins::new(bins))
        }
        None if bucketize => {
            numbers_only()?;
            holdout.fits_tails()?;
            Counting::Quartiles(Selection::nearest(column.clone(), vec![0.0, 0.25, 0.75, 1.0]))
        }
        None => {
            holdout.fits_values()?;
            values_of(kind, Vec::new(), None)?
        }
    };
    Ok(Box::new(Divergence {
        column,
        counting,
        present: 0,
        threshold,
        holdout,
        problem: None,
    }))
}

/// Counts the values of a column by those that are listed.
fn values_of(kind: Kind, listed: Vec<Value>, weights: Option<Vec<f64>>) -> Result<Counting, Problem> {
    let (mut ids, mut numbers) = (ValueIds::default(), HashMap::new());
    for (place, value) in listed.iter().enumerate() {
        // A null is expected in vain: only values are counted.
        let id = if value.is_null() { None } else { ids.add(kind, value) };
        let twice = match id {
            Some(id) => numbers.insert(id, place).is_some(),
            None => listed[..place].contains(value),
        };
        if twice {
            return Err(format!("argument 'partition_object' lists the value {value} twice"));
        }
    }
    Ok(Counting::Values {
        counts: vec![0; listed.len()],
        listed,
        weights,
        ids,
        numbers,
        others: HashMap::new(),
    })
}
