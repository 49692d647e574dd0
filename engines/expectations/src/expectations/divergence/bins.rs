//! Bins of numbers: how many are found in each, and how many are expected.

use super::partition::{BinWeights, Holdout};
use crate::table::Problem;

/// Most bins that a column is divided into on its own.
const MOST_BINS: f64 = 65_536.0;

/// Counts of numbers in bins. Each bin includes its lower edge, the last one also its upper edge.
pub(super) struct Bins {
    partition: BinWeights,
    counts: Vec<u64>,
    below: u64,
    above: u64,
    /// Whether the expected weights are the observed ones.
    of_itself: bool,
}

/// Weights of bins, shown without infinite edges and their bins, and as the divergence is computed of them.
pub(super) struct Weights<'a> {
    pub(super) edges: &'a [f64],
    pub(super) observed: Vec<f64>,
    pub(super) observed_tails: [f64; 2],
    pub(super) expected: Vec<f64>,
    pub(super) expected_tails: [f64; 2],
    pub(super) all_observed: Vec<f64>,
    pub(super) all_expected: Vec<f64>,
}

/// The weights of a distribution in its parts.
struct Parts {
    inner: Vec<f64>,
    tails: [f64; 2],
    all: Vec<f64>,
}

impl Bins {
    pub(super) fn new(partition: BinWeights) -> Self {
        Self {
            counts: vec![0; partition.weights.len()],
            partition,
            below: 0,
            above: 0,
            of_itself: false,
        }
    }

    /// Bins that are expected to hold what they hold.
    pub(super) fn of_itself(edges: Vec<f64>) -> Self {
        let weights = vec![0.0; edges.len().saturating_sub(1)];
        Self {
            of_itself: true,
            ..Self::new(BinWeights {
                edges,
                weights,
                tails: None,
            })
        }
    }

    /// Counts a number.
    pub(super) fn add(&mut self, value: f64) {
        let edges = &self.partition.edges;
        if edges.first().is_some_and(|first| value < *first) {
            self.below += 1;
        } else if edges.last().is_some_and(|last| value > *last) {
            self.above += 1;
        } else {
            let bin = edges.partition_point(|edge| *edge <= value).saturating_sub(1);
            let last = self.counts.len().saturating_sub(1);
            // A single edge makes no bin.
            if let Some(count) = self.counts.get_mut(bin.min(last)) {
                *count += 1;
            }
        }
    }

    /// Takes the weights of infinite bins for those of the tails.
    fn parts(&self, weights: &[f64], tails: [f64; 2]) -> Parts {
        let (first, last) = (weights.first().copied(), weights.last().copied());
        let [low, high] = self.partition.open();
        let end = |open: bool, bin: Option<f64>, tail: f64| if open { bin.unwrap_or(0.0) } else { tail };
        let (from, to) = (usize::from(low), weights.len().saturating_sub(usize::from(high)));
        let below = if low { None } else { Some(tails[0]) };
        let above = if high { None } else { Some(tails[1]) };
        Parts {
            inner: weights.get(from..to).unwrap_or_default().to_vec(),
            tails: [end(low, first, tails[0]), end(high, last, tails[1])],
            all: below.iter().chain(weights).chain(&above).copied().collect(),
        }
    }

    /// The weights of so many numbers.
    pub(super) fn weigh(&self, present: u64, holdout: Holdout) -> Weights<'_> {
        let share = |count: u64| count as f64 / present as f64;
        let observed: Vec<f64> = self.counts.iter().map(|count| share(*count)).collect();
        let tails = [share(self.below), share(self.above)];
        let [low, high] = self.partition.open();
        let (weights, expected_tails) = if self.of_itself {
            let tail = (1.0 - observed.iter().sum::<f64>()) / 2.0;
            (observed.clone(), [tail; 2])
        } else {
            // With one infinite end the whole of it is for the other one.
            let each = if low || high {
                holdout.tails
            } else {
                holdout.tails / 2.0
            };
            (
                self.partition.weights.clone(),
                self.partition.tails.unwrap_or([each; 2]),
            )
        };
        let mut expected: Vec<f64> = weights
            .iter()
            .map(|weight| weight * (1.0 - holdout.tails - holdout.inner))
            .collect();
        let empty = expected.iter().filter(|weight| **weight == 0.0).count();
        if holdout.inner > 0.0 {
            for weight in expected.iter_mut().filter(|weight| **weight == 0.0) {
                *weight = holdout.inner / empty as f64;
            }
        }
        let (observed, expected) = (self.parts(&observed, tails), self.parts(&expected, expected_tails));
        let edges = &self.partition.edges;
        let (from, to) = (usize::from(low), edges.len().saturating_sub(usize::from(high)));
        Weights {
            edges: edges.get(from..to).unwrap_or_default(),
            observed: observed.inner,
            observed_tails: observed.tails,
            expected: expected.inner,
            expected_tails: expected.tails,
            all_observed: observed.all,
            all_expected: expected.all,
        }
    }
}

/// The edges of the bins that a column of so many numbers is divided into: as many as Sturges or Freedman and Diaconis ask for,
/// whichever is more. `quartiles` are the least number, the quartiles, and the greatest number.
///
/// # Errors
/// Why there are none.
pub(super) fn own_edges(quartiles: &[f64], count: u64) -> Result<Vec<f64>, Problem> {
    let &[least, first, third, greatest] = quartiles else {
        // Nothing is there: a single edge, which is no number.
        return Ok(vec![f64::NAN]);
    };
    if !(greatest - least).is_finite() {
        return Err("some of its values are infinite".to_owned());
    }
    let between = third - first;
    let sturges = (count as f64 + 1.0).log2().ceil();
    let bins = if between < 1.0e-10 {
        sturges
    } else {
        let width = 2.0 * between / (count as f64).powf(1.0 / 3.0);
        sturges.max(((greatest - least) / width).ceil())
    };
    if bins > MOST_BINS {
        return Err(format!("there would be {bins}"));
    }
    let step = (greatest - least) / bins;
    let mut edges: Vec<f64> = (0..bins as u32).map(|edge| f64::from(edge) * step + least).collect();
    edges.push(greatest);
    if edges.windows(2).all(|pair| pair[0] < pair[1]) {
        Ok(edges)
    } else {
        Err("its values do not differ".to_owned())
    }
}
