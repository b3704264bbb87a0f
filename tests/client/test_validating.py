"""What a consumer does when a log was cut behind it: as a machine, and after a power cut."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import ottla
from client.test_sending import Node
from ottla.client import Consumer, LogTruncated, Producer
from ottla.client.backoff import Backoff
from ottla.client.consuming.part import EARLIEST, LATEST, Part
from ottla.client.consuming.reset import OffsetReset
from ottla.client.consuming.validating import Validating
from ottla.client.errors import ApiNotSupported, BrokerError
from ottla.client.machine import Ask, Questions
from ottla.client.places import Places
from ottla.errors import OttlaError
from ottla.wire.messages import metadata as md
from ottla.wire.messages import offset_for_leader_epoch as m
from servers import eventually

PLACE = ("t", 0)
FENCED_LEADER_EPOCH, UNAUTHORIZED = 74, 29


class World:
    """A partition that was read to offset 20, in leader epoch 3."""

    def __init__(self, reset: str = "latest") -> None:
        self.now_ms = 0
        self.places = Places()
        self.part = Part(PLACE, self.places.at(PLACE), Backoff(100, 1000))
        self.part.seek(20, 3, checked_epoch=3)
        self.refused: list[OttlaError] = []
        self._questions = Questions()
        self._machine = Validating(
            self.places,
            self._questions,
            lambda _, error: self.refused.append(error),
            OffsetReset(reset, lambda: 0),
            timeout_ms=1000,
        )
        self.lead(1, 3)

    def lead(self, node: int, epoch: int) -> None:
        """Metadata says who leads."""
        row = md.MetadataResponsePartition(partition_index=0, leader_id=node, leader_epoch=epoch)
        topic = md.MetadataResponseTopic(name="t", topic_id=b"t" * 16, partitions=[row])
        self.places.learn([topic], self.now_ms)

    def asks(self) -> list[Ask]:
        """What it asks now."""
        self._machine.act({PLACE: self.part}, self.now_ms)
        return self._questions.take()

    def answer(self, ask: Ask, end: int, epoch: int, error: int = 0) -> None:
        """The leader's log has that epoch up to there."""
        row = m.EpochEndOffset(error_code=error, partition=0, leader_epoch=epoch, end_offset=end)
        topic = m.OffsetForLeaderTopicResult(topic="t", partitions=[row])
        self.fail(ask, m.OffsetForLeaderEpochResponse(topics=[topic]))

    def fail(self, ask: Ask, outcome: Any) -> None:
        """The end of a request."""
        self._questions.answered(ask.token, outcome, self.now_ms)

    @property
    def needs_check(self) -> bool:
        """Whether nothing may be fetched yet."""
        return self.part.needs_check


def test_a_leader_is_asked_once_for_what_was_read_before_it() -> None:
    """If this failed, positions would not be checked, or again and again."""
    world = World()
    assert world.asks() == []
    world.lead(2, 4)
    (ask,) = world.asks()
    assert world.asks() == []
    assert world.needs_check
    assert ask.to.id == 2
    (row,) = ask.message.topics[0].partitions
    assert (row.current_leader_epoch, row.leader_epoch) == (4, 3)
    assert ask.message.replica_id == -1
    assert m.OffsetForLeaderEpochRequest.max_version == Node().version_for(type(ask.message))
    world.answer(ask, 20, 3)
    assert not world.needs_check
    assert world.asks() == []
    assert world.part.position == 20


def test_a_position_of_no_known_epoch_is_not_asked_about() -> None:
    """If this failed, every seek would cost a journey."""
    world = World()
    world.part.seek(7)
    world.lead(2, 4)
    assert world.asks() == []


@pytest.mark.parametrize("reset", ["latest", "earliest"])
def test_reading_goes_on_where_the_log_was_cut(reset: str) -> None:
    """If this failed, what was written in the place of what was cut off would be skipped."""
    world = World(reset)
    world.lead(2, 4)
    (ask,) = world.asks()
    world.answer(ask, 15, 2)
    assert (world.part.position, world.part.fetch_epoch) == (15, 2)
    assert not world.refused


def test_what_was_only_fetched_is_fetched_again() -> None:
    """If this failed, what is no more in the log would be handed out, or something skipped."""
    world = World("none")
    world.part.position = 12
    world.lead(2, 4)
    (ask,) = world.asks()
    world.answer(ask, 15, 2)
    assert (world.part.position, world.part.fetch_offset) == (12, 12)
    assert not world.refused


@pytest.mark.parametrize(("end", "epoch", "at"), [(15, 2, 15), (-1, -1, None)])
def test_without_a_reset_it_is_told(end: int, epoch: int, at: int | None) -> None:
    """If this failed, a program that must not lose a record would not hear that it did."""
    world = World("none")
    world.lead(2, 4)
    (ask,) = world.asks()
    world.answer(ask, end, epoch)
    (error,) = world.refused
    assert isinstance(error, LogTruncated)
    assert (error.position, error.diverges_at) == (20, at)


@pytest.mark.parametrize(("reset", "time"), [("earliest", EARLIEST), ("latest", LATEST)])
def test_a_log_that_knows_nothing_of_it_is_read_from_an_end(reset: str, time: int) -> None:
    """If this failed, a topic that was made anew would be read from a place of the old one."""
    world = World(reset)
    world.lead(2, 4)
    (ask,) = world.asks()
    world.answer(ask, -1, -1)
    assert world.part.wants_time == time


def test_what_fails_is_asked_again_later_and_of_whoever_leads_then() -> None:
    """If this failed, one lost request would leave a partition unread, or press its node."""
    world = World()
    world.lead(2, 4)
    for wait_ms in (100, 200, 400):
        (ask,) = world.asks()
        world.answer(ask, -1, -1, FENCED_LEADER_EPOCH)
        world.lead(2, 5)
        assert world.asks() == []
        world.now_ms += wait_ms
    (ask,) = world.asks()
    world.fail(ask, OttlaError("lost"))
    assert world.places.is_doubted("t")
    world.lead(3, 6)
    world.now_ms += 1000
    (ask,) = world.asks()
    assert ask.to.id == 3
    world.answer(ask, 99, 6)
    assert not world.needs_check


def test_nodes_that_can_not_say_are_believed() -> None:
    """If this failed, nothing could be read from a node of before Kafka 2."""
    world = World()
    world.lead(2, 4)
    (ask,) = world.asks()
    world.fail(ask, ApiNotSupported("not served"))
    assert not world.needs_check


def test_who_may_not_ask_is_told() -> None:
    """If this failed, a consumer without a right would stand still and not say why."""
    world = World()
    world.lead(2, 4)
    (ask,) = world.asks()
    world.answer(ask, -1, -1, UNAUTHORIZED)
    (error,) = world.refused
    assert isinstance(error, BrokerError)


def test_a_seek_overtakes_the_answer() -> None:
    """If this failed, a position that somebody has set would be moved by an old answer."""
    world = World()
    world.lead(2, 4)
    (ask,) = world.asks()
    world.part.seek(3)
    world.answer(ask, 15, 2)
    assert world.part.position == 3


def test_after_a_power_cut_the_new_records_are_read(tmp_path: Path) -> None:
    """If this failed, a consumer that had read what a power cut took would skip what is written
    next, up to where it had been.
    """
    broker = ottla.Broker(dir=tmp_path)
    broker.start()
    with (
        Producer(broker.bootstrap_servers) as producer,
        Consumer(broker.bootstrap_servers, auto_offset_reset="latest") as consumer,
    ):
        first = [producer.send("t", f"old {number}") for number in range(20)]
        first[-1].result(20)
        consumer.assign([("t", 0, 0)])
        read: list[bytes | None] = []
        eventually(lambda: read.extend(r.value for r in consumer.poll(0.1)) or len(read) == 20, "")
        broker.power_cut()
        broker.start()
        new = [producer.send("t", f"new {number}") for number in range(5)]
        new[-1].result(20)
        assert new[-1].offset < 20
        found: list[bytes | None] = []
        eventually(lambda: found.extend(r.value for r in consumer.poll(0.1)) or len(found) == 5, "")
        assert found == [f"new {number}".encode() for number in range(5)]
    broker.close()
