//! Record batches of format 2, the only one that 4.x writes: their header, their records, and how to make them.

mod build;
mod header;
mod record;
mod slice;
pub mod varint;

pub use build::{BatchSpec, Builder, HeaderOut, RecordOut};
pub use header::*;
pub use record::{
    Fault, KeyHead, Opened, Record, RecordHead, Records, Source, Spans, StreamSource,
};
pub use slice::SliceSource;
