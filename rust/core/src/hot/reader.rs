//! Reads Kafka's primitive types from a frame, without copying and without trusting any length.

/// A request may name so many topics and partitions: what is made of them is several times what was sent.
pub const ENTRIES_MAX: usize = 250_000;

/// The bytes are not what the protocol says: what was being read, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Malformed {
    pub what: &'static str,
    pub at: usize,
}

impl std::fmt::Display for Malformed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} at byte {}", self.what, self.at)
    }
}

impl std::error::Error for Malformed {}

/// A position in a frame. Every length is checked against what is left before it is used.
#[derive(Clone)]
pub struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Reader<'a> {
    pub fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, at: 0 }
    }

    /// Begin at a place of the frame; positions count from the frame's start.
    pub fn from(bytes: &'a [u8], at: usize) -> Self {
        Self {
            bytes,
            at: at.min(bytes.len()),
        }
    }

    pub fn position(&self) -> usize {
        self.at
    }

    pub fn remaining(&self) -> usize {
        self.bytes.len() - self.at
    }

    pub fn fail<T>(&self, what: &'static str) -> Result<T, Malformed> {
        Err(Malformed { what, at: self.at })
    }

    pub fn take(&mut self, count: usize) -> Result<&'a [u8], Malformed> {
        if count > self.remaining() {
            return self.fail("a length that exceeds the message");
        }
        let taken = &self.bytes[self.at..self.at + count];
        self.at += count;
        Ok(taken)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], Malformed> {
        match self.bytes[self.at..].first_chunk::<N>() {
            Some(chunk) => {
                self.at += N;
                Ok(*chunk)
            }
            None => self.fail("the end of the message inside a field"),
        }
    }

    pub fn int8(&mut self) -> Result<i8, Malformed> {
        Ok(i8::from_be_bytes(self.array()?))
    }

    pub fn int16(&mut self) -> Result<i16, Malformed> {
        Ok(i16::from_be_bytes(self.array()?))
    }

    pub fn int32(&mut self) -> Result<i32, Malformed> {
        Ok(i32::from_be_bytes(self.array()?))
    }

    pub fn int64(&mut self) -> Result<i64, Malformed> {
        Ok(i64::from_be_bytes(self.array()?))
    }

    pub fn uuid(&mut self) -> Result<[u8; 16], Malformed> {
        self.array()
    }

    pub fn uvarint(&mut self) -> Result<u32, Malformed> {
        let mut value = 0u64;
        for shift in (0..35).step_by(7) {
            let [byte] = self.array::<1>()?;
            value |= u64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return match u32::try_from(value) {
                    Ok(value) => Ok(value),
                    Err(_) => self.fail("a varint of more than 32 bits"),
                };
            }
        }
        self.fail("a varint of more than five bytes")
    }

    /// The length that stands before a string, bytes or an array, None for null.
    fn length(&mut self, compact: bool, wide: bool) -> Result<Option<usize>, Malformed> {
        if compact {
            return Ok((self.uvarint()? as usize).checked_sub(1));
        }
        let length = if wide {
            self.int32()?
        } else {
            i32::from(self.int16()?)
        };
        match length {
            -1 => Ok(None),
            length => match usize::try_from(length) {
                Ok(length) => Ok(Some(length)),
                Err(_) => self.fail("a negative length"),
            },
        }
    }

    pub fn nullable_string(&mut self, compact: bool) -> Result<Option<&'a str>, Malformed> {
        let Some(length) = self.length(compact, false)? else {
            return Ok(None);
        };
        match std::str::from_utf8(self.take(length)?) {
            Ok(text) => Ok(Some(text)),
            Err(_) => self.fail("a string that is not UTF-8"),
        }
    }

    pub fn string(&mut self, compact: bool) -> Result<&'a str, Malformed> {
        match self.nullable_string(compact)? {
            Some(text) => Ok(text),
            None => self.fail("null where a string must stand"),
        }
    }

    /// The place of a bytes field in the frame, None for null.
    pub fn nullable_bytes_range(
        &mut self,
        compact: bool,
    ) -> Result<Option<std::ops::Range<usize>>, Malformed> {
        let Some(length) = self.length(compact, true)? else {
            return Ok(None);
        };
        let start = self.at;
        self.take(length)?;
        Ok(Some(start..start + length))
    }

    /// How many elements an array has; each takes at least one byte, so more than the bytes left is refused.
    pub fn array_length(&mut self, compact: bool) -> Result<usize, Malformed> {
        match self.length(compact, true)? {
            None => self.fail("null where an array must stand"),
            Some(count) if count > self.remaining() => {
                self.fail("an array longer than the message")
            }
            Some(count) => Ok(count),
        }
    }

    /// How many elements a list has that stands in a request beside so many others.
    pub fn entries(&mut self, compact: bool, others: usize) -> Result<usize, Malformed> {
        let count = self.array_length(compact)?;
        if others.saturating_add(count) > ENTRIES_MAX {
            return self.fail("more than 250,000 topics and partitions");
        }
        Ok(count)
    }

    /// Skip a section of tagged fields.
    pub fn skip_tags(&mut self) -> Result<(), Malformed> {
        self.tags(|_, _| Ok(()))
    }

    /// Walk a section of tagged fields, in whatever order they come.
    pub fn tags(
        &mut self,
        mut each: impl FnMut(u32, &'a [u8]) -> Result<(), Malformed>,
    ) -> Result<(), Malformed> {
        let count = self.uvarint()?;
        for _ in 0..count {
            let tag = self.uvarint()?;
            let size = self.uvarint()? as usize;
            each(tag, self.take(size)?)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_are_checked_before_they_are_used() {
        assert!(
            Reader::new(&[0x7f, 0xff, 0xff, 0xff])
                .array_length(false)
                .is_err()
        );
        assert!(
            Reader::new(&[0xff, 0xff, 0xff, 0xff, 0x0f])
                .array_length(true)
                .is_err()
        );
        assert!(
            Reader::new(&[0xff, 0xff, 0xff, 0xff, 0x1f])
                .uvarint()
                .is_err()
        );
        assert!(
            Reader::new(&[0x80, 0x80, 0x80, 0x80, 0x80, 0])
                .uvarint()
                .is_err()
        );
        assert!(Reader::new(&[0xff, 0xfe]).nullable_string(false).is_err());
        assert!(Reader::new(&[3, 0xc3, 0x28]).nullable_string(true).is_err());
        assert_eq!(Reader::new(&[0]).nullable_string(true), Ok(None));
        assert_eq!(Reader::new(&[3, b'o', b'k']).string(true), Ok("ok"));
        assert!(
            Reader::new(&[1, 5, 3, 1, 2]).skip_tags().is_err(),
            "a tag cut short"
        );
    }
}
