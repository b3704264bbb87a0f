//! What a connection's bytes come and go through: the one place that knows what lies under them, with `outlet.rs`, by which
//! others send.
//!
//! The halves of the task ask for bytes, for room, for a part of a file to be sent, and hear when the peer is
//! gone. An enum, and not a trait object: one kind costs a match with one arm, which is nothing. A kind that
//! changes the bytes on their way (TLS) has no `sendfile`: its `try_send_file` is the copy at the end of this
//! file, and what it has decrypted already counts as readable.

use std::io;
use std::os::fd::{AsRawFd, RawFd};
use std::pin::pin;
use std::task::{Context, Poll};

use ottla_core::connection::Inbox;
use ottla_core::disk::DiskFile;
use rustix::net::{RecvFlags, SendFlags};
use tokio::io::{AsyncReadExt, Interest};
use tokio::net::TcpStream;

use crate::disk::NodeFile;
use crate::outlet::Outlet;

/// How much of a file is copied at once where the kernel cannot send it.
const COPY_BYTES: usize = 64 * 1024;

/// A connection's stream, of any kind.
#[derive(Debug)]
pub(crate) enum Stream {
    Plain(TcpStream),
}

impl Stream {
    /// Take in what has arrived, 0 at the end, or be woken when something does.
    pub fn poll_receive(
        &mut self,
        inbox: &mut Inbox,
        context: &mut Context<'_>,
    ) -> Poll<io::Result<usize>> {
        match self {
            Self::Plain(tcp) => Future::poll(pin!(tcp.read_buf(inbox.receive_buffer())), context),
        }
    }

    /// Be woken when there is something to receive; a spurious wake is possible.
    pub fn poll_readable(&self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self {
            Self::Plain(tcp) => tcp.poll_read_ready(context),
        }
    }

    /// Be woken when something can be sent; a spurious wake is possible.
    pub fn poll_writable(&self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self {
            Self::Plain(tcp) => tcp.poll_write_ready(context),
        }
    }

    /// Whether there is a byte to receive, or the end; nothing is received. `WouldBlock` if not.
    pub fn try_peek(&self) -> io::Result<()> {
        match self {
            Self::Plain(tcp) => tcp.try_io(Interest::READABLE, || {
                rustix::net::recv(tcp, &mut [0u8; 1][..], RecvFlags::PEEK)?;
                Ok(())
            }),
        }
    }

    /// Send what there is room for; `more` says that the rest follows at once, so that packets are filled.
    pub fn try_send(&self, bytes: &[u8], more: bool) -> io::Result<usize> {
        let flags = if more {
            SendFlags::MORE | SendFlags::NOSIGNAL
        } else {
            SendFlags::NOSIGNAL
        };
        match self {
            Self::Plain(tcp) => tcp.try_io(Interest::WRITABLE, || {
                Ok(rustix::net::send(tcp, bytes, flags)?)
            }),
        }
    }

    /// The way out for others, where nothing is done to the bytes on their way.
    ///
    /// # Safety
    /// As `Outlet::of`.
    pub unsafe fn outlet(&self) -> Option<Outlet> {
        match self {
            // SAFETY: the caller's.
            Self::Plain(tcp) => Some(unsafe { Outlet::of(tcp) }),
        }
    }

    /// Send a part of a file, as much as there is room for: 0 if the file has ended before it.
    pub fn try_send_file(&self, file: &NodeFile, position: u64, len: usize) -> io::Result<usize> {
        match (self, file.raw_fd()) {
            #[cfg(target_os = "linux")]
            (Self::Plain(tcp), Some(number)) => {
                // SAFETY: the borrow of the file keeps its descriptor open.
                let file = unsafe { std::os::fd::BorrowedFd::borrow_raw(number) };
                let mut position = position;
                tcp.try_io(Interest::WRITABLE, || {
                    Ok(rustix::fs::sendfile(tcp, file, Some(&mut position), len)?)
                })
            }
            _ => self.try_copy_file(file, position, len),
        }
    }

    /// The same through memory, where the kernel has no descriptor to send from, or must not send the bytes as
    /// they are.
    fn try_copy_file(&self, file: &impl DiskFile, position: u64, len: usize) -> io::Result<usize> {
        let mut bytes = vec![0; len.min(COPY_BYTES)];
        let count = file.read_at(&mut bytes, position)?;
        if count == 0 {
            return Ok(0);
        }
        self.try_send(&bytes[..count], count < len)
    }

    /// Wait until the peer sends nothing more, whatever of it has not been read yet; nothing is read.
    #[cfg(target_os = "linux")]
    pub async fn hung_up(&self) -> io::Result<()> {
        match self {
            // Nobody asked to be told of urgent data, so that this is ready only once reading is over.
            Self::Plain(tcp) => tcp.ready(Interest::PRIORITY).await.map(|_| ()),
        }
    }

    /// Elsewhere it is found when the wait ends.
    #[cfg(not(target_os = "linux"))]
    pub async fn hung_up(&self) -> io::Result<()> {
        std::future::pending().await
    }

    /// Let closing drop what was not sent and reset the peer.
    pub fn reset_at_close(&self) {
        let _ = match self {
            Self::Plain(tcp) => {
                socket2::SockRef::from(tcp).set_linger(Some(std::time::Duration::ZERO))
            }
        };
    }
}

impl AsRawFd for Stream {
    fn as_raw_fd(&self) -> RawFd {
        match self {
            Self::Plain(tcp) => tcp.as_raw_fd(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::AsyncReadExt;

    /// A file that no kernel can send from.
    struct Bytes(Vec<u8>);

    impl DiskFile for Bytes {
        fn read_at(&self, buffer: &mut [u8], position: u64) -> io::Result<usize> {
            let from = usize::try_from(position).unwrap_or(usize::MAX);
            let rest = self.0.get(from..).unwrap_or(&[]);
            let count = rest.len().min(buffer.len());
            buffer[..count].copy_from_slice(&rest[..count]);
            Ok(count)
        }
        fn write_all_at(&self, _: &[u8], _: u64) -> io::Result<()> {
            Err(io::ErrorKind::Unsupported.into())
        }
        fn allocate(&self, _: u64, _: u64) -> io::Result<()> {
            Err(io::ErrorKind::Unsupported.into())
        }
        fn set_len(&self, _: u64) -> io::Result<()> {
            Err(io::ErrorKind::Unsupported.into())
        }
        fn sync(&self) -> io::Result<()> {
            Ok(())
        }
        fn set_modified_ms(&self, _: i64) -> io::Result<()> {
            Err(io::ErrorKind::Unsupported.into())
        }
        fn len(&self) -> io::Result<u64> {
            Ok(self.0.len() as u64)
        }
        fn raw_fd(&self) -> Option<i32> {
            None
        }
    }

    /// If this failed, a file that cannot be sent by the kernel would reach a consumer cut or not at all.
    #[test]
    fn a_file_without_a_descriptor_is_copied() {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        runtime.block_on(async {
            let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
            let mut peer = TcpStream::connect(listener.local_addr().unwrap())
                .await
                .unwrap();
            let stream = Stream::Plain(listener.accept().await.unwrap().0);
            let bytes: Vec<u8> = (0..200_000u32).map(|number| number as u8).collect();
            let file = Bytes(bytes.clone());
            let (from, to) = (1000, 150_000);
            let receiving = tokio::spawn(async move {
                let mut received = vec![0; to - from];
                peer.read_exact(&mut received).await.unwrap();
                received
            });
            let mut position = from;
            while position < to {
                std::future::poll_fn(|context| stream.poll_writable(context))
                    .await
                    .unwrap();
                match stream.try_copy_file(&file, position as u64, to - position) {
                    Ok(count) => position += count,
                    Err(error) => assert_eq!(error.kind(), io::ErrorKind::WouldBlock),
                }
            }
            assert!(receiving.await.unwrap() == bytes[from..to]);
            // Past its end there is nothing, which the sender must hear.
            assert_eq!(stream.try_copy_file(&file, 200_000, 5).unwrap(), 0);
        });
    }
}
