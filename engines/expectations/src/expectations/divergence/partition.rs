//! Expected distributions, and the weight that is held out for what they do not list.

use crate::arguments::Arguments;
use crate::table::Problem;
use serde_json::Value;

/// An expected distribution.
pub(super) enum Partition {
    Values { values: Vec<Value>, weights: Vec<f64> },
    Bins(BinWeights),
}

/// Bins with the weights that are expected in them.
#[derive(Debug, Clone)]
pub(super) struct BinWeights {
    /// Rising; the first and the last may be infinite.
    pub(super) edges: Vec<f64>,
    /// One for each pair of edges.
    pub(super) weights: Vec<f64>,
    /// Below the first edge, and above the last one.
    pub(super) tails: Option<[f64; 2]>,
}

impl BinWeights {
    /// Whether the first and the last bin have no end.
    pub(super) fn open(&self) -> [bool; 2] {
        [
            self.edges.first() == Some(&f64::NEG_INFINITY),
            self.edges.last() == Some(&f64::INFINITY),
        ]
    }
}

/// Whether weights add up to one, up to the tolerance of numpy.
pub(super) fn close_to_one(weights: &[f64]) -> bool {
    (weights.iter().sum::<f64>() - 1.0).abs() <= 1e-8 + 1e-5
}

/// A number; an infinite one is a text in JSON.
fn number(value: &Value) -> Option<f64> {
    match value.as_str() {
        Some("Infinity") => Some(f64::INFINITY),
        Some("-Infinity") => Some(f64::NEG_INFINITY),
        _ => value.as_f64(),
    }
}

impl Partition {
    /// The argument `partition_object`. Values take precedence over bins.
    pub(super) fn of(arguments: &Arguments<'_>) -> Result<Option<Self>, Problem> {
        let Some(given) = arguments.optional("partition_object") else {
            return Ok(None);
        };
        let wrong = || {
            "argument 'partition_object' is wrong: give {\"values\": […], \"weights\": […]}, as many weights as values, or \
             {\"bins\": […], \"weights\": […]}, one weight less than there are rising edges of bins, if need be with \
             \"tail_weights\": [below, above]; the sum of all weights is 1"
                .to_owned()
        };
        let list = |name: &str| given.get(name).and_then(Value::as_array);
        let numbers = |name: &str| list(name).and_then(|items| items.iter().map(number).collect::<Option<Vec<f64>>>());
        let weights = numbers("weights").ok_or_else(wrong)?;
        if let Some(values) = list("values")
            && values.len() == weights.len()
            && close_to_one(&weights)
        {
            let values = values.clone();
            return Ok(Some(Self::Values { values, weights }));
        }
        let edges = numbers("bins").ok_or_else(wrong)?;
        let tails = match given.get("tail_weights") {
            None => None,
            Some(_) => Some(<[f64; 2]>::try_from(numbers("tail_weights").ok_or_else(wrong)?).map_err(|_| wrong())?),
        };
        let all: Vec<f64> = tails.iter().flatten().chain(&weights).copied().collect();
        if edges.len() == weights.len() + 1 && edges.windows(2).all(|pair| pair[0] < pair[1]) && close_to_one(&all) {
            return Ok(Some(Self::Bins(BinWeights { edges, weights, tails })));
        }
        Err(wrong())
    }
}

/// The weight that is expected of what the distribution does not list.
#[derive(Debug, Clone, Copy)]
pub(super) struct Holdout {
    /// Of other values, or of numbers beyond the bins.
    pub(super) tails: f64,
    /// Of the bins without any weight.
    pub(super) inner: f64,
}

impl Holdout {
    /// The arguments `tail_weight_holdout` and `internal_weight_holdout`.
    pub(super) fn of(arguments: &Arguments<'_>) -> Result<Self, Problem> {
        let share = |name: &'static str| match arguments.number(name)?.unwrap_or(0.0) {
            share if (0.0..=1.0).contains(&share) => Ok(share),
            other => Err(format!("argument '{name}' is {other}: give a share from 0 to 1")),
        };
        Ok(Self {
            tails: share("tail_weight_holdout")?,
            inner: share("internal_weight_holdout")?,
        })
    }

    /// Whether it makes sense for values.
    pub(super) fn fits_values(self) -> Result<(), Problem> {
        match self.inner > 0.0 {
            true => Err("argument 'internal_weight_holdout' is for partitions of bins, not of values".to_owned()),
            false => Ok(()),
        }
    }

    /// Whether it makes sense beside the weights of tails.
    pub(super) fn fits_tails(self) -> Result<(), Problem> {
        match self.tails > 0.0 {
            true => Err("argument 'tail_weight_holdout' must be 0 where the tails have a weight already".to_owned()),
            false => Ok(()),
        }
    }

    /// Whether it makes sense for bins.
    pub(super) fn fits_bins(self, bins: &BinWeights) -> Result<(), Problem> {
        if bins.tails.is_some() {
            self.fits_tails()?;
        }
        match bins.open() {
            [true, true] if self.tails > 0.0 => {
                Err("argument 'tail_weight_holdout' must be 0 for bins that are infinite at both ends".to_owned())
            }
            [true, _] | [_, true] if bins.tails.is_some() => {
                Err("argument 'partition_object' has tail_weights beside an infinite bin: there is no tail".to_owned())
            }
            _ => Ok(()),
        }
    }

    /// The expected weights of listed values, and of so many others.
    pub(super) fn of_values(self, weights: &[f64], others: usize) -> Vec<f64> {
        if others == 0 {
            return weights.to_vec();
        }
        let listed = weights.iter().map(|weight| weight * (1.0 - self.tails));
        listed
            .chain(std::iter::repeat_n(self.tails / others as f64, others))
            .collect()
    }
}
