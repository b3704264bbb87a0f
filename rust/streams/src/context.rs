//! The record at hand and the two clocks: what one task's operators share beside stores.
//!
//! The context's time and headers are those of the record that the running operator was given; stores write
//! changelog records with them where the value itself carries no time.

use bytes::Bytes;

use crate::host::Headers;
use crate::plan::TopicId;

/// No record was seen yet; also the offset and partition of what no record caused.
pub const UNKNOWN: i64 = -1;

#[derive(Clone, Debug)]
pub struct Context {
    /// Where the source's record came from; `None` and -1 in punctuations.
    pub topic: Option<TopicId>,
    pub partition: i32,
    pub offset: i64,
    pub timestamp: i64,
    pub headers: Headers,
    /// The source's record as it came.
    pub raw_key: Option<Bytes>,
    pub raw_value: Option<Bytes>,
    /// The wall clock, ms since the epoch.
    pub now: i64,
    /// The highest record time that the task has taken from its queues.
    pub stream_time: i64,
    /// The place in the batch of the record that causes what is produced now; -1 where time alone does.
    pub cause: i32,
    pub commit_requested: bool,
}

impl Default for Context {
    fn default() -> Self {
        Self {
            topic: None,
            partition: -1,
            offset: UNKNOWN,
            timestamp: UNKNOWN,
            headers: Headers::new(),
            raw_key: None,
            raw_value: None,
            now: 0,
            stream_time: UNKNOWN,
            cause: -1,
            commit_requested: false,
        }
    }
}
