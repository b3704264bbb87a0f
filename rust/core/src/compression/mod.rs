//! Kafka's five codecs, by the number in a batch's attributes: streams in both directions.

mod lz4_high;
mod memory;
mod xerial;

use std::io::{self, BufRead, BufReader, Read, Write};

use zstd::stream::raw::CParameter;

use lz4_high::Lz4HighWriter;
pub use memory::{packing, unpacking};
use xerial::{XerialReader, XerialWriter};

/// Numbers are Kafka's.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(u8)]
pub enum Codec {
    #[default]
    None = 0,
    Gzip = 1,
    Snappy = 2,
    Lz4 = 3,
    Zstd = 4,
}

impl Codec {
    pub fn from_number(number: u8) -> Option<Self> {
        Some(match number {
            0 => Self::None,
            1 => Self::Gzip,
            2 => Self::Snappy,
            3 => Self::Lz4,
            4 => Self::Zstd,
            _ => return None,
        })
    }

    pub fn from_name(name: &str) -> Option<Self> {
        Some(match name {
            "none" => Self::None,
            "gzip" => Self::Gzip,
            "snappy" => Self::Snappy,
            "lz4" => Self::Lz4,
            "zstd" => Self::Zstd,
            _ => return None,
        })
    }

    pub fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Gzip => "gzip",
            Self::Snappy => "snappy",
            Self::Lz4 => "lz4",
            Self::Zstd => "zstd",
        }
    }
}

/// Levels of the codecs that have them; defaults are Kafka's. As in Kafka, lz4's default is the quick
/// compressor, and every other level is one of the thorough one's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Levels {
    pub gzip: i32,
    pub lz4: i32,
    pub zstd: i32,
}

/// Kafka's default level of lz4: not thorough.
const LZ4_QUICK: i32 = 9;

impl Default for Levels {
    fn default() -> Self {
        Self {
            gzip: -1,
            lz4: LZ4_QUICK,
            zstd: 3,
        }
    }
}

/// zstd's levels from 20 on take up to a gigabyte for their tables; they get those of level 19 here: window, chain, hash.
const ZSTD_LEVEL_OF_LARGEST_TABLES: i32 = 19;
const ZSTD_LARGEST_TABLES: [CParameter; 3] = [
    CParameter::WindowLog(23),
    CParameter::ChainLog(24),
    CParameter::HashLog(22),
];
const WINDOW_BYTES: usize = 16 << 10;

/// A stream of decompressed bytes. Reads no further ahead than one block of its codec.
pub enum Decompressor<'a> {
    None(&'a [u8]),
    Gzip(BufReader<flate2::read::MultiGzDecoder<&'a [u8]>>),
    Snappy(XerialReader<'a>),
    Lz4(Box<lz4_flex::frame::FrameDecoder<&'a [u8]>>),
    Zstd(BufReader<zstd::stream::read::Decoder<'static, &'a [u8]>>),
}

impl<'a> Decompressor<'a> {
    pub fn new(codec: Codec, bytes: &'a [u8]) -> io::Result<Self> {
        Ok(match codec {
            Codec::None => Self::None(bytes),
            Codec::Gzip => Self::Gzip(BufReader::with_capacity(
                WINDOW_BYTES,
                flate2::read::MultiGzDecoder::new(bytes),
            )),
            Codec::Snappy => Self::Snappy(XerialReader::new(bytes)),
            Codec::Lz4 => Self::Lz4(Box::new(lz4_flex::frame::FrameDecoder::new(bytes))),
            Codec::Zstd => {
                let mut decoder = zstd::stream::read::Decoder::with_buffer(bytes)?;
                decoder.window_log_max(memory::zstd_window_log(bytes))?;
                Self::Zstd(BufReader::with_capacity(WINDOW_BYTES, decoder))
            }
        })
    }
}

impl Read for Decompressor<'_> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let window = self.fill_buf()?;
        let n = window.len().min(out.len());
        out[..n].copy_from_slice(&window[..n]);
        self.consume(n);
        Ok(n)
    }
}

impl BufRead for Decompressor<'_> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        match self {
            Self::None(bytes) => Ok(bytes),
            Self::Gzip(stream) => stream.fill_buf(),
            Self::Snappy(stream) => stream.fill_buf(),
            Self::Lz4(stream) => stream.fill_buf(),
            Self::Zstd(stream) => stream.fill_buf(),
        }
    }

    fn consume(&mut self, n: usize) {
        match self {
            Self::None(bytes) => bytes.consume(n),
            Self::Gzip(stream) => stream.consume(n),
            Self::Snappy(stream) => stream.consume(n),
            Self::Lz4(stream) => stream.consume(n),
            Self::Zstd(stream) => stream.consume(n),
        }
    }
}

/// A stream that compresses onto the end of a buffer.
pub enum Compressor {
    None(Vec<u8>),
    Gzip(flate2::write::GzEncoder<Vec<u8>>),
    Snappy(Box<XerialWriter>),
    Lz4(Box<lz4_flex::frame::FrameEncoder<Vec<u8>>>),
    Lz4High(Box<Lz4HighWriter>),
    Zstd(zstd::stream::write::Encoder<'static, Vec<u8>>),
}

impl Compressor {
    pub fn new(codec: Codec, levels: Levels, onto: Vec<u8>) -> io::Result<Self> {
        Ok(match codec {
            Codec::None => Self::None(onto),
            Codec::Gzip => {
                let level = match u32::try_from(levels.gzip) {
                    Ok(level) => flate2::Compression::new(level.min(9)),
                    Err(_) => flate2::Compression::default(),
                };
                Self::Gzip(flate2::write::GzEncoder::new(onto, level))
            }
            Codec::Snappy => Self::Snappy(Box::new(XerialWriter::new(onto))),
            Codec::Lz4 if levels.lz4 != LZ4_QUICK => {
                Self::Lz4High(Box::new(Lz4HighWriter::new(onto, levels.lz4)))
            }
            Codec::Lz4 => {
                let frame = lz4_flex::frame::FrameInfo::new()
                    .block_size(lz4_flex::frame::BlockSize::Max64KB)
                    .block_mode(lz4_flex::frame::BlockMode::Independent);
                Self::Lz4(Box::new(lz4_flex::frame::FrameEncoder::with_frame_info(
                    frame, onto,
                )))
            }
            Codec::Zstd => {
                let mut stream = zstd::stream::write::Encoder::new(onto, levels.zstd)?;
                if levels.zstd > ZSTD_LEVEL_OF_LARGEST_TABLES {
                    for table in ZSTD_LARGEST_TABLES {
                        stream.set_parameter(table)?;
                    }
                }
                Self::Zstd(stream)
            }
        })
    }

    pub fn written(&self) -> usize {
        match self {
            Self::None(out) => out.len(),
            Self::Gzip(stream) => stream.get_ref().len(),
            Self::Snappy(stream) => stream.written(),
            Self::Lz4(stream) => stream.get_ref().len(),
            Self::Lz4High(stream) => stream.written(),
            Self::Zstd(stream) => stream.get_ref().len(),
        }
    }

    pub fn finish(self) -> io::Result<Vec<u8>> {
        match self {
            Self::None(out) => Ok(out),
            Self::Gzip(stream) => stream.finish(),
            Self::Snappy(stream) => stream.finish(),
            Self::Lz4(stream) => stream.finish().map_err(io::Error::other),
            Self::Lz4High(stream) => stream.finish(),
            Self::Zstd(stream) => stream.finish(),
        }
    }
}

impl Write for Compressor {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::None(out) => out.write(bytes),
            Self::Gzip(stream) => stream.write(bytes),
            Self::Snappy(stream) => stream.write(bytes),
            Self::Lz4(stream) => stream.write(bytes),
            Self::Lz4High(stream) => stream.write(bytes),
            Self::Zstd(stream) => stream.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn round_trip(codec: Codec, bytes: &[u8]) -> Vec<u8> {
        let mut stream = Compressor::new(codec, Levels::default(), b"before".to_vec()).unwrap();
        for piece in bytes.chunks(7001) {
            stream.write_all(piece).unwrap();
        }
        let packed = stream.finish().unwrap();
        assert_eq!(&packed[..6], b"before");
        let mut back = Vec::new();
        Decompressor::new(codec, &packed[6..])
            .unwrap()
            .read_to_end(&mut back)
            .unwrap();
        back
    }

    /// What one codec writes it must read back, or produced data is lost.
    #[test]
    fn round_trips() {
        let bytes: Vec<u8> = (0..200_000u32)
            .flat_map(|n| (n / 7).to_le_bytes())
            .collect();
        for number in 0..5 {
            let codec = Codec::from_number(number).unwrap();
            assert_eq!(Codec::from_name(codec.name()), Some(codec));
            assert_eq!(round_trip(codec, &bytes), bytes, "{codec:?}");
            assert_eq!(round_trip(codec, b""), b"", "{codec:?}");
        }
    }

    /// A level that changed nothing, or that another codec's reader could not read, would be a lie of the config.
    #[test]
    fn levels_of_lz4_have_effect_and_the_default_is_the_quick_one() {
        let mut seed = 7u32;
        let mut word = || {
            seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            format!("user-{:03} clicked {} ", seed >> 22, (seed >> 12) % 50)
        };
        let bytes: Vec<u8> = (0..20_000).flat_map(|_| word().into_bytes()).collect();
        let packed = |level: Option<i32>| {
            let lz4 = level.unwrap_or(Levels::default().lz4);
            let levels = Levels {
                lz4,
                ..Levels::default()
            };
            let mut stream = Compressor::new(Codec::Lz4, levels, Vec::new()).unwrap();
            for piece in bytes.chunks(7001) {
                stream.write_all(piece).unwrap();
            }
            let packed = stream.finish().unwrap();
            let mut back = Vec::new();
            Decompressor::new(Codec::Lz4, &packed)
                .unwrap()
                .read_to_end(&mut back)
                .unwrap();
            assert!(back == bytes, "level {lz4}");
            packed
        };
        let (quick, least, most) = (packed(None), packed(Some(1)), packed(Some(17)));
        assert_eq!(quick, packed(Some(9)));
        assert_eq!(quick[..7], most[..7], "the frames are of one kind");
        assert!(least.len() < quick.len() && most.len() < least.len());
        assert_eq!(packed(Some(12)), most, "lz4 itself ends at 12");
        assert_eq!(packed(Some(99)), most, "a number that nobody checked");
    }

    /// librdkafka and others send snappy without the xerial frame.
    #[test]
    fn bare_snappy_is_read() {
        let packed = snap::raw::Encoder::new()
            .compress_vec(b"some bytes, some bytes")
            .unwrap();
        let mut back = Vec::new();
        Decompressor::new(Codec::Snappy, &packed)
            .unwrap()
            .read_to_end(&mut back)
            .unwrap();
        assert_eq!(back, b"some bytes, some bytes");
    }

    /// Random bytes must end in an error or in bytes, never in a panic or in a huge allocation.
    #[test]
    fn garbage_does_not_panic() {
        let mut seed = 7u64;
        for round in 0..2000 {
            let mut bytes = Vec::new();
            for _ in 0..(round % 97) {
                seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                bytes.push((seed >> 33) as u8);
            }
            for number in 1..5 {
                let codec = Codec::from_number(number).unwrap();
                if let Ok(stream) = Decompressor::new(codec, &bytes) {
                    let mut back = Vec::new();
                    let _ = stream.take(1 << 20).read_to_end(&mut back);
                }
            }
        }
    }
}
