//! The hash of keys: fast for short bytes, and begun at a number that the host chooses.
//!
//! Nothing that is seen depends on it: what a store shows is in the order of bytes or of time.

const FOLD: u64 = 0x9E37_79B9_7F4A_7C15;
const STEP: u64 = 0xD6E8_FEB8_6659_FD93;

pub fn hash(seed: u64, bytes: &[u8]) -> u64 {
    let mut state = seed ^ (bytes.len() as u64).wrapping_mul(STEP);
    let mut chunks = bytes.chunks_exact(8);
    for chunk in &mut chunks {
        let word = chunk.try_into().map(u64::from_le_bytes).unwrap_or_default();
        state = fold(state ^ word, FOLD);
    }
    let rest = chunks.remainder();
    if !rest.is_empty() {
        let mut word = [0; 8];
        word[..rest.len()].copy_from_slice(rest);
        state = fold(state ^ u64::from_le_bytes(word), FOLD);
    }
    fold(state, STEP)
}

/// The hash of bytes together with a number.
pub fn hash_with(seed: u64, bytes: &[u8], number: i64) -> u64 {
    fold(hash(seed, bytes) ^ number as u64, FOLD)
}

fn fold(one: u64, other: u64) -> u64 {
    let product = u128::from(one ^ STEP).wrapping_mul(u128::from(other));
    (product as u64) ^ ((product >> 64) as u64)
}
