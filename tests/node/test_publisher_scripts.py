"""What the core is told of one delta of the cluster after the other."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from ottla.broker.context import Context
from ottla.broker.directories import Directories
from ottla.broker.settings import Settings
from ottla.config.broker import BrokerConfig
from ottla.metadata.delta import MetadataDelta
from ottla.metadata.image import EMPTY_IMAGE
from ottla.node.coordinators import Led
from ottla.node.logs import Logs
from ottla.node.publisher import Publisher
from ottla.wire.stored.metadata import (
    PartitionChangeRecord,
    PartitionRecord,
    RemoveTopicRecord,
    TopicRecord,
)

ME, OTHER = 1, 2
TOPIC = b"topic".ljust(16)
DIRECTORIES = (b"a" * 16, b"b" * 16)


class World:
    """A core and coordinators that remember what they are told."""

    def __init__(self) -> None:
        self.told: list[Any] = []
        self.hangs = False
        """Whether nothing that the core is told is so at once."""
        self.marks: list[int] = []
        self.heard: list[int] = []
        """The offsets of the deltas that coordinators know."""
        core: Any = SimpleNamespace(
            place=lambda states: self.told.extend(
                ("place", state.topic, state.partition) for state in states
            ),
            delete_partitions=lambda names: self.told.extend(
                ("delete", name.topic, name.partition) for name in names
            ),
            mark=self._mark,
            strays=list,
            disk=SimpleNamespace(stat=lambda path: None),
        )
        nothing: Any = None
        coordinators: Any = SimpleNamespace(
            publish=self._heard,
            opened=lambda topic_id, index: self.told.append(("opened", topic_id, index)),
        )
        settings = Settings(BrokerConfig({"node.id": "1"}), EMPTY_IMAGE, ME)
        self.context = Context(
            node_id=ME,
            cluster_id="c",
            settings=settings,
            logs=nothing,
            now_ms=lambda: 0,
            router=nothing,
            log_dirs=("/a", "/b"),
            directories=Directories(ME, DIRECTORIES),
            controller=nothing,
            coordinators=coordinators,
            reply=nothing,
        )
        self.publisher = Publisher(self.context, core, coordinators, Logs.silent())

    def _mark(self, mark: int) -> bool:
        self.marks.append(mark)
        return not self.hangs

    def _heard(self, delta: MetadataDelta) -> set[Led]:
        self.heard.append(delta.image.offset)
        return {
            Led(change.topic.id, change.index)
            for change in delta.partitions_changed()
            if change.topic.name == "internal"
        }

    def records(self, *records: Any) -> list[Any]:
        """Publish what these records make of the cluster; what the core hears of it."""
        self.told.clear()
        delta = MetadataDelta(self.context.image)
        for record in records:
            delta.replay(record)
        delta.finish(offset=self.context.image.offset + len(records))
        self.publisher.publish(delta)
        return self.told


def partition(index: int, *replicas: int) -> PartitionRecord:
    """A partition on these brokers."""
    return PartitionRecord(
        topic_id=TOPIC,
        partition_id=index,
        replicas=list(replicas),
        isr=list(replicas),
        leader=replicas[0],
    )


def moved(index: int, *replicas: int) -> PartitionChangeRecord:
    """It is on these brokers from now on."""
    return PartitionChangeRecord(
        topic_id=TOPIC,
        partition_id=index,
        replicas=list(replicas),
        isr=list(replicas),
        leader=replicas[0],
    )


def test_the_core_hears_of_the_start_as_a_whole() -> None:
    """Each partition would be placed as often as it changed while this broker came in."""
    world = World()
    assert world.records(TopicRecord(name="t", topic_id=TOPIC), partition(0, ME)) == []
    assert world.records(moved(0, ME, OTHER)) == []
    assert world.context.image.topics.by_name["t"].partitions[0].replicas == (ME, OTHER)
    world.publisher.begin()
    assert world.told == [("place", "t", 0)]


def test_a_replica_that_others_have_now_is_let_go_of() -> None:
    """It would stay open for ever, take the disk, and lie there when the partition comes back."""
    world = World()
    world.publisher.begin()
    created = [TopicRecord(name="t", topic_id=TOPIC), partition(0, ME), partition(1, ME)]
    assert world.records(*created) == [("place", "t", 0), ("place", "t", 1)]
    directories = world.context.directories
    assert directories.index(TOPIC, 1) == 1
    world.publisher.unopened(TOPIC, 1, "no space")
    assert world.context.offline == {("t", 1)}
    assert world.records(moved(1, OTHER, ME)) == [("place", "t", 1)]
    assert world.records(moved(1, OTHER)) == [("delete", "t", 1)]
    assert directories.index(TOPIC, 1) is None
    world.publisher.unopened(TOPIC, 1, "what the core said before it heard of that")
    assert not world.context.offline, "it would be shown without a leader on the other broker"
    assert world.records(moved(0, OTHER), moved(0, ME)) == [("place", "t", 0)], "it never left"
    assert world.records(moved(1, ME)) == [("place", "t", 1)]
    assert world.records(moved(1, OTHER), RemoveTopicRecord(topic_id=TOPIC)) == [
        ("delete", "t", 0),
        ("delete", "t", 1),
    ], "gone as it was before the delta: hosted"


def test_coordinators_wait_for_their_own_partitions_alone() -> None:
    """A disk that takes its time for another partition would keep all groups from being served, and
    what is forgotten with a deleted topic would be forgotten of the next one of its name.
    """
    world = World()
    world.publisher.begin()
    world.hangs = True
    world.records(TopicRecord(name="t", topic_id=TOPIC), partition(0, ME))
    (slow,) = world.marks[1:]
    assert world.heard == [-1, 1], "it hears of it, applied or not"
    internal = b"internal".ljust(16)
    of_internal = partition(0, ME)
    of_internal.topic_id = internal
    world.records(TopicRecord(name="internal", topic_id=internal), of_internal, partition(1, ME))
    assert world.told == [("place", "internal", 0), ("place", "t", 1)]
    of_it, rest = world.marks[2:]
    world.publisher.applied(of_it)
    assert world.told[2:] == [("opened", internal, 0)]
    assert not world.publisher.is_applied(2, 5)
    world.publisher.applied(rest)
    assert world.publisher.is_applied(2, 5)
    assert not world.publisher.is_applied(0, 2)
    world.publisher.wait_no_more(1)
    assert world.publisher.is_applied(0, 5)
    world.publisher.applied(slow)
    assert world.told[3:] == []
