//! A bounded cursor over bytes of a stranger: every read checks what is left, nothing is allocated.

use super::{Fault, STRING_BYTES_MAX};

type Read<V> = Result<V, Box<Fault>>;

pub struct Reader<'a> {
    data: &'a [u8],
    at: usize,
}

impl<'a> Reader<'a> {
    pub fn new(data: &'a [u8]) -> Self {
        Self { data, at: 0 }
    }

    pub fn offset(&self) -> usize {
        self.at
    }

    pub fn remaining(&self) -> usize {
        self.data.len() - self.at
    }

    pub fn fault(&self, text: impl Into<String>) -> Box<Fault> {
        Fault::new(text, Some(self.at))
    }

    #[inline]
    pub fn take(&mut self, count: usize) -> Read<&'a [u8]> {
        if count > self.remaining() {
            return Err(self.fault(format!(
                "needs {count} bytes and only {} are left",
                self.remaining()
            )));
        }
        let taken = &self.data[self.at..self.at + count];
        self.at += count;
        Ok(taken)
    }

    #[inline]
    fn array<const N: usize>(&mut self) -> Read<[u8; N]> {
        let mut bytes = [0; N];
        bytes.copy_from_slice(self.take(N)?);
        Ok(bytes)
    }

    #[inline]
    pub fn int8(&mut self) -> Read<i8> {
        Ok(i8::from_be_bytes(self.array()?))
    }

    #[inline]
    pub fn int16(&mut self) -> Read<i16> {
        Ok(i16::from_be_bytes(self.array()?))
    }

    #[inline]
    pub fn uint16(&mut self) -> Read<u16> {
        Ok(u16::from_be_bytes(self.array()?))
    }

    #[inline]
    pub fn int32(&mut self) -> Read<i32> {
        Ok(i32::from_be_bytes(self.array()?))
    }

    #[inline]
    pub fn uint32(&mut self) -> Read<u32> {
        Ok(u32::from_be_bytes(self.array()?))
    }

    #[inline]
    pub fn int64(&mut self) -> Read<i64> {
        Ok(i64::from_be_bytes(self.array()?))
    }

    #[inline]
    pub fn float64(&mut self) -> Read<f64> {
        Ok(f64::from_be_bytes(self.array()?))
    }

    #[inline]
    pub fn unsigned_varint(&mut self) -> Read<u32> {
        let mut value = 0u32;
        for shift in [0, 7, 14, 21, 28] {
            let byte = self.array::<1>()?[0];
            if shift == 28 && byte > 0x0f {
                return Err(self.fault("holds a varint of more than 32 bits"));
            }
            value |= u32::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return Ok(value);
            }
        }
        Err(self.fault("holds a varint of more than five bytes"))
    }

    /// A compact length: one more than the length, zero for null.
    #[inline]
    fn compact_length(&mut self) -> Read<Option<usize>> {
        Ok((self.unsigned_varint()? as usize).checked_sub(1))
    }

    #[inline]
    fn classic_length(&mut self, length: i32) -> Read<Option<usize>> {
        match usize::try_from(length) {
            Ok(length) => Ok(Some(length)),
            Err(_) if length == -1 => Ok(None),
            Err(_) => Err(self.fault(format!("claims a length of {length}"))),
        }
    }

    /// A string, null if the bytes say so; whether null is allowed is the caller's question.
    #[inline]
    pub fn string(&mut self, compact: bool) -> Read<Option<&'a str>> {
        let length = if compact {
            self.compact_length()?
        } else {
            let length = self.int16()?;
            self.classic_length(i32::from(length))?
        };
        let Some(length) = length else {
            return Ok(None);
        };
        if length > STRING_BYTES_MAX {
            return Err(self.fault(format!(
                "claims a string of {length} bytes; {STRING_BYTES_MAX} is the most"
            )));
        }
        let start = self.at;
        let bytes = self.take(length)?;
        match std::str::from_utf8(bytes) {
            Ok(text) => Ok(Some(text)),
            Err(error) => Err(Fault::new(
                "is not valid UTF-8",
                Some(start + error.valid_up_to()),
            )),
        }
    }

    #[inline]
    pub fn bytes(&mut self, compact: bool) -> Read<Option<&'a [u8]>> {
        let length = if compact {
            self.compact_length()?
        } else {
            let length = self.int32()?;
            self.classic_length(length)?
        };
        match length {
            Some(length) => Ok(Some(self.take(length)?)),
            None => Ok(None),
        }
    }

    /// The number of elements; never more than there are bytes left, since each element takes at least one.
    #[inline]
    pub fn array_length(&mut self, compact: bool) -> Read<Option<usize>> {
        let length = if compact {
            self.compact_length()?
        } else {
            let length = self.int32()?;
            self.classic_length(length)?
        };
        match length {
            Some(length) if length > self.remaining() => Err(self.fault(format!(
                "claims {length} elements and only {} bytes are left",
                self.remaining()
            ))),
            other => Ok(other),
        }
    }
}
