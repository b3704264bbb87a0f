//! What a connection is, apart from its socket: bytes in, frames out, in order.
//!
//! `Inbox` cuts frames out of the bytes that arrived, `header` reads what stands before every request, `shedding` says
//! which connections go where there are too many, `limits` whether another may come, `patience` which go because their
//! peers take too long, and `holding` which replies wait for the next. None knows a socket, a clock or an API; the first
//! two work on the receive buffer itself, so nothing is copied between the socket and the handler.

mod header;
mod holding;
mod inbox;
pub mod limits;
pub mod patience;
pub mod shedding;

pub use header::{
    API_VERSIONS, RequestHeader, answer_frame, answers_flexibly, api_key, close_frame,
    parse_header, put_response_header,
};
pub use holding::Holding;
pub use inbox::{FrameError, Inbox};
