//! How fast bytes may be moved: what was moved is owed time, and until that is over nobody moves more.

use std::time::Duration;

/// Whoever waits looks again after this time at the latest: it may be wanted no more, or the pace be another one.
const LOOK_AGAIN: Duration = Duration::from_secs(1);

#[derive(Debug)]
pub struct Pace {
    bytes_per_second: f64,
    /// When as many bytes may have been moved as were.
    due_ms: f64,
}

impl Default for Pace {
    /// As fast as it goes.
    fn default() -> Self {
        Self {
            bytes_per_second: f64::INFINITY,
            due_ms: 0.0,
        }
    }
}

impl Pace {
    /// That fast from now on; what is owed at another pace is forgiven. With 0, what moves next is the last until this
    /// changes.
    pub fn set(&mut self, bytes_per_second: f64) {
        if self.bytes_per_second.to_bits() != bytes_per_second.to_bits() {
            *self = Self {
                bytes_per_second,
                due_ms: 0.0,
            };
        }
    }

    /// So many bytes were moved just now; after how long to come again.
    pub fn moved(&mut self, bytes: u64, steady_ms: i64) -> Duration {
        if bytes > 0 {
            let took_ms = bytes as f64 / self.bytes_per_second.max(0.0) * 1000.0;
            self.due_ms = self.due_ms.max(steady_ms as f64) + took_ms;
        }
        self.wait(steady_ms)
    }

    /// After how long to come again; zero if bytes may be moved now.
    pub fn wait(&self, steady_ms: i64) -> Duration {
        let left_ms = (self.due_ms - steady_ms as f64).clamp(0.0, LOOK_AGAIN.as_millis() as f64);
        Duration::from_millis(left_ms as u64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A disk that is shared with those who are served would be used faster than was allowed, or not at all.
    #[test]
    fn a_pace_is_kept_and_what_was_owed_at_another_one_is_forgiven() {
        let mut pace = Pace::default();
        pace.moved(1 << 40, 5);
        assert_eq!(pace.wait(5), Duration::ZERO);
        pace.set(f64::MAX);
        pace.moved(1 << 40, 5);
        assert_eq!(pace.wait(5), Duration::ZERO);
        pace.set(1000.0);
        pace.moved(500, 1000);
        assert_eq!(pace.wait(1000), Duration::from_millis(500));
        pace.moved(500, 1000);
        pace.set(1000.0);
        assert_eq!(pace.wait(1200), Duration::from_millis(800));
        assert_eq!(pace.wait(2000), Duration::ZERO);
        pace.moved(1_000_000, 2000);
        assert_eq!(pace.wait(2000), LOOK_AGAIN);
        assert_eq!(pace.wait(1_001_000), LOOK_AGAIN);
        assert_eq!(pace.wait(1_002_000), Duration::ZERO);
        for never in [0.0, -1.0] {
            pace.set(never);
            pace.moved(1, 2000);
            assert_eq!(pace.wait(i64::MAX), LOOK_AGAIN);
            pace.set(1000.0);
            assert_eq!(pace.wait(2000), Duration::ZERO);
        }
    }
}
