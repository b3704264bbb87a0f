//! CRC-32C (Castagnoli), the checksum of record batches and producer snapshots.

/// The checksum of one piece.
pub fn crc32c(bytes: &[u8]) -> u32 {
    crc_fast::crc32_iscsi(bytes)
}

/// The checksum of several pieces, one after the other.
pub struct Crc32c(crc_fast::Digest);

impl Default for Crc32c {
    fn default() -> Self {
        Self(crc_fast::Digest::new(crc_fast::CrcAlgorithm::Crc32Iscsi))
    }
}

impl Crc32c {
    pub fn update(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    pub fn finish(&self) -> u32 {
        self.0.finalize() as u32
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The check value that the CRC catalogue gives; a wrong polynomial would make every batch corrupt.
    #[test]
    fn check_value() {
        assert_eq!(crc32c(b"123456789"), 0xe306_9283);
        let mut parts = Crc32c::default();
        parts.update(b"1234");
        parts.update(b"56789");
        assert_eq!(parts.finish(), 0xe306_9283);
    }
}
