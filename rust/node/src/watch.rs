//! That somebody listens to the sockets while a thread that serves is kept by a disk.
//!
//! A thread that was woken by a socket works on what came, and listens again when it is done; if nothing else came with
//! it, it wakes no other to listen meanwhile. One that hangs in a write would so deafen all of them. So as long as
//! requests for records come in, somebody apart from them calls for another one a few times a second; when none come
//! it ends, and nothing is paid for it.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::Duration;

use tokio::runtime::Handle;

use crate::lock::lock;

const PERIOD: Duration = Duration::from_millis(100);

#[derive(Default)]
pub struct Watch {
    /// A request came in since the last call.
    used: AtomicBool,
    /// Somebody calls.
    kept: AtomicBool,
    ended: Mutex<bool>,
    ended_now: Condvar,
}

impl Watch {
    /// A request is about to use a disk; on a thread that serves.
    pub fn note(self: &Arc<Self>) {
        if self.used.load(Ordering::Relaxed) {
            return;
        }
        self.used.store(true, Ordering::SeqCst);
        if !self.kept.swap(true, Ordering::SeqCst) {
            let (watch, runtime) = (Arc::clone(self), Handle::current());
            runtime.clone().spawn_blocking(move || watch.keep(&runtime));
        }
    }

    /// The node ends.
    pub fn end(&self) {
        *lock(&self.ended) = true;
        self.ended_now.notify_all();
    }

    fn keep(&self, runtime: &Handle) {
        loop {
            self.used.store(false, Ordering::SeqCst);
            let ended = lock(&self.ended);
            let waited = self
                .ended_now
                .wait_timeout_while(ended, PERIOD, |ended| !*ended);
            if *waited.unwrap_or_else(PoisonError::into_inner).0 {
                return;
            }
            drop(runtime.spawn(async {})); // whoever runs it listens next
            if self.used.load(Ordering::SeqCst) {
                continue;
            }
            self.kept.store(false, Ordering::SeqCst);
            let comes_back =
                self.used.load(Ordering::SeqCst) && !self.kept.swap(true, Ordering::SeqCst);
            if !comes_back {
                return;
            }
        }
    }
}
