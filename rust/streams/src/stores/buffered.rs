//! A record that waits in a buffer: its values as bytes and where it came from, as Kafka's changelogs tell.
//!
//! Suppress holds what stood before its first change (`prior`), the old and the new value; a stream-table
//! join with grace holds a new value alone. Both write the context of the record first, so that it goes on
//! with its own time, place and headers when it is let go.

use bytes::Bytes;

use crate::host::Headers;
use crate::packed::{copied, copied_headers};

/// Where a record came from, and its time and headers where it was held back.
#[derive(Clone, Debug, PartialEq)]
pub struct Origin<T> {
    pub topic: T,
    pub partition: i32,
    pub offset: i64,
    pub timestamp: i64,
    pub headers: Headers,
    /// Key and value of the source's record, for dead letters; kept in memory alone.
    pub raw: (Option<Bytes>, Option<Bytes>),
}

#[derive(Clone, Debug, PartialEq)]
pub struct Buffered<T> {
    pub prior: Option<Bytes>,
    pub old: Option<Bytes>,
    pub new: Option<Bytes>,
    pub origin: Origin<T>,
}

impl<T> Buffered<T> {
    /// The same, as a slice of no batch: it may wait for long.
    pub fn copied(self) -> Self {
        let bytes = |bytes: Option<Bytes>| bytes.as_ref().map(copied);
        let Origin { headers, raw, .. } = &self.origin;
        let (headers, raw) = (copied_headers(headers), raw.clone());
        Self {
            prior: bytes(self.prior),
            old: bytes(self.old),
            new: bytes(self.new),
            origin: Origin {
                headers,
                raw: (bytes(raw.0), bytes(raw.1)),
                ..self.origin
            },
        }
    }

    /// The bytes that Kafka counts for it beside its key: values, and what the context takes.
    ///
    /// `topic` is the name of the origin's topic; names are counted in UTF-16, as Java holds them.
    pub fn size(&self, topic: &str) -> u64 {
        let old = if self.old == self.prior {
            &None
        } else {
            &self.old
        };
        let mut size = count(&self.prior) + count(old) + count(&self.new);
        size += 8 + 8 + 4 + utf16(topic);
        for (name, value) in &self.origin.headers {
            size += utf16(name) + count(value);
        }
        size
    }

    /// Append the record as Kafka's BufferValue is written; a changelog adds the buffer's time.
    pub fn write(&self, topic: &str, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.origin.timestamp.to_be_bytes());
        out.extend_from_slice(&self.origin.offset.to_be_bytes());
        write_sized(Some(topic.as_bytes()), out);
        out.extend_from_slice(&self.origin.partition.to_be_bytes());
        out.extend_from_slice(&(self.origin.headers.len() as i32).to_be_bytes());
        for (name, value) in &self.origin.headers {
            write_sized(Some(name.as_bytes()), out);
            write_sized(value.as_deref(), out);
        }
        write_sized(self.prior.as_deref(), out);
        if self.old.is_some() && self.old == self.prior {
            out.extend_from_slice(&SAME_AS_PRIOR.to_be_bytes());
        } else {
            write_sized(self.old.as_deref(), out);
        }
        write_sized(self.new.as_deref(), out);
    }
}

const NULL: i32 = -1;
const SAME_AS_PRIOR: i32 = -2;

fn write_sized(bytes: Option<&[u8]>, out: &mut Vec<u8>) {
    let length = bytes.map_or(NULL, |bytes| bytes.len() as i32);
    out.extend_from_slice(&length.to_be_bytes());
    out.extend_from_slice(bytes.unwrap_or_default());
}

fn count(bytes: &Option<Bytes>) -> u64 {
    bytes.as_ref().map_or(0, |bytes| bytes.len() as u64)
}

fn utf16(text: &str) -> u64 {
    text.chars().map(|each| each.len_utf16() as u64).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A Java task that takes the changelog over reads exactly this.
    #[test]
    fn a_buffered_change_has_kafka_s_bytes() {
        let mut value = Buffered {
            prior: Some(Bytes::from_static(b"old")),
            old: Some(Bytes::from_static(b"old")),
            new: None,
            origin: Origin {
                topic: (),
                partition: 1,
                offset: 2,
                timestamp: 3,
                headers: vec![
                    ("h".to_owned(), None),
                    ("é".to_owned(), Some(Bytes::from_static(b"v"))),
                ],
                raw: (None, None),
            },
        };
        let mut bytes = Vec::new();
        value.write("to", &mut bytes);
        let expected = [
            &[0, 0, 0, 0, 0, 0, 0, 3, 0, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0, 2][..],
            b"to\0\0\0\x01\0\0\0\x02\0\0\0\x01h\xff\xff\xff\xff\0\0\0\x02\xc3\xa9\0\0\0\x01v",
            b"\0\0\0\x03old\xff\xff\xff\xfe\xff\xff\xff\xff",
        ];
        assert_eq!(bytes, expected.concat());
        assert_eq!(value.size("to"), 3 + 20 + 2 + 1 + 1 + 1);
        value.old = Some(Bytes::from_static(b"x"));
        assert_eq!(value.size("to"), 3 + 1 + 20 + 2 + 1 + 1 + 1);
    }
}
