//! Records of one source's topic that wait. Only the head is read: its values, and so its time, are known.

use std::collections::VecDeque;

use bytes::Bytes;

use crate::context::UNKNOWN;
use crate::host::Headers;
use crate::plan::{SourceId, TopicId};
use crate::record::Record;

/// One record of a source topic. Times are ms since the epoch.
#[derive(Clone, Debug)]
pub struct Input {
    pub topic: TopicId,
    pub partition: i32,
    /// -1 lets the task count.
    pub offset: i64,
    pub key: Option<Bytes>,
    pub value: Option<Bytes>,
    pub timestamp: i64,
    pub headers: Headers,
}

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
