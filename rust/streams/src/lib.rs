//! The fast executor of Streams: a task takes whole batches of records and gives what they cause.
//!
//! A task is what `ottla.streams` planned, compiled: sources, operators, stores, sinks. It keeps its state
//! in memory and appends what it writes (outputs, repartitions, changelogs) to batches. Time comes in as a
//! number; what only the host language can do (a Python function, a serde of the registry) goes out
//! through one trait, `Host`. Nothing here knows Python.

mod ahead;
pub mod application;
pub mod context;
pub mod engine;
pub mod expression;
mod failures;
mod heap;
pub mod host;
pub mod json;
pub mod murmur3;
pub mod operators;
pub mod output;
pub mod packed;
pub mod plan;
mod punctuation;
mod queues;
mod reading;
pub mod record;
pub mod row;
pub mod serde;
pub mod stop;
pub mod stores;
pub mod subscription;
pub mod task;
#[cfg(test)]
mod testing;
pub mod value;
