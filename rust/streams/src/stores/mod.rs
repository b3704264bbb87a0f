//! State stores over bytes, in memory.

pub mod buffered;
pub mod grace_buffer;
mod java_order;
pub mod outer_join;
pub mod suppress_buffer;
pub mod versioned;
