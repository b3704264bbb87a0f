//! How a processor reaches the engine that waits for it: a pointer that lives as long as the call.
//!
//! While the host runs a user's processor, the engine and the host are lent to it through the task's slot;
//! calls that come back on the same thread use them. What stays true: the pointers are those of the
//! innermost call, and nothing above it touches engine or host until it returns; outside of a call, on other
//! threads, and while they are used, the slot is empty.

use std::sync::Arc;
use std::thread::{self, ThreadId};

use ottla_streams::application::Application;
use ottla_streams::engine::Engine;
use parking_lot::Mutex;

struct Lent<H: Application> {
    engine: *mut Engine<H>,
    host: *mut H,
    thread: ThreadId,
}

// SAFETY: the pointers are only followed on the thread that lent them (`Slot::with`).
unsafe impl<H: Application> Send for Lent<H> {}

pub struct Slot<H: Application>(Arc<Mutex<Option<Lent<H>>>>);

impl<H: Application> Default for Slot<H> {
    fn default() -> Self {
        Self(Arc::default())
    }
}

impl<H: Application> Clone for Slot<H> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

/// Takes back what was lent when it is dropped.
pub struct Scope<H: Application> {
    slot: Slot<H>,
    before: Option<Lent<H>>,
}

impl<H: Application> Slot<H> {
    pub fn lend(&self, engine: &mut Engine<H>, host: &mut H) -> Scope<H> {
        let lent = Lent {
            engine,
            host,
            thread: thread::current().id(),
        };
        Scope {
            slot: self.clone(),
            before: self.0.lock().replace(lent),
        }
    }

    /// What `work` gives, if engine and host are lent on this thread.
    pub fn with<R>(&self, work: impl FnOnce(&mut Engine<H>, &mut H) -> R) -> Option<R> {
        let lent = self
            .0
            .lock()
            .take_if(|lent| lent.thread == thread::current().id())?;
        let (engine, host) = (lent.engine, lent.host);
        let _back = Scope {
            slot: self.clone(),
            before: Some(lent),
        };
        // SAFETY: whoever lent them waits, on this thread, until its scope ends, and the scope put the
        // pointers of the innermost call here. They are taken out meanwhile, so that a serde or a function
        // that this work calls cannot get them a second time. So nothing else uses engine or host.
        Some(unsafe { work(&mut *engine, &mut *host) })
    }
}

impl<H: Application> Drop for Scope<H> {
    fn drop(&mut self) {
        *self.slot.0.lock() = self.before.take();
    }
}
