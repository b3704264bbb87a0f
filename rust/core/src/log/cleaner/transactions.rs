//! Which transactions a walk over a log has met: what an aborted one wrote goes, and a marker goes with the last batch
//! of its transaction.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use super::super::scan::marker_of;
use super::super::transaction_index::Aborted;
use crate::batch::Header;

struct Open {
    aborted: Aborted,
    /// Whether a batch of it was met.
    met: bool,
}

/// What a batch is to its transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Role {
    /// Nobody needs it: of an aborted transaction, or the marker of one that has no batch left.
    pub discard: bool,
    /// The marker stays, and so does this in the index of aborted transactions.
    pub index: Option<Aborted>,
}

const NONE: Role = Role {
    discard: false,
    index: None,
};

/// A walk by rising offsets.
pub struct Transactions {
    /// By first offset, none of which the walk has come to.
    ahead: VecDeque<Aborted>,
    aborted: BTreeMap<i64, Open>,
    committed: BTreeSet<i64>,
}

impl Transactions {
    /// A walk that may meet these.
    pub fn new(mut aborted: Vec<Aborted>) -> Self {
        aborted.sort_by_key(|one| one.first_offset);
        Self {
            ahead: aborted.into(),
            aborted: BTreeMap::new(),
            committed: BTreeSet::new(),
        }
    }

    /// The walk comes to this batch.
    pub fn meet(&mut self, header: &Header, batch: &[u8]) -> Role {
        self.reach(header.last_offset());
        if header.is_control() {
            return self.meet_marker(header, batch);
        }
        if !header.is_transactional() {
            return NONE;
        }
        if let Some(open) = self.aborted.get_mut(&header.producer_id) {
            open.met = true;
            return Role {
                discard: true,
                index: None,
            };
        }
        self.committed.insert(header.producer_id);
        NONE
    }

    fn reach(&mut self, offset: i64) {
        let begun = |one: &&Aborted| one.first_offset <= offset;
        while let Some(aborted) = self.ahead.front().filter(begun).copied() {
            self.ahead.pop_front();
            let met = false;
            self.aborted
                .entry(aborted.producer_id)
                .or_insert(Open { aborted, met });
        }
    }

    fn meet_marker(&mut self, header: &Header, batch: &[u8]) -> Role {
        if header.record_count == 0 {
            // It was kept for its producer's epoch alone.
            return Role {
                discard: true,
                index: None,
            };
        }
        let Some(marker) = marker_of(header, batch) else {
            return NONE;
        };
        if marker.commit {
            return Role {
                discard: !self.committed.remove(&header.producer_id),
                index: None,
            };
        }
        let ended = self.aborted.remove(&header.producer_id);
        let index = ended.filter(|open| open.met).map(|open| open.aborted);
        Role {
            discard: index.is_none(),
            index,
        }
    }
}
