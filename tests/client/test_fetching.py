"""A consumer's reading by itself: whom it asks for what, given answers and the time."""

from __future__ import annotations

from typing import Any

import pytest

from client.fetch_world import (
    BESIDE,
    LOST,
    SESSION,
    T0,
    T1,
    U0,
    WAITING,
    WALL_MS,
    World,
    asked,
    batch,
    forgotten,
    node,
    row,
    session,
    topic_id,
)
from ottla.client.consuming.fetching import BESIDE_MS, Corrupt, OffsetOutOfRange
from ottla.client.consuming.part import EARLIEST, LATEST
from ottla.client.errors import BrokerError
from ottla.wire.errors import ErrorCode
from ottla.wire.messages.fetch import AbortedTransaction, FetchResponse
from ottla.wire.records import MARKER_ABORT, control_batch

BACKOFF_MS = 100
"""The first; without chance."""

# ------------------------------------------------------------ sessions


def test_a_session_is_told_what_has_changed_alone() -> None:
    """If this failed, every Fetch would name every partition, or leave out one that went on."""
    world = World(T0, T1)
    first = world.ask()
    assert (session(first), asked(first)) == ((0, 0), {T0: 0, T1: 0})
    waits = world.at_end(T0, T1, first=first)
    assert (session(waits), asked(waits)) == ((0, 0), {T0: 0, T1: 0}), "another session"
    world.answer(waits)
    again = world.ask()
    assert (session(again), asked(again), forgotten(again)) == ((SESSION, 1), {}, [])
    world.answer(again, row(T1, batch(0), high_watermark=1))
    third = world.ask()
    assert (session(third), asked(third)) == ((SESSION, 2), {T1: 1})


def test_what_is_not_read_is_taken_out_of_the_session() -> None:
    """If this failed, a node would send, and wait for, what nobody reads any more."""
    world = World(T0, T1, U0)
    waits = world.at_end(T0, T1, U0)
    world.part(T1).is_paused = True
    world.machine.assign([T0, T1])
    world.answer(waits)
    ask = world.ask()
    assert asked(ask) == {}
    assert sorted(forgotten(ask)) == [(*T1, topic_id("t")), (*U0, topic_id("u"))]
    world.answer(ask)
    world.part(T1).is_paused = False
    ask = world.ask()
    assert (asked(ask), forgotten(ask)) == ({T1: 0}, [])


def test_a_topic_that_was_made_anew_is_another_to_the_session() -> None:
    """If this failed, a topic that is made again would be read under the id of the one before."""
    world = World(T0, U0)
    waits = world.at_end(T0, U0)
    old = world.ids["t"]
    world.ids["t"] = topic_id("t", 1)
    world.lead(T0, 1)
    world.answer(waits)
    ask = world.ask()
    assert asked(ask) == {T0: 0}
    assert [topic.topic_id for topic in ask.message.topics] == [topic_id("t", 1)]
    assert forgotten(ask) == [(*T0, old)]


@pytest.mark.parametrize(
    "code", [ErrorCode.FETCH_SESSION_ID_NOT_FOUND, ErrorCode.INVALID_FETCH_SESSION_EPOCH]
)
def test_a_session_that_the_node_lost_begins_anew_at_once(code: ErrorCode) -> None:
    """If this failed, a node's full cache would stop a consumer, or cost it a pause each time."""
    world = World(T0, T1)
    world.answer(world.at_end(T0, T1))
    ask = world.ask()
    assert asked(ask) == {}
    world.end(ask, FetchResponse(error_code=code))
    ask = world.ask()
    assert (session(ask), asked(ask)) == ((SESSION, 0), {T0: 0, T1: 0})
    assert world.places.leader(T0) == 1, "the leader has said nothing against itself"


@pytest.mark.parametrize("code", [ErrorCode.FETCH_SESSION_ID_NOT_FOUND, ErrorCode.UNKNOWN_TOPIC_ID])
def test_a_session_that_can_not_even_begin_is_not_tried_without_a_pause(code: ErrorCode) -> None:
    """If this failed, a node that refuses whole Fetches would be asked as fast as it answers, and
    about a topic that was made anew by its old id for ever.
    """
    world = World(T0)
    world.end(world.ask(), FetchResponse(error_code=code))
    assert (world.places.leader(T0), world.asks()) == (None, [])
    world.lead(T0, 1)
    assert world.asks(BACKOFF_MS - 1) == []
    assert session(world.ask(1)) == (0, 0)


def test_a_node_without_room_for_a_session_is_asked_for_all_each_time() -> None:
    """If this failed, partitions would be left out that the node does not remember."""
    world = World(T0, T1)
    world.answer(world.ask(), row(T0, high_watermark=0), row(T1, high_watermark=0), session=0)
    for _ in range(2):
        ask = world.ask()
        assert (session(ask), asked(ask)) == ((0, 0), {T0: 0, T1: 0})
        world.answer(ask, session=0)


def test_the_numbers_of_a_session_wrap_to_one() -> None:
    """If this failed, a consumer that runs for years would send a number that no node takes."""
    world = World(T0)
    world.answer(world.at_end(T0))
    world.machine._sessions[(1, True)].epoch = 2**31 - 1
    ask = world.ask()
    assert session(ask) == (SESSION, 2**31 - 1)
    world.answer(ask)
    assert session(world.ask()) == (SESSION, 1)


# ------------------------------------------------------------ two sessions a leader


def test_what_is_behind_does_not_wait_for_what_is_at_its_end() -> None:
    """If this failed, a partition far behind would stand still for fetch.max.wait.ms."""
    world = World(T0, T1)
    at_end = row(T0, high_watermark=0)
    world.answer(world.ask(), at_end, row(T1, batch(0), high_watermark=50))
    asks = {ask.way: ask for ask in world.asks()}
    assert {way: asked(ask) for way, ask in asks.items()} == {BESIDE: {T1: 1}, WAITING: {T0: 0}}
    assert {way: ask.message.max_wait_ms for way, ask in asks.items()} == {BESIDE: 0, WAITING: 500}
    assert {ask.timeout_ms for ask in asks.values()} == {30_500}
    assert forgotten(asks[BESIDE]) == [(*T0, topic_id("t"))]
    world.answer(asks[BESIDE], row(T1, batch(1), high_watermark=50))
    assert world.asks() == [], "both of its buffers are full"
    assert world.taken(2) == [0, 1]
    ask = world.ask()
    assert (ask.way, asked(ask)) == (BESIDE, {T1: 2})


def test_what_comes_to_its_end_while_the_node_waits_is_asked_about_beside() -> None:
    """If this failed, its records would wait for those of another, or be asked for without end."""
    world = World(T0, T1)
    world.part(T1).is_paused = True
    waits = world.at_end(T0)
    world.part(T1).is_paused = False
    for _ in range(3):
        ask = world.ask()
        assert (ask.way, ask.message.max_wait_ms) == (BESIDE, 0)
        world.answer(ask, row(T1, high_watermark=0))
        assert world.asks() == []
        assert world.machine.deadline_ms == world.now_ms + BESIDE_MS
        assert world.asks(BESIDE_MS - 1) == []
        world.now_ms += 1
    world.now_ms -= 1
    world.answer(waits)
    world.now_ms += 1
    ask = world.ask()
    assert (ask.way, asked(ask)) == (WAITING, {T1: 0}), "now the node may wait for both"


# ------------------------------------------------------------ positions that were moved


def test_what_arrives_for_a_position_that_was_moved_is_dropped() -> None:
    """If this failed, a consumer would get records from where it no longer reads."""
    world = World(T0)
    ask = world.ask()
    world.part().seek(5)
    assert world.asks() == [], "the session is busy"
    world.answer(ask, row(T0, batch(0, 3), high_watermark=9))
    assert world.taken() == []
    ask = world.ask()
    assert asked(ask) == {T0: 5}
    world.part().seek(5)
    world.answer(ask, row(T0, error_code=ErrorCode.OFFSET_OUT_OF_RANGE))
    assert world.part().has_position, "nor does an error count any more"
    world.answer(world.ask(), row(T0, batch(4, 3), high_watermark=9))
    assert world.taken() == [5, 6]


def test_what_arrived_before_a_seek_is_dropped() -> None:
    """If this failed, a seek would take effect only after what lies in the buffer."""
    world = World(T0)
    world.answer(world.ask(), row(T0, batch(0, 3), high_watermark=9))
    assert world.taken(1) == [0]
    world.part().seek(7)
    assert world.taken() == []
    assert asked(world.ask()) == {T0: 7}


def test_an_answer_to_an_assignment_of_before_is_dropped() -> None:
    """If this failed, a rebalance that takes a partition and gives it back would lose records: what
    was asked for before would count as what lies at the committed offset.
    """
    world = World(T0)
    waits = world.at_end(T0)
    world.machine.assign([])
    (part,) = world.machine.assign([T0])
    part.seek(0)
    world.answer(waits, row(T0, batch(7), high_watermark=8))
    assert (world.taken(), part.fetch_offset) == ([], 0)
    assert world.reads(world.ask()) == {T0: 0}


def test_what_is_paused_is_kept_and_not_asked_for() -> None:
    """If this failed, a pause would lose what was under way, or not be one."""
    world = World(T0, T1)
    ask = world.ask()
    world.part().is_paused = True
    at_end = row(T1, high_watermark=0)
    world.answer(ask, row(T0, batch(0), high_watermark=9), at_end)
    assert world.taken() == []
    assert asked(world.ask()) == {T1: 0}
    world.part().is_paused = False
    assert world.taken() == [0]
    assert asked(world.ask()) == {T0: 1}


# ------------------------------------------------------------ errors


@pytest.mark.parametrize(
    "code",
    [
        ErrorCode.NOT_LEADER_OR_FOLLOWER,
        ErrorCode.FENCED_LEADER_EPOCH,
        ErrorCode.UNKNOWN_TOPIC_OR_PARTITION,
        ErrorCode.UNKNOWN_TOPIC_ID,
        ErrorCode.KAFKA_STORAGE_ERROR,
    ],
)
def test_a_leader_that_is_not_one_is_looked_for_again(code: ErrorCode) -> None:
    """If this failed, a partition that moved would be asked for where it was."""
    world = World(T0, T1)
    ask = world.ask()
    assert [one.current_leader_epoch for one in ask.message.topics[0].partitions] == [0, 0]
    world.answer(ask, row(T0, error_code=code), row(T1, high_watermark=0))
    assert world.places.leader(T0) is None
    assert world.places.leader(T1) == 1
    assert asked(world.ask()) == {T1: 0}
    world.lead(T0, 2, epoch=3)
    assert world.asks(BACKOFF_MS - 1) == []
    ask = world.ask(1)
    assert (node(ask), session(ask), asked(ask)) == (2, (0, 0), {T0: 0})
    assert ask.message.topics[0].partitions[0].current_leader_epoch == 3


@pytest.mark.parametrize(
    ("reset", "time"),
    [
        ("earliest", EARLIEST),
        ("latest", LATEST),
        ("by_duration:PT1H", WALL_MS - 3_600_000),
        ("by_duration:P1D", 0),
    ],
)
def test_out_of_range_begins_where_the_reset_says(reset: str, time: int) -> None:
    """If this failed, a consumer whose records were deleted would stop, or begin anywhere."""
    world = World(T0, reset=reset)
    world.answer(world.ask(), row(T0, error_code=ErrorCode.OFFSET_OUT_OF_RANGE))
    assert (world.part().wants_time, world.part().has_position) == (time, False)
    assert world.asks(60_000) == [], "where that is has to be found first"


def test_out_of_range_without_a_reset_is_told() -> None:
    """If this failed, auto.offset.reset=none would skip records, or hide that they are gone."""
    world = World(T0, T1, reset="none")
    world.part().seek(3)
    error = row(T0, error_code=ErrorCode.OFFSET_OUT_OF_RANGE)
    world.answer(world.ask(), error, row(T1, batch(0), high_watermark=1))
    with pytest.raises(OffsetOutOfRange) as told:
        world.handing.records(1)
    assert world.taken() == [0], "the other goes on"
    assert (told.value.place, told.value.offset) == (T0, 3)
    assert world.part().fetch_offset == 3, "somebody may seek, or ask again"


def test_out_of_range_behind_what_has_arrived_waits_for_that_to_be_read() -> None:
    """If this failed, records that are here already would never be handed out."""
    world = World(T0)
    world.answer(world.ask(), row(T0, batch(0), high_watermark=9))
    world.answer(world.ask(), row(T0, error_code=ErrorCode.OFFSET_OUT_OF_RANGE))
    assert world.part().has_position
    assert world.taken() == [0]
    ask = world.ask(BACKOFF_MS)
    assert world.reads(ask) == {T0: 1}
    world.answer(ask, row(T0, error_code=ErrorCode.OFFSET_OUT_OF_RANGE))
    assert world.part().wants_time == EARLIEST


def test_what_may_not_be_read_is_told_and_left_alone() -> None:
    """If this failed, a consumer without the right would wait without a word, or hammer."""
    world = World(T0, U0)
    code = ErrorCode.TOPIC_AUTHORIZATION_FAILED
    world.answer(world.ask(), row(T0, error_code=code), row(U0, high_watermark=0))
    waits = world.ask(60_000)
    assert asked(waits) == {U0: 0}
    with pytest.raises(BrokerError, match="t-0") as told:
        world.handing.records(1)
    assert told.value.code == code
    assert world.asks() == [], "not before another pause, which is longer"
    ask = world.ask(2 * BACKOFF_MS)
    assert world.reads(ask) == {T0: 0}


def test_what_passes_is_asked_again_after_longer_and_longer() -> None:
    """If this failed, a node in trouble would be asked without pause, or for ever more rarely."""
    world = World(T0)
    busy = row(T0, error_code=ErrorCode.OFFSET_NOT_AVAILABLE)
    ask = world.ask()
    for pause_ms in (100, 200, 400, 800, 1000, 1000):
        world.answer(ask, busy)
        assert world.asks() == []
        assert world.machine.deadline_ms == world.now_ms + pause_ms
        assert world.asks(pause_ms - 1) == []
        ask = world.ask(1)
    assert world.places.leader(T0) == 1, "the leader is where it was"
    world.answer(ask, row(T0, high_watermark=9))
    world.answer(world.ask(), busy)
    world.asks()
    assert world.machine.deadline_ms == world.now_ms + 100, "from the beginning"


def test_a_lost_connection_costs_a_pause_and_the_session() -> None:
    """If this failed, what the node had sent, and nobody got, would be lost."""
    world = World(T0, T1)
    world.end(world.at_end(T0, T1), LOST)
    assert (world.places.leader(T0), world.places.leader(T1)) == (None, None)
    world.lead(T0, 1)
    world.lead(T1, 1)
    assert world.asks(BACKOFF_MS - 1) == []
    ask = world.ask(1)
    assert (session(ask)[1], asked(ask)) == (0, {T0: 0, T1: 0})


def test_a_corrupt_batch_is_told_behind_what_lies_before_it() -> None:
    """If this failed, bad bytes would be skipped in silence, or what is good before them lost."""
    world = World(T0)
    bad = batch(2)[:-1] + b"\xff"
    world.answer(world.ask(), row(T0, batch(0, 2) + bad, high_watermark=9))
    assert world.taken() == [0, 1]
    with pytest.raises(Corrupt) as told:
        world.handing.records(1)
    assert (told.value.place, told.value.offset) == (T0, 2)
    ask = world.ask(BACKOFF_MS)
    assert asked(ask) == {T0: 2}
    world.answer(ask, row(T0, bad, high_watermark=9))
    assert world.asks(60_000) == [], "until somebody has heard of it"
    with pytest.raises(Corrupt):
        world.handing.records(1)
    world.part().seek(3)
    assert asked(world.ask()) == {T0: 3}


# ------------------------------------------------------------ followers


def follower(world: World) -> Any:
    """The leader has t-0 read from node 2; the Fetch that goes there."""
    world.answer(world.ask(), row(T0, high_watermark=9, preferred_read_replica=2))
    ask = world.ask()
    assert (node(ask), session(ask), asked(ask)) == (2, (0, 0), {T0: 0})
    assert ask.message.rack_id == "r"
    return ask


def test_what_a_follower_does_not_have_is_asked_of_the_leader() -> None:
    """If this failed, a follower that lags behind would set a consumer back to the beginning."""
    world = World(T0, rack="r")
    world.answer(follower(world), row(T0, error_code=ErrorCode.OFFSET_OUT_OF_RANGE))
    assert world.part().has_position
    assert world.asks() == []
    ask = world.ask(BACKOFF_MS)
    assert (node(ask), world.reads(ask)) == (1, {T0: 0})
    world.answer(ask, row(T0, error_code=ErrorCode.OFFSET_OUT_OF_RANGE))
    assert world.part().wants_time == EARLIEST, "the leader knows"


def test_the_leader_is_asked_again_which_follower_it_is_to_be() -> None:
    """If this failed, a consumer would read from a follower far away for as long as that lives."""
    world = World(T0, rack="r", replica_age_ms_max=1000)
    world.answer(follower(world), row(T0, high_watermark=9))
    ask = world.ask(999)
    assert node(ask) == 2
    world.answer(ask, row(T0, high_watermark=9))
    ask = world.ask(1)
    assert node(ask) == 1
    world.answer(ask, row(T0, high_watermark=9, preferred_read_replica=2))
    assert node(world.ask()) == 2


@pytest.mark.parametrize("outcome", [LOST, ErrorCode.NOT_LEADER_OR_FOLLOWER])
def test_a_follower_that_is_gone_is_left(outcome: Any) -> None:
    """If this failed, reading would stop with the follower that it was sent to."""
    world = World(T0, rack="r")
    ask = follower(world)
    if outcome is LOST:
        world.end(ask, LOST)
    else:
        world.answer(ask, row(T0, error_code=outcome))
    world.lead(T0, 1)
    ask = world.ask(BACKOFF_MS)
    assert (node(ask), world.reads(ask)) == (1, {T0: 0})


def test_a_follower_is_read_from_until_it_says_otherwise() -> None:
    """If this failed, every Fetch would go to the leader first."""
    world = World(T0, rack="r")
    ask = follower(world)
    world.answer(ask, row(T0, batch(0), high_watermark=9))
    ask = world.ask()
    assert (node(ask), session(ask), asked(ask)) == (2, (SESSION, 1), {T0: 1})
    world.lead(T0, 3, epoch=1)
    world.answer(ask, row(T0, batch(1), high_watermark=9))
    world.taken()
    assert node(world.ask()) == 2


# ------------------------------------------------------------ buffers and transactions


def test_a_full_buffer_is_not_filled_further() -> None:
    """If this failed, a slow program's memory would fill with what it has not read."""
    world = World(T0)
    for offset in (0, 1):
        world.answer(world.ask(), row(T0, batch(offset), high_watermark=9))
    assert world.asks(60_000) == []
    held = world.part().fetched
    assert sum(fetched.size_bytes for fetched in held) == 2 * len(batch(0))
    assert world.taken(2) == [0, 1]
    assert asked(world.ask()) == {T0: 2}


def test_what_is_open_or_aborted_is_not_read_by_who_reads_what_is_committed() -> None:
    """If this failed, a consumer would get what was taken back, or spin at an open transaction."""
    world = World(T0, read_committed=True)
    ask = world.ask()
    assert ask.message.isolation_level == 1
    aborted = batch(0, 2)
    marker = control_batch(
        MARKER_ABORT, bytes(6), timestamp_ms=0, base_offset=2, producer_id=4, transactional=True
    )
    told = {"high_watermark": 9, "last_stable_offset": 3}
    rows = [AbortedTransaction(producer_id=4, first_offset=2)]
    world.answer(ask, row(T0, aborted + marker, aborted_transactions=rows, **told))
    assert world.taken() == [0, 1], "of another producer"
    ask = world.ask()
    assert (ask.way, asked(ask)) == (WAITING, {T0: 3}), "more is there, and may not be read yet"
    marker = control_batch(MARKER_ABORT, bytes(6), timestamp_ms=0, base_offset=3)
    world.answer(ask, row(T0, marker, high_watermark=9, last_stable_offset=4))
    assert (world.part().position, world.taken()) == (4, []), "it goes on behind what is no record"
