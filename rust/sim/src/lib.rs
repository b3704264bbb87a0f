//! Drives the core by hand: the machines that `rust/node` drives with threads, sockets and timers, one step at a time.
//!
//! A `Node` begins nothing by itself. Its holder brings bytes of clients and moves the time, asks which steps are
//! possible (`pending`), and says which is taken (`step`). So the same choices have the same outcome, whatever the
//! machine is; what decides of bytes is the core's in both drivers.

mod answering;
mod around;
#[cfg(test)]
mod busy_tests;
mod connection;
mod line;
mod node;
#[cfg(test)]
mod pipeline_tests;
#[cfg(test)]
mod verifying_tests;

pub use connection::{Connection, Item};
pub use node::{Node, Options, Verb};
