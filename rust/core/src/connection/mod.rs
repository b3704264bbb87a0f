//! What a connection is, apart from its socket: bytes in, frames out, in order.
//!
//! `Inbox` cuts frames out of the bytes that arrived, `header` reads what stands before every request, `shedding` says
//! which connections go where there are too many, and `patience` which go because their peers take too long. None knows
//! a socket, a clock or an API; the first two work on the receive buffer itself, so nothing is copied between the socket
//! and the handler.

mod header;
mod inbox;
pub mod patience;
pub mod shedding;

pub use header::{
    API_VERSIONS, RequestHeader, answer_frame, answers_flexibly, close_frame, parse_header,
    put_response_header,
};
pub use inbox::{FrameError, Inbox};
