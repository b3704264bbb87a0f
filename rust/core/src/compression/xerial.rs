//! Snappy as Java's SnappyOutputStream frames it: a header, then blocks of a big-endian length and raw snappy.
//! A stream without that header is read as one raw snappy block, which is what other clients send.

use std::io::{self, Write};

const MAGIC: [u8; 8] = [0x82, b'S', b'N', b'A', b'P', b'P', b'Y', 0];
const HEADER_BYTES: usize = 16;
const BLOCK_BYTES: usize = 32 << 10;
/// No block of a well-formed stream unpacks to more: Java's writer never passes 512 MiB; raw snappy from other
/// clients is one block as large as a batch. A block's claim is also held against what snappy can reach at all.
const RATIO_MAX: usize = 64;

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

    fn next_block(&mut self) -> io::Result<()> {
        let packed = if self.framed {
            // A second header may follow where streams were put one after the other.
            if self.rest.len() >= HEADER_BYTES && self.rest.starts_with(&MAGIC) {
                self.rest = &self.rest[HEADER_BYTES..];
                return Ok(());
            }
            let (len, rest) = self
                .rest
                .split_first_chunk()
                .ok_or(io::ErrorKind::UnexpectedEof)?;
            let len = usize::try_from(i32::from_be_bytes(*len))
                .map_err(|_| broken("a snappy block of negative length"))?;
            if rest.len() < len {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            let (packed, rest) = rest.split_at(len);
            self.rest = rest;
            packed
        } else {
            std::mem::take(&mut self.rest)
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
