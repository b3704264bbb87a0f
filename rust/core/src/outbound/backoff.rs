//! How long to wait before one tries again: longer each time, and never in step with others.
//!
//! As Apache's clients do (KIP-144, KIP-899): doubled for every failure in a row up to a limit, and spread by a fifth to
//! both sides, so that clients which lost a node together do not come back together. The chance comes from outside.

/// `reconnect.backoff.ms` and `reconnect.backoff.max.ms`, or any other pair of that kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Backoff {
    pub first_ms: i64,
    pub max_ms: i64,
}

impl Backoff {
    /// The wait after so many failures in a row; never more than `max_ms`, none after no failure.
    pub fn wait_ms(self, failures: u32, random: u32) -> i64 {
        let Some(doublings) = failures.checked_sub(1) else {
            return 0;
        };
        let first_ms = i128::from(self.first_ms.max(0));
        let max_ms = i128::from(self.max_ms.max(0));
        // 2^62 milliseconds are beyond every limit.
        let whole_ms = (first_ms << doublings.min(62)).min(max_ms);
        let lowest_ms = whole_ms - whole_ms / 5;
        let spread_ms = ((2 * whole_ms / 5) * i128::from(random)) >> u32::BITS;
        i64::try_from((lowest_ms + spread_ms).min(max_ms)).unwrap_or(i64::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const BACKOFF: Backoff = Backoff {
        first_ms: 100,
        max_ms: 1000,
    };

    #[test]
    fn waits_double_up_to_the_limit() {
        let middle = u32::MAX / 2 + 1;
        let waits: Vec<i64> = (0..7).map(|n| BACKOFF.wait_ms(n, middle)).collect();
        assert_eq!(waits, [0, 100, 200, 400, 800, 1000, 1000]);
        assert_eq!(BACKOFF.wait_ms(u32::MAX, middle), 1000);
    }

    #[test]
    fn chance_spreads_by_a_fifth_to_both_sides() {
        assert_eq!(BACKOFF.wait_ms(2, 0), 160);
        assert_eq!(BACKOFF.wait_ms(2, u32::MAX), 239);
        assert_eq!(BACKOFF.wait_ms(9, 0), 800);
        assert_eq!(BACKOFF.wait_ms(9, u32::MAX), 1000);
    }

    proptest! {
        #[test]
        fn no_number_makes_it_wait_for_ever(first_ms: i64, max_ms: i64, failures: u32, random: u32) {
            let wait_ms = Backoff { first_ms, max_ms }.wait_ms(failures, random);
            prop_assert!((0..=max_ms.max(0)).contains(&wait_ms));
        }
    }
}
