//! Which partition a record belongs to, as Java's producer has it.
//!
//! A key decides by murmur2. Without one records stick to a partition until a batch's worth went there; the next one is
//! drawn, and a partition whose queue is shorter is more likely (KIP-794).

const SEED: u32 = 0x9747_b28c;
const FACTOR: u32 = 0x5bd1_e995;

/// The partition of a key among so many, at least one.
pub fn partition_of(key: &[u8], partitions: i32) -> i32 {
    (murmur2(key) & 0x7fff_ffff) as i32 % partitions.max(1)
}

/// 32 bits of Austin Appleby's hash, second edition, under the seed that Kafka has for it.
fn murmur2(data: &[u8]) -> u32 {
    let mut found = SEED ^ data.len() as u32;
    let mut words = data.chunks_exact(4);
    for word in &mut words {
        let mut k = u32::from_le_bytes([word[0], word[1], word[2], word[3]]).wrapping_mul(FACTOR);
        k = (k ^ k >> 24).wrapping_mul(FACTOR);
        found = found.wrapping_mul(FACTOR) ^ k;
    }
    let rest = words.remainder();
    if !rest.is_empty() {
        let mut last = 0;
        for (at, byte) in rest.iter().enumerate() {
            last |= u32::from(*byte) << (8 * at);
        }
        found = (found ^ last).wrapping_mul(FACTOR);
    }
    found = (found ^ found >> 13).wrapping_mul(FACTOR);
    found ^ found >> 15
}

/// Where records without a key go at present, and how much went there since that was chosen.
#[derive(Debug, Default)]
pub struct Choice {
    partition: Option<i32>,
    bytes: usize,
}

impl Choice {
    pub fn partition(&self) -> Option<i32> {
        self.partition
    }

    /// So many bytes went there. True when it is another partition's turn: a batch's worth went there, and no batch is
    /// open that more would fit into, unless it is twice that.
    pub fn sent(&mut self, bytes: usize, batch_bytes: usize, batch_is_open: bool) -> bool {
        self.bytes += bytes;
        self.bytes >= batch_bytes && (!batch_is_open || self.bytes >= 2 * batch_bytes)
    }

    /// Draw the next one among partitions with so many batches in their queues.
    pub fn draw(&mut self, queues: &[(i32, usize)], random: u64) -> Option<i32> {
        let longest = queues.iter().map(|(_, length)| *length).max()?;
        let total: usize = queues.iter().map(|(_, length)| longest + 1 - length).sum();
        let mut at = (random % total as u64) as usize;
        for (partition, length) in queues {
            let share = longest + 1 - length;
            if at < share {
                *self = Self {
                    partition: Some(*partition),
                    bytes: 0,
                };
                break;
            }
            at -= share;
        }
        self.partition
    }

    /// Choose anew with the next record.
    pub fn forget(&mut self) {
        *self = Self::default();
    }
}
