"""Where reading begins: who is asked for the offset of a time, and what an answer does."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from client.peers import in_future
from ottla.client.backoff import Backoff
from ottla.client.consuming.locating import Locating
from ottla.client.consuming.part import EARLIEST, LATEST, Part
from ottla.client.errors import BrokerError, ConnectionFailed
from ottla.client.machine import Ask, Node, Questions
from ottla.client.places import Places, TopicPartition
from ottla.errors import OttlaError
from ottla.wire.errors import ErrorCode
from ottla.wire.messages import list_offsets as m
from ottla.wire.messages import metadata as md

T0, T1, U0 = ("t", 0), ("t", 1), ("u", 0)
LOST = ConnectionFailed("node", 9092, "closed")
MOVED = [
    ErrorCode.NOT_LEADER_OR_FOLLOWER,
    ErrorCode.FENCED_LEADER_EPOCH,
    ErrorCode.UNKNOWN_TOPIC_OR_PARTITION,
]


class World:
    """Three partitions that begin at a time; node 1 leads t-0 and t-1, node 2 u-0."""

    def __init__(self, *, read_committed: bool = False, time: int = EARLIEST) -> None:
        self.now_ms = 0
        self.places = Places()
        self.questions = Questions()
        self.refused: list[tuple[TopicPartition, OttlaError]] = []
        self.machine = Locating(
            self.places,
            self.questions,
            self._refuse,
            read_committed=read_committed,
            timeout_ms=30_000,
        )
        self.parts = {place: self.part(place) for place in (T0, T1, U0)}
        for place, part in self.parts.items():
            part.seek_time(time)
            self.lead(place, 2 if place == U0 else 1)

    def part(self, place: TopicPartition) -> Part:
        """A partition that is read from now on."""
        return Part(place, self.places.at(place), Backoff())

    def _refuse(self, part: Part, error: OttlaError) -> None:
        part.error = error
        self.refused.append((part.place, error))

    def lead(self, place: TopicPartition, node: int, epoch: int = 4) -> None:
        """Metadata says who leads."""
        row = md.MetadataResponsePartition(
            partition_index=place[1], leader_id=node, leader_epoch=epoch
        )
        self.places.learn([md.MetadataResponseTopic(name=place[0], partitions=[row])], self.now_ms)

    def asks(self, after_ms: int = 0) -> list[Ask]:
        """What is asked a little later."""
        self.now_ms += after_ms
        self.machine.act(self.parts, self.now_ms)
        in_future(self.machine.deadline_ms, self.now_ms)
        return self.questions.take()

    def ask(self, after_ms: int = 0) -> Ask:
        """The one request."""
        (ask,) = self.asks(after_ms)
        return ask

    def only(self, *places: TopicPartition) -> None:
        """The others are read already."""
        for place in self.parts.keys() - set(places):
            self.parts[place].seek(0)

    def end(self, ask: Ask, outcome: Any) -> None:
        """A request ends."""
        self.questions.answered(ask.token, outcome, self.now_ms)

    def answer(self, ask: Ask, *rows: tuple[TopicPartition, int], error: int = 0) -> None:
        """It is answered: an offset for each of these."""
        topics = [
            m.ListOffsetsTopicResponse(
                name=name,
                partitions=[
                    m.ListOffsetsPartitionResponse(
                        partition_index=number, offset=offset, leader_epoch=3, error_code=error
                    )
                ],
            )
            for (name, number), offset in rows
        ]
        self.end(ask, m.ListOffsetsResponse(topics=topics))

    def position(self, place: TopicPartition = T0) -> int:
        """Where reading goes on."""
        return self.parts[place].fetch_offset


def asked(ask: Ask) -> dict[TopicPartition, int]:
    """The time that is looked for in each partition."""
    return {
        (topic.name, row.partition_index): row.timestamp
        for topic in ask.message.topics
        for row in topic.partitions
    }


@pytest.mark.parametrize("read_committed", [True, False])
def test_all_of_one_leader_are_asked_about_at_once(read_committed: bool) -> None:
    """If this failed, a consumer of many partitions would begin them one by one, or at a wrong end:
    the last offset is another for who reads what is committed.
    """
    world = World(read_committed=read_committed, time=LATEST)
    first, second = world.asks()
    assert (first.to, second.to) == (Node(1), Node(2))
    assert (asked(first), asked(second)) == ({T0: LATEST, T1: LATEST}, {U0: LATEST})
    assert first.message.isolation_level == read_committed
    assert [row.current_leader_epoch for row in first.message.topics[0].partitions] == [4, 4]
    assert (first.timeout_ms, first.message.timeout_ms) == (30_000, 30_000)
    assert world.asks(60_000) == [], "each once"
    world.answer(first, (T0, 7), (T1, 0))
    part = world.parts[T0]
    assert (part.position, part.fetch_offset, part.leader_epoch) == (7, 7, 3)
    assert (world.position(T1), part.wants_time, world.asks()) == (0, None, [])


def test_a_time_that_is_younger_than_all_is_the_end() -> None:
    """If this failed, a consumer that begins today would begin at the beginning, or never."""
    world = World(time=1_000)
    world.only(T0)
    ask = world.ask()
    assert asked(ask) == {T0: 1_000}
    world.answer(ask, (T0, -1))
    ask = world.ask()
    assert asked(ask) == {T0: LATEST}
    world.answer(ask, (T0, -1))
    assert world.position() == -1, "every log has ends: the answer is none"
    world.lead(T0, 1)
    world.answer(world.ask(100), (T0, 9))
    assert world.position() == 9


def test_a_seek_overtakes_the_answer() -> None:
    """If this failed, a seek would be undone by what was asked before it."""
    world = World()
    first, _ = world.asks()
    world.parts[T0].seek(5)
    world.parts[T1].seek_time(1_000)
    ask = world.ask()
    assert asked(ask) == {T1: 1_000}, "at once"
    world.answer(first, (T0, 0), (T1, 0))
    assert (world.position(T0), world.position(T1)) == (5, -1)
    assert world.asks() == []
    world.answer(ask, (T1, 8))
    assert world.position(T1) == 8


def test_an_error_that_a_seek_overtook_is_none() -> None:
    """If this failed, a seek would wait for the failure of what was asked before it."""
    world = World()
    world.only(T0)
    ask = world.ask()
    world.parts[T0].seek(5)
    world.answer(ask, (T0, -1), error=ErrorCode.TOPIC_AUTHORIZATION_FAILED)
    assert (world.refused, world.position(), world.parts[T0].muted_until_ms) == ([], 5, 0)


def test_a_partition_that_is_given_back_does_not_wait_for_the_answer_of_before() -> None:
    """If this failed, it would begin only when a request of before ends, be it by a time-out."""
    world = World()
    world.only(T0)
    before = world.ask()
    old, world.parts[T0] = world.parts[T0], world.part(T0)
    world.parts[T0].seek_time(EARLIEST)
    ask = world.ask()
    world.answer(before, (T0, 1))
    assert (world.position(), old.fetch_offset) == (-1, 1)
    assert world.asks() == []
    world.answer(ask, (T0, 2))
    assert world.position() == 2


def test_a_leader_that_nobody_knows_is_waited_for() -> None:
    """If this failed, a partition without a leader would hold up the others, or be forgotten."""
    world = World()
    world.places.doubt_leader(T0)
    first, second = world.asks()
    assert (asked(first), asked(second)) == ({T1: EARLIEST}, {U0: EARLIEST})
    assert (world.asks(60_000), world.machine.deadline_ms) == ([], None)
    world.lead(T0, 2)
    ask = world.ask()
    assert (ask.to, asked(ask)) == (Node(2), {T0: EARLIEST})


@pytest.mark.parametrize("outcome", [LOST, None, *MOVED])
def test_a_leader_that_does_not_answer_is_looked_for_again(outcome: Any) -> None:
    """If this failed, a moved partition would be asked about where it was, or without a pause."""
    world = World()
    world.only(T0)
    ask = world.ask()
    for pause_ms in (100, 200, 400, 800, 1000, 1000):
        if outcome is LOST:
            world.end(ask, LOST)
        elif outcome is None:
            world.answer(ask)  # it leaves the partition out
        else:
            world.answer(ask, (T0, -1), error=outcome)
        assert world.places.leader(T0) is None
        world.lead(T0, 2)
        assert world.asks() == []
        assert world.machine.deadline_ms == world.now_ms + pause_ms
        assert world.asks(pause_ms - 1) == []
        ask = world.ask(1)
        assert ask.to == Node(2)
    world.answer(ask, (T0, 3))
    assert (world.position(), world.asks(), world.refused) == (3, [], [])
    assert world.machine.deadline_ms is None


def test_what_passes_does_not_speak_against_the_leader() -> None:
    """If this failed, a new leader that does not know its end yet would be looked for in vain."""
    world = World()
    world.only(T0)
    world.answer(world.ask(), (T0, -1), error=ErrorCode.OFFSET_NOT_AVAILABLE)
    assert (world.places.leader(T0), world.refused) == (1, [])
    world.answer(world.ask(100), (T0, 3))
    assert world.position() == 3
    assert world.parts[T0].backoff.failures == 0


def test_what_does_not_pass_is_told_and_left_alone() -> None:
    """If this failed, who may not read would wait without a word, and hammer the node."""
    world = World()
    world.only(T0)
    code = ErrorCode.TOPIC_AUTHORIZATION_FAILED
    world.answer(world.ask(), (T0, -1), error=code)
    ((place, error),) = world.refused
    assert isinstance(error, BrokerError)
    assert (place, error.code) == (T0, code)
    assert "t-0" in str(error)
    assert world.asks(60_000) == [], "somebody has to hear of it first"
    world.parts[T0].error = None
    world.answer(world.ask(), (T0, 3))
    assert world.position() == 3


STEPS = st.tuples(
    st.sampled_from([T0, T1, U0]),
    st.sampled_from(["answer", "lose", "refuse", "move", "tell", "time", "offset", "again"]),
    st.integers(0, 9),
)


@given(st.lists(STEPS, max_size=40))
def test_everybody_begins_where_it_was_said_last(
    steps: Sequence[tuple[TopicPartition, str, int]],
) -> None:
    """If this failed, a partition could begin where somebody wanted it before, or never."""
    world = World(time=0)
    leaders = {T0: 1, T1: 1, U0: 2}
    wanted = dict.fromkeys(leaders, 100)
    """A log has the offset 100 + t at the time t."""
    asks: list[Ask] = []

    def end(ask: Ask, outcome: str) -> None:
        rows = []
        for place, time in asked(ask).items():
            is_led = ask.to == Node(leaders[place])
            rows.append((place, 100 + time if is_led else -1))
        if outcome == "lose":
            world.end(ask, LOST)
        elif outcome == "refuse":
            world.answer(ask, *rows, error=ErrorCode.OFFSET_NOT_AVAILABLE)
        else:
            world.answer(ask, *[row for row in rows if row[1] >= 0])

    def step(place: TopicPartition, what: str, number: int) -> None:
        if what in ("answer", "lose", "refuse"):
            if asks:
                end(asks.pop(number % len(asks)), what)
        elif what == "move":
            leaders[place] = 3 - leaders[place]
        elif what == "tell":
            world.lead(place, leaders[place])
        elif what == "offset":
            wanted[place] = number
            world.parts[place].seek(number)
        else:
            wanted[place] = 100 + number
            if what == "again":
                world.parts[place] = world.part(place)
            world.parts[place].seek_time(number)

    for place, what, number in steps:
        step(place, what, number)
        asks += world.asks(100)
    for _ in range(3):
        for place in leaders:
            world.lead(place, leaders[place])
        asks += world.asks(2_000)
        while asks:
            end(asks.pop(), "answer")
    assert {place: world.position(place) for place in leaders} == wanted
