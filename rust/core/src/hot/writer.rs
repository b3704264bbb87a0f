//! Puts Kafka's primitive types at the end of a reply.

pub fn int16(out: &mut Vec<u8>, value: i16) {
    out.extend_from_slice(&value.to_be_bytes());
}

pub fn int32(out: &mut Vec<u8>, value: i32) {
    out.extend_from_slice(&value.to_be_bytes());
}

pub fn int64(out: &mut Vec<u8>, value: i64) {
    out.extend_from_slice(&value.to_be_bytes());
}

pub fn uvarint(out: &mut Vec<u8>, mut value: usize) {
    while value >= 0x80 {
        out.push((value & 0x7f) as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

/// The length before an array or bytes; None is null.
pub fn length(out: &mut Vec<u8>, compact: bool, count: Option<usize>) {
    match (compact, count) {
        (true, count) => uvarint(out, count.map_or(0, |count| count + 1)),
        (false, None) => int32(out, -1),
        // Frames are shorter than 2 GiB, so lengths inside of them are.
        (false, Some(count)) => int32(out, i32::try_from(count).unwrap_or(i32::MAX)),
    }
}

/// A string, cut to what its length field can say.
pub fn nullable_string(out: &mut Vec<u8>, compact: bool, text: Option<&str>) {
    let bytes = text.map(|text| {
        let mut end = text.len().min(i16::MAX as usize);
        while !text.is_char_boundary(end) {
            end -= 1;
        }
        &text.as_bytes()[..end]
    });
    match (compact, bytes) {
        (true, bytes) => uvarint(out, bytes.map_or(0, |bytes| bytes.len() + 1)),
        (false, None) => int16(out, -1),
        (false, Some(bytes)) => int16(out, bytes.len() as i16),
    }
    out.extend_from_slice(bytes.unwrap_or_default());
}

/// No tagged fields, in versions that have such a section.
pub fn no_tags(out: &mut Vec<u8>, flexible: bool) {
    if flexible {
        out.push(0);
    }
}
