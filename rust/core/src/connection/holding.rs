//! Replies that are ready and wait a moment for the next one, so that what a client asked in one go is answered in one go.
//!
//! A client that acts on the first reply (librdkafka, which fetches what it knows the offset of) then knows of all. Only
//! small replies wait, only while the request behind them is decided, and all that lie there together wait once: from
//! when they first had to, however often their connection wakes meanwhile, and whether its peer still sends or not.
//! It says until when; who has the socket and the timer sends them.

use std::time::Duration;

/// More than this is sent before the next request is decided.
const BYTES_MAX: usize = 4 * 1024;
/// So long the first of them waits at most.
const HELD_FOR: Duration = Duration::from_millis(1);

/// The replies of one connection that are not sent yet.
#[derive(Debug, Default)]
pub struct Holding {
    /// On a clock of the driver's; None while nothing had to wait.
    until: Option<Duration>,
}

impl Holding {
    /// Whether replies of so many bytes are to be sent before the next request is decided.
    pub fn is_full(bytes: usize) -> bool {
        bytes > BYTES_MAX
    }

    /// Until when they are kept while the next reply is made; they are to be sent if that is not later than `now`.
    pub fn until(&mut self, now: Duration) -> Duration {
        *self.until.get_or_insert(now.saturating_add(HELD_FOR))
    }

    /// Nothing is kept any more.
    pub fn sent(&mut self) {
        self.until = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PART: Duration = Duration::from_micros(10);

    /// A peer that sends a byte now and then, or whose requests are each decided soon, would put off replies that are
    /// ready for as long as it likes: for 64 KiB of its bytes, or for 4 KiB of replies.
    #[test]
    fn all_that_lie_together_wait_once() {
        let mut holding = Holding::default();
        let began = Duration::from_secs(7);
        let mut now = began;
        while holding.until(now) > now {
            now += PART;
        }
        assert_eq!(now, began + HELD_FOR);
    }

    /// What comes after them would not wait for its fellows at all, or be sent at once for ever.
    #[test]
    fn the_next_ones_have_a_time_of_their_own() {
        let mut holding = Holding::default();
        holding.until(Duration::ZERO);
        holding.sent();
        assert_eq!(holding.until(HELD_FOR), HELD_FOR * 2);
        holding.sent();
        assert_eq!(holding.until(Duration::MAX), Duration::MAX);
    }

    /// A large reply would wait for a small one, and take its memory meanwhile.
    #[test]
    fn only_small_ones_wait() {
        assert!(!Holding::is_full(BYTES_MAX) && Holding::is_full(BYTES_MAX + 1));
    }
}
