//! The order in which Java's HashSet gives keys of bytes.
//!
//! Suppress writes what changed of its buffer at each commit, and Kafka keeps the changed keys in a
//! HashSet: the order of its changelog is that of the set's table. It is part of what a recording of Kafka
//! shows, so it is made here the same way; it costs nothing where one key changed.

use std::collections::hash_map::RandomState;

use hashbrown::HashSet;

use crate::packed::Packed;

pub struct JavaOrder {
    keys: Vec<Packed>,
    /// Asked only where there are many keys.
    known: HashSet<Packed, RandomState>,
    /// Java's table grows and never shrinks.
    table: usize,
}

const FEW: usize = 8;

impl Default for JavaOrder {
    fn default() -> Self {
        Self {
            keys: Vec::new(),
            known: HashSet::default(),
            table: 16,
        }
    }
}

impl JavaOrder {
    pub fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }

    pub fn insert(&mut self, key: &[u8]) {
        if self.contains(key) {
            return;
        }
        self.keys.push(Packed::new(key));
        if self.keys.len() == FEW {
            self.known.extend(self.keys.iter().cloned());
        } else if self.keys.len() > FEW {
            self.known.insert(Packed::new(key));
        }
        // Java grows its table at three quarters.
        while self.keys.len() * 4 > self.table * 3 {
            self.table *= 2;
        }
    }

    fn contains(&self, key: &[u8]) -> bool {
        if self.keys.len() < FEW {
            self.keys.iter().any(|known| known.as_slice() == key)
        } else {
            self.known.contains(key)
        }
    }

    /// All keys, in the set's order; the set is empty then.
    pub fn take(&mut self) -> Vec<Packed> {
        let mut keys = std::mem::take(&mut self.keys);
        self.known.clear();
        if keys.len() > 1 {
            let mask = (self.table - 1) as u32;
            // The sort is stable: keys of one bucket stand in the order in which they came.
            keys.sort_by_cached_key(|key| bucket_hash(key.as_slice()) & mask);
        }
        keys
    }
}

/// The hash of an array of signed bytes, spread as a HashMap does.
fn bucket_hash(key: &[u8]) -> u32 {
    let hash = key.iter().fold(1_u32, |hash, byte| {
        let signed = i32::from(*byte as i8);
        hash.wrapping_mul(31).wrapping_add(signed as u32)
    });
    hash ^ (hash >> 16)
}

#[cfg(test)]
mod tests {
    use super::JavaOrder;

    /// The order of a changelog at a commit would differ from Kafka's.
    #[test]
    fn keys_come_in_the_order_of_java_s_table() {
        let java = [
            "k919z k0é k838z k757é k676z",
            "k56é k651z k433z k352z k461z k757é k380z k570é k542é k0é k190z k299é k327é k922z k704z \
             k841é k623z k732z k489z k271é k137z k246z k595z k894z k109z k28é k514é k785é k919z k3z \
             k838z k408z k947z k218z k165z k676z k866z k975z k813é k84é",
            "k433z k352z k757é k0é k595z k514é k919z k838z k676z",
        ];
        let mut order = JavaOrder::default();
        for expected in java {
            for place in 0..expected.split(' ').count() {
                let last = if place % 3 == 0 { 'é' } else { 'z' };
                order.insert(format!("k{}{last}", place * 7919 % 1000).as_bytes());
            }
            let keys = order.take();
            let texts: Vec<_> = keys
                .iter()
                .map(|key| String::from_utf8_lossy(key.as_slice()))
                .collect();
            assert_eq!(texts.join(" "), expected);
            assert!(order.is_empty());
        }
    }
}
