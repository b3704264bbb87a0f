//! Locks of a node.

use std::sync::{Mutex, MutexGuard, PoisonError};

/// Lock without a care for panics elsewhere: after a panic the node is poisoned and refuses all calls anyway.
pub fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
