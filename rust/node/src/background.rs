//! Work that may take as long as a disk does: on threads of its own, so that neither those that serve nor the one
//! that decides wait for it. One pass of a kind runs at a time; what it finds out comes back as events.

use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::error::NodeError;
use crate::node::Node;
use crate::shared::{Shared, lock};

#[derive(Default)]
pub struct Background {
    running: Mutex<Running>,
    ended: Condvar,
}

#[derive(Default)]
struct Running {
    count: usize,
    /// What runs, and whether it was asked for once more since it began.
    passes: Vec<(Pass, bool)>,
}

/// What is done to all partitions from time to time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pass {
    Retention,
    Flush,
    Checkpoint,
    Producers,
    Deleted,
}

const PASSES: [(&str, Pass); 5] = [
    ("retention", Pass::Retention),
    ("flush", Pass::Flush),
    ("checkpoint", Pass::Checkpoint),
    ("producers", Pass::Producers),
    ("deleted", Pass::Deleted),
];

impl Background {
    /// Whether a pass that was begun is to be made (again); else it is over.
    fn goes_on(&self, pass: Pass) -> bool {
        let mut running = lock(&self.running);
        let asked = running.passes.contains(&(pass, true));
        running.passes.retain(|(of, _)| *of != pass);
        if asked {
            running.passes.push((pass, false));
        }
        asked
    }
}

impl Shared {
    /// Do this soon, on a thread that may block. Not at all once the node has ended.
    pub fn in_background(self: &Arc<Self>, work: impl FnOnce(&Arc<Self>) + Send + 'static) {
        let Some(runtime) = lock(&self.runtime).clone() else {
            return;
        };
        lock(&self.background.running).count += 1;
        let node = Arc::clone(self);
        runtime.spawn_blocking(move || {
            node.guard(|| work(&node));
            lock(&node.background.running).count -= 1;
            node.background.ended.notify_all();
        });
    }
}

impl Node {
    /// Begin a pass over all partitions, by its name; if one of its kind still runs, another follows it.
    pub fn begin(&self, pass: &str) -> Result<(), NodeError> {
        self.call(|shared| {
            let found = PASSES.iter().find(|(name, _)| *name == pass);
            let Some((_, pass)) = found.copied() else {
                return Err(NodeError::new(
                    "invalid",
                    format!("there is no pass {pass:?}"),
                ));
            };
            {
                let mut running = lock(&shared.background.running);
                if let Some((_, again)) = running.passes.iter_mut().find(|(of, _)| *of == pass) {
                    *again = true;
                    return Ok(());
                }
                running.passes.push((pass, true));
            }
            shared.in_background(move |node| {
                while node.background.goes_on(pass) {
                    Self::run(node, pass);
                }
            });
            Ok(())
        })
    }

    /// Wait until nothing runs in the background; whether that is so within the timeout.
    pub fn settle(&self, timeout: Duration) -> Result<bool, NodeError> {
        self.call(|shared| {
            let deadline = Instant::now() + timeout;
            let mut running = lock(&shared.background.running);
            while running.count > 0 {
                let left = deadline.saturating_duration_since(Instant::now());
                if left.is_zero() {
                    return Ok(false);
                }
                running = shared
                    .background
                    .ended
                    .wait_timeout(running, left)
                    .unwrap_or_else(PoisonError::into_inner)
                    .0;
            }
            Ok(true)
        })
    }
}
