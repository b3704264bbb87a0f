//! Every transition by hand, and all of them in random order against a model peer.

use proptest::prelude::*;

use super::*;
use crate::connection::API_VERSIONS;

mod large;

const LIMITS: Limits = Limits {
    in_flight_max: 2,
    response_size_bytes_max: 1000,
    backoff: Backoff {
        first_ms: 100,
        max_ms: 1000,
    },
};
const MIDDLE: u32 = 1 << 31;

fn connected(limits: Limits) -> Outbound {
    let mut outbound = Outbound::new("me", limits);
    outbound.dial(0, 50);
    outbound.connected();
    assert_eq!(outbound.phase(), Phase::Connected);
    outbound
}

fn request(body: &[u8], timeout_ms: i64) -> Request<'_> {
    Request {
        api_key: 3,
        api_version: 12,
        flexible: true,
        answered: true,
        body,
        timeout_ms,
    }
}

fn ask(outbound: &mut Outbound, timeout_ms: i64, now_ms: i64) -> Ticket {
    outbound
        .request(&request(b"?", timeout_ms), now_ms)
        .expect("connected")
}

fn send_all(outbound: &mut Outbound) -> Vec<u8> {
    let bytes = outbound.to_send().to_vec();
    outbound.sent(bytes.len());
    bytes
}

/// An answer with an empty section of tagged fields.
fn answer(correlation_id: i32, body: &[u8]) -> Vec<u8> {
    let size = i32::try_from(body.len() + 5).expect("small");
    let mut bytes = size.to_be_bytes().to_vec();
    bytes.extend_from_slice(&correlation_id.to_be_bytes());
    bytes.push(0);
    bytes.extend_from_slice(body);
    bytes
}

fn ends(outbound: &mut Outbound) -> Vec<(Ticket, Result<Vec<u8>, Failure>)> {
    std::iter::from_fn(|| outbound.completed())
        .map(|end| (end.ticket, end.outcome.map(|body| body.to_vec())))
        .collect()
}

#[test]
fn a_request_goes_out_with_its_header_and_its_answer_comes_back_without() {
    let mut outbound = connected(LIMITS);
    let first = ask(&mut outbound, 10, 0);
    let bytes = send_all(&mut outbound);
    let expected = [
        0, 0, 0, 14, 0, 3, 0, 12, 0, 0, 0, 1, 0, 2, b'm', b'e', 0, b'?',
    ];
    assert_eq!(bytes, expected);
    // A tag that nobody knows is passed over.
    outbound.received(&[0, 0, 0, 10, 0, 0, 0, 1, 1, 5, 1, 77, b'o', b'k']);
    assert_eq!(ends(&mut outbound), [(first, Ok(b"ok".to_vec()))]);
    assert_eq!((outbound.in_flight(), outbound.deadline_ms()), (0, None));
}

#[test]
fn the_answer_to_api_versions_has_the_old_header() {
    let mut outbound = connected(LIMITS);
    let versions = Request {
        api_key: API_VERSIONS,
        api_version: 4,
        ..request(b"", 10)
    };
    let asked = outbound.request(&versions, 0).expect("connected");
    send_all(&mut outbound);
    outbound.received(&[0, 0, 0, 6, 0, 0, 0, 1, 9, 9]);
    assert_eq!(ends(&mut outbound), [(asked, Ok(vec![9, 9]))]);
}

#[test]
fn headers_before_flexible_versions_have_no_tags() {
    let mut outbound = connected(LIMITS);
    let old = Request {
        flexible: false,
        ..request(b"?", 10)
    };
    let asked = outbound.request(&old, 0).expect("connected");
    assert_eq!(send_all(&mut outbound)[14..], *b"me?");
    outbound.received(&[0, 0, 0, 5, 0, 0, 0, 1, 9]);
    assert_eq!(ends(&mut outbound), [(asked, Ok(vec![9]))]);
}

#[test]
fn only_so_many_are_in_flight() {
    let mut outbound = connected(LIMITS);
    let tickets: Vec<Ticket> = (0..4).map(|_| ask(&mut outbound, 10, 0)).collect();
    assert_eq!((outbound.in_flight(), outbound.waiting()), (2, 2));
    assert_eq!(send_all(&mut outbound).len(), 2 * 18);
    assert!(outbound.to_send().is_empty());
    outbound.received(&answer(1, b"a"));
    assert_eq!((outbound.in_flight(), outbound.waiting()), (2, 1));
    assert_eq!(send_all(&mut outbound).len(), 18);
    outbound.received(&answer(2, b"b"));
    send_all(&mut outbound);
    outbound.received(&[answer(3, b"c"), answer(4, b"d")].concat());
    let seen = ends(&mut outbound);
    assert_eq!(seen.iter().map(|end| end.0).collect::<Vec<_>>(), tickets);
    assert!(seen.iter().all(|end| end.1.is_ok()));
}

#[test]
fn what_asks_for_no_answer_ends_when_it_is_sent() {
    let mut outbound = connected(LIMITS);
    let silent = Request {
        answered: false,
        ..request(b"?", 10)
    };
    let first = outbound.request(&silent, 0).expect("connected");
    let second = ask(&mut outbound, 10, 0);
    let third = ask(&mut outbound, 10, 0);
    outbound.sent(17);
    assert_eq!(ends(&mut outbound), []);
    outbound.sent(1);
    assert_eq!(ends(&mut outbound), [(first, Ok(vec![]))]);
    assert_eq!(outbound.in_flight(), 2, "its room is taken by the third");
    send_all(&mut outbound);
    outbound.received(&[answer(2, b""), answer(3, b"")].concat());
    assert_eq!(
        ends(&mut outbound),
        [(second, Ok(vec![])), (third, Ok(vec![]))]
    );
}

#[test]
fn nothing_is_taken_without_a_connection() {
    let mut outbound = Outbound::new("me", LIMITS);
    let refused = Err(Refused::NotConnected);
    assert_eq!(outbound.request(&request(b"", 1), 0), refused);
    outbound.connected(); // nobody dialed: it means nothing
    assert_eq!(outbound.request(&request(b"", 1), 0), refused);
    outbound.dial(0, 50);
    assert_eq!(outbound.request(&request(b"", 1), 0), refused);
    outbound.connected();
    outbound.received(&answer(9, b""));
    assert_eq!(outbound.request(&request(b"", 1), 0), refused);
    assert_eq!(ends(&mut outbound), []);
}

#[test]
fn a_client_id_too_long_for_a_header_is_cut_between_characters() {
    let long = "ä".repeat(20_000);
    let mut outbound = Outbound::new(&long, LIMITS);
    outbound.dial(0, 1);
    outbound.connected();
    ask(&mut outbound, 1, 0);
    let sent = send_all(&mut outbound);
    assert_eq!(sent[12..14], 32_766i16.to_be_bytes());
    assert_eq!(sent.len(), 14 + 32_766 + 2);
}

#[test]
fn a_late_answer_ends_the_connection_and_names_only_what_was_late() {
    let mut outbound = connected(LIMITS);
    let late = ask(&mut outbound, 10, 0);
    let young = ask(&mut outbound, 20, 0);
    send_all(&mut outbound);
    assert_eq!(outbound.deadline_ms(), Some(10));
    outbound.time(9);
    assert_eq!(outbound.phase(), Phase::Connected);
    outbound.time(10);
    assert_eq!(outbound.phase(), Phase::Faulty(Fault::AnswerTimedOut));
    let failed = [(late, Err(Failure::TimedOut)), (young, Err(Failure::Lost))];
    assert_eq!(ends(&mut outbound), failed);
    assert!(outbound.to_send().is_empty());
    outbound.received(&answer(1, b"too late"));
    assert_eq!(ends(&mut outbound), []);
    assert_eq!(outbound.deadline_ms(), None);
}

#[test]
fn what_waited_for_room_is_late_alone() {
    let mut outbound = connected(LIMITS);
    let first = ask(&mut outbound, 100, 0);
    let second = ask(&mut outbound, 100, 0);
    let late = ask(&mut outbound, 5, 0);
    let fourth = ask(&mut outbound, 100, 0);
    assert_eq!(outbound.deadline_ms(), Some(5));
    outbound.time(5);
    assert_eq!(ends(&mut outbound), [(late, Err(Failure::TimedOut))]);
    assert_eq!(outbound.phase(), Phase::Connected);
    send_all(&mut outbound);
    outbound.received(&[answer(1, b""), answer(2, b"")].concat());
    send_all(&mut outbound);
    outbound.received(&answer(4, b""));
    let ok = |ticket| (ticket, Ok(vec![]));
    assert_eq!(ends(&mut outbound), [ok(first), ok(second), ok(fourth)]);
}

#[test]
fn what_is_no_answer_ends_the_connection() {
    let faults = [
        ((-1i32).to_be_bytes().to_vec(), Fault::Size(-1)),
        (3i32.to_be_bytes().to_vec(), Fault::Size(3)),
        (1001i32.to_be_bytes().to_vec(), Fault::Size(1001)),
        (b"HTTP/1.1".to_vec(), Fault::Size(0x4854_5450)),
        (
            answer(2, b"later"),
            Fault::WrongCorrelation {
                expected: 1,
                found: 2,
            },
        ),
        ([0, 0, 0, 6, 0, 0, 0, 1, 1, 5].to_vec(), Fault::Header),
    ];
    for (bytes, fault) in faults {
        let mut outbound = connected(LIMITS);
        let tickets = [ask(&mut outbound, 10, 0), ask(&mut outbound, 10, 0)];
        send_all(&mut outbound);
        outbound.received(&bytes);
        assert_eq!(outbound.phase(), Phase::Faulty(fault));
        let lost = tickets.map(|ticket| (ticket, Err(Failure::Lost)));
        assert_eq!(ends(&mut outbound), lost, "{fault}");
    }
}

#[test]
fn an_answer_to_nothing_ends_the_connection() {
    let mut outbound = connected(LIMITS);
    outbound.received(&answer(1, b""));
    assert_eq!(outbound.phase(), Phase::Faulty(Fault::Unannounced));
    // Nor can be answered what is only half sent.
    let mut outbound = connected(LIMITS);
    ask(&mut outbound, 10, 0);
    outbound.sent(17);
    outbound.received(&answer(1, b""));
    assert_eq!(outbound.phase(), Phase::Faulty(Fault::Unannounced));
}

#[test]
fn an_announced_size_allocates_nothing() {
    let mut outbound = connected(Limits {
        response_size_bytes_max: 1 << 30,
        ..LIMITS
    });
    ask(&mut outbound, 10, 0);
    send_all(&mut outbound);
    outbound.received(&(1i32 << 30).to_be_bytes());
    assert_eq!(outbound.phase(), Phase::Connected);
    assert!(outbound.inbox.capacity() <= 16 * 1024);
}

#[test]
fn a_large_answer_leaves_no_large_buffer() {
    let mut outbound = connected(Limits {
        response_size_bytes_max: 1 << 30,
        ..LIMITS
    });
    let asked = ask(&mut outbound, 10, 0);
    send_all(&mut outbound);
    let body = vec![7; 5 << 20];
    for part in answer(1, &body).chunks(100_000) {
        outbound.received(part);
    }
    assert_eq!(ends(&mut outbound), [(asked, Ok(body))]);
    assert_eq!(outbound.inbox.capacity(), 0);
}

#[test]
fn a_dial_that_nobody_answers_ends() {
    let mut outbound = Outbound::new("me", LIMITS);
    assert_eq!(
        outbound.phase(),
        Phase::Down {
            dial_at_ms: i64::MIN
        }
    );
    outbound.dial(100, 50);
    assert_eq!(outbound.deadline_ms(), Some(150));
    outbound.dial(120, 50); // the node's next address
    outbound.time(150);
    assert_eq!(outbound.phase(), Phase::Dialing { deadline_ms: 170 });
    outbound.time(170);
    assert_eq!(outbound.phase(), Phase::Faulty(Fault::DialTimedOut));
    outbound.connected(); // too late
    outbound.dial(170, 50); // not before the socket is closed
    assert_eq!(outbound.phase(), Phase::Faulty(Fault::DialTimedOut));
    outbound.lost(171, MIDDLE);
    assert_eq!(outbound.phase(), Phase::Down { dial_at_ms: 271 });
}

#[test]
fn waits_grow_until_somebody_answers() {
    let mut outbound = Outbound::new("me", LIMITS);
    let lose = |outbound: &mut Outbound| {
        outbound.lost(0, MIDDLE);
        outbound.lost(9, MIDDLE); // said twice, it counts once
        let Phase::Down { dial_at_ms } = outbound.phase() else {
            panic!("{:?}", outbound.phase());
        };
        dial_at_ms
    };
    for wait_ms in [100, 200, 400, 800, 1000, 1000] {
        outbound.dial(0, 50);
        outbound.connected(); // an accept is not yet an answer
        assert_eq!(lose(&mut outbound), wait_ms);
    }
    outbound.dial(0, 50);
    outbound.connected();
    let asked = ask(&mut outbound, 10, 0);
    send_all(&mut outbound);
    outbound.received(&answer(7, b"no"));
    assert_eq!(lose(&mut outbound), 1000, "a wrong answer is none");
    outbound.dial(0, 50);
    outbound.connected();
    let again = ask(&mut outbound, 10, 0);
    send_all(&mut outbound);
    outbound.received(&answer(2, b"yes"));
    assert_eq!(lose(&mut outbound), 100);
    let seen = [(asked, Err(Failure::Lost)), (again, Ok(b"yes".to_vec()))];
    assert_eq!(ends(&mut outbound), seen);
}

#[test]
fn an_old_connections_bytes_do_not_reach_a_new_one() {
    let mut outbound = connected(LIMITS);
    let lost = ask(&mut outbound, 10, 0);
    send_all(&mut outbound);
    outbound.received(&answer(1, b"half")[..7]);
    outbound.lost(0, 0);
    assert_eq!(ends(&mut outbound), [(lost, Err(Failure::Lost))]);
    outbound.dial(0, 50);
    outbound.connected();
    let asked = ask(&mut outbound, 10, 0);
    assert_eq!(send_all(&mut outbound).len(), 18);
    outbound.received(&answer(2, b"whole"));
    assert_eq!(ends(&mut outbound), [(asked, Ok(b"whole".to_vec()))]);
}

#[test]
fn bytes_without_a_connection_are_nothing() {
    let mut outbound = Outbound::new("me", LIMITS);
    outbound.receive_buffer().extend_from_slice(&[0; 9]);
    outbound.cut_answers();
    assert!(matches!(outbound.phase(), Phase::Down { .. }));
    outbound.dial(0, 50);
    outbound.connected();
    let asked = ask(&mut outbound, 10, 0);
    send_all(&mut outbound);
    outbound
        .receive_buffer()
        .extend_from_slice(&answer(1, b"ok"));
    outbound.cut_answers();
    assert_eq!(ends(&mut outbound), [(asked, Ok(b"ok".to_vec()))]);
}

#[test]
fn extreme_times_and_limits_break_nothing() {
    let mut outbound = Outbound::new(
        "me",
        Limits {
            in_flight_max: 0,
            response_size_bytes_max: usize::MAX,
            backoff: Backoff {
                first_ms: i64::MAX,
                max_ms: i64::MAX,
            },
        },
    );
    outbound.dial(i64::MAX, i64::MAX);
    outbound.connected();
    ask(&mut outbound, i64::MAX, i64::MAX);
    ask(&mut outbound, i64::MIN, i64::MIN);
    assert_eq!(outbound.in_flight(), 1, "no limit means one at a time");
    outbound.sent(usize::MAX);
    outbound.received(&i32::MAX.to_be_bytes());
    outbound.lost(i64::MAX, u32::MAX);
    assert_eq!(
        outbound.phase(),
        Phase::Down {
            dial_at_ms: i64::MAX
        }
    );
    assert_eq!(ends(&mut outbound).len(), 2);
}

/// What may happen to a machine, in any order.
#[derive(Debug, Clone)]
enum Step {
    Ask { timeout_ms: i64, answered: bool },
    Send(usize),
    Arrive(usize),
    Garble(Vec<u8>),
    Pass(i64),
    Dial,
    Connect,
    Lose(u32),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => (1i64..300, prop::bool::weighted(0.9))
            .prop_map(|(timeout_ms, answered)| Step::Ask { timeout_ms, answered }),
        6 => (1usize..60).prop_map(Step::Send),
        8 => (1usize..40).prop_map(Step::Arrive),
        1 => prop::collection::vec(any::<u8>(), 1..12).prop_map(Step::Garble),
        2 => (0i64..40).prop_map(Step::Pass),
        3 => Just(Step::Dial),
        3 => Just(Step::Connect),
        1 => any::<u32>().prop_map(Step::Lose),
    ]
}

/// A peer that answers whatever it was sent whole, in order; the body of an answer is its request's number.
#[derive(Default)]
struct Peer {
    heard: Vec<u8>,
    says: Vec<u8>,
    silent: std::collections::BTreeSet<Ticket>,
}

impl Peer {
    fn hear(&mut self, bytes: &[u8]) {
        self.heard.extend_from_slice(bytes);
        while self.heard.len() >= 4 {
            let size = i32::from_be_bytes(self.heard[..4].try_into().expect("four"));
            let end = 4 + usize::try_from(size).expect("our own size");
            if self.heard.len() < end {
                return;
            }
            let id = i32::from_be_bytes(self.heard[8..12].try_into().expect("four"));
            self.heard.drain(..end);
            if !self
                .silent
                .contains(&Ticket::try_from(id).expect("positive"))
            {
                self.says.extend(answer(id, &id.to_be_bytes()));
            }
        }
    }
}

#[derive(Default)]
struct Run {
    now_ms: i64,
    asked: Vec<(Ticket, i64, bool)>,
    ended: Vec<(Ticket, Result<Vec<u8>, Failure>)>,
    peer: Peer,
    /// The present connection heard noise; some connection did.
    garbled: bool,
    ever_garbled: bool,
}

impl Run {
    fn take(&mut self, outbound: &mut Outbound, step: Step) {
        match step {
            Step::Ask {
                timeout_ms,
                answered,
            } => {
                let body = [7; 11];
                let asked = Request {
                    answered,
                    ..request(&body, timeout_ms)
                };
                if let Ok(ticket) = outbound.request(&asked, self.now_ms) {
                    if !answered {
                        self.peer.silent.insert(ticket);
                    }
                    self.asked
                        .push((ticket, self.now_ms + timeout_ms, answered));
                }
            }
            Step::Send(count) => {
                let part = &outbound.to_send()[..count.min(outbound.to_send().len())];
                self.peer.hear(part);
                let count = part.len();
                outbound.sent(count);
            }
            Step::Arrive(count) => {
                let count = count.min(self.peer.says.len());
                let part: Vec<u8> = self.peer.says.drain(..count).collect();
                outbound.received(&part);
            }
            Step::Garble(bytes) => {
                self.garbled |= outbound.phase() == Phase::Connected;
                self.ever_garbled |= self.garbled;
                outbound.received(&bytes);
            }
            Step::Pass(by_ms) => {
                self.now_ms += by_ms;
                outbound.time(self.now_ms);
            }
            Step::Dial => outbound.dial(self.now_ms, 30),
            Step::Connect => outbound.connected(),
            Step::Lose(random) => {
                outbound.lost(self.now_ms, random);
                self.garbled = false;
                self.peer = Peer::default();
            }
        }
        self.ended.extend(ends(outbound));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn no_order_of_events_loses_doubles_or_mixes_up_an_answer(
        steps in prop::collection::vec(step(), 1..120),
        in_flight_max in 1usize..5,
    ) {
        let mut outbound = connected(Limits { in_flight_max, ..LIMITS });
        let mut run = Run::default();
        for step in steps {
            run.take(&mut outbound, step);
            prop_assert!(outbound.in_flight() <= in_flight_max);
            if !run.garbled {
                let found = outbound.phase();
                let honest = matches!(
                    found,
                    Phase::Faulty(Fault::AnswerTimedOut | Fault::DialTimedOut)
                        | Phase::Down { .. } | Phase::Dialing { .. } | Phase::Connected
                );
                prop_assert!(honest, "an honest peer was blamed: {found:?}");
            }
            // Nothing is overdue once the time was told.
            if let Some(deadline_ms) = outbound.deadline_ms() {
                let least = run.asked.iter().map(|one| one.1).min().unwrap_or(i64::MAX);
                prop_assert!(deadline_ms >= least.min(run.now_ms));
            }
        }
        run.take(&mut outbound, Step::Lose(0));

        let mut ended: Vec<Ticket> = run.ended.iter().map(|end| end.0).collect();
        ended.sort_unstable();
        let asked: Vec<Ticket> = run.asked.iter().map(|one| one.0).collect();
        prop_assert_eq!(&ended, &asked, "each request ends once");
        let mut last = 0;
        for (ticket, outcome) in &run.ended {
            let (_, deadline_ms, answered) = run.asked[usize::try_from(*ticket - 1).expect("small")];
            match outcome {
                Ok(body) => {
                    let own = correlation_id(*ticket).to_be_bytes();
                    if answered && !run.ever_garbled {
                        prop_assert_eq!(&body[..], &own, "another request's answer");
                    }
                    prop_assert!(answered || body.is_empty());
                    if answered {
                        prop_assert!(*ticket > last, "answers out of order");
                        last = *ticket;
                    }
                }
                Err(Failure::TimedOut) => prop_assert!(deadline_ms <= run.now_ms),
                Err(Failure::Lost) => {}
            }
        }
    }
}
