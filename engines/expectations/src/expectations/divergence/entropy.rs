//! The relative entropy of two distributions, as scipy computes it, down to the order of its sums: of equal distributions it is
//! zero, or the same rounding error.

/// How many numbers are added up in a row; numpy halves longer lists.
const BLOCK: usize = 128;
/// Sums that numpy keeps side by side within a block.
const LANES: usize = 8;

/// The sum, in the order of numpy.
fn sum(values: &[f64]) -> f64 {
    if values.len() < LANES {
        return values.iter().sum();
    }
    if values.len() > BLOCK {
        let half = values.len() / 2;
        let (first, second) = values.split_at(half - half % LANES);
        return sum(first) + sum(second);
    }
    let mut lanes = [0.0; LANES];
    let rows = values.chunks_exact(LANES);
    let rest = rows.remainder();
    for row in rows {
        for (lane, value) in lanes.iter_mut().zip(row) {
            *lane += value;
        }
    }
    let [a, b, c, d, e, f, g, h] = lanes;
    let all = ((a + b) + (c + d)) + ((e + f) + (g + h));
    rest.iter().fold(all, |sum, value| sum + value)
}

/// One addend of the relative entropy.
fn addend(observed: f64, expected: f64) -> f64 {
    if observed.is_nan() || expected.is_nan() {
        return f64::NAN;
    }
    if observed <= 0.0 || expected <= 0.0 {
        return if observed == 0.0 && expected >= 0.0 {
            0.0
        } else {
            f64::INFINITY
        };
    }
    let ratio = observed / expected;
    if 0.5 < ratio && ratio < 2.0 {
        // Exact where the two are close.
        observed * ((observed - expected) / expected).ln_1p()
    } else if ratio > f64::MIN_POSITIVE && ratio < f64::INFINITY {
        observed * ratio.ln()
    } else {
        observed * (observed.ln() - expected.ln())
    }
}

/// The relative entropy of observed weights with respect to expected ones, both scaled to a sum of one. Infinite if something
/// was observed that has no expected weight, NaN if nothing was observed.
pub(super) fn relative_entropy(observed: &[f64], expected: &[f64]) -> f64 {
    let (all_observed, all_expected) = (sum(observed), sum(expected));
    let pairs = observed.iter().zip(expected);
    let addends: Vec<f64> = pairs
        .map(|(observed, expected)| addend(observed / all_observed, expected / all_expected))
        .collect();
    sum(&addends)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_distributions_do_not_diverge() {
        assert_eq!(relative_entropy(&[0.5, 0.25, 0.25], &[2.0, 1.0, 1.0]), 0.0);
        assert_eq!(relative_entropy(&[1.0, 0.0], &[0.5, 0.5]), 2.0_f64.ln());
        assert_eq!(relative_entropy(&[0.5, 0.5], &[1.0, 0.0]), f64::INFINITY);
        assert!(relative_entropy(&[0.0, 0.0], &[1.0, 0.0]).is_nan());
    }

    #[test]
    fn long_lists_are_added_up_in_halves() {
        let values: Vec<f64> = (0..1000).map(|number| f64::from(number) / 7.0).collect();
        assert!((sum(&values) - 71_357.142_857_142_86).abs() < 1e-9);
    }
}
