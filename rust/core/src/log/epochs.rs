//! At which offset each leader epoch began: `leader-epoch-checkpoint`.

use std::collections::BTreeMap;
use std::ops::Bound;

/// Epochs and their start offsets, both rising.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Epochs {
    starts: BTreeMap<i32, i64>,
}

impl Epochs {
    /// Kafka's text: a version, a count, and a line for each epoch, rising. None if it is anything else.
    pub fn parse(text: &str) -> Option<Self> {
        let mut lines = text.lines();
        if lines.next()?.trim() != "0" {
            return None;
        }
        let count: usize = lines.next()?.trim().parse().ok()?;
        let mut epochs = Self::default();
        for (n, line) in lines.filter(|line| !line.trim().is_empty()).enumerate() {
            let (epoch, offset) = line.trim().split_once(' ')?;
            epochs.assign(epoch.parse().ok()?, offset.trim().parse().ok()?);
            if epochs.starts.len() != n + 1 {
                return None;
            }
        }
        (epochs.starts.len() == count).then_some(epochs)
    }

    pub fn text(&self) -> String {
        let mut text = format!("0\n{}\n", self.starts.len());
        for (epoch, offset) in &self.starts {
            text.push_str(&format!("{epoch} {offset}\n"));
        }
        text
    }

    pub fn is_empty(&self) -> bool {
        self.starts.is_empty()
    }

    pub fn latest(&self) -> Option<i32> {
        self.starts.last_key_value().map(|(epoch, _)| *epoch)
    }

    pub fn earliest(&self) -> Option<(i32, i64)> {
        self.starts
            .first_key_value()
            .map(|(epoch, start)| (*epoch, *start))
    }

    /// This epoch begins here: entries that contradict it go. False if nothing changed.
    pub fn assign(&mut self, epoch: i32, start: i64) -> bool {
        if epoch < 0 || start < 0 {
            return false;
        }
        if let Some((last, last_start)) = self.starts.last_key_value()
            && *last == epoch
            && start >= *last_start
        {
            return false;
        }
        while let Some((last, last_start)) = self.starts.last_key_value() {
            if *last < epoch && *last_start < start {
                break;
            }
            self.starts.pop_last();
        }
        self.starts.insert(epoch, start);
        true
    }

    /// (epoch, end offset), as OffsetForLeaderEpoch answers; (-1, -1) if it cannot be known.
    pub fn end_offset(&self, epoch: i32, log_end_offset: i64) -> (i32, i64) {
        if epoch < 0 {
            return (-1, -1);
        }
        if self.latest() == Some(epoch) {
            return (epoch, log_end_offset);
        }
        let above = (Bound::Excluded(epoch), Bound::Unbounded);
        let Some((_, end)) = self.starts.range(above).next() else {
            return (-1, -1);
        };
        match self.starts.range(..=epoch).next_back() {
            Some((floor, _)) => (*floor, *end),
            None => (epoch, *end),
        }
    }

    #[cfg(test)]
    pub fn at(&self, offset: i64) -> Option<i32> {
        self.starts
            .iter()
            .take_while(|(_, start)| **start <= offset)
            .last()
            .map(|(e, _)| *e)
    }

    /// The log now ends here.
    pub fn truncate_end(&mut self, end: i64) -> bool {
        let before = self.starts.len();
        while self
            .starts
            .last_key_value()
            .is_some_and(|(_, start)| *start >= end)
        {
            self.starts.pop_last();
        }
        self.starts.len() != before
    }

    /// The log now starts here: the epoch that holds the start begins there.
    pub fn truncate_start(&mut self, start: i64) -> bool {
        let mut moved = None;
        while let Some((epoch, first)) = self.earliest() {
            if first > start {
                break;
            }
            self.starts.pop_first();
            moved = Some((epoch, first));
        }
        let Some((epoch, first)) = moved else {
            return false;
        };
        self.starts.insert(epoch, start);
        first != start || self.starts.len() != 1
    }

    pub fn clear(&mut self) {
        self.starts.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A follower that asks for a past epoch must learn where it ended, or it keeps records that no leader has.
    #[test]
    fn epochs_end_where_the_next_begins() {
        let mut epochs = Epochs::default();
        assert!(epochs.assign(2, 0));
        assert!(!epochs.assign(2, 5));
        assert!(epochs.assign(4, 10));
        assert!(epochs.assign(7, 20));
        assert_eq!(epochs.end_offset(7, 33), (7, 33));
        assert_eq!(epochs.end_offset(5, 33), (4, 20));
        assert_eq!(epochs.end_offset(1, 33), (1, 0));
        assert_eq!(epochs.end_offset(8, 33), (-1, -1));
        assert_eq!(epochs.at(15), Some(4));
        assert_eq!(Epochs::parse(&epochs.text()), Some(epochs.clone()));
        assert!(epochs.truncate_end(20));
        assert!(epochs.truncate_start(12));
        assert_eq!(epochs.text(), "0\n1\n4 12\n");
        assert!(epochs.assign(5, 12));
        assert_eq!(epochs.text(), "0\n1\n5 12\n");
        assert_eq!(Epochs::parse("0\n2\n1 1\n"), None);
    }
}
