//! Replies that stay true until the cluster changes: who asks the same gets the same, and nobody decides it again.
//!
//! Whoever decides says of a reply that it depends on nothing but the question and the state of the cluster, and says
//! `forget` before anybody may hear that the state is another. It knows nothing of what is asked.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

const METADATA: i16 = 3;
const FIND_COORDINATOR: i16 = 10;
const ASKED_OFTEN: [i16; 2] = [METADATA, FIND_COORDINATOR];
/// Longer questions, and longer replies, are not asked often enough.
const QUESTION_BYTES_MAX: usize = 4 * 1024;
const REPLY_BYTES_MAX: usize = 1 << 20;
/// What all of them may take; then it begins anew.
const BYTES_MAX: usize = 8 << 20;

/// The connection that a question comes from, so far as a reply depends on it.
#[derive(Debug, Clone, Copy)]
pub struct Asker<'a> {
    pub listener: &'a str,
    pub local_host: &'a str,
    pub local_port: u16,
    /// Rights may be those of a host.
    pub peer_host: &'a str,
    pub principal: &'a str,
}

/// All that a reply depends on beside the state of the cluster.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Question(Vec<u8>);

impl Question {
    /// None if no reply to it is kept.
    pub fn of(api_key: i16, version: i16, asker: &Asker<'_>, body: &[u8]) -> Option<Self> {
        if !ASKED_OFTEN.contains(&api_key) || body.len() > QUESTION_BYTES_MAX {
            return None;
        }
        let mut bytes = Vec::with_capacity(64 + body.len());
        bytes.extend_from_slice(&api_key.to_be_bytes());
        bytes.extend_from_slice(&version.to_be_bytes());
        bytes.extend_from_slice(&asker.local_port.to_be_bytes());
        for text in [
            asker.listener,
            asker.local_host,
            asker.peer_host,
            asker.principal,
        ] {
            bytes.extend_from_slice(&text.len().to_be_bytes());
            bytes.extend_from_slice(text.as_bytes());
        }
        bytes.extend_from_slice(body);
        Some(Self(bytes))
    }
}

/// What a response says, by code: how often.
pub type Errors = Vec<(i16, usize)>;

/// What whoever decides answers.
pub struct Reply<'a> {
    pub body: &'a [u8],
    /// For how long no more of that connection is read.
    pub mute: Duration,
    /// It may be given to whoever asks the same, until the cluster is another.
    pub stays: bool,
    pub errors: Errors,
}

/// A reply that is given again.
#[derive(Debug)]
pub struct Kept {
    pub body: Box<[u8]>,
    pub errors: Errors,
}

/// The bodies of replies, by question.
#[derive(Debug, Default)]
pub struct KeptReplies(RwLock<Store>);

#[derive(Debug, Default)]
struct Store {
    replies: HashMap<Question, Arc<Kept>>,
    bytes: usize,
}

impl KeptReplies {
    pub fn find(&self, question: &Question) -> Option<Arc<Kept>> {
        let store = self.0.read().unwrap_or_else(PoisonError::into_inner);
        store.replies.get(question).cloned()
    }

    /// It may be given to all who ask this, until `forget`.
    pub fn keep(&self, question: Question, reply: &[u8], errors: &Errors) {
        if reply.len() > REPLY_BYTES_MAX {
            return;
        }
        let mut store = self.0.write().unwrap_or_else(PoisonError::into_inner);
        let more = question.0.len() + reply.len();
        if store.bytes + more > BYTES_MAX {
            *store = Store::default();
        }
        store.bytes += more;
        let kept = Kept {
            body: reply.into(),
            errors: errors.clone(),
        };
        store.replies.insert(question, Arc::new(kept));
    }

    /// The cluster is another from now on.
    pub fn forget(&self) {
        let mut store = self.0.write().unwrap_or_else(PoisonError::into_inner);
        if store.bytes > 0 {
            *store = Store::default();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ASKER: Asker<'_> = Asker {
        listener: "PLAINTEXT",
        local_host: "127.0.0.1",
        local_port: 9092,
        peer_host: "10.0.0.7",
        principal: "User:ANONYMOUS",
    };

    fn question(asker: Asker<'_>, body: &[u8]) -> Question {
        Question::of(METADATA, 13, &asker, body).unwrap()
    }

    /// A client would be told another's address, or what another may see.
    #[test]
    fn only_who_asks_the_same_from_the_same_place_gets_the_same() {
        let kept = KeptReplies::default();
        let asked = question(ASKER, b"t");
        kept.keep(asked.clone(), b"reply", &vec![(0, 1)]);
        assert_eq!(
            kept.find(&asked).map(|kept| kept.body.clone()).as_deref(),
            Some(&b"reply"[..])
        );
        let others = [
            Question::of(METADATA, 12, &ASKER, b"t").unwrap(),
            question(ASKER, b"u"),
            question(
                Asker {
                    listener: "PLAINTEX",
                    local_host: "T127.0.0.1",
                    ..ASKER
                },
                b"t",
            ),
            question(
                Asker {
                    local_host: "127.0.0.2",
                    ..ASKER
                },
                b"t",
            ),
            question(
                Asker {
                    local_port: 9093,
                    ..ASKER
                },
                b"t",
            ),
            question(
                Asker {
                    peer_host: "10.0.0.8",
                    ..ASKER
                },
                b"t",
            ),
            question(
                Asker {
                    principal: "User:alice",
                    ..ASKER
                },
                b"t",
            ),
        ];
        assert!(others.iter().all(|other| kept.find(other).is_none()));
        kept.forget();
        assert!(kept.find(&asked).is_none());
    }

    #[test]
    fn what_is_kept_is_bounded() {
        let kept = KeptReplies::default();
        let large = vec![0; REPLY_BYTES_MAX + 1];
        kept.keep(question(ASKER, b"large"), &large, &vec![(0, 1)]);
        assert!(kept.find(&question(ASKER, b"large")).is_none());
        assert!(Question::of(METADATA, 13, &ASKER, &large).is_none());
        assert!(Question::of(FIND_COORDINATOR, 13, &ASKER, b"t").is_some());
        assert!(Question::of(METADATA + 1, 13, &ASKER, b"t").is_none());
        for number in 0..20_u8 {
            kept.keep(question(ASKER, &[number]), &large[1..], &vec![(0, 1)]);
            assert!(kept.find(&question(ASKER, &[number])).is_some());
            assert!(kept.0.read().unwrap().bytes <= BYTES_MAX);
        }
    }
}
