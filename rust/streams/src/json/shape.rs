//! The keys of the last flat document: most documents of a topic have the same ones in the same order, and to
//! compare them takes less than to read each, to know that none comes twice and which of them is asked for.

use super::flat::scalar;

const HEAD: usize = 16;
/// How often in a row another shape is learned, where none has come twice.
const TRIES_MAX: u8 = 8;

#[derive(Clone, Debug)]
pub(super) struct Shape {
    /// In their order; none comes twice.
    keys: Vec<Key>,
    tries: u8,
}

/// A key in its quotes, with its colon.
#[derive(Clone, Debug)]
struct Key {
    /// Its first bytes, and a mask of those that count.
    head: u128,
    mask: u128,
    tail: Box<[u8]>,
    length: usize,
    /// Which of the fields that are asked for it is.
    field: Option<usize>,
}

impl Default for Shape {
    fn default() -> Self {
        Self {
            keys: Vec::new(),
            tries: TRIES_MAX,
        }
    }
}

impl Shape {
    /// Whether the document has these keys, or the first of them, and flat values; `found` is told where the
    /// values are that are asked for.
    #[inline]
    pub fn fits(&mut self, document: &[u8], mut found: impl FnMut(usize, usize, usize)) -> bool {
        let Some((b'{', mut rest)) = document.split_first() else {
            return false;
        };
        for key in &self.keys {
            let Some(value) = key.behind(rest, document) else {
                return false;
            };
            let Some(behind) = scalar(value) else {
                return false;
            };
            if let Some(field) = key.field {
                let length = document.len();
                found(field, length - value.len(), length - behind.len());
            }
            match behind.split_first() {
                Some((b',', next)) => rest = next,
                Some((b'}', [])) => {
                    self.tries = TRIES_MAX.min(self.tries + 1);
                    return true;
                }
                _ => return false,
            }
        }
        false
    }

    /// Whether to learn the keys of the document that does not fit. None are known then.
    pub fn begins(&mut self) -> bool {
        let learns = self.tries > 0;
        if learns {
            self.tries -= 1;
            self.keys.clear();
        }
        learns
    }

    /// The next key, in its quotes and with its colon.
    pub fn learn(&mut self, key: &[u8], field: Option<usize>) {
        let (head, mask) = first(key);
        self.keys.push(Key {
            head,
            mask,
            tail: key.get(HEAD..).unwrap_or_default().into(),
            length: key.len(),
            field,
        });
    }
}

impl Key {
    /// What follows the key, if that is what comes first in the rest of a document.
    #[inline]
    fn behind<'d>(&self, bytes: &'d [u8], document: &[u8]) -> Option<&'d [u8]> {
        let head = match (bytes.first_chunk(), document.last_chunk::<HEAD>()) {
            (Some(head), _) => u128::from_le_bytes(*head),
            (None, Some(end)) if !bytes.is_empty() => {
                u128::from_le_bytes(*end) >> (8 * (HEAD - bytes.len()))
            }
            _ => first(bytes).0,
        };
        if head & self.mask != self.head {
            return None;
        }
        let behind = bytes.get(self.length..)?;
        (self.tail.is_empty() || bytes[HEAD..self.length] == *self.tail).then_some(behind)
    }
}

/// The first bytes as a number, and the mask of those that are there.
fn first(bytes: &[u8]) -> (u128, u128) {
    let (mut head, mut mask) = ([0; HEAD], [0; HEAD]);
    for (place, byte) in bytes.iter().take(HEAD).enumerate() {
        head[place] = *byte;
        mask[place] = 0xFF;
    }
    (u128::from_le_bytes(head), u128::from_le_bytes(mask))
}
