//! How many may be connected, in all, on each listener and from each address, and how fast they may come. What is asked
//! here is whether the next one may come in now; who waits, and for how long, is the driver's.
//!
//! Rates are kept by the time at which all that came would have come one by one: up to a second's worth may come at once.

use std::collections::HashMap;
use std::net::IpAddr;
use std::time::Duration;

const SECOND_US: u64 = 1_000_000;

/// The most of one listener, or of all.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Most {
    pub count: usize,
    /// New ones a second.
    pub rate: u64,
}

const UNLIMITED: Most = Most {
    count: usize::MAX,
    rate: u64::MAX,
};

/// Whether the next connection may come in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Entry {
    Now,
    /// Somebody has to go first, or the limits have to change.
    Full,
    /// Too many came lately.
    After(Duration),
}

#[derive(Debug, Default)]
pub struct Limits {
    /// By listener; "" is all of them together.
    listeners: HashMap<String, Most>,
    addresses: HashMap<IpAddr, usize>,
    /// The most from an address that has no number of its own.
    per_address: Option<usize>,
    /// By listener, and for "" of all: when those that came would all have come.
    come_at_us: HashMap<String, u64>,
}

impl Limits {
    /// Others hold from now on; what came lately still counts.
    pub fn set(
        &mut self,
        listeners: HashMap<String, Most>,
        per_address: usize,
        addresses: HashMap<IpAddr, usize>,
    ) {
        self.listeners = listeners;
        self.per_address = Some(per_address);
        self.addresses = addresses;
    }

    /// The most connections from an address.
    pub fn of_address(&self, address: IpAddr) -> usize {
        let own = self.addresses.get(&address).copied();
        own.or(self.per_address).unwrap_or(usize::MAX)
    }

    /// Whether a listener has limits of its own, for which its connections must be counted.
    pub fn limits(&self, listener: &str) -> bool {
        self.listeners.contains_key(listener)
    }

    fn most(&self, listener: &str) -> Most {
        self.listeners.get(listener).copied().unwrap_or(UNLIMITED)
    }

    /// Whether one may come in on a listener that has so many of all.
    pub fn entry(&self, listener: &str, (own, all): (usize, usize), now_us: u64) -> Entry {
        let mut wait_us = 0;
        for (name, count) in [(listener, own), ("", all)] {
            let most = self.most(name);
            if count >= most.count || most.rate == 0 {
                return Entry::Full;
            }
            let come = self.come_at_us.get(name).copied().unwrap_or(0);
            let ahead = come.saturating_sub(now_us) + SECOND_US / most.rate;
            wait_us = wait_us.max(ahead.saturating_sub(SECOND_US));
        }
        match wait_us {
            0 => Entry::Now,
            _ => Entry::After(Duration::from_micros(wait_us)),
        }
    }

    /// One has come in.
    pub fn entered(&mut self, listener: &str, now_us: u64) {
        for name in [listener, ""] {
            let interval = SECOND_US / self.most(name).rate.max(1);
            if interval > 0 {
                let come = self.come_at_us.entry(name.to_owned()).or_default();
                *come = (*come).max(now_us) + interval;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn limits(listeners: &[(&str, usize, u64)]) -> Limits {
        let rows = listeners
            .iter()
            .map(|&(name, count, rate)| (name.to_owned(), Most { count, rate }));
        let mut limits = Limits::default();
        limits.set(
            rows.collect(),
            2,
            HashMap::from([(IpAddr::from([10, 0, 0, 1]), 0)]),
        );
        limits
    }

    /// A node would take more than it may, or a listener more than its own.
    #[test]
    fn who_comes_too_many_waits() {
        let limits = limits(&[("", 3, u64::MAX), ("A", 1, u64::MAX)]);
        assert_eq!(limits.entry("A", (0, 2), 0), Entry::Now);
        assert_eq!(limits.entry("A", (1, 2), 0), Entry::Full);
        assert_eq!(limits.entry("B", (2, 2), 0), Entry::Now);
        assert_eq!(limits.entry("B", (2, 3), 0), Entry::Full);
        assert!(limits.limits("A") && !limits.limits("B"));
    }

    /// A storm of connections would take the node's whole time, or one would be held up for ever after it.
    #[test]
    fn a_seconds_worth_comes_at_once_and_then_one_by_one() {
        let mut limits = limits(&[("", usize::MAX, 4)]);
        let mut now_us = 5 * SECOND_US;
        for _ in 0..4 {
            assert_eq!(limits.entry("A", (0, 0), now_us), Entry::Now);
            limits.entered("A", now_us);
        }
        let quarter = Duration::from_millis(250);
        assert_eq!(limits.entry("A", (0, 0), now_us), Entry::After(quarter));
        assert_eq!(limits.entry("B", (0, 0), now_us), Entry::After(quarter));
        now_us += SECOND_US / 4;
        assert_eq!(limits.entry("B", (0, 0), now_us), Entry::Now);
        limits.entered("B", now_us);
        assert_eq!(limits.entry("A", (0, 0), now_us), Entry::After(quarter));
        assert_eq!(
            limits.entry("A", (0, 0), now_us + 9 * SECOND_US),
            Entry::Now
        );
    }

    /// Nobody could be kept out, or all would be kept out where nothing is said.
    #[test]
    fn nothing_is_unlimited_and_none_is_none() {
        assert_eq!(Limits::default().entry("A", (9, 9), 0), Entry::Now);
        assert_eq!(limits(&[("A", 9, 0)]).entry("A", (0, 0), 0), Entry::Full);
        let most = |address: [u8; 4]| limits(&[]).of_address(IpAddr::from(address));
        assert_eq!([most([10, 0, 0, 1]), most([10, 0, 0, 2])], [0, 2]);
        assert_eq!(
            Limits::default().of_address(IpAddr::from([10, 0, 0, 1])),
            usize::MAX
        );
    }
}
