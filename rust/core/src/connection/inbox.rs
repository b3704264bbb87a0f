//! The receive buffer of one connection, and the frames in it.
//!
//! A frame is a 32-bit size and as many bytes. The buffer grows with what arrived, never with what was
//! declared: a peer that announces 100 MiB and sends nothing costs what it sent. Frames stay where they were
//! received until they are consumed, so a handler may change them in place and write from them.

use std::ops::Range;

/// What a connection that starts talking gets; enough for every small request.
const CAPACITY_MIN: usize = 16 * 1024;
/// Beyond this the buffer grows only because one frame needs it.
const CAPACITY_STREAMING: usize = 512 * 1024;

/// Why no more frames can be cut from this connection.
#[derive(Debug, PartialEq, Eq)]
pub enum FrameError {
    Negative(i32),
    TooLarge { size: usize, size_max: usize },
}

impl std::fmt::Display for FrameError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Negative(size) => write!(f, "a frame announced the negative size {size}"),
            Self::TooLarge { size, size_max } => match foreign_protocol(*size) {
                Some(name) => write!(
                    f,
                    "this looks like {name}, spoken to a port that expects plain Kafka requests"
                ),
                None => write!(
                    f,
                    "a frame announced {size} bytes, more than socket.request.max.bytes={size_max}"
                ),
            },
        }
    }
}

/// Whose first words the four bytes of a frame's size are, if they are nobody's size: people point
/// browsers, probes and clients with TLS at a Kafka port, and a size in bytes tells them nothing.
fn foreign_protocol(size: usize) -> Option<&'static str> {
    let bytes = u32::try_from(size).ok()?.to_be_bytes();
    match &bytes {
        [0x16, 0x03, 0..=4, _] => Some("TLS"),
        b"GET " | b"POST" | b"PUT " | b"HEAD" | b"DELE" | b"OPTI" | b"PATC" | b"CONN" | b"TRAC"
        | b"PRI " => Some("HTTP"),
        b"SSH-" => Some("SSH"),
        _ => None,
    }
}

/// Bytes that arrived and were not consumed yet.
#[derive(Default)]
pub struct Inbox {
    bytes: Vec<u8>,
    start: usize,
    filled_whole: bool,
}

impl Inbox {
    /// Where in the buffer the next whole frame's payload lies, or None while bytes are missing.
    pub fn next_frame(&self, size_max: usize) -> Result<Option<Range<usize>>, FrameError> {
        let waiting = &self.bytes[self.start..];
        let Some((size, rest)) = waiting.split_first_chunk::<4>() else {
            return Ok(None);
        };
        let size = i32::from_be_bytes(*size);
        let Ok(size_bytes) = usize::try_from(size) else {
            return Err(FrameError::Negative(size));
        };
        if size_bytes > size_max {
            return Err(FrameError::TooLarge {
                size: size_bytes,
                size_max,
            });
        }
        let payload = self.start + 4;
        Ok((rest.len() >= size_bytes).then_some(payload..payload + size_bytes))
    }

    /// The payload of a frame that `next_frame` named.
    pub fn frame(&self, frame: &Range<usize>) -> &[u8] {
        &self.bytes[frame.clone()]
    }

    pub fn frame_mut(&mut self, frame: &Range<usize>) -> &mut [u8] {
        &mut self.bytes[frame.clone()]
    }

    /// Forget everything up to the end of this frame.
    pub fn consume(&mut self, frame: &Range<usize>) {
        self.start = frame.end;
        if self.start == self.bytes.len() {
            self.bytes.clear();
            self.start = 0;
        }
    }

    /// The whole buffer, if nothing follows this frame; an empty one takes its place.
    pub fn take_up_to(&mut self, frame: &Range<usize>) -> Option<Vec<u8>> {
        if frame.end != self.bytes.len() {
            return None;
        }
        Some(std::mem::take(self).bytes)
    }

    /// How large the buffer has to become before more can be received: its present capacity if there is room.
    ///
    /// Whoever keeps the memory budget asks first and then calls `make_room` with the answer.
    pub fn capacity_wanted(&self) -> usize {
        let capacity = self.bytes.capacity();
        if capacity == 0 {
            return CAPACITY_MIN;
        }
        let waiting = self.bytes.len() - self.start;
        let doubled = (capacity * 2).max(CAPACITY_MIN);
        if waiting == capacity {
            // A frame larger than the buffer: as much again as has arrived, but no more than the frame.
            let frame = self.frame_bytes().unwrap_or(doubled);
            return doubled.min(frame.max(CAPACITY_STREAMING).max(capacity + 1));
        }
        if self.filled_whole && capacity < CAPACITY_STREAMING {
            return doubled.min(CAPACITY_STREAMING);
        }
        capacity
    }

    /// Move what waits to the front if that makes room, and grow to `capacity`.
    pub fn make_room(&mut self, capacity: usize) {
        // Half a buffer of room or better makes large receives; what waits is less than a frame.
        if self.start > 0
            && (self.bytes.len() > self.bytes.capacity() / 2 || capacity > self.bytes.capacity())
        {
            self.bytes.drain(..self.start);
            self.start = 0;
        }
        if capacity > self.bytes.capacity() {
            self.bytes.reserve_exact(capacity - self.bytes.len());
        }
        self.filled_whole = false;
    }

    /// The buffer to receive into: bytes are put at its end. Call `received` afterwards.
    pub fn receive_buffer(&mut self) -> &mut Vec<u8> {
        &mut self.bytes
    }

    /// Note that bytes were put at the end of the buffer.
    pub fn received(&mut self) {
        self.filled_whole = self.bytes.len() == self.bytes.capacity();
    }

    /// What arrived and was not consumed.
    pub fn waiting(&self) -> &[u8] {
        &self.bytes[self.start..]
    }

    pub fn is_empty(&self) -> bool {
        self.start == self.bytes.len()
    }

    /// Whether more can be received without moving or growing anything.
    pub fn has_room(&self) -> bool {
        self.bytes.len() < self.bytes.capacity()
    }

    pub fn waiting_bytes(&self) -> usize {
        self.bytes.len() - self.start
    }

    pub fn capacity(&self) -> usize {
        self.bytes.capacity()
    }

    /// Give the memory back; only an empty inbox may.
    pub fn release(&mut self) {
        if self.is_empty() {
            *self = Self::default();
        }
    }

    fn frame_bytes(&self) -> Option<usize> {
        let (size, _) = self.bytes[self.start..].split_first_chunk::<4>()?;
        usize::try_from(i32::from_be_bytes(*size))
            .ok()
            .map(|size| size + 4)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn receive(inbox: &mut Inbox, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            inbox.make_room(inbox.capacity_wanted());
            let buffer = inbox.receive_buffer();
            let room = (buffer.capacity() - buffer.len()).min(bytes.len());
            assert!(room > 0, "no room was made");
            buffer.extend_from_slice(&bytes[..room]);
            inbox.received();
            bytes = &bytes[room..];
        }
    }

    fn frame(payload: &[u8]) -> Vec<u8> {
        let mut bytes = i32::try_from(payload.len())
            .expect("small")
            .to_be_bytes()
            .to_vec();
        bytes.extend_from_slice(payload);
        bytes
    }

    #[test]
    fn frames_come_out_whole_and_in_order_however_they_were_cut() {
        let stream: Vec<u8> = (0..50u8)
            .flat_map(|n| frame(&vec![n; usize::from(n) * 700]))
            .collect();
        for step in [1, 3, 1000, stream.len()] {
            let mut inbox = Inbox::default();
            let mut seen = 0u8;
            for part in stream.chunks(step) {
                receive(&mut inbox, part);
                while let Some(found) = inbox.next_frame(1 << 20).expect("good frames") {
                    assert_eq!(inbox.frame_mut(&found), vec![seen; usize::from(seen) * 700]);
                    inbox.consume(&found);
                    seen += 1;
                }
            }
            assert_eq!(seen, 50);
            assert!(inbox.is_empty());
        }
    }

    #[test]
    fn a_declared_size_allocates_nothing() {
        let mut inbox = Inbox::default();
        receive(&mut inbox, &(100i32 << 20).to_be_bytes());
        assert_eq!(inbox.next_frame(200 << 20), Ok(None));
        assert!(inbox.capacity() <= CAPACITY_MIN);
        receive(&mut inbox, &vec![0; 1 << 20]);
        assert!(inbox.capacity() <= 4 << 20, "capacity {}", inbox.capacity());
    }

    #[test]
    fn bad_sizes_are_errors() {
        let mut inbox = Inbox::default();
        receive(&mut inbox, &(-1i32).to_be_bytes());
        assert_eq!(inbox.next_frame(100), Err(FrameError::Negative(-1)));
        let mut inbox = Inbox::default();
        receive(&mut inbox, &101i32.to_be_bytes());
        assert_eq!(
            inbox.next_frame(100),
            Err(FrameError::TooLarge {
                size: 101,
                size_max: 100
            })
        );
    }

    #[test]
    fn other_protocols_are_named() {
        let said = |first: &[u8; 4]| {
            let mut inbox = Inbox::default();
            receive(&mut inbox, first);
            inbox
                .next_frame(100 << 20)
                .expect_err("refused")
                .to_string()
        };
        assert!(said(b"GET ").starts_with("this looks like HTTP"));
        assert!(said(&[0x16, 3, 1, 2]).starts_with("this looks like TLS"));
        assert!(said(b"SSH-").starts_with("this looks like SSH"));
        assert!(said(&[0x7f; 4]).starts_with("a frame announced 2139062143 bytes"));
    }

    #[test]
    fn a_streaming_buffer_stops_growing() {
        let mut inbox = Inbox::default();
        let stream = frame(&vec![7; 60_000]).repeat(100);
        for part in stream.chunks(900_000) {
            receive(&mut inbox, part);
            while let Some(found) = inbox.next_frame(1 << 20).expect("good") {
                inbox.consume(&found);
            }
        }
        assert!(inbox.capacity() <= 2 << 20);
        inbox.release();
        assert_eq!(inbox.capacity(), 0);
    }
}
