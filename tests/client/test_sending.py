"""A producer's machine by itself: what it asks, given answers and the time."""

from __future__ import annotations

from typing import Any

from client.peers import in_future
from ottla.client.backoff import Backoff
from ottla.client.errors import ConnectionFailed, TimedOut
from ottla.client.machine import Ask, Questions
from ottla.client.places import Places
from ottla.client.producing.identity import Idempotent
from ottla.client.producing.sending import TOPIC_IDLE_MS_MAX, Sending, SendingSettings
from ottla.wire.errors import ErrorCode
from ottla.wire.messages import metadata as md
from ottla.wire.messages import produce as m
from ottla.wire.messages.init_producer_id import InitProducerIdRequest, InitProducerIdResponse
from ottla.wire.outbox import Delivery, Outbox
from ottla.wire.records import read_batches

NOT_LEADER, OUT_OF_ORDER = 6, 45


class Node:
    """A connection to a node of the newest kind."""

    def version_for(self, kind: Any) -> int:
        """The newest version."""
        return int(kind.max_version)


class World:
    """A producer without a network: its leader is node 1, and says what a test says."""

    def __init__(self, partitions: int = 2, **settings: Any) -> None:
        self.now_ms = 0
        self.places = Places()
        self.outbox = Outbox(
            batch_bytes=10_000,
            buffer_bytes=1 << 20,
            record_bytes_max=1 << 20,
            linger_ms=0,
            codec="none",
            level=None,
            seed=1,
            wake=lambda: None,
            waiter=lambda delivery, timeout: None,
        )
        questions = Questions()
        self.machine = Sending(
            self.outbox,
            self.places,
            Idempotent(questions, 30_000, Backoff()),
            questions,
            SendingSettings(**settings),
        )
        self.machine.topics.add("t")
        self._partitions = partitions
        self.lead(1, 0)

    def lead(self, node: int, epoch: int) -> None:
        """Metadata says who leads."""
        rows = [
            md.MetadataResponsePartition(partition_index=n, leader_id=node, leader_epoch=epoch)
            for n in range(self._partitions)
        ]
        topic = md.MetadataResponseTopic(name="t", topic_id=b"t" * 16, partitions=rows)
        self.places.learn([topic], self.now_ms)

    def send(self, partition: int) -> Delivery:
        """Take a record."""
        self.machine._learn_topics()
        delivery = self.outbox.append("t", "x", None, (), partition, 0, None)
        assert delivery is not None
        return delivery

    def asks(self) -> list[Ask]:
        """What it asks now; requests are made as for a node of today."""
        found = []
        for ask in self.machine.asks(self.now_ms):
            message = ask.message
            if callable(message):
                message, _ = message(Node())
            found.append(ask._replace(message=message))
        in_future(self.machine.deadline_ms, self.now_ms)
        return found

    def answer(self, ask: Ask, outcome: Any) -> None:
        """The end of a request."""
        self.machine.answered(ask.token, outcome, self.now_ms)

    def produced(self, ask: Ask, error: int = 0, offset: int = 0) -> None:
        """The end of a Produce, the same for all partitions."""
        topics = []
        for topic in ask.message.topic_data:
            rows = [
                m.PartitionProduceResponse(
                    index=row.index, error_code=error, base_offset=-1 if error else offset
                )
                for row in topic.partition_data
            ]
            topics.append(m.TopicProduceResponse(name="t", partition_responses=rows))
        self.answer(ask, m.ProduceResponse(responses=topics))


def numbers(ask: Ask) -> list[tuple[int, int, int]]:
    """(partition, epoch, sequence) of the batches in a Produce."""
    found = []
    for topic in ask.message.topic_data:
        for row in topic.partition_data:
            (batch,) = read_batches(row.records)
            found.append((row.index, batch.producer_epoch, batch.base_sequence))
    return found


def known(world: World) -> None:
    """Give it its producer id, with the first record that waits."""
    (ask,) = world.asks()
    assert isinstance(ask.message, InitProducerIdRequest)
    world.answer(ask, InitProducerIdResponse(producer_id=7, producer_epoch=0))


def test_a_batch_that_went_to_the_wrong_node_goes_to_the_right_one() -> None:
    """If this failed, a moved leader would cost records, or send them to the old one for ever."""
    world = World()
    first = world.send(0)
    known(world)
    (ask,) = world.asks()
    assert (ask.to.id, numbers(ask)) == (1, [(0, 0, 0)])  # type: ignore[union-attr]
    world.produced(ask, NOT_LEADER)
    assert world.places.leader(("t", 0)) is None, "who leads is asked for again"
    world.now_ms = 200
    assert world.asks() == []
    world.lead(2, 1)
    (ask,) = world.asks()
    assert (ask.to.id, numbers(ask)) == (2, [(0, 0, 0)])  # type: ignore[union-attr]
    world.produced(ask, offset=5)
    assert (first.done, first.offset) == (True, 5)


def test_numbers_begin_anew_when_a_leader_knows_no_better() -> None:
    """If this failed, a producer whose numbers do not fit would be refused for ever."""
    world = World()
    first = world.send(0)
    known(world)
    (ask,) = world.asks()
    world.produced(ask)
    second, other = world.send(0), world.send(1)
    (ask,) = world.asks()
    assert sorted(numbers(ask)) == [(0, 0, 1), (1, 0, 0)]
    world.produced(ask, OUT_OF_ORDER)
    world.now_ms = 200
    (ask,) = world.asks()
    assert sorted(numbers(ask)) == [(0, 1, 0), (1, 1, 0)], "a higher epoch, from 0 on"
    world.produced(ask, offset=1)
    assert [one.done for one in (first, second, other)] == [True] * 3


def test_no_more_is_sent_than_the_leader_remembers() -> None:
    """If this failed, a record could be there twice: a batch that was written, and refused all the
    same, would come again when the leader has forgotten it by five others.
    """
    world = World()
    world.send(0)
    known(world)
    (first,) = world.asks()
    world.produced(first)
    asks = []
    for _ in range(5):
        world.send(0)
        asks += world.asks()
    assert [numbers(ask) for ask in asks] == [[(0, 0, n)] for n in range(1, 6)]
    world.send(0)
    world.produced(asks[0], ErrorCode.NOT_ENOUGH_REPLICAS_AFTER_APPEND)
    for ask in asks[1:]:
        world.produced(ask)
    world.now_ms = 200
    (again,) = world.asks()
    assert numbers(again) == [(0, 0, 1)], "alone, though four that followed it are there"
    world.produced(again, offset=1)
    (last,) = world.asks()
    assert numbers(last) == [(0, 0, 6)]


def test_what_is_dropped_leaves_no_gap_in_the_numbers() -> None:
    """If this failed, the transaction after one that was aborted would be refused for nothing."""
    world = World()
    dropped = world.send(0)
    known(world)
    (ask,) = world.asks()
    world.produced(ask, NOT_LEADER)
    world.machine.drop_unsent(TimedOut("aborted"))
    assert isinstance(dropped.error, TimedOut)
    world.now_ms = 200
    world.lead(2, 1)
    world.send(0)
    (ask,) = world.asks()
    assert numbers(ask) == [(0, 1, 0)], "a higher epoch, from 0 on"


def test_who_needs_no_id_any_more_does_not_ask_for_one() -> None:
    """If this failed, a record that became late between two tries for an id would have left the
    client's thread turning for ever, and whoever waited for the record asleep.
    """
    world = World(delivery_timeout_ms=50)
    delivery = world.send(0)
    (ask,) = world.asks()
    world.answer(ask, ConnectionFailed("node", 9092, "closed"))
    world.now_ms = 60
    assert world.asks() == []
    assert isinstance(delivery.error, TimedOut)
    world.now_ms = 5_000
    assert world.asks() == []
    assert world.machine.deadline_ms is None


def test_what_is_late_is_told_so() -> None:
    """If this failed, a record would wait for a leader that never comes."""
    world = World()
    delivery = world.send(0)
    known(world)
    world.places.doubt_leader(("t", 0))
    assert world.asks() == []
    assert world.machine.deadline_ms == 120_000
    world.now_ms = 120_000
    assert world.asks() == []
    assert delivery.done
    assert "120000 ms" in str(delivery.error)


def test_a_topic_that_nothing_is_sent_to_is_forgotten() -> None:
    """If this failed, an idle producer would make a topic again that was deleted."""
    world = World()
    world.send(0)
    known(world)
    (ask,) = world.asks()
    world.produced(ask)
    world.now_ms = TOPIC_IDLE_MS_MAX
    world.asks()
    assert world.machine.topics == {"t"}
    world.now_ms += 1
    world.asks()
    assert world.machine.topics == set()
    world.send(0)
    world.asks()
    assert world.machine.topics == {"t"}
