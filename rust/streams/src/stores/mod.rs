//! State stores over bytes, in memory.

pub mod versioned;
