"""Positions that a group keeps: what its coordinator is asked, how often, and what is told."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from client.peers import in_future
from ottla.client.backoff import Backoff
from ottla.client.consuming.committing import Committing, OffsetAndMetadata, full_offsets
from ottla.client.errors import BrokerError, ConnectionFailed, TimedOut
from ottla.client.machine import Ask, Coordinator, Questions
from ottla.client.membership.events import GroupGeneration
from ottla.client.places import Places, TopicPartition
from ottla.errors import OttlaError
from ottla.wire.errors import ErrorCode
from ottla.wire.messages import metadata as md
from ottla.wire.messages import offset_commit as oc
from ottla.wire.messages import offset_fetch as of
from ottla.wire.schema import ProtocolError
from ottla.wire.types import ZERO_UUID

T0, T1, U0 = ("t", 0), ("t", 1), ("u", 0)
TID, UID = b"t" * 16, b"u" * 16
WHO = GroupGeneration("g", "m", "i", 4)
LOST = ConnectionFailed("node", 9092, "closed")
LATE = TimedOut("no answer")
MOVED = [ErrorCode.NOT_COORDINATOR, ErrorCode.COORDINATOR_NOT_AVAILABLE]
PASSES = [
    *MOVED,
    ErrorCode.COORDINATOR_LOAD_IN_PROGRESS,
    ErrorCode.UNSTABLE_OFFSET_COMMIT,
    ErrorCode.REQUEST_TIMED_OUT,
    ErrorCode.UNKNOWN_TOPIC_OR_PARTITION,
    ErrorCode.UNKNOWN_TOPIC_ID,
]
REFUSALS = [
    ErrorCode.ILLEGAL_GENERATION,
    ErrorCode.UNKNOWN_MEMBER_ID,
    ErrorCode.REBALANCE_IN_PROGRESS,
    ErrorCode.FENCED_INSTANCE_ID,
    ErrorCode.STALE_MEMBER_EPOCH,
    ErrorCode.GROUP_AUTHORIZATION_FAILED,
    ErrorCode.TOPIC_AUTHORIZATION_FAILED,
    ErrorCode.OFFSET_METADATA_TOO_LARGE,
]


class Node:
    """A connection to a node that serves so much."""

    def __init__(self, version: int) -> None:
        self.version = version

    def version_for(self, kind: Any) -> int:
        """The newest that both know."""
        return min(self.version, int(kind.max_version))


class World:
    """One group, whose coordinator is node 1; t is known by its id."""

    def __init__(self, version: int = 99) -> None:
        self.now_ms = 0
        self.node = Node(version)
        self.places = Places()
        self.places.learn_coordinator(0, "g", 1)
        self.know("t", TID)
        self.questions = Questions()
        self.machine = Committing(
            "g", self.places, self.questions, timeout_ms=30_000, new_backoff=Backoff
        )
        self.version = -1
        """Of the last request."""
        self.told: list[Any] = []

    def know(self, name: str, topic_id: bytes) -> None:
        """Metadata tells of a topic."""
        self.places.learn([md.MetadataResponseTopic(name=name, topic_id=topic_id)], self.now_ms)

    def commit(self, *places: TopicPartition, until_ms: int = 60_000) -> Ask:
        """Offset 5 of each; what is asked."""
        offsets = {place: OffsetAndMetadata(5, 2, "m") for place in places}
        self.machine.commit(offsets, WHO, until_ms, self.told.append)
        return self.ask()

    def fetch(self, *places: TopicPartition, until_ms: int = 60_000) -> Ask:
        """Ask where the group has been."""
        self.machine.fetch(list(places), until_ms, self.told.append)
        return self.ask()

    def asks(self, after_ms: int = 0) -> list[Ask]:
        """What is asked a little later."""
        self.now_ms += after_ms
        self.machine.act(self.now_ms)
        found = []
        for ask in self.questions.take():
            assert (ask.to, ask.timeout_ms) == (Coordinator(0, "g"), 30_000)
            message, self.version = ask.message(self.node)
            found.append(ask._replace(message=message))
        in_future(self.machine.deadline_ms, self.now_ms)
        return found

    def ask(self, after_ms: int = 0) -> Ask:
        """The one request."""
        (ask,) = self.asks(after_ms)
        return ask

    def end(self, ask: Ask, outcome: Any) -> None:
        """A request ends."""
        self.questions.answered(ask.token, outcome, self.now_ms)


def committed(*places: TopicPartition, error: int = 0, topic_id: bytes = TID) -> Any:
    """What is said to OffsetCommit 10: an error is of the last partition alone."""
    rows = [oc.OffsetCommitResponsePartition(partition_index=number) for _, number in places]
    if rows:
        rows[-1].error_code = error
    topic = oc.OffsetCommitResponseTopic(topic_id=topic_id, partitions=rows)
    return oc.OffsetCommitResponse(topics=[topic])


def found(
    *rows: tuple[TopicPartition, int], error: int = 0, topic_id: bytes = TID, group_error: int = 0
) -> Any:
    """What is said to OffsetFetch 10."""
    partitions = [
        of.OffsetFetchResponsePartitions(
            partition_index=number,
            committed_offset=offset,
            committed_leader_epoch=3,
            metadata=None,
            error_code=error,
        )
        for (_, number), offset in rows
    ]
    topic = of.OffsetFetchResponseTopics(topic_id=topic_id, partitions=partitions)
    topics = [topic] if rows else []
    group = of.OffsetFetchResponseGroup(group_id="g", topics=topics, error_code=group_error)
    return of.OffsetFetchResponse(groups=[group])


# ------------------------------------------------------------ writing


def test_a_commit_says_who_and_where() -> None:
    """If this failed, a commit would be refused, or count for another member."""
    world = World()
    ask = world.commit(T0, T1)
    request = ask.message
    assert (request.group_id, request.member_id, request.group_instance_id) == ("g", "m", "i")
    assert (request.generation_id_or_member_epoch, world.version) == (4, 10)
    (topic,) = request.topics
    assert (topic.name, topic.topic_id) == ("t", TID)
    assert [row.partition_index for row in topic.partitions] == [0, 1]
    row = topic.partitions[0]
    assert (row.committed_offset, row.committed_leader_epoch) == (5, 2)
    assert row.committed_metadata == "m"
    world.end(ask, committed(T0, T1))
    assert (world.told, world.asks(60_000), world.machine.deadline_ms) == ([None], [], None)


def test_a_commit_of_nobody_says_so() -> None:
    """If this failed, a consumer without a membership could not commit."""
    world = World()
    world.machine.commit(full_offsets({T0: 5}), None, 60_000, world.told.append)
    request = world.ask().message
    assert (request.generation_id_or_member_epoch, request.member_id) == (-1, "")
    assert request.group_instance_id is None
    (row,) = request.topics[0].partitions
    assert (row.committed_leader_epoch, row.committed_metadata) == (-1, "")


@pytest.mark.parametrize(
    ("node", "places", "version"),
    [(99, (T0,), 10), (99, (T0, U0), 9), (99, (U0,), 9), (9, (T0,), 9), (6, (T0, U0), 6)],
)
def test_names_are_used_where_an_id_is_not_known(
    node: int, places: tuple[TopicPartition, ...], version: int
) -> None:
    """If this failed, a topic whose id nobody has told could not be committed, or read."""
    world = World(node)
    ids = {topic.name: topic.topic_id for topic in world.commit(*places).message.topics}
    assert ids == {name: TID if name == "t" else ZERO_UUID for name, _ in places}
    assert world.version == version
    world.fetch(*places)
    assert world.version == version


def test_an_id_that_is_told_later_is_used() -> None:
    """If this failed, a topic that was made anew would be committed under the id of before."""
    world = World()
    ask = world.commit(T0)
    world.end(ask, committed(T0, error=ErrorCode.UNKNOWN_TOPIC_ID))
    again = b"T" * 16
    world.know("t", again)
    ask = world.ask(100)
    assert [topic.topic_id for topic in ask.message.topics] == [again]
    world.end(ask, committed(T0, topic_id=again))
    assert world.told == [None]


def test_an_older_node_answers_by_names() -> None:
    """If this failed, no commit to a broker of before KIP-848 would ever succeed."""
    world = World(9)
    row = oc.OffsetCommitResponsePartition(partition_index=0)
    topic = oc.OffsetCommitResponseTopic(name="u", partitions=[row])
    world.end(world.commit(U0), oc.OffsetCommitResponse(topics=[topic]))
    assert world.told == [None]


# ------------------------------------------------------------ reading


def test_what_the_group_has_is_told_and_nothing_else() -> None:
    """If this failed, a partition without a commit would be read from a wrong place."""
    world = World()
    ask = world.fetch(T0, T1)
    (group,) = ask.message.groups
    assert (group.group_id, ask.message.require_stable) == ("g", True)
    assert [(row.name, row.topic_id) for row in group.topics] == [("t", TID)]
    assert group.topics[0].partition_indexes == [0, 1]
    world.end(ask, found((T0, 5), (T1, -1)))
    assert world.told == [{T0: OffsetAndMetadata(5, 3, "")}]


@pytest.mark.parametrize(("version", "stable"), [(6, False), (7, True)])
def test_an_older_node_is_asked_for_one_group(version: int, stable: bool) -> None:
    """If this failed, a consumer would not find its place with an old broker."""
    world = World(version)
    ask = world.fetch(T0, U0)
    request = ask.message
    assert (request.group_id, request.groups, request.require_stable) == ("g", [], stable)
    assert [(row.name, row.partition_indexes) for row in request.topics] == [("t", [0]), ("u", [0])]
    topics = [
        of.OffsetFetchResponseTopic(
            name=name,
            partitions=[
                of.OffsetFetchResponsePartition(
                    partition_index=0, committed_offset=offset, metadata="m"
                )
            ],
        )
        for name, offset in (("t", 7), ("u", 0))
    ]
    world.end(ask, of.OffsetFetchResponse(topics=topics))
    assert world.told == [{T0: OffsetAndMetadata(7, -1, "m"), U0: OffsetAndMetadata(0, -1, "m")}]


# ------------------------------------------------------------ what passes, and what does not


@pytest.mark.parametrize("outcome", [LOST, LATE, *PASSES])
@pytest.mark.parametrize("reads", [True, False])
def test_what_passes_is_asked_again_until_its_time_is_over(reads: bool, outcome: Any) -> None:
    """If this failed, a commit would be lost to a coordinator that moves, or be tried for ever."""
    world = World()
    ask = world.fetch(T0, until_ms=2600) if reads else world.commit(T0, until_ms=2600)
    ends = outcome
    if isinstance(outcome, ErrorCode):
        ends = found((T0, 1), error=outcome) if reads else committed(T0, error=outcome)
    for pause_ms in (100, 200, 400, 800, 1000):
        world.end(ask, ends)
        assert world.machine.deadline_ms == world.now_ms + pause_ms
        assert world.asks(pause_ms - 1) == []
        again = world.ask(1)
        assert again.message == ask.message
        ask = again
    assert world.told == []
    assert (world.places.coordinator(0, "g") is None) == (outcome in MOVED)
    world.end(ask, ends)
    assert (world.asks(60_000), world.machine.deadline_ms) == ([], None)
    (error,) = world.told
    if isinstance(outcome, ErrorCode):
        assert (type(error), error.code) == (BrokerError, outcome)
    else:
        assert error is outcome


@pytest.mark.parametrize("code", REFUSALS)
def test_what_does_not_pass_is_told_at_once(code: ErrorCode) -> None:
    """If this failed, a member whose generation is over would learn so too late, or not at all."""
    world = World()
    world.end(world.commit(T0, T1), committed(T0, T1, error=code))
    world.end(world.fetch(T0), found((T0, 5), error=code))
    world.end(world.fetch(T0), found(group_error=code))
    assert [error.code for error in world.told] == [code] * 3
    assert world.asks(60_000) == []
    assert world.places.coordinator(0, "g") == 1


def test_an_error_of_the_whole_group_passes_too() -> None:
    """If this failed, a consumer would fail while its coordinator loads."""
    world = World()
    world.end(world.fetch(T0), found(group_error=ErrorCode.NOT_COORDINATOR))
    assert world.places.coordinator(0, "g") is None
    world.end(world.ask(100), found((T0, 5)))
    assert world.told == [{T0: OffsetAndMetadata(5, 3, "")}]


@pytest.mark.parametrize("reads", [True, False])
def test_an_answer_that_leaves_something_out_is_none(reads: bool) -> None:
    """If this failed, what was not written would be told as written, or read as not there."""
    world = World()
    ask = world.fetch(T0, T1, until_ms=300) if reads else world.commit(T0, T1, until_ms=300)
    world.end(ask, found((T0, 5)) if reads else committed(T0))
    assert world.told == []
    ask = world.ask(100)
    world.end(ask, found((T0, 5)) if reads else committed(T0))
    (error,) = world.told
    assert isinstance(error, ProtocolError)
    assert "t-1" in str(error)
    assert world.asks(60_000) == []


def test_an_answer_without_the_group_is_none() -> None:
    """If this failed, a group whose answer is empty would begin at auto.offset.reset."""
    world = World()
    world.end(world.fetch(T0), of.OffsetFetchResponse())
    assert world.told == []
    world.end(world.ask(100), found((T0, 5)))
    assert world.told == [{T0: OffsetAndMetadata(5, 3, "")}]


def test_each_is_tried_again_by_itself() -> None:
    """If this failed, one commit in trouble would hold up the others, or be forgotten."""
    world = World()
    first, second = world.commit(T0), world.commit(T1)
    world.end(first, LOST)
    world.now_ms = 50
    world.end(second, LOST)
    assert world.machine.deadline_ms == 100
    again = world.ask(50)
    assert again.message.topics[0].partitions[0].partition_index == 0
    world.end(again, LOST)
    assert world.machine.deadline_ms == 150
    last = world.ask(50)
    world.end(last, committed(T1))
    assert (world.told, world.machine.deadline_ms) == ([None], 300)


def test_an_older_commit_does_not_come_after_a_newer_one() -> None:
    """If this failed, a group's position would go back when a coordinator has had trouble."""
    world = World()
    first = world.commit(T0)
    world.end(first, LOST)
    second = world.commit(T0)
    world.now_ms = 1000
    assert world.asks() == []
    assert [type(told) for told in world.told] == [type(LOST)]
    world.end(second, committed(T0))
    assert world.told[1:] == [None]


OUTCOMES = st.sampled_from([None, "lost", "arrived", *PASSES, *REFUSALS])


@given(st.lists(st.tuples(st.integers(0, 2), OUTCOMES), max_size=30))
def test_what_is_told_as_written_is_written(steps: Sequence[tuple[int, Any]]) -> None:
    """If this failed, a commit could be told as done that is not, be told twice, or not at all."""
    world = World()
    kept: dict[TopicPartition, int] = {}
    ends: list[list[OttlaError | None]] = []
    asks: dict[int, Ask] = {}
    for number in range(3):
        ends.append([])
        offsets = {("t", number): OffsetAndMetadata(10 + number)}
        world.machine.commit(offsets, WHO, 5_000, ends[number].append)

    def take() -> None:
        for ask in world.asks(2_000):
            number = ask.message.topics[0].partitions[0].partition_index
            assert (number in asks, ends[number]) == (False, [])
            asks[number] = ask

    take()
    for number, outcome in [*steps, *((number, None) for number in (0, 1, 2) * 2)]:
        ask = asks.pop(number, None)
        if ask is not None:
            if outcome in (None, "arrived"):
                (row,) = ask.message.topics[0].partitions
                kept[("t", number)] = row.committed_offset
            code = outcome if isinstance(outcome, ErrorCode) else 0
            is_lost = outcome in ("lost", "arrived")
            world.end(ask, LOST if is_lost else committed(("t", number), error=code))
        take()
    for number in range(3):
        (error,) = ends[number]
        if error is None:
            assert kept[("t", number)] == 10 + number
