//! Rows in columns, as compact as their types allow: about 75 bytes for a transaction of 150 bytes of CSV.
//!
//! Each worker fills a [`Rows`] of its own; [`Rows::absorb`] puts them together. The order of rows is no information here:
//! every row knows its place in the object, and the files are sorted.

use crate::plan::{Kind, Plan};
use xxhash_rust::xxh3::xxh3_64_with_seed;

/// Texts, each stored once, by a code.
#[derive(Debug, Clone, Default)]
pub struct Pool {
    seed: u64,
    bytes: Vec<u8>,
    ends: Vec<u32>,
    hashes: Vec<u64>,
    /// Last four digits, for card numbers only.
    last_four: Vec<[u8; 4]>,
    /// Open addressing: code + 1, or 0; the length is a power of two, at most two thirds in use.
    slots: Vec<u32>,
}

impl Pool {
    /// An empty pool; `seed` makes its hashes.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self {
            seed,
            slots: vec![0; 64],
            ..Self::default()
        }
    }

    /// Number of texts.
    #[must_use]
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// Whether there is no text.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// The text of a code; empty for a code that was never given.
    #[inline]
    #[must_use]
    pub fn text(&self, code: u32) -> &[u8] {
        let index = code as usize;
        let start = index
            .checked_sub(1)
            .and_then(|before| self.ends.get(before))
            .copied()
            .unwrap_or(0);
        let end = self.ends.get(index).copied().unwrap_or(start);
        self.bytes.get(start as usize..end as usize).unwrap_or_default()
    }

    /// The hash of the text of a code.
    #[inline]
    #[must_use]
    pub fn hash(&self, code: u32) -> u64 {
        self.hashes.get(code as usize).copied().unwrap_or_default()
    }

    /// The last four digits of the card number behind a code.
    #[must_use]
    pub fn last_four(&self, code: u32) -> Option<&[u8; 4]> {
        self.last_four.get(code as usize)
    }

    /// The code and hash of a text that is there.
    #[inline]
    #[must_use]
    pub fn find(&self, text: &[u8]) -> Option<(u32, u64)> {
        let hash = xxh3_64_with_seed(text, self.seed);
        self.slot(text, hash).ok().map(|code| (code, hash))
    }

    /// The code and hash of a text, which is added when it is not there.
    pub fn intern(&mut self, text: &[u8]) -> (u32, u64) {
        let hash = xxh3_64_with_seed(text, self.seed);
        (self.intern_hashed(text, hash), hash)
    }

    /// As [`Self::intern`], and notes the last four digits.
    pub fn intern_card(&mut self, text: &[u8], last_four: [u8; 4]) -> (u32, u64) {
        let (code, hash) = self.intern(text);
        if code as usize == self.last_four.len() {
            self.last_four.push(last_four);
        }
        (code, hash)
    }

    fn intern_hashed(&mut self, text: &[u8], hash: u64) -> u32 {
        match self.slot(text, hash) {
            Ok(code) => code,
            Err(free) => {
                let code = self.ends.len() as u32;
                self.bytes.extend_from_slice(text);
                self.ends.push(self.bytes.len() as u32);
                self.hashes.push(hash);
                if let Some(slot) = self.slots.get_mut(free) {
                    *slot = code + 1;
                }
                if self.ends.len() * 3 > self.slots.len() * 2 {
                    self.grow();
                }
                code
            }
        }
    }

    /// The code in the slot of a text, or the free slot where it belongs.
    #[inline]
    fn slot(&self, text: &[u8], hash: u64) -> Result<u32, usize> {
        let mask = self.slots.len() - 1;
        let mut index = hash as usize & mask;
        loop {
            match self.slots.get(index) {
                Some(0) | None => return Err(index),
                Some(code) => {
                    let code = code - 1;
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
        for (code, hash) in (1..).zip(&self.hashes) {
            let mut index = *hash as usize & mask;
            while self.slots.get(index).is_some_and(|slot| *slot != 0) {
                index = (index + 1) & mask;
            }
            if let Some(slot) = self.slots.get_mut(index) {
                *slot = code;
            }
        }
    }

    /// Takes over the texts of another pool with the same seed; gives the code here for every code there.
    fn absorb(&mut self, other: &Self) -> Vec<u32> {
        let codes = 0..other.ends.len() as u32;
        let here = codes.map(|code| {
            let here = self.intern_hashed(other.text(code), other.hash(code));
            if let Some(last_four) = other.last_four(code).filter(|_| here as usize == self.last_four.len()) {
                self.last_four.push(*last_four);
            }
            here
        });
        here.collect()
    }
}

/// The values of a column; what stands in the place of a null means nothing.
#[derive(Debug, Clone)]
pub enum Values {
    /// UUIDs.
    Uuid(Vec<u128>),
    /// Places in the list of allowed texts.
    Code(Vec<u8>),
    /// Codes of texts.
    Text(Vec<u32>, Pool),
    /// Whole numbers, scaled decimals, days, microseconds.
    Long(Vec<i64>),
    /// Scaled decimals.
    Wide(Vec<i128>),
    /// Doubles.
    Double(Vec<f64>),
    /// Booleans.
    Boolean(Vec<bool>),
}

/// Values and which of them are null.
#[derive(Debug, Clone)]
pub struct Column {
    /// The values.
    pub values: Values,
    /// One for each row once there is a null; empty as long as there is none.
    pub nulls: Vec<bool>,
}

macro_rules! on_values {
    ($values:expr, $vector:ident => $body:expr) => {
        match $values {
            Values::Uuid($vector) => $body,
            Values::Code($vector) => $body,
            Values::Text($vector, _) => $body,
            Values::Long($vector) => $body,
            Values::Wide($vector) => $body,
            Values::Double($vector) => $body,
            Values::Boolean($vector) => $body,
        }
    };
}

impl Column {
    /// An empty column.
    #[must_use]
    pub fn new(kind: &Kind, seed: u64) -> Self {
        let values = match kind {
            Kind::Uuid => Values::Uuid(Vec::new()),
            Kind::Code(_) => Values::Code(Vec::new()),
            Kind::Text => Values::Text(Vec::new(), Pool::new(seed)),
            Kind::Integer(..) | Kind::Decimal(..) | Kind::Date(_) | Kind::Timestamp(_) => Values::Long(Vec::new()),
            Kind::WideDecimal(..) => Values::Wide(Vec::new()),
            Kind::Double(_) => Values::Double(Vec::new()),
            Kind::Boolean => Values::Boolean(Vec::new()),
        };
        Self {
            values,
            nulls: Vec::new(),
        }
    }

    /// Number of rows.
    #[must_use]
    pub fn len(&self) -> usize {
        on_values!(&self.values, vector => vector.len())
    }

    /// Whether there is no row.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Whether the value of a row is null.
    #[inline]
    #[must_use]
    pub fn is_null(&self, row: usize) -> bool {
        self.nulls.get(row).copied().unwrap_or(false)
    }

    fn reserve(&mut self, rows: usize) {
        on_values!(&mut self.values, vector => vector.reserve(rows));
    }

    /// Keeps of the rows from `start` on those that `keep` marks.
    fn retain(&mut self, start: usize, keep: &[bool]) {
        on_values!(&mut self.values, vector => retain(vector, start, keep));
        if !self.nulls.is_empty() {
            retain(&mut self.nulls, start, keep);
        }
    }

    fn absorb(&mut self, other: Self) {
        let (before, added) = (self.len(), other.len());
        if !self.nulls.is_empty() || !other.nulls.is_empty() {
            self.nulls.resize(before, false);
            self.nulls.extend_from_slice(&other.nulls);
            self.nulls.resize(before + added, false);
        }
        match (&mut self.values, other.values) {
            (Values::Uuid(here), Values::Uuid(there)) => append(here, there),
            (Values::Code(here), Values::Code(there)) => append(here, there),
            (Values::Long(here), Values::Long(there)) => append(here, there),
            (Values::Wide(here), Values::Wide(there)) => append(here, there),
            (Values::Double(here), Values::Double(there)) => append(here, there),
            (Values::Boolean(here), Values::Boolean(there)) => append(here, there),
            (Values::Text(here, pool), Values::Text(there, other_pool)) => {
                let codes = pool.absorb(&other_pool);
                // A null's code points nowhere when all are null.
                here.extend(there.iter().map(|code| codes.get(*code as usize).copied().unwrap_or(0)));
            }
            // Both come from one plan.
            _ => {}
        }
    }
}

fn append<T: Copy>(here: &mut Vec<T>, there: Vec<T>) {
    if here.is_empty() {
        *here = there;
    } else {
        here.reserve_exact(there.len());
        here.extend_from_slice(&there);
    }
}

fn retain<T: Copy>(vector: &mut Vec<T>, start: usize, keep: &[bool]) {
    let mut next = start;
    for (offset, keep) in keep.iter().enumerate() {
        if *keep {
            if let Some(value) = vector.get(start + offset).copied()
                && let Some(place) = vector.get_mut(next)
            {
                *place = value;
            }
            next += 1;
        }
    }
    vector.truncate(next);
}

/// Rows that keep the contract.
#[derive(Debug, Clone)]
pub struct Rows {
    /// One for each source column.
    pub columns: Vec<Column>,
    /// The unknown fields, if the table has a column for them.
    pub extra: Option<Column>,
    /// Hash over the delivered values.
    pub hashes: Vec<u64>,
    /// Place in the object: block in the upper 32 bits, row of the block in the lower ones; after
    /// [`Self::number_rows`] the number of the row, from 1.
    pub places: Vec<u64>,
}

impl Rows {
    /// No rows.
    #[must_use]
    pub fn new(plan: &Plan) -> Self {
        Self {
            columns: plan
                .sources
                .iter()
                .map(|column| Column::new(&column.kind, column.seed))
                .collect(),
            extra: plan
                .extra
                .map(|_| Column::new(&Kind::Text, crate::plan::hash_seed("extra"))),
            hashes: Vec::new(),
            places: Vec::new(),
        }
    }

    /// Asks for the memory of so many further rows, none of it for their texts.
    pub fn reserve(&mut self, rows: usize) {
        for column in self.columns.iter_mut().chain(&mut self.extra) {
            column.reserve(rows);
        }
        self.hashes.reserve(rows);
        self.places.reserve(rows);
    }

    /// Number of rows.
    #[must_use]
    pub fn len(&self) -> usize {
        self.places.len()
    }

    /// Whether there is no row.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.places.is_empty()
    }

    /// Keeps of the rows from `start` on those that `keep` marks.
    pub fn retain(&mut self, start: usize, keep: &[bool]) {
        for column in self.columns.iter_mut().chain(&mut self.extra) {
            column.retain(start, keep);
        }
        retain(&mut self.hashes, start, keep);
        retain(&mut self.places, start, keep);
    }

    /// Takes over the rows of another worker.
    pub fn absorb(&mut self, other: Self) {
        for (here, there) in self.columns.iter_mut().zip(other.columns) {
            here.absorb(there);
        }
        if let (Some(here), Some(there)) = (&mut self.extra, other.extra) {
            here.absorb(there);
        }
        append(&mut self.hashes, other.hashes);
        append(&mut self.places, other.places);
    }

    /// Turns places into row numbers. `first_rows` gives the number of rows before each block, from block
    /// `first_block` on.
    pub fn number_rows(&mut self, first_block: u32, first_rows: &[u64]) {
        for place in &mut self.places {
            *place = row_number(*place, first_block, first_rows);
        }
    }
}

/// The number of the row at a place; parameters as in [`Rows::number_rows`].
#[inline]
#[must_use]
pub fn row_number(place: u64, first_block: u32, first_rows: &[u64]) -> u64 {
    let block = ((place >> 32) as u32).wrapping_sub(first_block);
    first_rows.get(block as usize).copied().unwrap_or_default() + (place & 0xffff_ffff) + 1
}
