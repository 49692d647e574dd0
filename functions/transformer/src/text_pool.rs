//! Interned texts of a column: each distinct text is stored once and represented by a code.

use xxhash_rust::xxh3::xxh3_64_with_seed;

/// Distinct texts by code. Codes count from 0 in the order of interning.
#[derive(Debug, Clone)]
pub(crate) struct TextPool {
    seed: u64,
    bytes: Vec<u8>,
    /// Offsets in `bytes`, beginning with 0: text `n` is `offsets[n]..offsets[n + 1]`.
    offsets: Vec<u32>,
    hashes: Vec<u64>,
    /// Last four digits, for card numbers only.
    last_four: Vec<[u8; 4]>,
    /// Open addressing: code + 1, or 0. The length is a power of two; at most two thirds are in use.
    slots: Vec<u32>,
}

impl TextPool {
    /// Creates an empty pool; `seed` seeds the hashes.
    pub(crate) fn new(seed: u64) -> Self {
        Self {
            seed,
            bytes: Vec::new(),
            offsets: vec![0],
            hashes: Vec::new(),
            last_four: Vec::new(),
            slots: vec![0; 64],
        }
    }

    /// Number of texts.
    pub(crate) fn len(&self) -> usize {
        self.hashes.len()
    }

    /// Whether the pool has no text.
    pub(crate) fn is_empty(&self) -> bool {
        self.hashes.is_empty()
    }

    /// The text of a code of this pool.
    #[inline]
    pub(crate) fn text(&self, code: u32) -> &[u8] {
        let index = code as usize;
        &self.bytes[self.offsets[index] as usize..self.offsets[index + 1] as usize]
    }

    /// The hash of the text of a code of this pool.
    #[inline]
    pub(crate) fn hash(&self, code: u32) -> u64 {
        self.hashes[code as usize]
    }

    /// The last four digits of the card number of a code; `None` if the column holds no card numbers.
    pub(crate) fn last_four(&self, code: u32) -> Option<&[u8; 4]> {
        self.last_four.get(code as usize)
    }

    /// Code and hash of an interned text.
    #[inline]
    pub(crate) fn find(&self, text: &[u8]) -> Option<(u32, u64)> {
        let hash = xxh3_64_with_seed(text, self.seed);
        self.slot(text, hash).ok().map(|code| (code, hash))
    }

    /// Code and hash of a text, which is added if it is new.
    pub(crate) fn intern(&mut self, text: &[u8]) -> (u32, u64) {
        let hash = xxh3_64_with_seed(text, self.seed);
        (self.intern_hashed(text, hash), hash)
    }

    /// As [`Self::intern`], for the token of a card number with these last four digits.
    pub(crate) fn intern_card(&mut self, text: &[u8], last_four: [u8; 4]) -> (u32, u64) {
        let (code, hash) = self.intern(text);
        if code as usize == self.last_four.len() {
            self.last_four.push(last_four);
        }
        (code, hash)
    }

    /// Adds the texts of another pool with the same seed; returns the code in this pool of every code of the other.
    pub(crate) fn absorb(&mut self, other: &Self) -> Vec<u32> {
        let codes = 0..other.len() as u32;
        let absorbed = codes.map(|code| {
            let absorbed = self.intern_hashed(other.text(code), other.hash(code));
            if let Some(last_four) = other
                .last_four(code)
                .filter(|_| absorbed as usize == self.last_four.len())
            {
                self.last_four.push(*last_four);
            }
            absorbed
        });
        absorbed.collect()
    }

    fn intern_hashed(&mut self, text: &[u8], hash: u64) -> u32 {
        match self.slot(text, hash) {
            Ok(code) => code,
            Err(free) => {
                let code = self.hashes.len() as u32;
                self.bytes.extend_from_slice(text);
                self.offsets.push(self.bytes.len() as u32);
                self.hashes.push(hash);
                self.slots[free] = code + 1;
                if self.hashes.len() * 3 > self.slots.len() * 2 {
                    self.grow();
                }
                code
            }
        }
    }

    /// The code in the slot of a text, or the free slot for it.
    #[inline]
    fn slot(&self, text: &[u8], hash: u64) -> Result<u32, usize> {
        let mask = self.slots.len() - 1;
        let mut index = hash as usize & mask;
        loop {
            match self.slots[index] {
                0 => return Err(index),
                next => {
                    let code = next - 1;
                    if self.hash(code) == hash && self.text(code) == text {
                        return Ok(code);
                    }
                }
            }
            index = (index + 1) & mask;
        }
    }

    fn grow(&mut self) {
        let mask = self.slots.len() * 2 - 1;
        self.slots = vec![0; mask + 1];
        for (next, hash) in (1..).zip(&self.hashes) {
            let mut index = *hash as usize & mask;
            while self.slots[index] != 0 {
                index = (index + 1) & mask;
            }
            self.slots[index] = next;
        }
    }
}
