//! Schemas whose language is read in Rust: Protobuf, by the parser and the linker of protox.
//!
//! It is a crate of its own, not a part of `ottla-core`, because none of what moves bytes needs it.
//! It is as pure as the core: texts come in, descriptors or the place of a fault go out, and no
//! file is ever looked for: what a text imports is handed in with it, or is one of the files that
//! everybody has (`known`).
//!
//! What stays true: whatever a text holds, there is an answer, in time and memory that are bounded
//! by its size; nothing here recurses deeper than `DEPTH_MAX`.

mod fault;
mod known;
mod order;
mod reading;
mod shape;
mod size;

pub use fault::Fault;
pub use reading::{Files, Source, read};

/// How deep messages and the values of options may nest: protoc's own limit.
pub(crate) const DEPTH_MAX: usize = 100;

#[cfg(test)]
mod tests;
