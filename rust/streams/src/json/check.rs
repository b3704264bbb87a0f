//! One pass over a document: is it well formed, and does it look as `orjson` would print it?

use super::{READ_DEPTH_MAX, code_point, is_space};

/// Keys of open objects that are watched for coming twice, and how deep; what has more is tidied to be sure.
const KEYS_MAX: usize = 24;
const DEPTH_WATCHED_MAX: usize = 16;
/// Digits of a decimal that any float keeps, so that its shortest form is the one that is written.
pub(super) const EXACT_DIGITS_MAX: usize = 15;

/// Whether the document, which begins and ends with no space, is tidy; `None` where it is no document.
pub(super) fn check(document: &[u8]) -> Option<bool> {
    std::str::from_utf8(document).ok()?;
    let mut checker = Checker {
        document,
        at: 0,
        is_tidy: true,
        depth: 0,
        objects: [0; READ_DEPTH_MAX / 64],
        keys: [(0, 0); KEYS_MAX],
        key_count: 0,
        bases: [0; DEPTH_WATCHED_MAX + 1],
    };
    checker.document()?;
    Some(checker.is_tidy)
}

struct Checker<'a> {
    document: &'a [u8],
    at: usize,
    is_tidy: bool,
    depth: usize,
    /// A bit a level: set for objects.
    objects: [u64; READ_DEPTH_MAX / 64],
    keys: [(u32, u32); KEYS_MAX],
    key_count: usize,
    /// Where the keys of each open level begin.
    bases: [u8; DEPTH_WATCHED_MAX + 1],
}

impl Checker<'_> {
    fn document(&mut self) -> Option<()> {
        loop {
            // A value begins here.
            match self.peek()? {
                b'"' => self.string()?,
                b'{' => {
                    self.open(true)?;
                    if self.skip_space()? == b'}' {
                        self.close();
                    } else {
                        self.key()?;
                        continue;
                    }
                }
                b'[' => {
                    self.open(false)?;
                    if self.skip_space()? != b']' {
                        continue;
                    }
                    self.close();
                }
                b't' => self.word(b"true")?,
                b'f' => self.word(b"false")?,
                b'n' => self.word(b"null")?,
                _ => self.number()?,
            }
            // A value has ended here.
            loop {
                if self.depth == 0 {
                    return (self.at == self.document.len()).then_some(());
                }
                match (self.skip_space()?, self.in_object()) {
                    (b',', is_object) => {
                        self.at += 1;
                        self.skip_space()?;
                        if is_object {
                            self.key()?;
                        }
                        break;
                    }
                    (b'}', true) | (b']', false) => self.close(),
                    _ => return None,
                }
            }
        }
    }

    #[inline]
    fn peek(&self) -> Option<u8> {
        self.document.get(self.at).copied()
    }

    #[inline]
    fn skip_space(&mut self) -> Option<u8> {
        let mut byte = self.peek()?;
        while is_space(byte) {
            self.is_tidy = false;
            self.at += 1;
            byte = self.peek()?;
        }
        Some(byte)
    }

    #[inline]
    fn open(&mut self, is_object: bool) -> Option<()> {
        if self.depth == READ_DEPTH_MAX {
            return None;
        }
        let bit = 1 << (self.depth % 64);
        let word = &mut self.objects[self.depth / 64];
        *word = if is_object { *word | bit } else { *word & !bit };
        self.depth += 1;
        self.at += 1;
        if self.depth <= DEPTH_WATCHED_MAX {
            self.bases[self.depth] = self.key_count as u8;
        } else {
            self.is_tidy = false;
        }
        Some(())
    }

    #[inline]
    fn close(&mut self) {
        if self.depth <= DEPTH_WATCHED_MAX {
            self.key_count = self.bases[self.depth].into();
        }
        self.depth -= 1;
        self.at += 1;
    }

    #[inline]
    fn in_object(&self) -> bool {
        let level = self.depth - 1;
        self.objects[level / 64] >> (level % 64) & 1 == 1
    }

    /// A key and its colon, up to the value.
    #[inline]
    fn key(&mut self) -> Option<()> {
        let start = self.at + 1;
        if self.peek()? != b'"' {
            return None;
        }
        self.string()?;
        let key = &self.document[start..self.at - 1];
        if self.is_tidy {
            if self.key_count == KEYS_MAX {
                self.is_tidy = false;
            } else {
                let base = usize::from(self.bases[self.depth]);
                let length = key.len() as u32;
                for (other, other_length) in &self.keys[base..self.key_count] {
                    if *other_length == length
                        && self.document[*other as usize..][..key.len()] == *key
                    {
                        self.is_tidy = false;
                    }
                }
                self.keys[self.key_count] = (start as u32, length);
                self.key_count += 1;
            }
        }
        if self.skip_space()? != b':' {
            return None;
        }
        self.at += 1;
        self.skip_space()?;
        Some(())
    }

    #[inline]
    fn word(&mut self, word: &[u8]) -> Option<()> {
        if !self.document[self.at..].starts_with(word) {
            return None;
        }
        self.at += word.len();
        Some(())
    }

    #[inline]
    fn string(&mut self) -> Option<()> {
        self.at += 1;
        loop {
            self.at += plain_length(&self.document[self.at..]);
            match self.peek()? {
                b'"' => {
                    self.at += 1;
                    return Some(());
                }
                b'\\' => self.escape()?,
                _ => return None, // a control character
            }
        }
    }

    fn escape(&mut self) -> Option<()> {
        match self.document.get(self.at + 1)? {
            b'"' | b'\\' | b'b' | b'f' | b'n' | b'r' | b't' => self.at += 2,
            b'/' => {
                self.is_tidy = false;
                self.at += 2;
            }
            b'u' => {
                let escape = &self.document[self.at..];
                let (letter, count) = code_point(escape)?;
                let has_no_short_form =
                    letter < ' ' && !matches!(letter, '\u{8}' | '\t' | '\n' | '\u{c}' | '\r');
                if !has_no_short_form || escape[2..6].iter().any(u8::is_ascii_uppercase) {
                    self.is_tidy = false;
                }
                self.at += count;
            }
            _ => return None,
        }
        Some(())
    }

    #[inline]
    fn digits(&mut self) -> usize {
        let rest = &self.document[self.at..];
        let count = rest
            .iter()
            .position(|byte| !byte.is_ascii_digit())
            .unwrap_or(rest.len());
        self.at += count;
        count
    }

    #[inline]
    fn number(&mut self) -> Option<()> {
        let start = self.at;
        let is_negative = self.peek()? == b'-';
        self.at += usize::from(is_negative);
        let first = self.at;
        let whole = self.digits();
        let leading_zero = self.document.get(first) == Some(&b'0');
        if whole == 0 || (leading_zero && whole > 1) {
            return None;
        }
        let has_point = self.peek() == Some(b'.');
        if has_point {
            self.at += 1;
            if self.digits() == 0 {
                return None;
            }
        }
        let has_exponent = matches!(self.peek(), Some(b'e' | b'E'));
        if has_exponent {
            self.at += 1;
            self.at += usize::from(matches!(self.peek(), Some(b'+' | b'-')));
            if self.digits() == 0 {
                return None;
            }
        }
        let token = &self.document[start..self.at];
        if is_plain_number(token) {
            return Some(());
        }
        if has_point || has_exponent {
            self.float(token)
        } else {
            self.large_int(token)
        }
    }

    fn float(&mut self, token: &[u8]) -> Option<()> {
        let mut printed = Vec::with_capacity(32);
        super::write_float(finite(token)?, &mut printed);
        self.is_tidy &= printed == token;
        Some(())
    }

    fn large_int(&mut self, token: &[u8]) -> Option<()> {
        let text = std::str::from_utf8(token).ok()?;
        let fits = text.parse::<i64>().is_ok() || text.parse::<u64>().is_ok();
        if !fits {
            finite(token)?;
        }
        self.is_tidy &= fits && token != b"-0";
        Some(())
    }
}

/// The float of a number; `None` where it is too large to be one.
fn finite(token: &[u8]) -> Option<f64> {
    std::str::from_utf8(token)
        .ok()?
        .parse::<f64>()
        .ok()
        .filter(|number| number.is_finite())
}

/// Whether a number is its own shortest form, as far as that shows without reading it.
pub(super) fn is_plain_number(token: &[u8]) -> bool {
    let digits = token.strip_prefix(b"-").unwrap_or(token);
    let whole = digits
        .iter()
        .position(|byte| !byte.is_ascii_digit())
        .unwrap_or(digits.len());
    let has_leading_zero = digits.first() == Some(&b'0');
    match digits[whole..].split_first() {
        None => whole <= 18 && !(has_leading_zero && digits.len() < token.len()),
        Some((b'.', places)) => {
            whole + places.len() <= EXACT_DIGITS_MAX
                && places.iter().all(u8::is_ascii_digit)
                && (places.len() == 1 || places.last() != Some(&b'0'))
                && (!has_leading_zero || places.first() != Some(&b'0'))
        }
        Some(_) => false,
    }
}

const ONES: u64 = u64::from_le_bytes([1; 8]);
const HIGHS: u64 = u64::from_le_bytes([0x80; 8]);

/// How many bytes come before the first quote, backslash or control character.
#[inline]
pub(super) fn plain_length(bytes: &[u8]) -> usize {
    let (mut at, mut rest) = (0, bytes);
    while let Some((eight, behind)) = rest.split_first_chunk::<8>() {
        let word = u64::from_le_bytes(*eight);
        let quote = word ^ (ONES * b'"' as u64);
        let backslash = word ^ (ONES * b'\\' as u64);
        // A byte's high bit is set where it is one of them; the lowest that is set is right.
        let found = (quote.wrapping_sub(ONES) & !quote)
            | (backslash.wrapping_sub(ONES) & !backslash)
            | (word.wrapping_sub(ONES * 0x20) & !word);
        let found = found & HIGHS;
        if found != 0 {
            return at + found.trailing_zeros() as usize / 8;
        }
        at += 8;
        rest = behind;
    }
    at + rest
        .iter()
        .position(|byte| matches!(byte, b'"' | b'\\' | 0..0x20))
        .unwrap_or(rest.len())
}
