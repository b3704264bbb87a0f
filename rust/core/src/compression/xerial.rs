//! Snappy as Java's SnappyOutputStream frames it: a header, then blocks of a big-endian length and raw snappy.
//! A stream without that header is read as one raw snappy block, which is what other clients send.

use std::io::{self, Write};

const MAGIC: [u8; 8] = [0x82, b'S', b'N', b'A', b'P', b'P', b'Y', 0];
const HEADER_BYTES: usize = 16;
const BLOCK_BYTES: usize = 32 << 10;
/// What snappy can reach at all: three bytes stand for 64 at most. A block's claim is held against it, and nothing else:
/// raw snappy from some clients is one block as large as a batch.
const RATIO_MAX: usize = 22;

/// The bytes of the largest block once it is unpacked, as far as claims can be believed.
pub fn largest_block(bytes: &[u8]) -> usize {
    let unpacked = |packed: &[u8]| {
        let claim = snap::raw::decompress_len(packed).unwrap_or(0);
        claim.min(packed.len().saturating_mul(RATIO_MAX))
    };
    let mut reader = XerialReader::new(bytes);
    let mut largest = 0;
    while let Ok(Some(packed)) = reader.next_packed() {
        largest = largest.max(unpacked(packed));
    }
    largest
}

pub struct XerialReader<'a> {
    rest: &'a [u8],
    framed: bool,
    block: Vec<u8>,
    position: usize,
}

fn broken(text: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, text)
}

impl<'a> XerialReader<'a> {
    pub fn new(bytes: &'a [u8]) -> Self {
        let framed = bytes.len() >= HEADER_BYTES && bytes.starts_with(&MAGIC);
        let rest = if framed {
            &bytes[HEADER_BYTES..]
        } else {
            bytes
        };
        Self {
            rest,
            framed,
            block: Vec::new(),
            position: 0,
        }
    }

    pub fn fill_buf(&mut self) -> io::Result<&[u8]> {
        while self.position == self.block.len() && !self.rest.is_empty() {
            self.next_block()?;
        }
        Ok(&self.block[self.position..])
    }

    pub fn consume(&mut self, n: usize) {
        self.position += n;
    }

    /// The next block as it lies there; None at the end.
    fn next_packed(&mut self) -> io::Result<Option<&'a [u8]>> {
        if !self.framed {
            let all = std::mem::take(&mut self.rest);
            return Ok((!all.is_empty()).then_some(all));
        }
        // A second header may follow where streams were put one after the other.
        while self.rest.len() >= HEADER_BYTES && self.rest.starts_with(&MAGIC) {
            self.rest = &self.rest[HEADER_BYTES..];
        }
        if self.rest.is_empty() {
            return Ok(None);
        }
        let (len, rest) = self
            .rest
            .split_first_chunk()
            .ok_or(io::ErrorKind::UnexpectedEof)?;
        let len = usize::try_from(i32::from_be_bytes(*len))
            .map_err(|_| broken("a snappy block of negative length"))?;
        let (packed, rest) = rest
            .split_at_checked(len)
            .ok_or(io::ErrorKind::UnexpectedEof)?;
        self.rest = rest;
        Ok(Some(packed))
    }

    fn next_block(&mut self) -> io::Result<()> {
        let Some(packed) = self.next_packed()? else {
            return Ok(());
        };
        let unpacked = snap::raw::decompress_len(packed).map_err(io::Error::other)?;
        if unpacked > packed.len().saturating_mul(RATIO_MAX) {
            return Err(broken("a snappy block claims more bytes than it can hold"));
        }
        self.block.resize(unpacked, 0);
        let n = snap::raw::Decoder::new()
            .decompress(packed, &mut self.block)
            .map_err(io::Error::other)?;
        self.block.truncate(n);
        self.position = 0;
        Ok(())
    }
}

pub struct XerialWriter {
    out: Vec<u8>,
    block: Vec<u8>,
    encoder: snap::raw::Encoder,
}

impl XerialWriter {
    pub fn new(mut onto: Vec<u8>) -> Self {
        onto.extend_from_slice(&MAGIC);
        onto.extend_from_slice(&1i32.to_be_bytes());
        onto.extend_from_slice(&1i32.to_be_bytes());
        let block = Vec::with_capacity(BLOCK_BYTES);
        Self {
            out: onto,
            block,
            encoder: snap::raw::Encoder::new(),
        }
    }

    pub fn written(&self) -> usize {
        self.out.len()
    }

    fn end_block(&mut self) -> io::Result<()> {
        if self.block.is_empty() {
            return Ok(());
        }
        let packed = self
            .encoder
            .compress_vec(&self.block)
            .map_err(io::Error::other)?;
        self.out
            .extend_from_slice(&(packed.len() as i32).to_be_bytes());
        self.out.extend_from_slice(&packed);
        self.block.clear();
        Ok(())
    }

    pub fn finish(mut self) -> io::Result<Vec<u8>> {
        self.end_block()?;
        Ok(self.out)
    }
}

impl Write for XerialWriter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let n = bytes.len().min(BLOCK_BYTES - self.block.len());
        self.block.extend_from_slice(&bytes[..n]);
        if self.block.len() == BLOCK_BYTES {
            self.end_block()?;
        }
        Ok(n)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
