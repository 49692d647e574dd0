//! Locks that survive a panic.

use std::sync::{Mutex, MutexGuard, PoisonError};

/// A poisoned lock only means that a thread panicked between two complete changes.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
