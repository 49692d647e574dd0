//! How much one object may ask for, whatever its sender wrote into it.

/// Limits on one bronze object. One that passes the limit of its columns, its expansion or its quarantine is rejected; a record
/// that passes the limit of records is quarantined alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ObjectLimits {
    /// Largest number of columns of a CSV header or a Parquet file (`maxColumns`).
    pub max_columns: u32,
    /// Largest number of bytes of a record (`maxRecordBytes`).
    pub max_record_bytes: u32,
    /// Bytes of text that a byte of the object may become (`maxExpansion`). See [`ObjectLimits::text_bytes`].
    pub max_expansion: u32,
    /// Largest number of bytes of the quarantine of an object (`maxQuarantineBytes`).
    pub max_quarantine_bytes: u64,
}

/// Bytes of text that any object may have: what is small does no harm, however well it is compressed.
const ALWAYS_ALLOWED_BYTES: u64 = 64 << 20;

impl Default for ObjectLimits {
    /// Redshift has 1,600 columns at most; transactions compress to a tenth, and repeated ones to a fiftieth.
    fn default() -> Self {
        Self {
            max_columns: 2_000,
            max_record_bytes: 10 << 20,
            max_expansion: 200,
            max_quarantine_bytes: 1 << 30,
        }
    }
}

impl ObjectLimits {
    /// Largest number of bytes of text of an object of `size` bytes: 64 MiB, or its size times the expansion.
    #[must_use]
    pub fn text_bytes(&self, size: u64) -> u64 {
        size.saturating_mul(self.max_expansion.into()).max(ALWAYS_ALLOWED_BYTES)
    }
}
