//! Recognizes writes that failed for lack of space: by the kind of an I/O error anywhere in a source chain, and, for
//! DuckDB, which reports I/O errors as text only, by its message.

use std::error::Error;
use std::io;
use std::sync::{Arc, Mutex, PoisonError};

/// Why a write had no space.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NoSpace {
    /// The disk, or the user's quota of it, is full.
    DiskFull,
    /// The file system or the shell (`ulimit -f`) limits the size of a file.
    FileTooLarge,
}

impl NoSpace {
    /// Classifies an I/O error.
    #[must_use]
    pub fn of_io(error: &io::Error) -> Option<Self> {
        match error.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Some(Self::DiskFull),
            io::ErrorKind::FileTooLarge => Some(Self::FileTooLarge),
            _ => None,
        }
    }

    /// Classifies an error by the I/O errors in its source chain.
    #[must_use]
    pub fn of(error: &(dyn Error + 'static)) -> Option<Self> {
        std::iter::successors(Some(error), |&error| error.source())
            .find_map(|error| error.downcast_ref::<io::Error>().and_then(Self::of_io))
    }

    /// Classifies a message of DuckDB, which carries the operating system's words, or names the limit of its temporary
    /// files. For the one place that wraps DuckDB's errors; everything above matches on the kind.
    #[must_use]
    pub fn of_duckdb(message: &str) -> Option<Self> {
        const FULL: [&str; 3] = [
            "No space left on device",
            "Disk quota exceeded",
            "max_temp_directory_size",
        ];
        if message.contains("File too large") {
            Some(Self::FileTooLarge)
        } else if FULL.iter().any(|text| message.contains(text)) {
            Some(Self::DiskFull)
        } else {
            None
        }
    }
}

/// The last write that had no space, if any. Clones share one record.
///
/// For a server whose clients see a service's error code, and for the program that runs both.
#[derive(Debug, Clone, Default)]
pub struct NoSpaceLog(Arc<Mutex<Option<NoSpace>>>);

impl NoSpaceLog {
    /// Records a failed write.
    pub fn record(&self, reason: NoSpace) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(reason);
    }

    /// The last recorded reason.
    #[must_use]
    pub fn last(&self) -> Option<NoSpace> {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("cannot write the report")]
    struct Wrapped(#[source] io::Error);

    #[test]
    fn io_kinds_and_duckdb_messages_agree() {
        // ENOSPC, EDQUOT and EFBIG on Linux.
        for (number, expected) in [
            (28, NoSpace::DiskFull),
            (122, NoSpace::DiskFull),
            (27, NoSpace::FileTooLarge),
        ] {
            let error = io::Error::from_raw_os_error(number);
            assert_eq!(NoSpace::of_io(&error), Some(expected), "{error}");
            let message = format!("IO Error: Could not write file \"w.wal\": {error}");
            assert_eq!(NoSpace::of_duckdb(&message), Some(expected), "{error}");
            assert_eq!(NoSpace::of(&Wrapped(error)), Some(expected));
        }
        let denied = io::Error::from_raw_os_error(13);
        assert_eq!(NoSpace::of_io(&denied), None);
        assert_eq!(NoSpace::of_duckdb(&denied.to_string()), None);
        assert_eq!(NoSpace::of(&Wrapped(denied)), None);
    }
}
