//! Broken invariants: properties that construction guarantees. A violation is an internal bug and fails the object; it never
//! becomes a default value.

use parquet::errors::ParquetError;

/// A violated invariant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("invariant broken: {0}")]
pub struct BrokenInvariant(pub(crate) &'static str);

impl From<BrokenInvariant> for ParquetError {
    fn from(broken: BrokenInvariant) -> Self {
        Self::External(Box::new(broken))
    }
}
