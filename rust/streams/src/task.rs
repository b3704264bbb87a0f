//! A task: takes records in the order in which they are to be processed, and gives all that they cause.
//!
//! It has no clock and does no I/O. Repartition topics, and source topics that are sinks too, are fed back
//! at once where the plan's settings say so.

use std::sync::Arc;

use bytes::Bytes;

use crate::application::Application;
use crate::engine::Engine;
use crate::host::Headers;
use crate::plan::{Plan, TopicId};
use crate::stop::Outcome;

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

pub struct Task<H: Application> {
    pub engine: Engine<H>,
}

impl<H: Application> Task<H> {
    /// A task whose processors are made ready; `now` is the wall clock's time in ms.
    pub fn start(plan: Arc<Plan>, _host: &mut H, _now: i64) -> Outcome<H, Self> {
        Ok(Self {
            engine: Engine::new(plan),
        })
    }

    /// Process records in order; what they cause is appended to `engine.output`, which the caller clears.
    ///
    /// On a stop what came before counts; the place of the record that stopped is `engine.context.cause`.
    pub fn process(&mut self, _host: &mut H, _records: Vec<Input>, _now: i64) -> Outcome<H> {
        Ok(())
    }

    /// The wall clock is `now`: what its punctuations cause.
    pub fn advance(&mut self, _host: &mut H, _now: i64) -> Outcome<H> {
        Ok(())
    }

    /// Close processors.
    pub fn close(&mut self, _host: &mut H) -> Outcome<H> {
        Ok(())
    }
}
