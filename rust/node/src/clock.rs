//! The node's two clocks: the wall clock, which says when something was written, and the steady clock, on
//! which durations are measured.
//!
//! The wall clock is the machine's plus an offset. It may jump either way, as the machine's does when somebody
//! sets it, and timestamps follow. The steady clock is the machine's monotonic time plus what tests added: it
//! never goes back and never leaps by itself, so a deadline that was set on it is met when that much time has
//! passed. Both move together when a test advances them, and stand still together when it freezes them: whoever
//! reads sees both moved, or neither, and the skew with them. Waits that a client asked for stay on real time and are
//! not told here.

use std::sync::Mutex;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use ottla_core::log::Skew;

use crate::lock::lock;

pub struct Clock {
    state: Mutex<State>,
    started: Instant,
    /// By how much tests moved it ahead of the machine's, by which clients go, less what it stood still: as it was when
    /// they last moved, stopped or let it go. Set under the lock.
    skew: Skew,
}

/// What tests made of a clock: it is so far from the machine's, and stands still where the wall clock shows this.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ClockSet {
    pub offset_ms: i64,
    pub frozen_ms: Option<i64>,
}

struct State {
    wall_offset_ms: i64,
    steady_offset_ms: i64,
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

    fn jump_wall(&mut self, by_ms: i64) {
        self.wall_offset_ms = self.wall_offset_ms.saturating_add(by_ms);
        if let Some((wall, _)) = &mut self.frozen {
            *wall = wall.saturating_add(by_ms);
        }
    }

    fn jump_steady(&mut self, by_ms: i64) {
        self.steady_offset_ms = self.steady_offset_ms.saturating_add(by_ms);
        if let Some((_, steady)) = &mut self.frozen {
            *steady = steady.saturating_add(by_ms);
        }
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
    /// A clock as tests made another; its skew is told by this number.
    pub fn new(set: ClockSet, skew: Skew) -> Self {
        skew.set(set.offset_ms);
        let state = State {
            wall_offset_ms: set.offset_ms,
            steady_offset_ms: 0,
            frozen: set.frozen_ms.map(|wall| (wall, 0)),
        };
        Self {
            state: Mutex::new(state),
            started: Instant::now(),
            skew,
        }
    }

    /// What tests made of it. Where the machine's own was set is not theirs.
    pub fn set(&self) -> ClockSet {
        let state = lock(&self.state);
        ClockSet {
            offset_ms: self.skew.get(),
            frozen_ms: state.frozen.map(|(wall, _)| wall),
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

    /// How long until the steady clock shows this; None if it stands still before that.
    pub fn until_steady_ms(&self, at_ms: i64) -> Option<i64> {
        let state = lock(&self.state);
        let left_ms = at_ms.saturating_sub(self.steady_of(&state)).max(0);
        (left_ms == 0 || state.frozen.is_none()).then_some(left_ms)
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
        let mut state = lock(&self.state);
        state.jump_wall(by_ms);
        state.jump_steady(by_ms);
        self.skew.set(self.skew.get().saturating_add(by_ms));
        state.wall_ms()
    }

    /// Set the wall clock alone forward or back, as an administrator or a time server does to a machine.
    pub fn jump_wall(&self, by_ms: i64) {
        lock(&self.state).jump_wall(by_ms);
    }

    /// Stop both clocks where they are, or let them run on from there.
    pub fn freeze(&self, frozen: bool) {
        let mut state = lock(&self.state);
        if frozen {
            state.frozen = Some((state.wall_ms(), self.steady_of(&state)));
        } else if let Some((wall, steady)) = state.frozen.take() {
            let offset_ms = wall.saturating_sub(real_ms());
            let stood_ms = state.wall_offset_ms.saturating_sub(offset_ms);
            self.skew.set(self.skew.get().saturating_sub(stood_ms));
            state.wall_offset_ms = offset_ms;
            state.steady_offset_ms = steady.saturating_sub(self.elapsed_ms());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(offset_ms: i64) -> Clock {
        let set = ClockSet {
            offset_ms,
            frozen_ms: None,
        };
        Clock::new(set, Skew::default())
    }

    #[test]
    fn the_next_one_goes_on_from_where_tests_left_it() {
        let clock = at(0);
        clock.advance(86_400_000);
        clock.jump_wall(-3_600_000);
        let set = clock.set();
        assert_eq!((set.offset_ms, set.frozen_ms), (86_400_000, None));
        clock.freeze(true);
        clock.advance(1000);
        let (skew, shown) = (Skew::default(), clock.now_ms());
        let next = Clock::new(clock.set(), skew.clone());
        assert_eq!((next.now_ms(), next.steady_ms()), (shown, 0));
        assert_eq!((next.set(), skew.get()), (clock.set(), 86_401_000));
        next.advance(7);
        assert_eq!((next.now_ms(), next.steady_ms()), (shown + 7, 7));
        next.freeze(false);
        assert!((shown + 7..shown + 60_000).contains(&next.now_ms()));
        assert!((7..60_000).contains(&next.steady_ms()));
    }

    #[test]
    fn what_it_stood_still_is_no_skew() {
        let set = ClockSet {
            offset_ms: 0,
            frozen_ms: Some(real_ms() - 5000),
        };
        let clock = Clock::new(set, Skew::default());
        clock.freeze(false);
        assert!((-60_000..=-5000).contains(&clock.set().offset_ms));
        clock.advance(6000);
        assert!((-54_000..=1000).contains(&clock.set().offset_ms));
    }

    #[test]
    fn a_frozen_clock_comes_to_what_is_due_alone() {
        let clock = at(0);
        let steady = clock.steady_ms();
        let left = clock.until_steady_ms(steady + 90_000);
        assert!(left.is_some_and(|left| (1..=90_000).contains(&left)));
        clock.freeze(true);
        let steady = clock.steady_ms();
        assert_eq!(clock.until_steady_ms(steady + 1), None);
        assert_eq!(clock.until_steady_ms(steady), Some(0));
        assert_eq!(clock.until_steady_ms(i64::MIN), Some(0));
    }

    #[test]
    fn frozen_clocks_move_only_when_told() {
        let clock = at(5_000_000);
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
        let clock = at(0);
        let steady = clock.steady_ms();
        for by_ms in [86_400_000, -2 * 86_400_000, i64::MIN, i64::MAX] {
            clock.jump_wall(by_ms);
            let moved = clock.steady_ms() - steady;
            assert!((0..60_000).contains(&moved), "{moved} after {by_ms}");
        }
    }

    #[test]
    fn the_wall_clock_goes_back_after_a_jump() {
        let clock = at(0);
        clock.jump_wall(86_400_000);
        assert!(clock.now_ms() > real_ms() + 86_000_000);
        clock.jump_wall(-86_400_000);
        assert!(clock.now_ms() < real_ms() + 60_000);
    }

    #[test]
    fn no_number_breaks_them() {
        let clock = at(i64::MAX);
        clock.advance(u64::MAX);
        clock.freeze(true);
        clock.advance(u64::MAX);
        clock.jump_wall(i64::MIN);
        clock.freeze(false);
        clock.steady_ms();
    }
}
