//! The writing half of `read`: Kafka's primitive forms, appended to a buffer.

pub(super) fn unsigned_varint(out: &mut Vec<u8>, mut value: u32) {
    while value >= 0x80 {
        out.push((value as u8 & 0x7f) | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

/// A compact length: one more than the length, zero for null. `None` if it does not fit 32 bits.
pub(super) fn compact_length(out: &mut Vec<u8>, length: Option<usize>) -> Option<()> {
    let value = match length {
        Some(length) => u32::try_from(length).ok()?.checked_add(1)?,
        None => 0,
    };
    unsigned_varint(out, value);
    Some(())
}

/// A four-byte length, -1 for null. `None` if it does not fit 31 bits.
pub(super) fn classic_length(out: &mut Vec<u8>, length: Option<usize>) -> Option<()> {
    let value = match length {
        Some(length) => i32::try_from(length).ok()?,
        None => -1,
    };
    out.extend_from_slice(&value.to_be_bytes());
    Some(())
}
