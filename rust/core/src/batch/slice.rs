//! Records that are not compressed, which lie in memory as a whole.

use std::ops::Range;

use super::record::{Fault, Source, Spans, ended, long_varint, long_varlong};
use super::varint::{unzigzag_i32, unzigzag_i64};

/// Records that are not compressed.
pub struct SliceSource<'a> {
    bytes: &'a [u8],
    position: usize,
}

impl<'a> SliceSource<'a> {
    pub fn new(bytes: &'a [u8]) -> Self {
        Self::at(bytes, 0)
    }

    /// From a position on that an earlier walk came to.
    pub fn at(bytes: &'a [u8], position: usize) -> Self {
        Self { bytes, position }
    }

    #[inline]
    fn bare_here(&mut self) -> Option<Spans> {
        let size = usize::try_from(unzigzag_i32(self.short()?)).ok()?;
        let end = self.position + size;
        self.bytes = self.bytes.get(..end)?; // no part reaches behind the record
        self.position += 1; // attributes: none are in use
        let timestamp_delta = unzigzag_i64(u64::from(self.short()?));
        let offset_delta = unzigzag_i32(self.short()?);
        let key = self.bare_span()?;
        let value = self.bare_span()?;
        let has_none = self.short()? == 0 && self.position == end;
        has_none.then_some(Spans {
            timestamp_delta,
            offset_delta,
            key,
            value,
            headers: Vec::new(),
        })
    }

    #[inline]
    fn bare_span(&mut self) -> Option<Option<Range<usize>>> {
        let Ok(len) = usize::try_from(unzigzag_i32(self.short()?)) else {
            return Some(None);
        };
        let at = self.position;
        let end = at + len;
        self.position = end;
        (end <= self.bytes.len()).then_some(Some(at..end))
    }

    /// A number of one byte or two, as most are.
    #[inline]
    fn short(&mut self) -> Option<u32> {
        let low = u32::from(*self.bytes.get(self.position)?);
        if low < 0x80 {
            self.position += 1;
            return Some(low);
        }
        let high = u32::from(*self.bytes.get(self.position + 1)?);
        if high >= 0x80 {
            return None;
        }
        self.position += 2;
        Some(low & 0x7f | high << 7)
    }
}

impl Source for SliceSource<'_> {
    #[inline]
    fn byte(&mut self) -> Result<u8, Fault> {
        let byte = *self.bytes.get(self.position).ok_or_else(ended)?;
        self.position += 1;
        Ok(byte)
    }

    #[inline]
    fn skip(&mut self, bytes: usize) -> Result<(), Fault> {
        if self.bytes.len() - self.position < bytes {
            return Err(ended());
        }
        self.position += bytes;
        Ok(())
    }

    #[inline]
    fn bare(&mut self) -> Option<Spans> {
        let (bytes, begin) = (self.bytes, self.position);
        let spans = self.bare_here();
        self.bytes = bytes;
        if spans.is_none() {
            self.position = begin;
        }
        spans
    }

    #[inline]
    fn varint(&mut self) -> Result<i32, Fault> {
        match self.short() {
            Some(raw) => Ok(unzigzag_i32(raw)),
            None => long_varint(self),
        }
    }

    #[inline]
    fn varlong(&mut self) -> Result<i64, Fault> {
        match self.short() {
            Some(raw) => Ok(unzigzag_i64(u64::from(raw))),
            None => long_varlong(self),
        }
    }

    fn some(&mut self, most: usize) -> Result<&[u8], Fault> {
        let rest = &self.bytes[self.position..];
        if rest.is_empty() {
            return Err(ended());
        }
        Ok(&rest[..rest.len().min(most)])
    }

    fn at_end(&mut self) -> Result<bool, Fault> {
        Ok(self.position == self.bytes.len())
    }

    fn position(&self) -> u64 {
        self.position as u64
    }
}
