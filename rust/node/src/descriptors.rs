//! Which descriptors are this node's, readable in a forked child where any lock may be held by a thread that
//! no longer exists. Slots are atomics in blocks that are never freed or moved.

use std::os::fd::{AsRawFd, RawFd};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicI32, AtomicUsize, Ordering};

const BLOCK: usize = 1024;
const BLOCKS: usize = 1024;

pub struct Descriptors {
    blocks: Box<[OnceLock<Box<[AtomicI32]>>]>,
    hint: AtomicUsize,
    count: AtomicUsize,
}

/// A note that one descriptor belongs to the node, until it is dropped. Drop it before closing.
pub struct Noted {
    descriptors: std::sync::Arc<Descriptors>,
    slot: Option<usize>,
}

impl Default for Descriptors {
    fn default() -> Self {
        Self {
            blocks: (0..BLOCKS).map(|_| OnceLock::new()).collect(),
            hint: AtomicUsize::new(0),
            count: AtomicUsize::new(0),
        }
    }
}

impl Descriptors {
    fn slot(&self, number: usize) -> &AtomicI32 {
        let block = self.blocks[number / BLOCK]
            .get_or_init(|| (0..BLOCK).map(|_| AtomicI32::new(-1)).collect());
        &block[number % BLOCK]
    }

    /// How many are open.
    pub fn count(&self) -> usize {
        self.count.load(Ordering::Relaxed)
    }

    pub fn note(self: &std::sync::Arc<Self>, descriptor: &impl AsRawFd) -> Noted {
        self.note_number(descriptor.as_raw_fd())
    }

    /// Remember a descriptor. Beyond a million of them some are not remembered and stay open in children.
    pub fn note_number(self: &std::sync::Arc<Self>, fd: RawFd) -> Noted {
        self.count.fetch_add(1, Ordering::Relaxed);
        let start = self.hint.fetch_add(1, Ordering::Relaxed);
        // A few slots by turns, so that a busy node seldom searches; then all of them from the low end.
        let by_turns = (0..64).map(|step| (start + step) % BLOCK);
        let free = by_turns.chain(0..BLOCK * BLOCKS).find(|number| {
            self.slot(*number)
                .compare_exchange(-1, fd, Ordering::AcqRel, Ordering::Relaxed)
                .is_ok()
        });
        Noted {
            descriptors: std::sync::Arc::clone(self),
            slot: free,
        }
    }

    /// In a forked child: close every descriptor that the parent's node had. Takes no lock, allocates nothing.
    pub fn close_in_child(&self) {
        for block in self.blocks.iter().filter_map(OnceLock::get) {
            for slot in block {
                let fd: RawFd = slot.swap(-1, Ordering::AcqRel);
                if fd >= 0 {
                    // SAFETY: the descriptor was open when the process forked and its owner, which runs on a
                    // thread that the child does not have, never touches it again.
                    unsafe { rustix::io::close(fd) };
                }
            }
        }
    }
}

impl Drop for Noted {
    fn drop(&mut self) {
        self.descriptors.count.fetch_sub(1, Ordering::Relaxed);
        if let Some(slot) = self.slot {
            self.descriptors.slot(slot).store(-1, Ordering::Release);
        }
    }
}
