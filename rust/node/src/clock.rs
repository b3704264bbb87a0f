//! The node's two clocks: the wall clock, which says when something was written, and the steady clock, on
//! which durations are measured.
//!
//! The wall clock is the machine's plus an offset. It may jump either way, as the machine's does when somebody
//! sets it, and timestamps follow. The steady clock is the machine's monotonic time plus what tests added: it
//! never goes back and never leaps by itself, so a deadline that was set on it is met when that much time has
//! passed. Both move together when a test advances them, and stand still together when it freezes them. Waits
//! that a client asked for stay on real time and are not told here.

use std::sync::Mutex;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use crate::lock::lock;

pub struct Clock {
    state: Mutex<State>,
    started: Instant,
}

struct State {
    wall_offset_ms: i64,
    steady_offset_ms: i64,
    /// By how much tests moved it ahead of the machine's, less what it stood still.
    ahead_ms: i64,
    /// (wall, steady) where they stand still.
    frozen: Option<(i64, i64)>,
}

impl State {
    fn wall_ms(&self) -> i64 {
        self.frozen.map_or_else(
            || real_ms().saturating_add(self.wall_offset_ms),
            |(wall, _)| wall,
        )
    }
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
            wall_offset_ms: offset_ms,
            steady_offset_ms: 0,
            ahead_ms: 0,
            frozen: None,
        };
        Self {
            state: Mutex::new(state),
            started: Instant::now(),
        }
    }

    /// The wall clock: what timestamps, ages of records and retention by time go by.
    pub fn now_ms(&self) -> i64 {
        lock(&self.state).wall_ms()
    }

    /// The steady clock: milliseconds since the node was made, and what tests added.
    pub fn steady_ms(&self) -> i64 {
        self.steady_of(&lock(&self.state))
    }

    fn steady_of(&self, state: &State) -> i64 {
        state.frozen.map_or_else(
            || self.elapsed_ms().saturating_add(state.steady_offset_ms),
            |(_, steady)| steady,
        )
    }

    fn elapsed_ms(&self) -> i64 {
        i64::try_from(self.started.elapsed().as_millis()).unwrap_or(i64::MAX)
    }

    /// Move both clocks forward, frozen or not, and say what the wall clock shows now.
    pub fn advance(&self, by_ms: u64) -> i64 {
        let by_ms = i64::try_from(by_ms).unwrap_or(i64::MAX);
        self.jump_wall(by_ms);
        let mut state = lock(&self.state);
        state.ahead_ms = state.ahead_ms.saturating_add(by_ms);
        state.steady_offset_ms = state.steady_offset_ms.saturating_add(by_ms);
        if let Some((_, steady)) = &mut state.frozen {
            *steady = steady.saturating_add(by_ms);
        }
        state.wall_ms()
    }

    /// Set the wall clock alone forward or back, as an administrator or a time server does to a machine.
    pub fn jump_wall(&self, by_ms: i64) {
        let mut state = lock(&self.state);
        state.wall_offset_ms = state.wall_offset_ms.saturating_add(by_ms);
        if let Some((wall, _)) = &mut state.frozen {
            *wall = wall.saturating_add(by_ms);
        }
    }

    /// By how much tests moved the clock ahead of its clients', as it was when they last moved, stopped or let it go.
    pub fn ahead_ms(&self) -> i64 {
        lock(&self.state).ahead_ms
    }

    /// Stop both clocks where they are, or let them run on from there.
    pub fn freeze(&self, frozen: bool) {
        let mut state = lock(&self.state);
        if frozen {
            state.frozen = Some((state.wall_ms(), self.steady_of(&state)));
        } else if let Some((wall, steady)) = state.frozen.take() {
            let offset_ms = wall.saturating_sub(real_ms());
            let stood_ms = state.wall_offset_ms.saturating_sub(offset_ms);
            state.ahead_ms = state.ahead_ms.saturating_sub(stood_ms);
            state.wall_offset_ms = offset_ms;
            state.steady_offset_ms = steady.saturating_sub(self.elapsed_ms());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frozen_clocks_move_only_when_told() {
        let clock = Clock::new(5_000_000);
        assert!(clock.now_ms() >= real_ms() + 4_999_000);
        clock.freeze(true);
        let (at, steady) = (clock.now_ms(), clock.steady_ms());
        assert_eq!(clock.advance(3_600_000), at + 3_600_000);
        assert_eq!(clock.now_ms(), at + 3_600_000);
        assert_eq!(clock.steady_ms(), steady + 3_600_000);
        clock.freeze(false);
        let running = clock.now_ms();
        assert!(
            (at + 3_600_000..at + 5_400_000).contains(&running),
            "{running} after {at}"
        );
    }

    #[test]
    fn the_steady_clock_does_not_see_the_wall_jump() {
        let clock = Clock::new(0);
        let steady = clock.steady_ms();
        for by_ms in [86_400_000, -2 * 86_400_000, i64::MIN, i64::MAX] {
            clock.jump_wall(by_ms);
            let moved = clock.steady_ms() - steady;
            assert!((0..60_000).contains(&moved), "{moved} after {by_ms}");
        }
    }

    #[test]
    fn the_wall_clock_goes_back_after_a_jump() {
        let clock = Clock::new(0);
        clock.jump_wall(86_400_000);
        assert!(clock.now_ms() > real_ms() + 86_000_000);
        clock.jump_wall(-86_400_000);
        assert!(clock.now_ms() < real_ms() + 60_000);
    }

    #[test]
    fn no_number_breaks_them() {
        let clock = Clock::new(i64::MAX);
        clock.advance(u64::MAX);
        clock.freeze(true);
        clock.advance(u64::MAX);
        clock.jump_wall(i64::MIN);
        clock.freeze(false);
        clock.steady_ms();
    }
}
