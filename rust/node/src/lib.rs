//! Drives the core with real sockets, threads, a clock and files; holds no Python objects.
//!
//! A `Node` owns a tokio runtime. Each connection is one task that handles one request at a time, as Apache
//! Kafka does; what needs a decision goes to a queue that one Python thread empties. The work itself lies in
//! `ottla_core`, which knows neither sockets nor threads.

mod apis;
mod background;
mod budget;
mod clock;
mod connection;
mod descriptors;
mod dirs;
mod disk;
mod error;
#[cfg(test)]
mod fault_tests;
mod faults;
mod fetch;
mod flush;
mod heal;
mod heavy;
mod hosted;
mod housekeeping;
mod listener;
mod metrics;
#[cfg(test)]
mod namesake_tests;
mod node;
mod opening;
mod partitions;
mod patience;
mod produce;
mod queue;
mod releasing;
mod shared;
mod shedding;
mod signal;
mod sweep;
mod weight;

pub use apis::{Api, Apis};
pub use connection::Connection;
pub use disk::NodeDisk;
pub use error::NodeError;
pub use faults::{DiskFault, FaultRow};
pub use node::Node;
pub use partitions::OpenState;
pub use queue::{Asked, Event, Item};
pub use shared::Options;
