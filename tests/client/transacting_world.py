"""A transactional producer without a network: the machine, its clock, and what a test answers."""

from __future__ import annotations

from typing import Any

from client.peers import in_future
from ottla.client.backoff import Backoff
from ottla.client.consuming.committing import OffsetAndMetadata
from ottla.client.machine import Ask, Questions
from ottla.client.membership.events import GroupGeneration
from ottla.client.places import Places, TopicPartition
from ottla.client.producing.transacting import OPEN, READY, Transactional
from ottla.errors import OttlaError
from ottla.wire.messages import add_partitions_to_txn as ap
from ottla.wire.messages import txn_offset_commit as oc
from ottla.wire.messages.init_producer_id import InitProducerIdRequest, InitProducerIdResponse

T0, T1, U0 = ("t", 0), ("t", 1), ("u", 0)
GROUP = GroupGeneration("g", "m", "i", 4)


class Newest:
    """A connection to a node of today."""

    def version_for(self, kind: Any) -> int:
        """The newest version."""
        return int(kind.max_version)


class World:
    """One producer; `version` is the cluster's transaction.version."""

    def __init__(self, version: int = 2) -> None:
        self.now_ms = 0
        self.places = Places()
        self.places.features = {"transaction.version": version}
        self.places.learn_coordinator(1, "x", 1)
        self.places.learn_coordinator(0, "g", 2)
        self.questions = Questions()
        self.machine = Transactional(
            "x",
            self.places,
            self.questions,
            transaction_timeout_ms=60_000,
            request_timeout_ms=30_000,
            backoff=Backoff(),
        )
        self.ends: list[OttlaError | None] = []
        """How what the user called has ended."""
        self.versions: list[int | None] = []
        """Of the requests that were asked; None for the newest."""
        self.renumbered = 0
        """How often numbers began anew."""

    def asks(self, after_ms: int = 0, *, is_idle: bool = True, is_empty: bool = True) -> list[Ask]:
        """What it asks a little later, of a node of today."""
        self.now_ms += after_ms
        self.renumbered += self.machine.act(self.now_ms, is_idle=is_idle, is_empty=is_empty)
        found = []
        for ask in self.questions.take():
            message, version = ask.message, ask.version
            if callable(message):
                message, version = message(Newest())
            self.versions.append(version)
            found.append(ask._replace(message=message))
        in_future(self.machine.deadline_ms, self.now_ms)
        return found

    def ask(self, after_ms: int = 0, *, is_idle: bool = True) -> Ask:
        """The one request that it asks."""
        (ask,) = self.asks(after_ms, is_idle=is_idle)
        return ask

    def end(self, ask: Ask, outcome: Any) -> None:
        """A request ends."""
        self.questions.answered(ask.token, outcome, self.now_ms)

    def initialize(self, producer_id: int = 7, epoch: int = 0) -> None:
        """It has its producer id."""
        self.machine.initialize(self.ends.append)
        ask = self.ask()
        assert isinstance(ask.message, InitProducerIdRequest)
        self.end(ask, InitProducerIdResponse(producer_id=producer_id, producer_epoch=epoch))
        assert (self.machine.state, self.ends.pop()) == (READY, None)
        assert self.asks() == []
        assert self.machine.state == READY

    def begin(self) -> None:
        """It has its producer id, and a transaction is open."""
        self.initialize()
        self.machine.begin()
        assert self.machine.state == OPEN

    def send_offsets(self, *places: TopicPartition) -> None:
        """Offset 5 of these partitions is to count for the group."""
        offsets = {place: OffsetAndMetadata(5, 2, "m") for place in places}
        self.machine.send_offsets(offsets, GROUP, self.ends.append)

    def stop(self, *, commit: bool) -> None:
        """Commit or abort."""
        self.machine.end(commit, self.ends.append)


def added(ask: Ask, error: int = 0) -> Any:
    """What is said to AddPartitionsToTxn."""
    topics = [
        ap.AddPartitionsToTxnTopicResult(
            name=topic.name,
            results_by_partition=[
                ap.AddPartitionsToTxnPartitionResult(
                    partition_index=number, partition_error_code=error
                )
                for number in topic.partitions
            ],
        )
        for topic in ask.message.v3_and_below_topics
    ]
    return ap.AddPartitionsToTxnResponse(results_by_topic_v3_and_below=topics)


def written(ask: Ask, error: int = 0) -> Any:
    """What is said to TxnOffsetCommit: an error is of the last partition alone."""
    rows = [
        oc.TxnOffsetCommitResponsePartition(partition_index=row.partition_index)
        for row in ask.message.topics[0].partitions
    ]
    rows[-1].error_code = error
    topic = oc.TxnOffsetCommitResponseTopic(name=ask.message.topics[0].name, partitions=rows)
    return oc.TxnOffsetCommitResponse(topics=[topic])


def wanted(ask: Ask) -> list[tuple[str, list[int]]]:
    """The partitions that are to be added."""
    return [(topic.name, topic.partitions) for topic in ask.message.v3_and_below_topics]


def opened(version: int = 1) -> World:
    """A transaction with a partition in it."""
    world = World(version)
    world.begin()
    if version >= 2:
        assert world.machine.may_send(T0)
    else:
        assert not world.machine.may_send(T0)
        ask = world.ask()
        world.end(ask, added(ask))
    return world
