//! How values are spread, for next to nothing: whoever adds one adds to one counter, and all else is the reader's work.
//!
//! Buckets grow with the value: eight for each power of two, so a quantile is at most 7 % off. Values are whole and
//! below 2^32; larger ones count as the largest. A reader sees what was added in the last minutes, as Kafka's own
//! quantiles mostly do: it keeps what there was when it looked before, and subtracts.

use std::ops::RangeInclusive;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use crate::lock::lock;

/// Buckets of one power of two, as a power of two.
const FINE: u32 = 3;
const BUCKETS: usize = ((32 - FINE as usize) + 1) << FINE;
/// What was added before that is old: two marks as far apart as this, so what is seen is of one to two of it.
const LATELY: Duration = Duration::from_secs(150);

pub struct Histogram([AtomicU64; BUCKETS]);

impl Default for Histogram {
    fn default() -> Self {
        Self([const { AtomicU64::new(0) }; BUCKETS])
    }
}

fn bucket(value: u64) -> usize {
    let value = u32::try_from(value).unwrap_or(u32::MAX);
    let octave = (value | 1).ilog2();
    if octave < FINE {
        return value as usize;
    }
    let shift = octave - FINE;
    let fine = (value >> shift) as usize; // with its leading one
    ((shift as usize) << FINE) + fine
}

/// The middle of what a bucket counts.
fn middle(bucket: usize) -> f64 {
    let fine = 1 << FINE;
    if bucket < 2 * fine {
        return bucket as f64;
    }
    let shift = bucket / fine - 1;
    let low = ((fine + bucket % fine) as u64) << shift;
    low as f64 + ((1_u64 << shift) - 1) as f64 / 2.0
}

impl Histogram {
    pub fn add(&self, value: u64) {
        self.0[bucket(value)].fetch_add(1, Ordering::Relaxed);
    }

    pub fn add_time(&self, time: Duration) {
        self.add(u64::try_from(time.as_micros()).unwrap_or(u64::MAX));
    }

    pub fn read(&self) -> Spread {
        Spread(self.0.iter().map(|n| n.load(Ordering::Relaxed)).collect())
    }
}

/// What a histogram holds at one moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Spread(Vec<u64>);

impl Spread {
    pub fn count(&self) -> u64 {
        self.0.iter().sum()
    }

    /// With those of another one.
    #[must_use]
    pub fn with(mut self, other: &Self) -> Self {
        for (ours, theirs) in self.0.iter_mut().zip(&other.0) {
            *ours += theirs;
        }
        self
    }

    /// With so many values of nothing.
    #[must_use]
    pub fn with_zeros(mut self, count: u64) -> Self {
        self.0[0] += count;
        self
    }

    fn without(&self, before: &Self) -> Self {
        let pairs = self.0.iter().zip(&before.0);
        Self(pairs.map(|(now, then)| now.saturating_sub(*then)).collect())
    }

    /// For each of these powers of two, how many values lie below it.
    pub fn below(&self, powers: RangeInclusive<u32>) -> impl Iterator<Item = (u64, u64)> {
        let mut place = 0;
        let mut seen = 0;
        powers.map(move |power| {
            let bound = 1_u64 << power;
            let end = bucket(bound); // where it begins, as every power of two of eight or more does
            seen += self.0[place..end].iter().sum::<u64>();
            place = end;
            (bound, seen)
        })
    }

    /// The value that this part of all values lies at or below; 0 if there are none.
    pub fn quantile(&self, part: f64) -> f64 {
        let rank = (self.count() as f64 * part).ceil().max(1.0);
        let mut seen = 0;
        for (bucket, count) in self.0.iter().enumerate() {
            seen += count;
            if seen as f64 >= rank {
                return middle(bucket);
            }
        }
        0.0
    }
}

/// What a reader saw before.
#[derive(Default)]
pub struct Marks(Mutex<Vec<(Instant, Spread)>>);

impl Marks {
    /// What was added lately, of all that there is now.
    pub fn lately(&self, all: &Spread, now: Instant) -> Spread {
        let mut marks = lock(&self.0);
        let newest = marks.last().map(|(at, _)| now.duration_since(*at));
        if newest.is_none_or(|age| age >= LATELY) {
            marks.push((now, all.clone()));
            let extra = marks.len().saturating_sub(3);
            marks.drain(..extra);
        }
        match marks.as_slice() {
            [(_, before), _, _] => all.without(before),
            _ => all.clone(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A quantile would be of other values than those that were added.
    #[test]
    fn values_are_found_again() {
        for value in (0..200).chain([1 << 20, 123_456_789, u64::from(u32::MAX)]) {
            let found = middle(bucket(value));
            let off = (found - value as f64).abs();
            assert!(off <= value as f64 / 14.0, "{value}: {found}");
        }
        assert_eq!(bucket(u64::MAX), BUCKETS - 1);
        assert_eq!(bucket(u64::from(u32::MAX)), BUCKETS - 1);
    }

    /// The slowest of a hundred would be shown as the median, or the other way round.
    #[test]
    fn quantiles_are_by_rank() {
        let histogram = Histogram::default();
        assert_eq!(histogram.read().quantile(0.5), 0.0);
        for value in 1..=8 {
            histogram.add(value);
        }
        let spread = histogram.read();
        assert_eq!((spread.quantile(0.5), spread.quantile(0.999)), (4.0, 8.0));
        let spread = spread.with_zeros(24);
        assert_eq!((spread.count(), spread.quantile(0.75)), (32, 0.0));
    }

    /// Requests would be shown as faster or slower than they were.
    #[test]
    fn powers_of_two_part_what_lies_below() {
        let histogram = Histogram::default();
        for value in [0, 7, 8, 15, 16, 17, 1000, 1 << 20] {
            histogram.add(value);
        }
        let below: Vec<_> = histogram.read().below(3..=5).collect();
        assert_eq!(below, [(8, 2), (16, 4), (32, 6)]);
        let last = histogram.read().below(20..=21).last();
        assert_eq!(last, Some((1 << 21, 8)));
    }

    /// A slow minute would be seen for ever, and one of today not at all.
    #[test]
    fn what_is_old_is_forgotten() {
        let (histogram, marks) = (Histogram::default(), Marks::default());
        let began = Instant::now();
        let look = |after: u32| marks.lately(&histogram.read(), began + LATELY * after);
        histogram.add(7);
        assert_eq!(look(0).count(), 1);
        assert_eq!(look(1).count(), 1);
        histogram.add(5);
        assert_eq!((look(2).count(), look(2).quantile(0.999)), (1, 5.0));
        assert_eq!(look(3).count(), 1);
        assert_eq!(look(4).count(), 0);
    }
}
