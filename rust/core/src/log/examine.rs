//! One segment of a log whose offsets have no holes, looked at before it is opened: how far it is whole, and what
//! is whole behind its first fault. Opening cuts at the first fault, whatever follows; whoever must not lose that
//! asks here first.
//!
//! Writes between two syncs reach the disk in any order and in part, so that a whole batch may lie behind one that
//! never arrived, and nobody was told of either. Damage of what was synced looks otherwise: a write that did not
//! arrive leaves zeros, and all behind it is of the same turn, written within a short time and under one leader, who
//! began with a control batch after all before it was synced.

use std::ops::Range;

use crate::batch::{Header, crc_holds, first_header};

const SECTOR: usize = 512;
/// The base offset and the length of a batch: of a real one not all of these bytes are zero.
const PREFIX: usize = 12;
/// What one sync makes safe was written within so much time.
const TURN_MS: i64 = 10_000;

/// What one segment holds.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Examined {
    pub size: usize,
    /// Whole batches that follow on each other take so many bytes.
    pub whole_bytes: usize,
    pub next_offset: i64,
    pub leader_epoch: i32,
    /// Nothing but zeros follows: the end of a segment, space that was reserved.
    pub blank: bool,
    /// A write that never arrived left zeros where it should have gone, and no later sync can have followed it.
    pub torn: bool,
    pub later_batches: usize,
    pub later_offset: i64,
}

/// Look at a segment that should begin at `next_offset`, in `leader_epoch` or later.
pub fn examine(
    bytes: &[u8],
    next_offset: i64,
    leader_epoch: i32,
    leader_epoch_max: i32,
) -> Examined {
    let mut found = Examined {
        size: bytes.len(),
        next_offset,
        leader_epoch,
        later_offset: -1,
        ..Examined::default()
    };
    while let Some(header) = whole(bytes, found.whole_bytes) {
        let epochs = found.leader_epoch..=leader_epoch_max;
        if header.base_offset != found.next_offset || !epochs.contains(&header.leader_epoch) {
            break;
        }
        found.whole_bytes += header.size();
        found.next_offset = header.next_offset();
        found.leader_epoch = header.leader_epoch;
    }
    let fault = found.whole_bytes;
    let Some(first) = (fault..bytes.len()).find(|at| bytes[*at] != 0) else {
        found.blank = true;
        return found;
    };
    let mut at = fault;
    let mut fault_end = bytes.len();
    let mut later = Vec::new();
    while at < bytes.len() {
        let Some(header) = whole(bytes, at) else {
            at += 1;
            continue;
        };
        fault_end = fault_end.min(at);
        found.later_batches += 1;
        found.later_offset = found.later_offset.max(header.last_offset());
        at += header.size();
        later.push(header);
    }
    let missing = first >= fault + PREFIX
        || lost_sector(bytes, fault..fault_end)
        || lost_end(bytes, fault..fault_end);
    found.torn = missing && of_one_turn(&later);
    found
}

/// Whether the range ends in more zeros than a batch does: only its beginning arrived.
fn lost_end(bytes: &[u8], range: Range<usize>) -> bool {
    let zeros = bytes[range].iter().rev().take_while(|byte| **byte == 0);
    zeros.take(PREFIX).count() == PREFIX
}

/// Whether all of these, and one before them, may have been written since one sync.
fn of_one_turn(batches: &[Header]) -> bool {
    let times = batches.iter().map(|batch| batch.base_timestamp);
    let (Some(first), Some(last)) = (times.clone().min(), times.max()) else {
        return true;
    };
    let begins_a_life = batches.iter().any(Header::is_control);
    !begins_a_life && last.saturating_sub(first) <= TURN_MS
}

/// The batch that stands there, if all of it is there and its checksum is right.
fn whole(bytes: &[u8], at: usize) -> Option<Header> {
    let rest = &bytes[at..];
    let header = first_header(rest).ok()?;
    let sound = header.base_offset >= 0
        && header.last_offset_delta >= 0
        && header
            .base_offset
            .checked_add(i64::from(header.last_offset_delta))
            .is_some_and(|last| last < i64::MAX);
    (sound && crc_holds(&rest[..header.size()])).then_some(header)
}

/// Whether a sector of nothing but zeros lies in the range.
fn lost_sector(bytes: &[u8], range: Range<usize>) -> bool {
    (range.start.next_multiple_of(SECTOR)..range.end)
        .step_by(SECTOR)
        .filter_map(|at| bytes[..range.end].get(at..at + SECTOR))
        .any(|sector| sector.iter().all(|byte| *byte == 0))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::batch::{BatchSpec, Builder, RecordOut, assign, seal};

    fn batch(base_offset: i64, leader_epoch: i32) -> Vec<u8> {
        batch_at(1, base_offset, leader_epoch)
    }

    fn batch_at(timestamp_ms: i64, base_offset: i64, leader_epoch: i32) -> Vec<u8> {
        let mut builder = Builder::new(BatchSpec::default()).unwrap();
        let value = [7; 600];
        let record = RecordOut {
            timestamp_ms,
            key: None,
            value: Some(&value),
            headers: &[],
        };
        builder.append(&record).unwrap();
        let mut bytes = builder.finish(None).unwrap();
        assign(&mut bytes, base_offset, leader_epoch);
        seal(&mut bytes);
        bytes
    }

    /// A torn end is cut without a word, and what lies behind other damage is not: both look alike at first.
    #[test]
    fn what_never_arrived_is_told_from_what_was_damaged() {
        let (one, two, three) = (batch(5, 1), batch(6, 1), batch(7, 2));
        let good = [one.clone(), two.clone()].concat();
        let found = examine(&good, 5, 1, 9);
        assert_eq!((found.whole_bytes, found.next_offset), (good.len(), 7));
        assert!(found.blank && !found.torn);
        let reserved = examine(&[&good[..], &[0; 4096]].concat(), 5, 1, 9);
        assert!(reserved.blank && !reserved.torn);
        let mut hole = good.clone();
        hole[one.len()..].fill(0);
        let found = examine(&[&hole[..], &three].concat(), 5, 1, 9);
        assert!(found.torn && !found.blank);
        assert_eq!(
            (found.next_offset, found.later_batches, found.later_offset),
            (6, 1, 7)
        );
        let mut flipped = good.clone();
        flipped[one.len() + 100] ^= 1;
        let found = examine(&[&flipped[..], &three].concat(), 5, 1, 9);
        assert!(!found.torn && !found.blank);
        assert_eq!((found.whole_bytes, found.later_batches), (one.len(), 1));
        let early = examine(&good, 4, 1, 9);
        assert_eq!((early.whole_bytes, early.later_batches), (0, 2));
        assert_eq!(
            examine(&good, 5, 2, 9).whole_bytes,
            0,
            "an epoch that is over"
        );
        assert_eq!(
            examine(&three, 7, 1, 1).whole_bytes,
            0,
            "an epoch that never was"
        );
    }

    /// Of two writes since the last sync the first may arrive in part, at whatever byte, and the second whole.
    #[test]
    fn what_arrived_in_part_was_promised_to_nobody() {
        let (one, two, three) = (batch(5, 1), batch(6, 1), batch(7, 1));
        for torn_at in 0..two.len() - PREFIX {
            let mut torn = two.clone();
            torn[torn_at..].fill(0);
            let found = examine(&[&one[..], &torn, &three].concat(), 5, 1, 9);
            assert!(found.torn, "at byte {torn_at}");
            assert_eq!((found.next_offset, found.later_batches), (6, 1));
        }
    }

    /// Zeros where something was synced are damage: of what follows, some was written after that sync.
    #[test]
    fn what_was_followed_by_a_sync_did_arrive() {
        let zeros = vec![0; batch(5, 1).len()];
        let soon = [batch_at(1, 6, 1), batch_at(TURN_MS, 7, 1)].concat();
        assert!(examine(&[&zeros[..], &soon].concat(), 5, 1, 9).torn);
        let later = [batch_at(1, 6, 1), batch_at(TURN_MS + 2, 7, 1)].concat();
        assert!(!examine(&[&zeros[..], &later].concat(), 5, 1, 9).torn);
        let mut first_of_a_life = batch_at(1, 7, 2);
        first_of_a_life[22] |= 1 << 5; // control
        seal(&mut first_of_a_life);
        let another_life = [batch_at(1, 6, 1), first_of_a_life].concat();
        assert!(!examine(&[&zeros[..], &another_life].concat(), 5, 1, 9).torn);
    }
}
