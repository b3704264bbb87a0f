//! How a processor reaches the engine that waits for it: a pointer that lives as long as the call.
//!
//! While the host runs a user's processor, the engine and the host are lent to it through the task's slot;
//! calls that come back on the same thread use them. What stays true: the pointers are those of the
//! innermost call, and nothing above it touches engine or host until it returns; outside of a call, on other
//! threads, and while they are used, the slot is empty.

use std::sync::Arc;
use std::thread::{self, ThreadId};

use ottla_streams::engine::Engine;
use parking_lot::Mutex;

use super::host::PythonHost;

#[derive(Clone, Copy)]
struct Lent {
    engine: *mut Engine<PythonHost>,
    host: *mut PythonHost,
    thread: ThreadId,
}

// SAFETY: the pointers are only followed on the thread that lent them (`Slot::with`).
unsafe impl Send for Lent {}

#[derive(Clone, Default)]
pub struct Slot(Arc<Mutex<Option<Lent>>>);

/// Takes back what was lent when it is dropped.
pub struct Scope {
    slot: Slot,
    before: Option<Lent>,
}

impl Slot {
    pub fn lend(&self, engine: &mut Engine<PythonHost>, host: &mut PythonHost) -> Scope {
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
    pub fn with<R>(
        &self,
        work: impl FnOnce(&mut Engine<PythonHost>, &mut PythonHost) -> R,
    ) -> Option<R> {
        let lent = self
            .0
            .lock()
            .take_if(|lent| lent.thread == thread::current().id())?;
        let _back = Scope {
            slot: self.clone(),
            before: Some(lent),
        };
        // SAFETY: whoever lent them waits, on this thread, until its scope ends, and the scope put the
        // pointers of the innermost call here. They are taken out meanwhile, so that a serde or a function
        // that this work calls cannot get them a second time. So nothing else uses engine or host.
        Some(unsafe { work(&mut *lent.engine, &mut *lent.host) })
    }
}

impl Drop for Scope {
    fn drop(&mut self) {
        *self.slot.0.lock() = self.before;
    }
}
