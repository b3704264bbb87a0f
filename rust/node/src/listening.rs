//! A listening socket that is served.

use crate::descriptors::Noted;

/// A listener that is served. The note stands before the socket, so that it is dropped first.
pub struct Listening {
    _noted: Noted,
    pub socket: tokio::net::TcpListener,
}

impl Listening {
    pub fn new(noted: Noted, socket: tokio::net::TcpListener) -> Self {
        Self {
            _noted: noted,
            socket,
        }
    }

    /// Stop listening at once, even if no thread is free to let go of the socket.
    pub fn close(&self) {
        // Where the system knows no such thing the socket closes with its task.
        let _ = rustix::net::shutdown(&self.socket, rustix::net::Shutdown::Both);
    }
}
