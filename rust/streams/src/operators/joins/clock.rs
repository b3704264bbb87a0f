//! Clocks of operators: stream time as one operator has seen it, and what two sides of a join share.

use crate::application::Application;
use crate::engine::Run;
use crate::operators::State;
use crate::plan::NodeId;

/// What the two sides of a stream-stream join share.
#[derive(Debug)]
pub struct Shared {
    /// The highest record time of both sides.
    pub stream_time: i64,
    /// Not before this time is anything waiting in the outer store; the highest time there is: nothing is.
    pub min_time: i64,
    /// The wall clock's time from which the outer store may be looked through again.
    pub next_emit: i64,
}

impl Default for Shared {
    fn default() -> Self {
        Self {
            stream_time: -1,
            min_time: i64::MAX,
            next_emit: 0,
        }
    }
}

impl<H: Application> Run<'_, H> {
    /// The operator sees a record of this time; gives the highest that it has seen.
    pub(crate) fn observe(&mut self, id: NodeId, timestamp: i64) -> i64 {
        let state = &mut self.engine.states[id];
        if let State::Clock { observed, .. } = state {
            *observed = (*observed).max(timestamp);
            return *observed;
        }
        let observed = timestamp.max(-1);
        *state = State::Clock {
            observed,
            emitted: -1,
        };
        observed
    }
}
