//! The one error that the node gives to Python is the core's.

pub use ottla_core::CoreError as NodeError;
