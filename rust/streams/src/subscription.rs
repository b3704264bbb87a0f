//! The bytes of joins over a foreign key: what the left side sends, what comes back, how subscriptions are kept.
//!
//! A subscription says which version of the left value asked (by its hash), what the right side is to do,
//! and whose it is. An answer carries the same hash, so that one that has become stale is dropped. Keys in
//! the store of subscriptions begin with the foreign key, so that all of one key stand together.

use bytes::{BufMut, Bytes};

use crate::murmur3;
use crate::record::{Foreign, Response, Subscription};

/// What the right side does with a subscription.
pub mod instruction {
    /// Forget it; another foreign key answers.
    pub const DELETE: u8 = 0;
    /// Forget it and answer with null.
    pub const DELETE_AND_ANSWER: u8 = 1;
    /// Keep it and answer in any case.
    pub const ANSWER: u8 = 2;
    /// Keep it and answer if the foreign key has a value.
    pub const ANSWER_IF_FOUND: u8 = 3;
}

/// The version that Kafka writes since 3.4: it has the primary key's partition.
pub const VERSION: u8 = 1;

const NO_HASH: u8 = 0x80;
const HASH_SIZE: usize = 16;
const PARTITION_SIZE: usize = 4;

/// The hash of a value's bytes, big-endian as it is sent.
pub fn hash(value: &[u8]) -> [u8; HASH_SIZE] {
    let (first, second) = murmur3::hash128(value);
    let mut hash = [0; HASH_SIZE];
    hash[..8].copy_from_slice(&first.to_be_bytes());
    hash[8..].copy_from_slice(&second.to_be_bytes());
    hash
}

impl Subscription {
    pub fn write(&self, out: &mut Vec<u8>) {
        let mark = if self.hash.is_none() { NO_HASH } else { 0 };
        out.put_u8(self.version | mark);
        out.put_u8(self.instruction);
        out.put_slice(self.hash.as_ref().map_or(&[][..], |hash| hash));
        out.put_slice(&self.primary_key);
        if self.version > 0 {
            out.put_i32(self.primary_partition.unwrap_or(-1));
        }
    }

    /// Read a subscription; says what is wrong with bytes that are none.
    pub fn read(bytes: &Bytes) -> Result<Self, String> {
        let mut rest = Reader(bytes.clone());
        let (version, hash) = rest.version_and_hash(1)?;
        let partition_size = if version > 0 { PARTITION_SIZE } else { 0 };
        let length = rest.0.len().checked_sub(partition_size);
        let primary_key = rest.0.split_to(length.ok_or("it ends too early")?);
        let primary_partition = rest.0.first_chunk().map(|bytes| i32::from_be_bytes(*bytes));
        let instruction = bytes[1];
        if instruction > instruction::ANSWER_IF_FOUND {
            return Err(format!("there is no instruction {instruction}"));
        }
        Ok(Self {
            hash,
            instruction,
            version,
            primary_key,
            primary_partition,
        })
    }
}

impl<O> Response<O> {
    /// What stands before the foreign value.
    pub fn write_start(&self, out: &mut Vec<u8>) {
        let mark = if self.hash.is_none() { NO_HASH } else { 0 };
        out.put_u8(self.version | mark);
        out.put_slice(self.hash.as_ref().map_or(&[][..], |hash| hash));
    }

    /// Read an answer. A foreign value of no bytes is null, as Kafka reads it.
    pub fn read(bytes: &Bytes) -> Result<Self, String> {
        let mut rest = Reader(bytes.clone());
        let (version, hash) = rest.version_and_hash(0)?;
        let foreign_value = Some(rest.0).filter(|value| !value.is_empty());
        Ok(Self {
            hash,
            version,
            foreign_value: Foreign::Bytes(foreign_value),
            primary_partition: None,
        })
    }
}

struct Reader(Bytes);

impl Reader {
    /// `between` bytes stand between the version and the hash.
    fn version_and_hash(
        &mut self,
        between: usize,
    ) -> Result<(u8, Option<[u8; HASH_SIZE]>), String> {
        let first = *self.0.first().ok_or("it is empty")?;
        if self.0.len() < 1 + between {
            return Err("it ends too early".to_owned());
        }
        let version = first & !NO_HASH;
        if version > VERSION {
            return Err(format!("version {version} is unknown"));
        }
        let _ = self.0.split_to(1 + between);
        if first & NO_HASH != 0 {
            return Ok((version, None));
        }
        let hash = *self.0.first_chunk().ok_or("it ends within its hash")?;
        let _ = self.0.split_to(HASH_SIZE);
        Ok((version, Some(hash)))
    }
}

/// What all subscriptions of a foreign key begin with in the store.
pub fn prefix(foreign_key: &[u8]) -> Vec<u8> {
    combined(foreign_key, &[])
}

/// The key of one subscription in the store, Kafka's CombinedKey.
pub fn combined(foreign_key: &[u8], primary_key: &[u8]) -> Vec<u8> {
    let mut key = Vec::with_capacity(4 + foreign_key.len() + primary_key.len());
    key.put_i32(foreign_key.len() as i32);
    key.put_slice(foreign_key);
    key.put_slice(primary_key);
    key
}

#[cfg(test)]
mod tests {
    use super::*;

    fn subscription(hash: Option<[u8; 16]>, version: u8) -> Subscription {
        Subscription {
            hash,
            instruction: instruction::ANSWER,
            version,
            primary_key: Bytes::from_static(b"pk"),
            primary_partition: (version > 0).then_some(7),
        }
    }

    /// A Java peer reads these bytes from the same topics.
    #[test]
    fn a_subscription_has_kafka_s_bytes() {
        let mut bytes = Vec::new();
        subscription(Some(hash(b"x")), VERSION).write(&mut bytes);
        let expected = [&[1, 2][..], &hash(b"x"), b"pk", &[0, 0, 0, 7]].concat();
        assert_eq!(bytes, expected);
        bytes.clear();
        subscription(None, VERSION).write(&mut bytes);
        assert_eq!(bytes, b"\x81\x02pk\0\0\0\x07");
    }

    /// What is written is read, and what is no subscription is an error, not a panic.
    #[test]
    fn what_is_written_is_read() {
        for version in [0, 1] {
            for hash in [None, Some([9; 16])] {
                let given = subscription(hash, version);
                let mut bytes = Vec::new();
                given.write(&mut bytes);
                assert_eq!(Subscription::read(&bytes.clone().into()), Ok(given));
                for length in 0..bytes.len() {
                    let _ = Subscription::read(&Bytes::copy_from_slice(&bytes[..length]));
                    let _ = Response::<()>::read(&Bytes::copy_from_slice(&bytes[..length]));
                }
            }
        }
        assert!(Subscription::read(&Bytes::from_static(b"\x82\x02")).is_err());
        assert!(Subscription::read(&Bytes::from_static(b"\x81\x04abcd")).is_err());
    }

    /// An answer of a null value has nothing after its hash.
    #[test]
    fn an_answer_is_read_as_written() {
        for foreign_value in [None, Some(Bytes::from_static(b"v"))] {
            let given = Response::<()> {
                hash: Some([3; 16]),
                version: 0,
                foreign_value: Foreign::Bytes(foreign_value.clone()),
                primary_partition: None,
            };
            let mut bytes = Vec::new();
            given.write_start(&mut bytes);
            bytes.put_slice(foreign_value.as_deref().unwrap_or_default());
            assert_eq!(Response::read(&bytes.into()), Ok(given));
        }
        assert_eq!(combined(b"fk", b"p"), b"\0\0\0\x02fkp");
    }
}
