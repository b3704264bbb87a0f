//! A map by numbers that we gave out ourselves: nobody chooses them to collide, so hashing one costs a multiplication.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};

pub type ById<T> = HashMap<u64, T, BuildHasherDefault<IdHasher>>;

#[derive(Default)]
pub struct IdHasher(u64);

impl Hasher for IdHasher {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.write_u64(u64::from(*byte));
        }
    }

    fn write_u64(&mut self, id: u64) {
        self.0 = (self.0 ^ id).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    }
}
