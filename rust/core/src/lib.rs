//! The pure half of Ottla: it reads no clock, draws no random number, and touches files only through `Disk`.

pub mod batch;
pub mod client;
pub mod code;
pub mod compression;
pub mod connection;
pub mod crc;
pub mod disk;
pub mod error;
pub mod hosting;
pub mod hot;
pub mod java;
pub mod log;
pub mod outbound;
pub mod partition;
pub mod plan;
pub mod serving;
pub mod session;

pub use code::Code;
pub use error::CoreError;
