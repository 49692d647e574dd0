//! Counter-based random numbers: functions of a position, without state.
//!
//! Every row has its own stream, seeded by (seed, day, row number), so any row can be generated without its
//! predecessors. Late rows of an earlier day can therefore be regenerated, and parts and threads are independent. The mixer
//! is the finalizer of SplitMix64 (Steele, Lea, Flood 2014): a few integer operations with the same result on every machine.
//! It is not cryptographically secure and does not need to be.

/// Increment of SplitMix64: 2^64 divided by the golden ratio.
const GOLDEN: u64 = 0x9E37_79B9_7F4A_7C15;

/// Mixes the bits of a number; a bijection.
const fn mix(value: u64) -> u64 {
    let value = (value ^ (value >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let value = (value ^ (value >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    value ^ (value >> 31)
}

/// Key of a family of random streams.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Key(u64);

impl Key {
    /// Root key of a seed.
    pub(crate) const fn new(seed: u64) -> Self {
        Self(mix(seed.wrapping_add(GOLDEN)))
    }

    /// Derives an independent key for a value.
    pub(crate) const fn child(self, value: u64) -> Self {
        Self(mix(self.0 ^ value.wrapping_add(1).wrapping_mul(GOLDEN)))
    }

    /// One number, a function of the key.
    pub(crate) const fn number(self) -> u64 {
        mix(self.0.wrapping_add(GOLDEN))
    }

    /// The key's stream, from its start.
    pub(crate) const fn stream(self) -> Stream {
        Stream(self.0)
    }
}

/// A sequence of random numbers.
#[derive(Debug, Clone)]
pub(crate) struct Stream(u64);

impl Stream {
    /// 64 random bits.
    #[inline]
    pub(crate) const fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(GOLDEN);
        mix(self.0)
    }

    /// A number in `0..limit`; 0 if `limit` is 0.
    #[inline]
    pub(crate) const fn below(&mut self, limit: u32) -> u32 {
        scale(self.bits(), limit)
    }

    /// True with a probability of `per_mille` / 1000.
    #[inline]
    pub(crate) const fn chance(&mut self, per_mille: u32) -> bool {
        self.below(1000) < per_mille
    }

    /// A random (version 4) UUID.
    #[inline]
    pub(crate) const fn uuid(&mut self) -> u128 {
        let bits = ((self.bits() as u128) << 64) | self.bits() as u128;
        bits & !(0xF << 76) & !(0x3 << 62) | (0x4 << 76) | (0x2 << 62)
    }
}

/// Scales the upper half of random bits to `0..limit`.
#[inline]
pub(crate) const fn scale(bits: u64, limit: u32) -> u32 {
    (((bits >> 32) * limit as u64) >> 32) as u32
}

/// A permutation of `0..n` with random access: a Feistel network over the smallest number of bits that holds n, with cycle
/// walking until the result is in range.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Permutation {
    len: u64,
    low_bits: u32,
    low_mask: u64,
    high_mask: u64,
    keys: [u64; 4],
}

impl Permutation {
    /// Permutes `0..len`.
    pub(crate) const fn new(key: Key, len: u64) -> Self {
        let bits = if len <= 4 { 2 } else { 64 - (len - 1).leading_zeros() };
        let low_bits = bits / 2;
        let mut stream = key.stream();
        Self {
            len,
            low_bits,
            low_mask: (1 << low_bits) - 1,
            high_mask: (1 << (bits - low_bits)) - 1,
            keys: [stream.bits(), stream.bits(), stream.bits(), stream.bits()],
        }
    }

    /// Image of `position`; the identity at or beyond the length.
    #[inline]
    pub(crate) const fn apply(&self, position: u64) -> u64 {
        if position >= self.len {
            return position;
        }
        let mut value = position;
        loop {
            let mut low = value & self.low_mask;
            let mut high = value >> self.low_bits;
            low ^= mix(self.keys[0] ^ high) & self.low_mask;
            high ^= mix(self.keys[1] ^ low) & self.high_mask;
            low ^= mix(self.keys[2] ^ high) & self.low_mask;
            high ^= mix(self.keys[3] ^ low) & self.high_mask;
            value = (high << self.low_bits) | low;
            if value < self.len {
                return value;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_numbers_are_those_of_splitmix64() {
        // Reference values of SplitMix64 for the seed 1234567.
        let mut stream = Stream(1_234_567);
        assert_eq!(stream.bits(), 6_457_827_717_110_365_317);
        assert_eq!(stream.bits(), 3_203_168_211_198_807_973);
        assert_eq!(stream.bits(), 9_817_491_932_198_370_423);
    }

    #[test]
    fn a_permutation_hits_every_position_once() {
        for len in [0, 1, 2, 3, 4, 5, 7, 8, 9, 100, 1000, 4096, 4097] {
            let permutation = Permutation::new(Key::new(len), len);
            let mut seen: Vec<u64> = (0..len).map(|position| permutation.apply(position)).collect();
            seen.sort_unstable();
            assert_eq!(seen, (0..len).collect::<Vec<_>>(), "length {len}");
        }
    }

    #[test]
    fn uuids_carry_version_and_variant() {
        for index in 0..100 {
            let text = uuid::Uuid::from_u128(Key::new(index).stream().uuid());
            assert_eq!(text.get_version_num(), 4);
            assert_eq!(text.get_variant(), uuid::Variant::RFC4122);
        }
    }

    #[test]
    fn children_differ_from_parents_and_from_each_other() {
        let root = Key::new(42);
        let mut keys: Vec<u64> = (0..1000).map(|index| root.child(index).number()).collect();
        keys.push(root.number());
        keys.sort_unstable();
        keys.dedup();
        assert_eq!(keys.len(), 1001);
    }
}
