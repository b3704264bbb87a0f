//! Passes over all partitions, begun by Python's timers: one of a kind runs at a time.

use std::sync::{Arc, Mutex};

use ottla_core::hosting::Pass;

use crate::lock::lock;
use crate::outside::{NodeHost, Outside};

/// What runs, and whether it was asked for once more since it began.
#[derive(Default)]
pub struct Passes(Mutex<Vec<(Pass, bool)>>);

impl Passes {
    /// Begin one; if one of its kind still runs, another follows it.
    pub fn begin(self: &Arc<Self>, pass: Pass, outside: &Outside, host: &Arc<NodeHost>) {
        {
            let mut running = lock(&self.0);
            if let Some((_, again)) = running.iter_mut().find(|(of, _)| *of == pass) {
                *again = true;
                return;
            }
            running.push((pass, true));
        }
        let (passes, host) = (Arc::clone(self), Arc::clone(host));
        outside.pool.run(move || {
            while passes.goes_on(pass) {
                host.run(pass);
            }
        });
    }

    /// Whether a pass that was begun is to be made (again); else it is over.
    fn goes_on(&self, pass: Pass) -> bool {
        let mut running = lock(&self.0);
        let asked = running.contains(&(pass, true));
        running.retain(|(of, _)| *of != pass);
        if asked {
            running.push((pass, false));
        }
        asked
    }
}
