//! Requests that fare as a test says: rules of whom, when and what. They are the test's and outlive the nodes that are
//! given them; a node without any pays a load a request.
//!
//! Rules are asked in their order, and each counts the requests that it is about; the first that comes over one
//! decides. Chance is drawn by that count and the rule's seed, never by time: the same requests fare the same. What
//! was done waits for whoever takes it, the latest kept. Requests on a controller's listener are left alone, and one
//! client's too unless a rule names it: the one by which the test itself looks at its node.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Condvar, Mutex, PoisonError};
use std::time::Duration;

use ottla_core::plan::Marked;

use crate::lock::lock;

/// What is kept for who does not take it.
const DONE_MAX: usize = 100_000;

/// What happens to a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Deed {
    /// The connection is closed before it is handled.
    Cut,
    /// It is handled, and the connection closed instead of the reply.
    DropReply,
    /// It is handled after that time.
    Slow(Duration),
    /// It is never handled, and its connection stays.
    Hold,
    /// It is handled twice, and answered once.
    Repeat,
    /// It is answered with this error, and not handled.
    Answer(i16),
    /// Once the topic's logs end at this together it is not answered, and whoever waits is told. What other rules do to
    /// it they do all the same.
    Stop { topic: String, log_end: i64 },
}

/// A topic, and where requests say which.
#[derive(Debug)]
pub struct Named {
    pub name: String,
    /// Its id when the rule was made; the one that it has now counts as well.
    pub id: [u8; 16],
    /// By API key, with the fields marked that name topics.
    pub requests: Vec<(i16, Marked)>,
}

/// Whom it is about, when it comes over one, and what it does.
#[derive(Debug)]
pub struct Rule {
    pub deed: Deed,
    pub client_id: Option<String>,
    pub api_key: Option<i16>,
    pub topic: Option<Named>,
    /// Only this one of them, from 1; None for any.
    pub nth: Option<u64>,
    /// How many it comes over; None for all.
    pub times: Option<u64>,
    /// How likely it comes over one.
    pub rate: f64,
    pub seed: u64,
}

/// A request that arrived.
#[derive(Debug, Clone, Copy)]
pub struct Arrived<'a> {
    pub api_key: i16,
    pub version: i16,
    pub client_id: &'a str,
    pub body: &'a [u8],
}

/// The ids of topics of now: one that is deleted and made again has another.
pub type Ids<'a> = dyn Fn(&str) -> Option<[u8; 16]> + 'a;

/// What was done: the rule's number, and which request it was of those that the rule is about.
#[derive(Debug, PartialEq, Eq)]
pub struct Done {
    pub rule: u64,
    pub nth: u64,
    pub api_key: i16,
    pub client_id: String,
}

/// An end of the node that waits for the topic's logs.
#[derive(Debug, PartialEq, Eq)]
pub struct Stop {
    pub rule: u64,
    pub topic: String,
    pub log_end: i64,
}

#[derive(Default)]
pub struct RequestFaults {
    /// The client that a rule is not about unless it names it; an end of the node comes by its records all the same.
    spared: Option<String>,
    armed: AtomicBool,
    state: Mutex<State>,
    told: Condvar,
}

#[derive(Default)]
struct State {
    rules: Vec<Counted>,
    done: VecDeque<Done>,
    /// How many of them were dropped, as nobody took them.
    lost: u64,
    /// Rules whose end of the node has come.
    stopped: VecDeque<u64>,
    /// Rules there ever were.
    made: u64,
}

struct Counted {
    rule: Rule,
    number: u64,
    /// Requests that it was about, and those that it came over.
    seen: u64,
    done: u64,
}

impl Counted {
    fn is_about(&self, request: &Arrived<'_>, spared: Option<&str>, ids: &Ids<'_>) -> bool {
        let rule = &self.rule;
        let is_spared =
            spared == Some(request.client_id) && !matches!(rule.deed, Deed::Stop { .. });
        let is_whom = match rule.client_id.as_deref() {
            Some(id) => id == request.client_id,
            None => !is_spared,
        };
        is_whom
            && rule.api_key.is_none_or(|key| key == request.api_key)
            && (rule.topic.as_ref()).is_none_or(|topic| topic.is_named(request, ids))
    }

    /// Note one more request that it is about; whether it would come over it.
    fn comes(&mut self) -> bool {
        let rule = &self.rule;
        let before = self.seen;
        self.seen = self.seen.saturating_add(1);
        rule.nth.is_none_or(|nth| nth == self.seen)
            && rule.times.is_none_or(|times| self.done < times)
            && chance(rule.seed, before) < rule.rate
    }
}

impl Named {
    fn is_named(&self, request: &Arrived<'_>, ids: &Ids<'_>) -> bool {
        let mut plans = self.requests.iter();
        let Some((_, plan)) = plans.find(|row| row.0 == request.api_key) else {
            return false;
        };
        let id = ids(&self.name).unwrap_or(self.id);
        let words = [self.name.as_bytes(), &self.id, &id];
        plan.says(request.version, request.body, &words)
    }
}

/// A number from 0 to 1 for each pair: splitmix64.
fn chance(seed: u64, number: u64) -> f64 {
    let mut mixed = seed.wrapping_add(number.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15));
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^= mixed >> 31;
    (mixed >> 11) as f64 / (1_u64 << 53) as f64
}

impl RequestFaults {
    /// With a client that rules are not about unless they name it.
    pub fn sparing(client_id: Option<String>) -> Self {
        Self {
            spared: client_id,
            ..Self::default()
        }
    }

    /// From now on this holds as well; its number, which no other rule gets.
    pub fn add(&self, rule: Rule) -> u64 {
        let mut state = lock(&self.state);
        let number = state.made;
        state.made = number.saturating_add(1);
        state.rules.push(Counted {
            rule,
            number,
            seen: 0,
            done: 0,
        });
        self.armed.store(true, Ordering::Relaxed);
        number
    }

    /// Nothing holds any more.
    pub fn clear(&self) {
        let mut state = lock(&self.state);
        state.rules.clear();
        state.stopped.clear();
        self.armed.store(false, Ordering::Relaxed);
    }

    /// What was done since this was asked last, in order, and how many before that were lost.
    pub fn take_done(&self) -> (Vec<Done>, u64) {
        let mut state = lock(&self.state);
        let lost = std::mem::take(&mut state.lost);
        (state.done.drain(..).collect(), lost)
    }

    /// A rule whose end of the node has come, each once; None at the timeout.
    pub fn stopped(&self, timeout: Duration) -> Option<u64> {
        let state = lock(&self.state);
        let waited = (self.told).wait_timeout_while(state, timeout, |it| it.stopped.is_empty());
        let (mut state, _) = waited.unwrap_or_else(PoisonError::into_inner);
        state.stopped.pop_front()
    }

    pub fn is_armed(&self) -> bool {
        self.armed.load(Ordering::Relaxed)
    }

    /// What comes over a request, and which ends of the node wait for what it brings.
    pub fn on(&self, request: &Arrived<'_>, ids: &Ids<'_>) -> (Option<Deed>, Vec<Stop>) {
        let mut state = lock(&self.state);
        let (mut found, mut stops) = (None, Vec::new());
        let mut done = None;
        for one in &mut state.rules {
            if !one.is_about(request, self.spared.as_deref(), ids) {
                continue;
            }
            if let Deed::Stop { topic, log_end } = &one.rule.deed {
                if one.done == 0 {
                    stops.push(Stop {
                        rule: one.number,
                        topic: topic.clone(),
                        log_end: *log_end,
                    });
                }
            } else if one.comes() && found.is_none() {
                one.done = one.done.saturating_add(1);
                found = Some(one.rule.deed.clone());
                done = Some((one.number, one.seen));
            }
        }
        if let Some((rule, nth)) = done {
            state.note(Done {
                rule,
                nth,
                api_key: request.api_key,
                client_id: request.client_id.to_owned(),
            });
        }
        (found, stops)
    }

    /// The topic's logs end there: let whoever waits end the node, once.
    pub fn stop(&self, rule: u64) {
        let mut state = lock(&self.state);
        let mut rules = state.rules.iter_mut();
        let Some(one) = rules.find(|one| one.number == rule && one.done == 0) else {
            return;
        };
        one.done = 1;
        state.stopped.push_back(rule);
        self.told.notify_all();
    }
}

impl State {
    fn note(&mut self, done: Done) {
        if self.done.len() == DONE_MAX {
            self.done.pop_front();
            self.lost = self.lost.saturating_add(1);
        }
        self.done.push_back(done);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rule(deed: Deed) -> Rule {
        Rule {
            deed,
            client_id: None,
            api_key: None,
            topic: None,
            nth: None,
            times: None,
            rate: 1.0,
            seed: 0,
        }
    }

    fn from(client_id: &str) -> Arrived<'_> {
        Arrived {
            api_key: 0,
            version: 9,
            client_id,
            body: b"",
        }
    }

    fn nowhere(_: &str) -> Option<[u8; 16]> {
        None
    }

    /// A rule would come over the wrong request, or over other ones in the next run.
    #[test]
    fn rules_count_what_they_are_about() {
        let faults = RequestFaults::default();
        assert!(!faults.is_armed());
        faults.add(Rule {
            client_id: Some("a".into()),
            nth: Some(2),
            ..rule(Deed::Cut)
        });
        let hits = ["a", "b", "a", "a"].map(|id| faults.on(&from(id), &nowhere).0.is_some());
        assert_eq!(hits, [false, false, true, false]);
        let done = Done {
            rule: 0,
            nth: 2,
            api_key: 0,
            client_id: "a".into(),
        };
        assert_eq!(faults.take_done(), (vec![done], 0));
        faults.clear();
        assert!(!faults.is_armed());
    }

    /// Where two rules meet at a request, the second would come over the next one instead; or a chance that did not
    /// come would be drawn again.
    #[test]
    fn the_nth_is_the_nth_or_none() {
        let faults = RequestFaults::default();
        let nth = |nth, rate| Rule {
            nth: Some(nth),
            rate,
            ..rule(Deed::Cut)
        };
        for one in [nth(1, 1.0), nth(1, 1.0), nth(3, 0.0)] {
            faults.add(one);
        }
        let hits = [(); 5].map(|()| faults.on(&from("a"), &nowhere).0.is_some());
        assert_eq!(hits, [true, false, false, false, false]);
        assert_eq!(faults.take_done().0.len(), 1);
    }

    /// A test's own look at its node would be lost in what the test lets go wrong for others.
    #[test]
    fn a_client_is_spared_unless_it_is_named() {
        let faults = RequestFaults::sparing(Some("test".into()));
        faults.add(rule(Deed::Cut));
        let hits = ["a", "test"].map(|id| faults.on(&from(id), &nowhere).0.is_some());
        assert_eq!(hits, [true, false]);
        let topic = "t".into();
        faults.add(rule(Deed::Stop { topic, log_end: 1 }));
        assert_eq!(faults.on(&from("test"), &nowhere).1.len(), 1);
        faults.add(Rule {
            client_id: Some("test".into()),
            ..rule(Deed::Hold)
        });
        assert_eq!(faults.on(&from("test"), &nowhere).0, Some(Deed::Hold));
    }

    /// A rule that waits for a record would keep all behind it from coming over anything, another end among them.
    #[test]
    fn an_end_to_come_is_in_nobodys_way() {
        let faults = RequestFaults::default();
        let end = |log_end| Deed::Stop {
            topic: "t".into(),
            log_end,
        };
        let numbers = [9, 3].map(|log_end| faults.add(rule(end(log_end))));
        faults.add(rule(Deed::Cut));
        let (deed, stops) = faults.on(&from("a"), &nowhere);
        assert_eq!(deed, Some(Deed::Cut));
        assert_eq!(
            stops.iter().map(|stop| stop.log_end).collect::<Vec<_>>(),
            [9, 3]
        );
        for number in [numbers[1], numbers[0], numbers[1]] {
            faults.stop(number);
        }
        let told = [(); 3].map(|()| faults.stopped(Duration::ZERO));
        assert_eq!(told, [Some(numbers[1]), Some(numbers[0]), None]);
        assert_eq!(faults.on(&from("a"), &nowhere).1, []);
    }

    /// Lines of a long run would be missing, and nobody would know.
    #[test]
    fn what_is_lost_is_counted() {
        let faults = RequestFaults::default();
        faults.add(rule(Deed::Slow(Duration::ZERO)));
        for _ in 0..DONE_MAX + 2 {
            faults.on(&from("a"), &nowhere);
        }
        let (done, lost) = faults.take_done();
        assert_eq!((done.len(), done[0].nth, lost), (DONE_MAX, 3, 2));
        assert_eq!(faults.take_done().1, 0);
    }

    #[test]
    fn chance_follows_seed_and_number() {
        let drawn: Vec<_> = (0..1000).map(|number| chance(7, number)).collect();
        assert_eq!(drawn, (0..1000).map(|n| chance(7, n)).collect::<Vec<_>>());
        let few = drawn.iter().filter(|one| **one < 0.1).count();
        assert!((50..200).contains(&few), "{few}");
        assert_ne!(chance(7, 1).to_bits(), chance(8, 1).to_bits());
    }
}
