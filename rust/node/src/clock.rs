//! The node's clock: real time plus an offset, moved forward only.
//!
//! What the node writes and ages follows this clock; waits that a client asked for stay on real time.

use std::sync::Mutex;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use crate::shared::lock;

pub struct Clock {
    state: Mutex<State>,
    /// The latest time that anyone was told: time never goes back, even if the system's does.
    told_ms: AtomicI64,
}

struct State {
    offset_ms: i64,
    frozen_ms: Option<i64>,
}

/// The machine's own time.
pub fn real_ms() -> i64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |since| {
            i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
        })
}

impl Clock {
    pub fn new(offset_ms: i64) -> Self {
        let state = State {
            offset_ms,
            frozen_ms: None,
        };
        Self {
            state: Mutex::new(state),
            told_ms: AtomicI64::new(i64::MIN),
        }
    }

    pub fn now_ms(&self) -> i64 {
        let now = {
            let state = lock(&self.state);
            state
                .frozen_ms
                .unwrap_or_else(|| real_ms().saturating_add(state.offset_ms))
        };
        self.told_ms.fetch_max(now, Ordering::Relaxed).max(now)
    }

    /// Move the clock forward, frozen or not, and say what it shows now.
    pub fn advance(&self, by_ms: u64) -> i64 {
        {
            let mut state = lock(&self.state);
            let by_ms = i64::try_from(by_ms).unwrap_or(i64::MAX);
            state.offset_ms = state.offset_ms.saturating_add(by_ms);
            state.frozen_ms = state.frozen_ms.map(|at| at.saturating_add(by_ms));
        }
        self.now_ms()
    }

    /// Stop the clock where it is, or let it run on from there.
    pub fn freeze(&self, frozen: bool) {
        let now = self.now_ms();
        let mut state = lock(&self.state);
        if frozen {
            state.frozen_ms.get_or_insert(now);
        } else if let Some(at) = state.frozen_ms.take() {
            state.offset_ms = at.saturating_sub(real_ms());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frozen_clock_moves_only_when_told() {
        let clock = Clock::new(5_000_000);
        assert!(clock.now_ms() >= real_ms() + 4_999_000);
        clock.freeze(true);
        let at = clock.now_ms();
        assert_eq!(clock.advance(1000), at + 1000);
        assert_eq!(clock.now_ms(), at + 1000);
        clock.freeze(false);
        let running = clock.now_ms();
        assert!(
            (at + 1000..at + 2000).contains(&running),
            "{running} after {at}"
        );
    }
}
