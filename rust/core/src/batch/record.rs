//! The records inside a batch, walked one at a time and never held together.
//!
//! A walk costs memory for one window of decompressed bytes, whatever a batch claims to hold: a bomb costs time.

use std::io::BufRead;
use std::ops::Range;

use twox_hash::XxHash3_128;

use super::varint::{unzigzag_i32, unzigzag_i64};

/// Why a record cannot be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    /// What is written there is no record.
    Record(String),
    /// The compressed stream is broken.
    Codec(String),
}

impl Fault {
    pub fn text(&self) -> &str {
        match self {
            Self::Record(text) | Self::Codec(text) => text,
        }
    }
}

pub(super) fn ended() -> Fault {
    Fault::Record("the batch ends within a record".to_owned())
}

/// A record without its key, value and headers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RecordHead {
    pub attributes: u8,
    pub timestamp_delta: i64,
    pub offset_delta: i32,
    pub has_key: bool,
    /// Bytes of the record, its length varint left out.
    pub size: usize,
}

/// A whole record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    pub attributes: u8,
    pub timestamp_delta: i64,
    pub offset_delta: i32,
    pub key: Option<Vec<u8>>,
    pub value: Option<Vec<u8>>,
    pub headers: Vec<(Vec<u8>, Option<Vec<u8>>)>,
}

/// Where the parts of a record lie, by the positions of its source.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Spans {
    pub timestamp_delta: i64,
    pub offset_delta: i32,
    pub key: Option<Range<usize>>,
    pub value: Option<Range<usize>>,
    pub headers: Vec<(Range<usize>, Option<Range<usize>>)>,
}

/// Where a walk gets its bytes from.
pub trait Source {
    fn byte(&mut self) -> Result<u8, Fault>;
    fn skip(&mut self, bytes: usize) -> Result<(), Fault>;
    /// Bytes that lie there at once, one at least and `most` at most; they are not consumed.
    fn some(&mut self, most: usize) -> Result<&[u8], Fault>;
    fn at_end(&mut self) -> Result<bool, Fault>;
    /// Bytes given out so far.
    fn position(&self) -> u64;

    fn take(&mut self, mut bytes: usize, out: &mut Vec<u8>) -> Result<(), Fault> {
        while bytes > 0 {
            let piece = self.some(bytes)?;
            out.extend_from_slice(piece);
            let taken = piece.len();
            self.skip(taken)?;
            bytes -= taken;
        }
        Ok(())
    }

    /// The parts of a record without headers, if all of it lies there and its numbers are short; else nothing is
    /// consumed.
    fn bare(&mut self) -> Option<Spans> {
        None
    }

    fn varint(&mut self) -> Result<i32, Fault> {
        long_varint(self)
    }

    fn varlong(&mut self) -> Result<i64, Fault> {
        long_varlong(self)
    }
}

pub(super) fn long_varlong<S: Source + ?Sized>(source: &mut S) -> Result<i64, Fault> {
    let mut raw = 0u64;
    for shift in (0..70).step_by(7) {
        let byte = source.byte()?;
        raw |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Ok(unzigzag_i64(raw));
        }
    }
    Err(Fault::Record("a number of more than ten bytes".to_owned()))
}

pub(super) fn long_varint<S: Source + ?Sized>(source: &mut S) -> Result<i32, Fault> {
    let mut raw = 0u32;
    for shift in (0..35).step_by(7) {
        let byte = source.byte()?;
        raw |= u32::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Ok(unzigzag_i32(raw));
        }
    }
    Err(Fault::Record("a number of more than five bytes".to_owned()))
}

/// Records that come out of a decompressor.
pub struct StreamSource<R: BufRead> {
    stream: R,
    position: u64,
    most: u64,
}

impl<R: BufRead> StreamSource<R> {
    pub fn new(stream: R) -> Self {
        Self::limited(stream, u64::MAX)
    }

    /// One that ends soon after so many bytes, as if there were no more.
    pub fn limited(stream: R, most: u64) -> Self {
        Self {
            stream,
            position: 0,
            most,
        }
    }

    fn window(&mut self) -> Result<&[u8], Fault> {
        if self.position >= self.most {
            return Ok(&[]);
        }
        self.stream.fill_buf().map_err(|e| match e.kind() {
            std::io::ErrorKind::UnexpectedEof => ended(),
            _ => Fault::Codec(format!("the compressed records are broken: {e}")),
        })
    }

    fn consume(&mut self, bytes: usize) {
        self.stream.consume(bytes);
        self.position += bytes as u64;
    }
}

impl<R: BufRead> Source for StreamSource<R> {
    fn byte(&mut self) -> Result<u8, Fault> {
        let byte = *self.window()?.first().ok_or_else(ended)?;
        self.consume(1);
        Ok(byte)
    }

    fn skip(&mut self, mut bytes: usize) -> Result<(), Fault> {
        while bytes > 0 {
            let here = self.window()?.len().min(bytes);
            if here == 0 {
                return Err(ended());
            }
            self.consume(here);
            bytes -= here;
        }
        Ok(())
    }

    fn some(&mut self, most: usize) -> Result<&[u8], Fault> {
        let window = self.window()?;
        if window.is_empty() {
            return Err(ended());
        }
        Ok(&window[..window.len().min(most)])
    }

    fn at_end(&mut self) -> Result<bool, Fault> {
        Ok(self.window()?.is_empty())
    }

    fn position(&self) -> u64 {
        self.position
    }
}

/// The hash of so many bytes, which may be more than fit into memory: a kilobyte may unpack to a key of a gigabyte.
fn hash_of<S: Source>(source: &mut S, mut bytes: usize) -> Result<u128, Fault> {
    if bytes == 0 {
        return Ok(XxHash3_128::oneshot(&[]));
    }
    let first = source.some(bytes)?;
    if first.len() == bytes {
        let hash = XxHash3_128::oneshot(first);
        source.skip(bytes)?;
        return Ok(hash);
    }
    let mut hash = XxHash3_128::new();
    while bytes > 0 {
        let piece = source.some(bytes)?;
        hash.write(piece);
        let taken = piece.len();
        source.skip(taken)?;
        bytes -= taken;
    }
    Ok(hash.finish_128())
}

/// What compaction looks at in a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeyHead {
    pub timestamp_delta: i64,
    pub offset_delta: i32,
    /// Its hash. None of a record without one.
    pub key: Option<u128>,
    pub has_value: bool,
}

/// The beginning of a record that is copied, not taken apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Opened {
    pub timestamp_delta: i64,
    pub offset_delta: i32,
    /// Bytes of key, value and headers, which come next from the source.
    pub rest: usize,
}

/// A walk over the records of one batch. It gives exactly as many as the header declares, or a fault.
pub struct Records<S: Source> {
    source: S,
    left: i32,
}

impl<S: Source> Records<S> {
    pub fn new(source: S, declared: i32) -> Self {
        Self {
            source,
            left: declared,
        }
    }

    /// Step over one record, checking all of its lengths. None after the last; a fault if bytes follow it.
    pub fn next_head(&mut self) -> Result<Option<RecordHead>, Fault> {
        let Some((start, size)) = self.begin()? else {
            return Ok(None);
        };
        let attributes = self.source.byte()?;
        let timestamp_delta = self.source.varlong()?;
        let offset_delta = self.source.varint()?;
        let key = self.source.varint()?;
        self.skip_field(key, start, size)?;
        let value = self.source.varint()?;
        self.skip_field(value, start, size)?;
        let headers = self.header_count(start, size)?;
        for _ in 0..headers {
            let name = self.source.varint()?;
            if name < 0 {
                return Err(Fault::Record("a header without a key".to_owned()));
            }
            self.skip_field(name, start, size)?;
            let value = self.source.varint()?;
            self.skip_field(value, start, size)?;
        }
        self.end(start, size)?;
        let has_key = key >= 0;
        Ok(Some(RecordHead {
            attributes,
            timestamp_delta,
            offset_delta,
            has_key,
            size,
        }))
    }

    /// Read the beginning of a record. Its rest must be taken from `source` before the next one.
    pub fn open(&mut self) -> Result<Option<Opened>, Fault> {
        let Some((start, size)) = self.begin()? else {
            return Ok(None);
        };
        self.source.byte()?; // attributes: none are in use
        let timestamp_delta = self.source.varlong()?;
        let offset_delta = self.source.varint()?;
        let rest = self.left_of(start, size)?;
        Ok(Some(Opened {
            timestamp_delta,
            offset_delta,
            rest,
        }))
    }

    /// Take the key of one record, and see whether it has a value. None after the last.
    pub fn next_key(&mut self) -> Result<Option<KeyHead>, Fault> {
        let Some((start, size)) = self.begin()? else {
            return Ok(None);
        };
        self.source.byte()?;
        let timestamp_delta = self.source.varlong()?;
        let offset_delta = self.source.varint()?;
        let key_len = self.source.varint()?;
        let key = match self.field(key_len, start, size)? {
            Some(len) => Some(hash_of(&mut self.source, len)?),
            None => None,
        };
        let value_len = self.source.varint()?;
        let has_value = self.field(value_len, start, size)?.is_some();
        let left = self.left_of(start, size)?;
        self.source.skip(left)?;
        Ok(Some(KeyHead {
            timestamp_delta,
            offset_delta,
            key,
            has_value,
        }))
    }

    pub fn source(&mut self) -> &mut S {
        &mut self.source
    }

    /// Bytes of all records so far, their length varints too.
    pub fn position(&self) -> u64 {
        self.source.position()
    }

    /// Take one record whole.
    pub fn next_record(&mut self) -> Result<Option<Record>, Fault> {
        let Some((start, size)) = self.begin()? else {
            return Ok(None);
        };
        let attributes = self.source.byte()?;
        let timestamp_delta = self.source.varlong()?;
        let offset_delta = self.source.varint()?;
        let key = self.take_field(start, size)?;
        let value = self.take_field(start, size)?;
        let count = self.header_count(start, size)?;
        let mut headers = Vec::new();
        for _ in 0..count {
            let Some(name) = self.take_field(start, size)? else {
                return Err(Fault::Record("a header without a key".to_owned()));
            };
            headers.push((name, self.take_field(start, size)?));
        }
        self.end(start, size)?;
        Ok(Some(Record {
            attributes,
            timestamp_delta,
            offset_delta,
            key,
            value,
            headers,
        }))
    }

    /// Step over one record, and see where its parts lie.
    pub fn next_spans(&mut self) -> Result<Option<Spans>, Fault> {
        if self.left > 0
            && let Some(spans) = self.source.bare()
        {
            self.left -= 1;
            return Ok(Some(spans));
        }
        let Some((start, size)) = self.begin()? else {
            return Ok(None);
        };
        self.source.byte()?;
        let timestamp_delta = self.source.varlong()?;
        let offset_delta = self.source.varint()?;
        let key = self.span(start, size)?;
        let value = self.span(start, size)?;
        let count = self.header_count(start, size)?;
        let mut headers = Vec::new();
        for _ in 0..count {
            let Some(name) = self.span(start, size)? else {
                return Err(Fault::Record("a header without a key".to_owned()));
            };
            headers.push((name, self.span(start, size)?));
        }
        self.end(start, size)?;
        Ok(Some(Spans {
            timestamp_delta,
            offset_delta,
            key,
            value,
            headers,
        }))
    }

    #[inline]
    fn span(&mut self, start: u64, size: usize) -> Result<Option<Range<usize>>, Fault> {
        let len = self.source.varint()?;
        let Some(len) = self.field(len, start, size)? else {
            return Ok(None);
        };
        let at = self.source.position() as usize;
        self.source.skip(len)?;
        Ok(Some(at..at + len))
    }

    fn begin(&mut self) -> Result<Option<(u64, usize)>, Fault> {
        if self.left <= 0 {
            if !self.source.at_end()? {
                return Err(Fault::Record(
                    "the batch holds more bytes than its records take".to_owned(),
                ));
            }
            return Ok(None);
        }
        self.left -= 1;
        let size = self.source.varint()?;
        let size = usize::try_from(size)
            .map_err(|_| Fault::Record(format!("a record of {size} bytes")))?;
        Ok(Some((self.source.position(), size)))
    }

    fn left_of(&self, start: u64, size: usize) -> Result<usize, Fault> {
        let used = (self.source.position() - start) as usize;
        size.checked_sub(used).ok_or_else(overrun)
    }

    fn field(&self, len: i32, start: u64, size: usize) -> Result<Option<usize>, Fault> {
        let Ok(len) = usize::try_from(len) else {
            return Ok(None);
        };
        if len > self.left_of(start, size)? {
            return Err(overrun());
        }
        Ok(Some(len))
    }

    #[inline]
    fn skip_field(&mut self, len: i32, start: u64, size: usize) -> Result<(), Fault> {
        match self.field(len, start, size)? {
            Some(len) => self.source.skip(len),
            None => Ok(()),
        }
    }

    fn take_field(&mut self, start: u64, size: usize) -> Result<Option<Vec<u8>>, Fault> {
        let len = self.source.varint()?;
        let Some(len) = self.field(len, start, size)? else {
            return Ok(None);
        };
        let mut out = Vec::new();
        self.source.take(len, &mut out)?;
        Ok(Some(out))
    }

    fn header_count(&mut self, start: u64, size: usize) -> Result<i32, Fault> {
        let count = self.source.varint()?;
        if count < 0 || count as usize > self.left_of(start, size)? {
            return Err(Fault::Record(format!("a record with {count} headers")));
        }
        Ok(count)
    }

    fn end(&mut self, start: u64, size: usize) -> Result<(), Fault> {
        let used = self.source.position() - start;
        if used == size as u64 {
            return Ok(());
        }
        Err(Fault::Record(format!(
            "a record says {size} bytes and takes {used}"
        )))
    }
}

fn overrun() -> Fault {
    Fault::Record("a field reaches past the end of its record".to_owned())
}
