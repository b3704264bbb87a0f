//! The bytes that all connections together may hold: frames being received, requests and replies under way.
//!
//! Over the budget a connection stops reading; nothing grows. So that half-received frames cannot wait for
//! each other for ever, one connection at a time may go over it until its frame is whole, for a limited time.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::sync::{Notify, Semaphore, SemaphorePermit};

/// How long the one connection over the budget may take to send the rest of its frame.
const OVERDRAFT_MAX: Duration = Duration::from_secs(30);

pub struct Budget {
    used: AtomicUsize,
    bytes_max: usize,
    freed: Notify,
    overdraft: Semaphore,
}

/// The right to be over the budget; gone at `deadline`.
pub struct Overdraft<'a> {
    _permit: SemaphorePermit<'a>,
    pub deadline: tokio::time::Instant,
}

impl Budget {
    pub fn new(bytes_max: usize) -> Self {
        Self {
            used: AtomicUsize::new(0),
            bytes_max,
            freed: Notify::new(),
            overdraft: Semaphore::new(1),
        }
    }

    pub fn used(&self) -> usize {
        self.used.load(Ordering::Relaxed)
    }

    /// Whether others may soon have to wait.
    pub fn is_tight(&self) -> bool {
        self.used() > self.bytes_max / 2
    }

    pub fn try_take(&self, bytes: usize) -> bool {
        self.used
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |used| {
                used.checked_add(bytes).filter(|sum| *sum <= self.bytes_max)
            })
            .is_ok()
    }

    /// Take without asking: for what is already there, such as a reply.
    pub fn take_anyway(&self, bytes: usize) {
        self.used.fetch_add(bytes, Ordering::Relaxed);
    }

    pub fn give(&self, bytes: usize) {
        if bytes > 0 {
            self.used.fetch_sub(bytes, Ordering::Relaxed);
            self.freed.notify_waiters();
        }
    }

    /// Wait until the bytes are there, or until it is this connection's turn to go over the budget.
    pub async fn take(&self, bytes: usize) -> Option<Overdraft<'_>> {
        loop {
            let freed = self.freed.notified();
            if self.try_take(bytes) {
                return None;
            }
            tokio::select! {
                () = freed => {}
                permit = self.overdraft.acquire() => {
                    if let Ok(permit) = permit {
                        self.take_anyway(bytes);
                        let deadline = tokio::time::Instant::now() + OVERDRAFT_MAX;
                        return Some(Overdraft { _permit: permit, deadline });
                    }
                }
            }
        }
    }
}
