//! Writes that had no space: recognized by the kinds of errors, not by their texts.

use cardlake_aws::storage::{StorageError, StorageErrorKind};
use cardlake_local_redshift::RedshiftError;
use cardlake_loopback::NoSpace;
use std::error::Error;
use std::path::PathBuf;

/// Where a write had no space.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Place {
    /// In this folder, or at this file.
    Path(PathBuf),
    /// In the folder of the stages' temporary files.
    Temporary,
    /// The error does not say.
    Unknown,
}

/// A write that had no space.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Shortage {
    pub(crate) reason: NoSpace,
    pub(crate) place: Place,
}

/// Why a write had no space, if that is behind the error.
pub(crate) fn reason(error: &(dyn Error + 'static)) -> Option<NoSpace> {
    let of_one = |error: &(dyn Error + 'static)| {
        let of_storage = |error: &StorageError| (error.kind == StorageErrorKind::NoSpace).then_some(NoSpace::DiskFull);
        error
            .downcast_ref::<StorageError>()
            .and_then(of_storage)
            .or_else(|| error.downcast_ref::<RedshiftError>().and_then(RedshiftError::no_space))
    };
    NoSpace::of(error).or_else(|| std::iter::successors(Some(error), |&error| error.source()).find_map(of_one))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_of_storage_and_warehouse_are_recognized_in_a_chain() {
        #[derive(Debug, thiserror::Error)]
        #[error("the stage failed")]
        struct Wrapped(#[source] StorageError);
        let storage = |kind| StorageError {
            kind,
            operation: "write",
            bucket: "b".to_owned(),
            key: "k".to_owned(),
            source: "the disk is full".into(),
        };
        assert_eq!(
            reason(&Wrapped(storage(StorageErrorKind::NoSpace))),
            Some(NoSpace::DiskFull)
        );
        assert_eq!(reason(&Wrapped(storage(StorageErrorKind::Refused))), None);
        let open = RedshiftError::Open {
            path: PathBuf::from("w.duckdb"),
            source: "IO Error: Could not write file \"w\": No space left on device".into(),
        };
        assert_eq!(reason(&open), Some(NoSpace::DiskFull));
    }
}
