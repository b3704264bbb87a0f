//! Scripts of requests against the sessions of one node.

use super::*;
use crate::hot::{FetchHead, TopicAt};

const NOW: i64 = 1_000_000;
const BYTES: usize = 1 << 20;
const ID: [u8; 16] = [7; 16];

fn request(id: i32, epoch: i32, asked: &[(i32, i64)], forgotten: &[i32]) -> FetchRequest {
    let part = |&(index, fetch_offset): &(i32, i64)| FetchPart {
        index,
        current_leader_epoch: -1,
        fetch_offset,
        last_fetched_epoch: -1,
        log_start_offset: -1,
        bytes_max: 1 << 20,
    };
    FetchRequest {
        head: FetchHead {
            session_id: id,
            session_epoch: epoch,
            by_id: true,
            ..FetchHead::default()
        },
        topics: vec![TopicAt::Id(ID)],
        parts: asked.iter().map(|one| (0, part(one))).collect(),
        forgotten: forgotten
            .iter()
            .map(|index| (TopicAt::Id(ID), *index))
            .collect(),
    }
}

fn begin(
    sessions: &mut Sessions,
    id: i32,
    epoch: i32,
    asked: &[(i32, i64)],
    forgotten: &[i32],
) -> Result<(Kind, Vec<Wanted>), Code> {
    sessions.begin(&request(id, epoch, asked, forgotten), &[], NOW)
}

fn create(sessions: &mut Sessions, partitions: i32, now_ms: i64) -> i32 {
    let asked: Vec<(i32, i64)> = (0..partitions).map(|index| (index, 0)).collect();
    let (kind, wanted) = begin(sessions, 0, 0, &asked, &[]).unwrap();
    assert_eq!(kind, Kind::Full);
    sessions.create(wanted, true, now_ms, 42)
}

/// Half a million partitions in one request would hold everybody up for minutes, who wait for the sessions' lock.
#[test]
fn what_a_session_costs_is_in_proportion() {
    const FEW: i32 = 1_000;
    const FACTOR: i32 = 64;
    let cost = |count: i32| {
        let asked: Vec<(i32, i64)> = (0..count).map(|index| (index, 0)).collect();
        let most: Vec<i32> = (1..count).collect();
        let once = || {
            let mut sessions = Sessions::new(1, usize::MAX);
            let began = std::time::Instant::now();
            let id = create(&mut sessions, count, NOW);
            let (_, wanted) = begin(&mut sessions, id, 1, &asked, &[]).unwrap();
            let replies: Vec<_> = wanted.iter().map(|one| reply(one, 5, Code::None)).collect();
            sessions.finish(id, &replies, |_| true);
            begin(&mut sessions, id, 2, &[], &most).unwrap();
            assert_eq!(sessions.partition_count(), 1);
            began.elapsed()
        };
        (0..3).map(|_| once()).min().unwrap()
    };
    let (small, large) = (cost(FEW), cost(FEW * FACTOR));
    // With squares it would be 4,096 times as much; a busy machine or a small cache makes less of a difference.
    assert!(large < small * 16 * FACTOR as u32, "{small:?}, {large:?}");
}

fn places(wanted: &[Wanted]) -> Vec<(i32, i64)> {
    let place = |one: &Wanted| (one.part.index, one.part.fetch_offset);
    wanted.iter().map(place).collect()
}

fn reply(wanted: &Wanted, high_watermark: i64, error_code: Code) -> PartitionReply {
    PartitionReply {
        high_watermark,
        log_start_offset: 0,
        ..PartitionReply::refused(wanted.topic.clone(), wanted.part.index, error_code)
    }
}

#[test]
fn an_increment_changes_adds_and_forgets() {
    let mut sessions = Sessions::new(10, BYTES);
    let id = create(&mut sessions, 3, NOW);
    let (kind, wanted) = begin(&mut sessions, id, 1, &[(1, 50), (9, 90)], &[0]).unwrap();
    assert_eq!(kind, Kind::Incremental(id));
    assert_eq!(places(&wanted), [(1, 50), (2, 0), (9, 90)]);
    let (_, wanted) = begin(&mut sessions, id, 2, &[], &[77]).unwrap();
    assert_eq!(
        wanted.len(),
        3,
        "to forget what was never asked is no error"
    );
}

#[test]
fn wrong_epochs_numbers_and_kinds_of_names_are_refused() {
    let mut sessions = Sessions::new(10, BYTES);
    let id = create(&mut sessions, 1, NOW);
    assert_eq!(
        begin(&mut sessions, id + 1, 1, &[], &[]),
        Err(Code::FetchSessionIdNotFound)
    );
    assert_eq!(
        begin(&mut sessions, id, 2, &[], &[]),
        Err(Code::InvalidFetchSessionEpoch)
    );
    let mut by_name = request(id, 1, &[], &[]);
    by_name.head.by_id = false;
    let by_name = sessions.begin(&by_name, &[], NOW);
    assert_eq!(by_name, Err(Code::FetchSessionTopicIdError));
    assert!(
        begin(&mut sessions, id, 1, &[], &[]).is_ok(),
        "a refusal uses no epoch up"
    );
    assert_eq!(
        begin(&mut sessions, id, 1, &[], &[]),
        Err(Code::InvalidFetchSessionEpoch)
    );
}

#[test]
fn the_epoch_after_the_last_is_one() {
    assert_eq!(next_epoch(i32::MAX), 1);
}

#[test]
fn a_session_ends_by_its_last_epoch_by_a_new_one_and_by_being_empty() {
    let mut sessions = Sessions::new(10, BYTES);
    for (epoch, kind) in [(-1, Kind::Sessionless), (0, Kind::Full)] {
        let id = create(&mut sessions, 1, NOW);
        let (got, wanted) = begin(&mut sessions, id, epoch, &[(5, 5)], &[]).unwrap();
        assert_eq!((got, places(&wanted)), (kind, vec![(5, 5)]));
        assert_eq!(sessions.count(), 0);
    }
    let id = create(&mut sessions, 1, NOW);
    let (kind, wanted) = begin(&mut sessions, id, 1, &[], &[0]).unwrap();
    assert_eq!(
        (kind, wanted.len(), sessions.count()),
        (Kind::Sessionless, 0, 0)
    );
}

#[test]
fn only_changes_are_told_and_whoever_had_data_moves_to_the_end() {
    let mut sessions = Sessions::new(10, BYTES);
    let id = create(&mut sessions, 3, NOW);
    let (_, wanted) = begin(&mut sessions, id, 1, &[], &[]).unwrap();
    let replies: Vec<_> = wanted.iter().map(|one| reply(one, 5, Code::None)).collect();
    assert_eq!(
        sessions.finish(id, &replies, |_| false),
        [true; 3],
        "all is new at first"
    );
    assert_eq!(
        sessions.finish(id, &replies, |place| place == 0),
        [true, false, false]
    );
    let (_, wanted) = begin(&mut sessions, id, 2, &[], &[]).unwrap();
    assert_eq!(places(&wanted), [(1, 0), (2, 0), (0, 0)]);
    let moved = [
        reply(&wanted[0], 6, Code::None),
        reply(&wanted[1], 5, Code::None),
    ];
    assert_eq!(sessions.finish(id, &moved, |_| false), [true, false]);
    let failed = [reply(&wanted[1], -1, Code::UnknownTopicOrPartition)];
    assert_eq!(sessions.finish(id, &failed, |_| false), [true]);
    let over = [reply(&wanted[1], 5, Code::None)];
    assert_eq!(
        sessions.finish(id, &over, |_| false),
        [true],
        "the end of an error is told"
    );
    assert_eq!(sessions.finish(id, &over, |_| false), [false]);
    assert_eq!(
        sessions.finish(id + 1, &over, |_| false),
        [true],
        "its session has gone"
    );
}

#[test]
fn room_is_made_by_whoever_rests_or_is_old_and_no_larger() {
    let mut sessions = Sessions::new(2, BYTES);
    let (large, small) = (create(&mut sessions, 5, NOW), create(&mut sessions, 2, NOW));
    assert_ne!(large, small, "one random number gives two sessions");
    assert_eq!(
        create(&mut sessions, 9, NOW + EVICTION_MS),
        0,
        "both are young"
    );
    let asked = |sessions: &mut Sessions, id| {
        let request = request(id, 1, &[], &[]);
        sessions.begin(&request, &[], NOW + EVICTION_MS).is_ok()
    };
    assert!(asked(&mut sessions, large) && asked(&mut sessions, small));
    let later = NOW + EVICTION_MS + 1;
    assert_eq!(
        create(&mut sessions, 1, later),
        0,
        "both are larger and in use"
    );
    let new = create(&mut sessions, 2, later);
    assert_eq!(
        new, small,
        "the smaller one went, and its number was free again"
    );
    assert_eq!((sessions.count(), sessions.partition_count()), (2, 7));
    let newest = create(&mut sessions, 1, later + EVICTION_MS);
    assert_eq!(newest, large, "the large one rests now");
    assert_eq!(sessions.evictions(), 2);
    assert_eq!(Sessions::new(0, BYTES).create(Vec::new(), true, NOW, 1), 0);
}

/// Sessions with room for so many partitions.
fn room_for(partitions: usize) -> Sessions {
    Sessions::new(10, partitions * PARTITION_BYTES)
}

#[test]
fn all_partitions_together_have_a_bound() {
    let mut sessions = room_for(10);
    let first = create(&mut sessions, 6, NOW);
    assert_ne!(first, 0);
    assert_eq!(create(&mut sessions, 5, NOW), 0, "eleven are too many");
    let second = create(&mut sessions, 4, NOW);
    assert_ne!(second, 0);
    assert_eq!(sessions.bytes(), 10 * PARTITION_BYTES);
    let old = NOW + EVICTION_MS + 1;
    assert_eq!(create(&mut sessions, 11, old), 0);
    assert_eq!(sessions.count(), 2, "nobody goes for what never fits");
    assert_ne!(create(&mut sessions, 5, old), 0, "one that rested went");
    assert_eq!((sessions.count(), sessions.partition_count()), (2, 9));
    assert_eq!(
        (sessions.bytes(), sessions.evictions()),
        (9 * PARTITION_BYTES, 1)
    );
}

#[test]
fn a_session_that_outgrows_the_room_is_over() {
    let mut sessions = room_for(3);
    let id = create(&mut sessions, 2, NOW);
    assert!(begin(&mut sessions, id, 1, &[(1, 9), (2, 0)], &[]).is_ok());
    assert!(
        begin(&mut sessions, id, 2, &[(3, 0)], &[0]).is_ok(),
        "one for another"
    );
    assert_eq!(sessions.bytes(), 3 * PARTITION_BYTES);
    let outgrown = begin(&mut sessions, id, 3, &[(4, 0)], &[]);
    assert_eq!(outgrown, Err(Code::FetchSessionIdNotFound));
    assert_eq!((sessions.bytes(), sessions.count()), (0, 0));
    assert_ne!(create(&mut sessions, 3, NOW), 0);
}

#[test]
fn what_is_asked_twice_in_one_request_is_remembered_once() {
    let mut sessions = Sessions::new(1, BYTES);
    let (_, wanted) = begin(&mut sessions, 0, 0, &[(1, 10), (2, 20), (1, 11)], &[]).unwrap();
    let id = sessions.create(wanted, true, NOW, 1);
    let (_, wanted) = begin(&mut sessions, id, 1, &[], &[]).unwrap();
    assert_eq!(places(&wanted), [(2, 20), (1, 11)]);
    assert_eq!(sessions.bytes(), 2 * PARTITION_BYTES);
    assert!(begin(&mut sessions, id, 2, &[], &[1, 2]).is_ok());
    assert_eq!((sessions.bytes(), sessions.count()), (0, 0));
}

#[test]
fn names_are_counted() {
    let name = TopicRef::Name("n".repeat(1000).into());
    assert!(cost(&name) > cost(&TopicRef::Id(ID)) + 1000);
}
