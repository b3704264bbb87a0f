//! The way out to a peer for whoever answers a request that is parked, past the task that owns the connection's stream.

use std::io;
use std::os::fd::{AsRawFd, BorrowedFd, RawFd};

use rustix::net::SendFlags;

/// Its task opens it while it waits, and shuts it before it does anything else with the stream.
#[derive(Debug)]
pub struct Outlet(RawFd);

impl Outlet {
    /// The one of a socket.
    ///
    /// # Safety
    /// The socket stays open for as long as anybody has this. A connection's task gives it to `Connection::take_answer` and
    /// takes it back, by the next call, before it does anything else with its stream.
    pub unsafe fn of(socket: &impl AsRawFd) -> Self {
        Self(socket.as_raw_fd())
    }

    /// Send what there is room for.
    pub fn try_send(&self, bytes: &[u8]) -> io::Result<usize> {
        // SAFETY: whoever made this keeps the socket open.
        let socket = unsafe { BorrowedFd::borrow_raw(self.0) };
        Ok(rustix::net::send(socket, bytes, SendFlags::NOSIGNAL)?)
    }
}
