//! A quick look at the documents that most topics carry: one object, ASCII, no spaces, no escapes, no nesting.
//!
//! What it takes is well formed and tidy. What it does not take may be so too: `check` says.

use super::check::EXACT_DIGITS_MAX;

/// Keys that are remembered; an object with more of them is looked at by `check`.
const KEYS_MAX: usize = 24;

const ONES: u64 = u64::from_le_bytes([1; 8]);
const HIGHS: u64 = u64::from_le_bytes([0x80; 8]);

pub(super) fn is_flat(document: &[u8]) -> bool {
    walk(document, |_, _, _| ())
}

/// As `is_flat`; `found` is told each key, and where its value begins and ends.
#[inline]
pub(super) fn walk<'d>(document: &'d [u8], mut found: impl FnMut(&'d [u8], usize, usize)) -> bool {
    let Some((b'{', mut rest)) = document.split_first() else {
        return false;
    };
    let mut keys = Keys {
        known: [&[]; KEYS_MAX],
        count: 0,
        seen: 0,
    };
    loop {
        let Some((key, behind)) = string(rest) else {
            return false;
        };
        let Some((b':', value)) = behind.split_first() else {
            return false;
        };
        if !keys.is_new(key) {
            return false;
        }
        let Some(behind) = scalar(value) else {
            return false;
        };
        found(
            key,
            document.len() - value.len(),
            document.len() - behind.len(),
        );
        match behind.split_first() {
            Some((b',', next)) => rest = next,
            Some((b'}', [])) => return true,
            _ => return false,
        }
    }
}

struct Keys<'d> {
    known: [&'d [u8]; KEYS_MAX],
    count: usize,
    /// A bit for each that was seen; where it is not set the key is new.
    seen: u64,
}

impl<'d> Keys<'d> {
    fn is_new(&mut self, key: &'d [u8]) -> bool {
        let ends = key.first().zip(key.last());
        let (first, last) = ends.map_or((0, 0), |(first, last)| {
            (u32::from(*first), u32::from(*last))
        });
        let mark =
            1u64 << ((first ^ last.wrapping_mul(7) ^ (key.len() as u32).wrapping_mul(13)) & 63);
        if self.seen & mark != 0 && self.known[..self.count].contains(&key) {
            return false;
        }
        let Some(place) = self.known.get_mut(self.count) else {
            return false;
        };
        *place = key;
        self.count += 1;
        self.seen |= mark;
        true
    }
}

/// What stands between quotes, and what follows them.
#[inline]
fn string(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (b'"', inner) = bytes.split_first()? else {
        return None;
    };
    let length = ascii_length(inner);
    let (text, behind) = inner.split_at_checked(length)?;
    match behind.split_first()? {
        (b'"', behind) => Some((text, behind)),
        _ => None,
    }
}

/// What follows a value that is no object or array.
#[inline]
pub(super) fn scalar(bytes: &[u8]) -> Option<&[u8]> {
    match bytes.first()? {
        b'"' => string(bytes).map(|(_, behind)| behind),
        b'-' | b'0'..=b'9' => number(bytes),
        b't' => bytes.strip_prefix(b"true"),
        b'f' => bytes.strip_prefix(b"false"),
        b'n' => bytes.strip_prefix(b"null"),
        _ => None,
    }
}

/// What follows a number that is its own shortest form, as `is_plain_number` sees it.
#[inline]
fn number(bytes: &[u8]) -> Option<&[u8]> {
    let unsigned = bytes.strip_prefix(b"-").unwrap_or(bytes);
    let (whole, behind) = unsigned.split_at(digits(unsigned));
    let is_zero = whole == b"0";
    if whole.is_empty() || (whole[0] == b'0' && !is_zero) {
        return None;
    }
    let Some((b'.', fraction)) = behind.split_first() else {
        let is_plain = whole.len() <= 18 && !(is_zero && unsigned.len() < bytes.len());
        return (is_plain && !matches!(behind.first(), Some(b'e' | b'E'))).then_some(behind);
    };
    let (places, behind) = fraction.split_at(digits(fraction));
    let is_plain = match places {
        [] => false,
        [only] => !is_zero || *only != b'0',
        [first, .., last] => *last != b'0' && (!is_zero || *first != b'0'),
    };
    (is_plain && whole.len() + places.len() <= EXACT_DIGITS_MAX).then_some(behind)
}

#[inline]
fn digits(bytes: &[u8]) -> usize {
    let end = bytes.iter().position(|byte| !byte.is_ascii_digit());
    end.unwrap_or(bytes.len())
}

/// How many bytes come before the first that is a quote, a backslash, a control character or not ASCII.
#[inline]
fn ascii_length(bytes: &[u8]) -> usize {
    let mut at = 0;
    let mut rest = bytes;
    while let Some((eight, behind)) = rest.split_first_chunk::<8>() {
        let word = u64::from_le_bytes(*eight);
        let quote = word ^ (ONES * b'"' as u64);
        let backslash = word ^ (ONES * b'\\' as u64);
        // A byte's high bit is set where it is one of them; the lowest that is set is right.
        let found = (quote.wrapping_sub(ONES) & !quote)
            | (backslash.wrapping_sub(ONES) & !backslash)
            | (word.wrapping_sub(ONES * 0x20) & !word)
            | word;
        let found = found & HIGHS;
        if found != 0 {
            return at + found.trailing_zeros() as usize / 8;
        }
        at += 8;
        rest = behind;
    }
    let end = rest
        .iter()
        .position(|byte| matches!(byte, b'"' | b'\\' | 0..0x20 | 0x80..));
    at + end.unwrap_or(rest.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A document that only looks well formed would be passed on as JSON.
    #[test]
    fn what_is_taken_is_tidy() {
        for document in [
            r#"{"a":1}"#,
            r#"{"a":"x","b":-1.25,"c":true,"d":null,"":0}"#,
            r#"{"aa":0.5,"ab":12}"#,
        ] {
            assert!(is_flat(document.as_bytes()), "{document}");
        }
        for document in [
            "",
            "{",
            "{}",
            r#"{"a"}"#,
            r#"{"a":}"#,
            r#"{"a":1"#,
            r#"{"a":1,}"#,
            r#"{"a":1}x"#,
            r#"{"a": 1}"#,
            r#"{"a":1,"a":2}"#,
            r#"{"a":01}"#,
            r#"{"a":-}"#,
            r#"{"a":1.}"#,
            r#"{"a":.5}"#,
            r#"{"a":1.50}"#,
            r#"{"a":1e5}"#,
            r#"{"a":-0}"#,
            r#"{"a":"\n"}"#,
            "{\"a\":\"\u{e9}\"}",
            "{\"a\":\"\u{1}\"}",
            r#"{"a":[1]}"#,
            r#"{"a":truer}"#,
            r#"{"a":1-2}"#,
            r#"["a"]"#,
            r#"{"a":--1}"#,
            r#"{"a":1.2.3}"#,
        ] {
            assert!(!is_flat(document.as_bytes()), "{document}");
            let is_refused_by_all = super::super::check::check(document.as_bytes()) != Some(true);
            let is_nested =
                document.contains('[') || document.contains('\\') || !document.is_ascii();
            assert!(
                is_refused_by_all || is_nested || document == "{}",
                "{document}"
            );
        }
    }
}
