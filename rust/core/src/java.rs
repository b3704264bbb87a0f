//! What Java computes of a text, where Apache Kafka places things by it.

/// `String.hashCode` of a text in UTF-16, big end first.
pub fn hash_code(utf16: &[u8]) -> i32 {
    utf16.chunks_exact(2).fold(0i32, |hash, unit| {
        let unit = u16::from_be_bytes([unit[0], unit[1]]);
        hash.wrapping_mul(31).wrapping_add(i32::from(unit))
    })
}

#[cfg(test)]
mod tests {
    use super::hash_code;

    #[test]
    fn as_in_java() {
        let hash = |text: &str| {
            let units: Vec<u8> = text.encode_utf16().flat_map(u16::to_be_bytes).collect();
            hash_code(&units)
        };
        assert_eq!(hash(""), 0);
        assert_eq!(hash("hello"), 99_162_322);
        assert_eq!(hash("polygenelubricants"), i32::MIN);
        assert_eq!(hash("\u{1f600}"), 1_772_899);
    }
}
