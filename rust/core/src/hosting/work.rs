//! What is wanted of partitions and is not so yet: a line of wishes for each log directory, and the marks that tell whoever
//! decides when all before them are fulfilled. Who fulfils them is in `places.rs`.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use super::cell::Cell;
use crate::disk::Disk;
use crate::partition::Waiter;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wish {
    /// Be as `desired` says.
    Be,
    /// Be gone.
    Go,
}

pub struct Item<D: Disk, W: Waiter> {
    pub number: u64,
    pub wish: Wish,
    pub cell: Arc<Cell<D, W>>,
    pub many: bool,
}

/// What waits in one log directory.
pub struct Line<D: Disk, W: Waiter> {
    pub items: VecDeque<Item<D, W>>,
    /// Those at work, by folder.
    pub at_work: Vec<Arc<Cell<D, W>>>,
    pub workers: usize,
    /// They wait for the checkpoints to forget an earlier partition of their name.
    pub namesakes: Vec<Item<D, W>>,
}

pub enum Turn<D: Disk, W: Waiter> {
    Item(Item<D, W>),
    Namesakes(Vec<Item<D, W>>),
    Over { last: bool },
}

/// The wishes after `from`, up to `upto`.
pub struct Mark {
    pub from: u64,
    pub upto: u64,
    pub mark: i64,
}

/// All wishes that are not fulfilled yet.
pub struct Work<D: Disk, W: Waiter> {
    pub lines: BTreeMap<usize, Line<D, W>>,
    pub numbers: u64,
    pub open: BTreeSet<u64>,
    /// The last wish before the last mark.
    pub marked: u64,
    pub marks: Vec<Mark>,
}

impl<D: Disk, W: Waiter> Default for Work<D, W> {
    fn default() -> Self {
        Self {
            lines: BTreeMap::new(),
            numbers: 0,
            open: BTreeSet::new(),
            marks: Vec::new(),
            marked: 0,
        }
    }
}

impl<D: Disk, W: Waiter> Default for Line<D, W> {
    fn default() -> Self {
        Self {
            items: VecDeque::new(),
            at_work: Vec::new(),
            workers: 0,
            namesakes: Vec::new(),
        }
    }
}

impl<D: Disk, W: Waiter> Line<D, W> {
    /// The first whose folder nobody works on.
    pub fn next(&mut self) -> Option<Item<D, W>> {
        let busy = |item: &Item<D, W>| {
            let same = |other: &Arc<Cell<D, W>>| {
                other.index == item.cell.index && other.topic == item.cell.topic
            };
            self.at_work.iter().any(same)
        };
        let place = self.items.iter().position(|item| !busy(item))?;
        let item = self.items.remove(place)?;
        self.at_work.push(Arc::clone(&item.cell));
        Some(item)
    }

    pub fn done(&mut self, cell: &Arc<Cell<D, W>>) {
        self.at_work.retain(|other| !Arc::ptr_eq(other, cell));
    }
}

impl<D: Disk, W: Waiter> Work<D, W> {
    pub fn add(&mut self, wish: Wish, cell: Arc<Cell<D, W>>, many: bool) {
        self.numbers += 1;
        self.open.insert(self.numbers);
        let line = self.lines.entry(cell.log_dir()).or_default();
        line.items.push_back(Item {
            number: self.numbers,
            wish,
            cell,
            many,
        });
    }

    /// What marks are reached, now that this one is fulfilled or given up.
    pub fn close(&mut self, number: u64) -> Vec<i64> {
        self.open.remove(&number);
        let open = &self.open;
        let waits = |mark: &Mark| open.range(mark.from + 1..=mark.upto).next().is_some();
        let reached = self.marks.extract_if(.., |mark| !waits(mark));
        reached.map(|mark| mark.mark).collect()
    }
}
