//! The sending half of a connection's task: the outbox, and the pieces of replies that lie in files.
//!
//! Records go from the page cache to the socket; what stands around them is the outbox.

use std::io;
use std::task::Poll;

use ottla_core::serving::Piece;

use super::stream::Stream;
use super::task::{OUTBOX_BYTES, Over, Task};
use crate::budget::Charge;
use crate::disk::NodeFile;
use crate::peer::Ending;
use ottla_core::connection::patience::{CLOSED_PATIENCE, Owes};

/// What may stay allocated for the next replies: two full outboxes.
const OUTBOX_KEPT: usize = 2 * OUTBOX_BYTES;

impl Task {
    /// Send what is in the outbox, with the pieces that lie in files.
    pub(super) async fn flush(&mut self) -> Result<(), Over> {
        if self.outbox.is_empty() {
            return Ok(());
        }
        if self.discards {
            self.discard();
            return Ok(());
        }
        // Answers of Python's have been charged to another budget, and their reader is judged by that one.
        let charged = self.answered.iter().map(Charge::bytes).sum();
        let pieces = std::mem::size_of_val(self.files.as_slice());
        let held = (self.outbox.len() + pieces).saturating_sub(charged);
        self.node.budget.take_anyway(held);
        self.reply_owed = if self.answered.is_empty() {
            Owes::Reply
        } else {
            Owes::Answer
        };
        let sent = self.flush_pieces().await;
        self.node.budget.give(held);
        self.answered.clear();
        self.holding.sent();
        self.outbox.clear();
        if self.outbox.capacity() > OUTBOX_KEPT {
            self.outbox = Vec::new();
        }
        self.files.clear();
        sent
    }

    /// Nobody gets what was answered.
    pub(super) fn discard(&mut self) {
        self.outbox.clear();
        self.files.clear();
        self.answered.clear();
        self.holding.sent();
    }

    /// The connection is over: what was answered before that is its peer's, if it takes it.
    pub(super) async fn flush_last(&mut self) {
        if !self.outbox.is_empty() && !self.connection.is_ending(Ending::Reset) {
            let _ = tokio::time::timeout(CLOSED_PATIENCE, self.flush()).await;
        }
    }

    async fn flush_pieces(&mut self) -> Result<(), Over> {
        let mut sent = 0;
        for piece in std::mem::take(&mut self.files) {
            self.send(sent..piece.at, true).await?;
            sent = piece.at;
            self.send_file(&piece).await?;
        }
        self.send(sent..self.outbox.len(), false).await
    }

    /// Send a part of the outbox; `more` says that the rest follows at once, so that packets are filled.
    async fn send(&mut self, mut part: std::ops::Range<usize>, more: bool) -> Result<(), Over> {
        while !part.is_empty() {
            let bytes = &self.outbox[part.clone()];
            let count = self
                .write_when_ready(|stream| stream.try_send(bytes, more))
                .await?;
            part.start += count;
        }
        Ok(())
    }

    async fn send_file(&mut self, piece: &Piece<NodeFile>) -> Result<(), Over> {
        let (mut position, mut left) = (piece.position, piece.len);
        while left > 0 {
            let count = self
                .write_when_ready(|stream| stream.try_send_file(&piece.file, position, left))
                .await?;
            if count == 0 {
                // The file became shorter than what was promised: the peer can only be told by closing.
                return Err(Over::Gone);
            }
            position = position.saturating_add(count as u64);
            left = left.saturating_sub(count);
        }
        Ok(())
    }

    /// Do one write to the socket, when it takes any, unless the connection is told to close.
    async fn write_when_ready(
        &self,
        mut write: impl FnMut(&Stream) -> io::Result<usize>,
    ) -> Result<usize, Over> {
        let Self {
            connection,
            stream,
            reply_owed,
            ..
        } = self;
        let mut waited = false;
        let done = loop {
            match write(stream) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                done => break done,
            }
            if !waited {
                // Something moved just now, or the reply has just been made: its peer has all its time for more.
                connection.touch(self.node.uptime_ms());
            }
            waited = true;
            connection.progress.owes(*reply_owed);
            std::future::poll_fn(|context| {
                while connection.signal.poll(context).is_ready() {
                    if connection.is_ending(Ending::Close) {
                        return Poll::Ready(Err(Over::Gone));
                    }
                }
                stream.poll_writable(context).map_err(Over::from)
            })
            .await?;
        };
        let count = done?;
        if waited {
            connection.progress.owes(Owes::Nothing);
            connection.progress.moved(count);
            connection.touch(self.node.uptime_ms());
        }
        Ok(count)
    }
}
