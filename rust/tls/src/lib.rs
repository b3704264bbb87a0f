//! TLS 1.2 and 1.3 without a socket: bytes of the wire in, plaintext out, and back.
//!
//! rustls does the protocol and ring the arithmetic; here are what a client of Kafka may set
//! (`Config`, made once and shared by all connections) and one connection's end (`Session`). It is
//! a crate of its own, not a part of `ottla-core`, because TLS is not pure: keys are drawn by
//! chance, and certificates are held against the system's clock.
//!
//! What stays true: a session hands out plaintext only after the peer was verified as its config
//! says, and after a fault nothing more.

mod config;
mod fault;
mod session;
mod verify;

pub use config::{Config, Refused, Settings};
pub use fault::{Fault, FaultKind};
pub use session::Session;

#[cfg(test)]
mod tests;
