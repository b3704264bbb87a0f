//! Drives the core with real sockets, threads, a clock and files; holds no Python objects.
//!
//! A `Node` owns a tokio runtime. Each connection is one task that handles one request at a time, as Apache
//! Kafka does; what needs a decision goes to a queue that one Python thread empties. The work itself lies in
//! `ottla_core`, which knows neither sockets nor threads.

mod apis;
mod budget;
mod clock;
mod connection;
mod descriptors;
mod disk;
mod error;
#[cfg(test)]
mod fault_tests;
mod faults;
mod histogram;
mod listener;
mod listening;
mod lock;
mod measuring;
mod metrics;
#[cfg(test)]
mod namesake_tests;
mod node;
mod open_files;
mod outlet;
mod outside;
mod overflow;
#[cfg(test)]
mod overflow_tests;
mod passes;
mod peer;
mod pool;
mod queue;
mod releasing;
mod request_faults;
mod room;
mod shared;
mod shedding;
mod signal;
mod sweep;
mod watch;
mod weight;

pub use apis::{Api, Apis};
pub use clock::ClockSet;
pub use disk::NodeDisk;
pub use error::NodeError;
pub use faults::{DiskFault, FaultRow};
pub use node::Node;
pub use outside::NodeHost;
pub use overflow::Overflow;
pub use peer::Connection;
pub use queue::Item;
pub use request_faults::{Deed, Done, Named, RequestFaults, Rule};
pub use shared::Options;
