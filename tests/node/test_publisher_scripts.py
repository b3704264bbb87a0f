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
        core: Any = SimpleNamespace(
            place=lambda states: self.told.extend(
                ("place", state.topic, state.partition) for state in states
            ),
            delete_partitions=lambda names: self.told.extend(("delete", *name) for name in names),
            mark=lambda mark: True,
            strays=list,
            disk=SimpleNamespace(list=lambda folder: []),
        )
        nothing: Any = None
        coordinators: Any = SimpleNamespace(publish=lambda delta: None)
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
    assert not world.context.offline, "it would be shown without a leader on the other broker"
    assert world.records(moved(0, OTHER), moved(0, ME)) == [("place", "t", 0)], "it never left"
    assert world.records(moved(1, ME)) == [("place", "t", 1)]
    assert world.records(moved(1, OTHER), RemoveTopicRecord(topic_id=TOPIC)) == [
        ("delete", "t", 0),
        ("delete", "t", 1),
    ], "gone as it was before the delta: hosted"
