//! UTF-8 as Java reads it: what is malformed becomes U+FFFD, never an error.

use bytes::Bytes;

use crate::value::Text;

/// The text of bytes as Java's `new String(bytes, UTF_8)` has it.
///
/// Java and Rust put one U+FFFD for each maximal malformed part, but for an encoded surrogate, cut short or
/// not: Java puts one for all its bytes, Rust one for each.
pub fn java_text(bytes: &Bytes) -> Text {
    if let Some(text) = Text::from_utf8(bytes.clone()) {
        return text;
    }
    let mut patched = Vec::with_capacity(bytes.len());
    let mut rest: &[u8] = bytes;
    while let Some((&first, after)) = rest.split_first() {
        if first == 0xED && matches!(after, [0xA0..=0xBF, ..]) {
            patched.extend_from_slice("\u{FFFD}".as_bytes());
            let is_whole = matches!(after, [_, 0x80..=0xBF, ..]);
            rest = &after[if is_whole { 2 } else { 1 }..];
        } else {
            patched.push(first);
            rest = after;
        }
    }
    Text::from(String::from_utf8_lossy(&patched).into_owned())
}
