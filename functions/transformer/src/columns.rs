//! Valid rows as typed columns, as compact as their types allow: about 75 bytes for a transaction of 150 bytes of CSV.
//!
//! Each worker fills its own [`ColumnarRows`]; [`ColumnarRows::absorb`] merges them. The order of rows carries no information:
//! every row has its position in the object, and files are sorted.
//!
//! All columns of a [`ColumnarRows`] have the same number of rows and the types of the plan they were created from. Slots of
//! null rows hold the type's default value; the code of a null text refers to no text if the pool is empty.

use crate::invariant::BrokenInvariant;
use crate::plan::{AllowedText, ColumnKind, TransformPlan, hash_seed};
use crate::text_pool::TextPool;
use std::sync::Arc;

/// Values of a column.
#[derive(Debug, Clone)]
pub(crate) enum ColumnValues {
    /// UUIDs.
    Uuid(Vec<u128>),
    /// Indices into the list of allowed texts.
    Code(Vec<u8>, Arc<[AllowedText]>),
    /// Codes of texts.
    Text(Vec<u32>, TextPool),
    /// Integers, scaled decimals, days, microseconds.
    Long(Vec<i64>),
    /// Scaled decimals of more than 18 digits.
    Wide(Vec<i128>),
    /// Doubles.
    Double(Vec<f64>),
    /// Booleans.
    Boolean(Vec<bool>),
}

/// Values and nulls of a column.
#[derive(Debug, Clone)]
pub(crate) struct TypedColumn {
    /// The values, one per row.
    pub(crate) values: ColumnValues,
    /// One per row; empty as long as no row is null.
    pub(crate) nulls: Vec<bool>,
}

macro_rules! on_values {
    ($values:expr, $vector:ident => $body:expr) => {
        match $values {
            ColumnValues::Uuid($vector) => $body,
            ColumnValues::Code($vector, _) => $body,
            ColumnValues::Text($vector, _) => $body,
            ColumnValues::Long($vector) => $body,
            ColumnValues::Wide($vector) => $body,
            ColumnValues::Double($vector) => $body,
            ColumnValues::Boolean($vector) => $body,
        }
    };
}

impl TypedColumn {
    /// Creates an empty column.
    fn new(kind: &ColumnKind, seed: u64) -> Self {
        let values = match kind {
            ColumnKind::Uuid => ColumnValues::Uuid(Vec::new()),
            ColumnKind::Code(texts) => ColumnValues::Code(Vec::new(), Arc::clone(texts)),
            ColumnKind::Text => ColumnValues::Text(Vec::new(), TextPool::new(seed)),
            ColumnKind::Integer(..) | ColumnKind::Decimal(..) | ColumnKind::Date(_) | ColumnKind::Timestamp(_) => {
                ColumnValues::Long(Vec::new())
            }
            ColumnKind::WideDecimal(..) => ColumnValues::Wide(Vec::new()),
            ColumnKind::Double(_) => ColumnValues::Double(Vec::new()),
            ColumnKind::Boolean => ColumnValues::Boolean(Vec::new()),
        };
        Self {
            values,
            nulls: Vec::new(),
        }
    }

    /// Number of rows.
    pub(crate) fn len(&self) -> usize {
        on_values!(&self.values, vector => vector.len())
    }

    /// Whether the value of a row is null.
    #[inline]
    pub(crate) fn is_null(&self, row: usize) -> bool {
        !self.nulls.is_empty() && self.nulls[row]
    }

    fn reserve(&mut self, rows: usize) {
        on_values!(&mut self.values, vector => vector.reserve(rows));
    }

    /// Keeps those rows from `start` on that `keep` marks.
    fn retain(&mut self, start: usize, keep: &[bool]) {
        on_values!(&mut self.values, vector => retain(vector, start, keep));
        if !self.nulls.is_empty() {
            retain(&mut self.nulls, start, keep);
        }
    }

    fn absorb(&mut self, other: Self) -> Result<(), BrokenInvariant> {
        let (before, added) = (self.len(), other.len());
        if !self.nulls.is_empty() || !other.nulls.is_empty() {
            self.nulls.resize(before, false);
            self.nulls.extend_from_slice(&other.nulls);
            self.nulls.resize(before + added, false);
        }
        match (&mut self.values, other.values) {
            (ColumnValues::Uuid(values), ColumnValues::Uuid(added)) => append(values, added),
            (ColumnValues::Code(values, _), ColumnValues::Code(added, _)) => append(values, added),
            (ColumnValues::Long(values), ColumnValues::Long(added)) => append(values, added),
            (ColumnValues::Wide(values), ColumnValues::Wide(added)) => append(values, added),
            (ColumnValues::Double(values), ColumnValues::Double(added)) => append(values, added),
            (ColumnValues::Boolean(values), ColumnValues::Boolean(added)) => append(values, added),
            (ColumnValues::Text(values, pool), ColumnValues::Text(added, added_pool)) => {
                if added_pool.is_empty() {
                    // All of them are null.
                    values.resize(before + added.len(), 0);
                } else {
                    let codes = pool.absorb(&added_pool);
                    values.extend(added.iter().map(|code| codes[*code as usize]));
                }
            }
            _ => return Err(BrokenInvariant("columns of one plan have the same type")),
        }
        Ok(())
    }
}

fn append<T: Copy>(values: &mut Vec<T>, added: Vec<T>) {
    if values.is_empty() {
        *values = added;
    } else {
        values.reserve_exact(added.len());
        values.extend_from_slice(&added);
    }
}

/// `keep` has an entry for every value from `start` on.
fn retain<T: Copy>(vector: &mut Vec<T>, start: usize, keep: &[bool]) {
    let mut next = start;
    for (offset, keep) in keep.iter().enumerate() {
        if *keep {
            vector[next] = vector[start + offset];
            next += 1;
        }
    }
    vector.truncate(next);
}

/// Rows that satisfy the contract.
#[derive(Debug, Clone)]
pub(crate) struct ColumnarRows {
    /// One per source column of the plan.
    pub(crate) columns: Vec<TypedColumn>,
    /// The unknown fields, if the table has a column for them.
    pub(crate) extra: Option<TypedColumn>,
    /// Hashes over the delivered values.
    pub(crate) hashes: Vec<u64>,
    /// Positions in the object: block index in the upper 32 bits, row of the block in the lower ones. After
    /// [`Self::number_rows`], row numbers, from 1.
    pub(crate) positions: Vec<u64>,
}

impl ColumnarRows {
    /// Creates empty columns for a plan.
    pub(crate) fn new(plan: &TransformPlan) -> Self {
        Self {
            columns: plan
                .sources
                .iter()
                .map(|column| TypedColumn::new(&column.kind, column.seed))
                .collect(),
            extra: plan
                .extra
                .map(|_| TypedColumn::new(&ColumnKind::Text, hash_seed("extra"))),
            hashes: Vec::new(),
            positions: Vec::new(),
        }
    }

    /// Reserves memory for more rows, not for their texts.
    pub(crate) fn reserve(&mut self, rows: usize) {
        for column in self.columns.iter_mut().chain(&mut self.extra) {
            column.reserve(rows);
        }
        self.hashes.reserve(rows);
        self.positions.reserve(rows);
    }

    /// Number of rows.
    pub(crate) fn len(&self) -> usize {
        self.positions.len()
    }

    /// Keeps those rows from `start` on that `keep` marks.
    pub(crate) fn retain(&mut self, start: usize, keep: &[bool]) {
        for column in self.columns.iter_mut().chain(&mut self.extra) {
            column.retain(start, keep);
        }
        retain(&mut self.hashes, start, keep);
        retain(&mut self.positions, start, keep);
    }

    /// Appends the rows of another worker.
    ///
    /// # Errors
    /// The rows belong to another plan.
    pub(crate) fn absorb(&mut self, other: Self) -> Result<(), BrokenInvariant> {
        for (column, added) in self.columns.iter_mut().zip(other.columns) {
            column.absorb(added)?;
        }
        match (&mut self.extra, other.extra) {
            (Some(column), Some(added)) => column.absorb(added)?,
            (None, None) => {}
            _ => {
                return Err(BrokenInvariant(
                    "rows of one plan all have an extra column, or none has",
                ));
            }
        }
        append(&mut self.hashes, other.hashes);
        append(&mut self.positions, other.positions);
        Ok(())
    }

    /// Turns positions into row numbers. `first_rows` has the number of rows before each block, from block `first_block` on.
    pub(crate) fn number_rows(&mut self, first_block: u32, first_rows: &[u64]) {
        for position in &mut self.positions {
            *position = row_number(*position, first_block, first_rows);
        }
    }
}

/// Row number of a position; parameters as for [`ColumnarRows::number_rows`].
#[inline]
pub(crate) fn row_number(position: u64, first_block: u32, first_rows: &[u64]) -> u64 {
    let block = (position >> 32) as u32 - first_block;
    first_rows[block as usize] + (position & 0xffff_ffff) + 1
}
