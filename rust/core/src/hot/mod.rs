//! The two requests that carry bytes, Produce and Fetch, read and answered in place.
//!
//! A decoded message of Python objects would cost more than the work itself, so these two are read from the
//! frame by hand. They are not a second declaration: `layout` lists every field that they rely on, and a
//! node refuses to start if that list differs from the declared messages.

mod reader;

pub use reader::{Malformed, Reader};
