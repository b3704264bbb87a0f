//! The way out to a peer for whoever answers a request that is parked, past the task that owns the connection's stream.

use std::io;
use std::os::fd::{AsRawFd, BorrowedFd, RawFd};

use rustix::net::SendFlags;

/// Its task opens it while it waits, and shuts it before it does anything else with the stream.
#[derive(Debug)]
pub struct Outlet(RawFd);

impl Outlet {
    /// The one of a socket, which its owner keeps open for as long as others have this.
    pub fn of(socket: &impl AsRawFd) -> Self {
        Self(socket.as_raw_fd())
    }

    /// Send what there is room for.
    pub fn try_send(&self, bytes: &[u8]) -> io::Result<usize> {
        // SAFETY: the task shuts this, under the lock that this call is made under, before it lets go of the socket.
        let socket = unsafe { BorrowedFd::borrow_raw(self.0) };
        Ok(rustix::net::send(socket, bytes, SendFlags::NOSIGNAL)?)
    }
}
