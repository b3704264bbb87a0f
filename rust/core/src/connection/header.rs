//! The header before every request and every response (KIP-482 for its flexible form).

use crate::hot::{Malformed, Reader};

/// What a request says about itself. `body_at` is where its body begins in the frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RequestHeader<'a> {
    pub api_key: i16,
    pub api_version: i16,
    pub correlation_id: i32,
    pub client_id: Option<&'a str>,
    pub body_at: usize,
}

pub const API_VERSIONS: i16 = 18;

/// Whether an answer's header ends in tagged fields, if its request's did: not that of ApiVersions in any version, so
/// that old clients can read it (KIP-511).
pub fn answers_flexibly(api_key: i16, flexible: bool) -> bool {
    flexible && api_key != API_VERSIONS
}

/// What a frame asks for, as far as it says so.
pub fn api_key(frame: &[u8]) -> Option<i16> {
    frame.first_chunk().map(|key| i16::from_be_bytes(*key))
}

/// Read a request header; `first_flexible` says from which version on an API's header ends in tagged fields.
pub fn parse_header(
    frame: &[u8],
    first_flexible: impl FnOnce(i16) -> i16,
) -> Result<RequestHeader<'_>, Malformed> {
    let mut reader = Reader::new(frame);
    let api_key = reader.int16()?;
    let api_version = reader.int16()?;
    let correlation_id = reader.int32()?;
    let client_id = reader.nullable_string(false)?;
    if api_version >= first_flexible(api_key) {
        reader.skip_tags()?;
    }
    Ok(RequestHeader {
        api_key,
        api_version,
        correlation_id,
        client_id,
        body_at: reader.position(),
    })
}

/// Begin a reply: the place of its size, the correlation id, and an empty tag section if `flexible`.
///
/// Returns where the size stands, for whoever knows the reply's length to fill in.
pub fn put_response_header(out: &mut Vec<u8>, correlation_id: i32, flexible: bool) -> usize {
    let size_at = out.len();
    out.extend_from_slice(&[0; 4]);
    out.extend_from_slice(&correlation_id.to_be_bytes());
    if flexible {
        out.push(0);
    }
    size_at
}

/// Note the size of the reply that began at `size_at` and ends here, `in_files` bytes of it elsewhere; the bytes that
/// the whole frame takes.
pub fn close_frame(out: &mut [u8], size_at: usize, in_files: usize) -> usize {
    let size = out.len() - size_at - 4 + in_files;
    // Fetch replies are bounded by fetch.max.bytes and one batch, all others by their requests.
    let declared = i32::try_from(size).unwrap_or(i32::MAX);
    out[size_at..size_at + 4].copy_from_slice(&declared.to_be_bytes());
    size + 4
}

/// A whole reply frame around a body.
pub fn answer_frame(correlation_id: i32, flexible: bool, body: &[u8]) -> Vec<u8> {
    let mut frame = Vec::with_capacity(body.len() + 9);
    let size_at = put_response_header(&mut frame, correlation_id, flexible);
    frame.extend_from_slice(body);
    close_frame(&mut frame, size_at, 0);
    frame
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_header_versions_are_read() {
        let plain = [0, 3, 0, 1, 0, 0, 0, 9, 0, 2, b'm', b'e', 42];
        let header = parse_header(&plain, |_| 9).expect("header v1");
        assert_eq!(
            (header.api_key, header.api_version, header.correlation_id),
            (3, 1, 9)
        );
        assert_eq!((header.client_id, header.body_at), (Some("me"), 12));
        let flexible = [0, 3, 0, 9, 0, 0, 0, 9, 0xff, 0xff, 1, 5, 2, 7, 7, 42];
        let header = parse_header(&flexible, |_| 9).expect("header v2");
        assert_eq!((header.client_id, header.body_at), (None, 15));
        assert!(parse_header(&flexible[..13], |_| 9).is_err());
        assert!(parse_header(&[0, 3], |_| 9).is_err());
    }
}
