//! Records of one source's topic that wait. Only the head is read: its values, and so its time, are known.

use std::collections::VecDeque;

use crate::context::UNKNOWN;
use crate::plan::SourceId;
use crate::record::Record;
use crate::task::Input;

pub struct Queue<O> {
    pub source: SourceId,
    pub waiting: VecDeque<Input>,
    pub head: Option<Head<O>>,
    pub partition_time: i64,
}

/// A record that was read; or one that could not be, which still takes its turn, before all others, if
/// nothing stands behind it.
pub enum Head<O> {
    Unread,
    Ready(Box<Ready<O>>),
}

pub struct Ready<O> {
    pub record: Record<O>,
    pub input: Input,
    pub offset: i64,
}

impl<O> Head<O> {
    pub fn time(&self) -> i64 {
        match self {
            Self::Unread => UNKNOWN,
            Self::Ready(ready) => ready.record.timestamp,
        }
    }
}

impl<O> Queue<O> {
    pub fn new(source: SourceId) -> Self {
        Self {
            source,
            waiting: VecDeque::new(),
            head: None,
            partition_time: UNKNOWN,
        }
    }
}
