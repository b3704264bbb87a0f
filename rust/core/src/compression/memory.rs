//! How much memory a stream takes while it runs, beside what goes in and what comes out: upper bounds, told before
//! anything is allocated, so that whoever keeps a budget can ask it first.

use super::{Codec, Levels, xerial};

const KIB: usize = 1 << 10;
const MIB: usize = 1 << 20;

/// The largest window that a zstd stream may ask for: zstd's own limit without --long, and that of Java's clients.
pub const ZSTD_WINDOW_LOG_MAX: u32 = 27;
const ZSTD_WINDOW_LOG_MIN: u32 = 10;

/// What unpacking these bytes takes at most.
pub fn unpacking(codec: Codec, bytes: &[u8]) -> usize {
    match codec {
        Codec::None => 0,
        Codec::Gzip => 96 * KIB,
        Codec::Snappy => xerial::largest_block(bytes),
        Codec::Lz4 => lz4_block(bytes) * 3 + 128 * KIB,
        Codec::Zstd => (1 << zstd_window_log(bytes)) + 512 * KIB,
    }
}

/// What packing takes at most, whatever is packed. zstd's bounds are those of its level's tables and window.
pub fn packing(codec: Codec, levels: Levels) -> usize {
    match codec {
        Codec::None => 0,
        Codec::Gzip => 384 * KIB,
        // lz4: a block and its packed form; the thorough one adds 256 KiB of tables.
        Codec::Snappy | Codec::Lz4 => 512 * KIB,
        Codec::Zstd => match levels.zstd {
            ..=4 => 5 * MIB,
            5..=8 => 12 * MIB,
            9..=15 => 72 * MIB,
            _ => 112 * MIB,
        },
    }
}

/// The block size that an lz4 frame announces.
fn lz4_block(bytes: &[u8]) -> usize {
    match bytes.get(5).map(|descriptor| descriptor >> 4 & 7) {
        Some(4) => 64 * KIB,
        Some(5) => 256 * KIB,
        Some(6) => MIB,
        // Old frames have blocks of 8 MiB.
        _ if bytes.starts_with(&[0x02, 0x21, 0x4c, 0x18]) => 8 * MIB,
        _ => 4 * MIB,
    }
}

/// The least window, as a power of two, that holds what the first frame announces; not above the limit, which the
/// decoder then refuses to pass. Frames behind it get no more.
pub fn zstd_window_log(bytes: &[u8]) -> u32 {
    let announced = zstd_window(bytes).unwrap_or(u64::MAX);
    let log = announced.checked_next_power_of_two().map_or(63, u64::ilog2);
    log.clamp(ZSTD_WINDOW_LOG_MIN, ZSTD_WINDOW_LOG_MAX)
}

/// None if the bytes do not begin with a frame of records.
fn zstd_window(bytes: &[u8]) -> Option<u64> {
    let rest = bytes.strip_prefix(&[0x28, 0xb5, 0x2f, 0xfd])?;
    let (descriptor, rest) = rest.split_first()?;
    if descriptor & 0x20 == 0 {
        let window = rest.first()?;
        let base = 1u64 << (10 + (window >> 3));
        return Some(base + base / 8 * u64::from(window & 7));
    }
    // A single segment: its window is all of its content.
    let after_dictionary = rest.get([0, 1, 2, 4][usize::from(descriptor & 3)]..)?;
    let width = 1usize << (descriptor >> 6);
    let mut eight = [0; 8];
    eight[..width].copy_from_slice(after_dictionary.get(..width)?);
    let size = u64::from_le_bytes(eight);
    Some(if width == 2 { size + 256 } else { size })
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};

    use super::*;
    use crate::compression::{Compressor, Decompressor};

    /// A bound that is too low would let a peer take memory that nobody counted, or refuse what it may send.
    #[test]
    fn frames_announce_their_windows() {
        let frame =
            |descriptor: u8, rest: &[u8]| [&[0x28, 0xb5, 0x2f, 0xfd, descriptor], rest].concat();
        assert_eq!(zstd_window_log(&frame(0, &[11 << 3])), 21);
        assert_eq!(zstd_window_log(&frame(0, &[11 << 3 | 1])), 22);
        assert_eq!(zstd_window_log(&frame(0, &[0xff])), 27);
        assert_eq!(zstd_window_log(&frame(0x20, &[200])), 10);
        assert_eq!(zstd_window_log(&frame(0x61, &[9, 0xff, 0xff])), 17);
        assert_eq!(zstd_window_log(&frame(0xe0, &[0xff; 8])), 27);
        assert_eq!(zstd_window_log(&frame(0xe0, &[0xff; 7])), 27);
        assert_eq!(zstd_window_log(b"no frame"), 27);
        assert_eq!(zstd_window_log(b""), 27);
    }

    /// What every level of ours writes must pass its own announcement.
    #[test]
    fn what_is_written_is_within_what_it_announces() {
        let bytes: Vec<u8> = (0..3 << 20).map(|n: u32| (n / 5) as u8).collect();
        for level in [1, 3, 9, 19] {
            let levels = Levels {
                zstd: level,
                ..Levels::default()
            };
            let mut stream = Compressor::new(Codec::Zstd, levels, Vec::new()).unwrap();
            stream.write_all(&bytes).unwrap();
            let packed = stream.finish().unwrap();
            let mut back = Vec::new();
            Decompressor::new(Codec::Zstd, &packed)
                .unwrap()
                .read_to_end(&mut back)
                .unwrap();
            assert!(back == bytes, "level {level}");
        }
    }
}
