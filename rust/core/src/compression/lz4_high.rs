//! lz4 at the levels of its thorough compressor, in the frames that Kafka's clients write: independent blocks of 64 KiB,
//! no checksums. A block that does not shrink is kept as it is.

use std::io::{self, Write};

use lz4::block::{CompressionMode, compress_bound, compress_to_buffer};

/// Magic, version and block independence, block size, and the checksum of these two.
const FRAME_HEAD: [u8; 7] = [0x04, 0x22, 0x4d, 0x18, 0x60, 0x40, 0x82];
const FRAME_END: [u8; 4] = [0; 4];
const BLOCK_BYTES: usize = 64 << 10;
/// In a block's length: its bytes are not packed.
const PLAIN: u32 = 1 << 31;
/// Kafka takes levels to 17, lz4 has them to 12.
const LEVEL_MAX: i32 = 12;

/// Compresses onto the end of a buffer; a block is packed when it is full.
pub struct Lz4HighWriter {
    out: Vec<u8>,
    block: Vec<u8>,
    packed: Vec<u8>,
    level: i32,
}

impl Lz4HighWriter {
    pub fn new(mut onto: Vec<u8>, level: i32) -> Self {
        onto.extend_from_slice(&FRAME_HEAD);
        Self {
            out: onto,
            block: Vec::with_capacity(BLOCK_BYTES),
            packed: Vec::new(),
            level: level.clamp(1, LEVEL_MAX),
        }
    }

    pub fn written(&self) -> usize {
        self.out.len()
    }

    pub fn finish(mut self) -> io::Result<Vec<u8>> {
        self.pack()?;
        self.out.extend_from_slice(&FRAME_END);
        Ok(self.out)
    }

    fn pack(&mut self) -> io::Result<()> {
        if self.block.is_empty() {
            return Ok(());
        }
        self.packed.resize(compress_bound(self.block.len())?, 0);
        let mode = CompressionMode::HIGHCOMPRESSION(self.level);
        let size = compress_to_buffer(&self.block, Some(mode), false, &mut self.packed)?;
        let (bytes, flag) = if size < self.block.len() {
            (&self.packed[..size], 0)
        } else {
            (&self.block[..], PLAIN)
        };
        // A block has 64 KiB at most.
        let length = bytes.len() as u32 | flag;
        self.out.extend_from_slice(&length.to_le_bytes());
        self.out.extend_from_slice(bytes);
        self.block.clear();
        Ok(())
    }
}

impl Write for Lz4HighWriter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let size = bytes.len().min(BLOCK_BYTES - self.block.len());
        self.block.extend_from_slice(&bytes[..size]);
        if self.block.len() == BLOCK_BYTES {
            self.pack()?;
        }
        Ok(size)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
