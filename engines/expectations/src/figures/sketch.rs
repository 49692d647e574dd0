//! An estimate of the number of different values, in 4 KiB (HyperLogLog).

/// Bits of a hash that choose a register.
const BITS: u32 = 12;
const REGISTERS: usize = 1 << BITS;

/// The longest run of zeros that a register has seen.
#[derive(Debug, Clone)]
pub(super) struct Sketch(Vec<u8>);

impl Default for Sketch {
    fn default() -> Self {
        Self(vec![0; REGISTERS])
    }
}

impl Sketch {
    /// Takes in the hash of a value.
    #[inline]
    pub(super) fn add(&mut self, hash: u64) {
        let place = (hash >> (u64::BITS - BITS)) as usize;
        // The bit that is set ends every run.
        let run = ((hash << BITS) | (1 << (BITS - 1))).leading_zeros() as u8 + 1;
        let register = &mut self.0[place];
        *register = (*register).max(run);
    }

    /// The number of different values.
    pub(super) fn estimate(&self) -> u64 {
        let registers = REGISTERS as f64;
        let alpha = 0.7213 / (1.0 + 1.079 / registers);
        let sum: f64 = self.0.iter().map(|run| 0.5_f64.powi(i32::from(*run))).sum();
        let raw = alpha * registers * registers / sum;
        let empty = self.0.iter().filter(|run| **run == 0).count();
        let few = registers * (registers / empty.max(1) as f64).ln();
        // Where many registers are empty, their number tells more.
        let estimate = if empty > 0 && few <= 2.5 * registers { few } else { raw };
        estimate.round() as u64
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use xxhash_rust::xxh3::xxh3_64;

    #[test]
    fn estimates_are_close() {
        for count in [0_u64, 1, 5, 100, 3_000, 12_000, 1_000_000] {
            let mut sketch = Sketch::default();
            (0..count).for_each(|value| sketch.add(xxh3_64(&value.to_le_bytes())));
            let estimate = sketch.estimate();
            let error = (estimate as f64 - count as f64).abs() / count.max(1) as f64;
            assert!(error <= 0.04, "{count}: {estimate}");
        }
    }
}
