//! Once a second all connections are looked over: who is idle, who rests, who keeps memory that others need.

use std::sync::Arc;
use std::time::Duration;

use crate::lock::lock;
use crate::metrics::add;
use crate::outside::Life;
use crate::peer::{Connection, Ending};
use crate::shared::Shared;
use ottla_core::connection::patience::{Look, Memory, Owes};

const SWEEP: Duration = Duration::from_secs(1);
/// After this long without a request a connection's receive buffer is given back.
const REST_AFTER_MS: u64 = 5_000;

/// Look over the connections, and the descriptors that they share with files, until the node ends.
pub async fn sweep(shared: Arc<Shared>) {
    let mut ticks = tokio::time::interval(SWEEP);
    let mut enough_at_ms = 0;
    while shared.life() <= Life::Stopping {
        ticks.tick().await;
        shared.look_after_descriptors();
        let now_ms = shared.uptime_ms();
        let frames = shared.budget.memory();
        if frames < Memory::Missing {
            enough_at_ms = now_ms;
        }
        shared.look_after_connections(Look {
            now_ms,
            memory: (frames, shared.decisions.memory()),
            starved_ms: now_ms.saturating_sub(enough_at_ms),
        });
    }
}

impl Shared {
    fn look_after_connections(&self, look: Look) {
        let idle_max = u64::try_from(self.options.connection_idle_ms_max).unwrap_or(u64::MAX);
        let mut stalled: Vec<(Owes, Arc<Connection>)> = Vec::new();
        for connection in lock(&self.connections).values() {
            let waits_for_us = connection.waits_for_us(); // before its age: it is idle from its answer on
            let idle = look.now_ms.saturating_sub(connection.active_at_ms());
            if let Some(owed) = connection.progress.overdue(look) {
                connection.end(Ending::Close);
                stalled.push((owed, Arc::clone(connection)));
            } else if idle > idle_max && !waits_for_us {
                connection.end(Ending::Close);
            } else if (REST_AFTER_MS..REST_AFTER_MS + 2000).contains(&idle) {
                connection.end(Ending::Rest);
            }
        }
        self.tell_of_stalled(&stalled);
    }

    /// One line for all: there may be thousands.
    fn tell_of_stalled(&self, stalled: &[(Owes, Arc<Connection>)]) {
        let Some((owed, first)) = stalled.first() else {
            return;
        };
        add(&self.metrics.connections_stalled, stalled.len());
        let peer = first.peer;
        let what = match owed {
            Owes::Reply | Owes::Answer => "did not take its replies",
            Owes::Frame | Owes::Nothing => "did not send the rest of a request",
        };
        let others = stalled.len() - 1;
        let more = if others > 0 {
            format!(", and {others} others like it")
        } else {
            String::new()
        };
        self.refuse(format!(
                "closed the connection from {peer}, which {what}{more}: {} of {} bytes of request memory \
                 (queued.max.request.bytes) are taken",
                self.budget.used(),
                self.options.request_memory_bytes_max
            ));
    }
}
