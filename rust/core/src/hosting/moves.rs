//! Partitions that move to another log directory of this broker: which do, and how far each has come. Who carries them
//! is in `moving.rs`, and how one ends in `swapping.rs`.
//!
//! Into one log directory one is copied at a time, so that the first is there soon and not all of them late. What stays
//! true: a move has one worker at a time, who alone holds its copy; whoever decides never waits for it.

use std::path::PathBuf;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use super::cell::Cell;
use super::lock::lock;
use crate::disk::Disk;
use crate::log::Log;
use crate::partition::Waiter;

/// How far a move has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    Copying,
    /// The copy had all that there was: whoever decides has to see that the cluster knows the new place.
    CaughtUp,
    /// The cluster knows: the copy takes the log's place as soon as it has the rest.
    Assigned,
    /// It does so now.
    Swapping,
    /// It is wanted no more: what was copied goes.
    Cancelled,
}

/// Where a move stands, for whoever decides and its worker alike; locked for moments.
pub struct Stage {
    pub phase: Phase,
    /// Where it is wanted when it is there, if that changed while it got there.
    pub then: Option<usize>,
    /// It has a worker, or is going to.
    pub attended: bool,
}

/// What was copied so far.
pub enum Copy<D: Disk> {
    Unmade,
    /// An earlier run's folder; whether that closed it cleanly.
    Lying(PathBuf, bool),
    Open(Box<Log<D>>),
    /// Somebody took it: the node has ended.
    Gone,
}

pub struct Move<D: Disk, W: Waiter> {
    pub cell: Arc<Cell<D, W>>,
    /// The log directory that it moves to.
    pub target: usize,
    pub stage: Mutex<Stage>,
    pub copy: Mutex<Copy<D>>,
    /// Of the copy, as it was seen last by who copies.
    pub size_bytes: AtomicU64,
    pub end_offset: AtomicI64,
}

impl<D: Disk, W: Waiter> Move<D, W> {
    pub fn new(cell: Arc<Cell<D, W>>, target: usize, copy: Copy<D>) -> Self {
        Self {
            cell,
            target,
            stage: Mutex::new(Stage {
                phase: Phase::Copying,
                then: None,
                attended: false,
            }),
            copy: Mutex::new(copy),
            size_bytes: AtomicU64::new(0),
            end_offset: AtomicI64::new(0),
        }
    }

    pub fn phase(&self) -> Phase {
        lock(&self.stage).phase
    }

    /// Go from one phase to the next; false if it is not in the first any more.
    pub fn enter(&self, from: Phase, to: Phase) -> bool {
        let mut stage = lock(&self.stage);
        let goes = stage.phase == from;
        if goes {
            stage.phase = to;
        }
        goes
    }

    pub fn is_of(&self, cell: &Arc<Cell<D, W>>) -> bool {
        Arc::ptr_eq(&self.cell, cell)
    }

    /// Let others see how far the copy is.
    pub fn note(&self, log: &Log<D>) {
        self.size_bytes.store(log.size(), Ordering::Relaxed);
        self.end_offset
            .store(log.log_end_offset(), Ordering::Relaxed);
    }
}

/// One move as others see it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Moving {
    pub topic: Arc<str>,
    pub partition: i32,
    /// The log directory that it moves to.
    pub log_dir: usize,
    pub size_bytes: u64,
    /// How many offsets the copy lacks.
    pub lag: i64,
}

/// A folder of an earlier run's move.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Future {
    pub topic: String,
    pub partition: i32,
    pub log_dir: usize,
    pub path: PathBuf,
}

/// All of them, in the order in which they were asked for.
pub struct Moves<D: Disk, W: Waiter>(Vec<Arc<Move<D, W>>>);

impl<D: Disk, W: Waiter> Default for Moves<D, W> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<D: Disk, W: Waiter> Moves<D, W> {
    pub fn add(&mut self, one: Move<D, W>) {
        self.0.push(Arc::new(one));
    }

    pub fn remove(&mut self, one: &Arc<Move<D, W>>) {
        self.0.retain(|other| !Arc::ptr_eq(other, one));
    }

    pub fn all(&self) -> Vec<Arc<Move<D, W>>> {
        self.0.clone()
    }

    pub fn of(&self, cell: &Arc<Cell<D, W>>) -> impl Iterator<Item = &Arc<Move<D, W>>> {
        self.0.iter().filter(|one| one.is_of(cell))
    }

    /// Those that are to be worked on now: one for each log directory into which nothing is copied, what ends first.
    pub fn next(&self) -> Vec<Arc<Move<D, W>>> {
        let mut busy: Vec<usize> = (self.0.iter())
            .filter(|one| lock(&one.stage).attended)
            .map(|one| one.target)
            .collect();
        let mut chosen = Vec::new();
        for wanted in [Phase::Cancelled, Phase::Assigned, Phase::Copying] {
            for one in &self.0 {
                if one.phase() == wanted && !busy.contains(&one.target) {
                    lock(&one.stage).attended = true;
                    busy.push(one.target);
                    chosen.push(Arc::clone(one));
                }
            }
        }
        chosen
    }
}
