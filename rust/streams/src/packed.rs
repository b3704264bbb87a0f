//! Bytes that stores keep: short ones inline, so that a key costs no allocation of its own.
//!
//! Values are slices of the batch that they came in, which would stay in memory as long as any of them: so a
//! store keeps copies.

use std::hash::{Hash, Hasher};

use bytes::Bytes;

use crate::host::Headers;

pub const INLINE_MAX: usize = 22;

#[derive(Clone, Debug)]
pub enum Packed {
    Inline(u8, [u8; INLINE_MAX]),
    Heap(Box<[u8]>),
}

impl Packed {
    pub fn new(bytes: &[u8]) -> Self {
        if bytes.len() <= INLINE_MAX {
            let mut inline = [0; INLINE_MAX];
            inline[..bytes.len()].copy_from_slice(bytes);
            Self::Inline(bytes.len() as u8, inline)
        } else {
            Self::Heap(bytes.into())
        }
    }

    pub fn as_slice(&self) -> &[u8] {
        match self {
            Self::Inline(length, bytes) => &bytes[..usize::from(*length)],
            Self::Heap(bytes) => bytes,
        }
    }
}

/// Bytes that are a slice of nothing else.
pub fn copied(bytes: &Bytes) -> Bytes {
    Bytes::copy_from_slice(bytes)
}

/// Headers whose values are slices of nothing else.
pub fn copied_headers(headers: &Headers) -> Headers {
    let headers = headers.iter();
    headers
        .map(|(name, value)| (name.clone(), value.as_ref().map(copied)))
        .collect()
}

impl From<&[u8]> for Packed {
    fn from(bytes: &[u8]) -> Self {
        Self::new(bytes)
    }
}

impl PartialEq for Packed {
    fn eq(&self, other: &Self) -> bool {
        self.as_slice() == other.as_slice()
    }
}

impl Eq for Packed {}

impl PartialOrd for Packed {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Packed {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.as_slice().cmp(other.as_slice())
    }
}

impl Hash for Packed {
    fn hash<S: Hasher>(&self, state: &mut S) {
        self.as_slice().hash(state);
    }
}

impl std::borrow::Borrow<[u8]> for Packed {
    fn borrow(&self) -> &[u8] {
        self.as_slice()
    }
}
