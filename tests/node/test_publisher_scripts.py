"""What the core is told of one delta of the cluster after the other."""

from __future__ import annotations

from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any

import pytest

from ottla._core import CoreError, PartitionState, TopicConfig
from ottla.broker.context import Context
from ottla.broker.directories import Directories
from ottla.broker.settings import Settings
from ottla.config.broker import BrokerConfig
from ottla.metadata.delta import MetadataDelta
from ottla.metadata.image import EMPTY_IMAGE, TOPIC_RESOURCE
from ottla.node.coordinators import Led
from ottla.node.logs import Logs
from ottla.node.publisher import Publisher, by_cause
from ottla.security.authorizer import AllowAll
from ottla.wire.stored.metadata import (
    ConfigRecord,
    PartitionChangeRecord,
    PartitionRecord,
    RemoveTopicRecord,
    TopicRecord,
)

ME, OTHER, THIRD = 1, 2, 3
TOPIC = b"t".ljust(16)
DIRECTORIES = (b"a" * 16, b"b" * 16)


class World:
    """A core and coordinators that remember what they are told."""

    def __init__(self) -> None:
        self.told: list[str] = []
        self.hangs = False
        """Whether nothing that the core is told is so at once."""
        self.marks: list[int] = []
        self.heard: list[int] = []
        """The offsets of the deltas that coordinators know."""
        core: Any = SimpleNamespace(
            place=lambda states: self.told.extend(map(placed, states)),
            configure_topic=lambda name, config: self.told.append(configured(name, config)),
            delete_partitions=lambda names: self.told.extend(
                f"delete {name.topic}-{name.partition}" for name in names
            ),
            mark=self._mark,
            strays=list,
            futures=list,
            disk=SimpleNamespace(stat=lambda path: None),
        )
        nothing: Any = None
        desk: Any = SimpleNamespace(reply=None, respond=None, internal=None)
        coordinators: Any = SimpleNamespace(
            publish=self._heard,
            opened=lambda topic_id, index: self.told.append(f"opened {_name(topic_id)}-{index}"),
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
            desk=desk,
            authorizer=AllowAll(),
            loggers=nothing,
            client_software=nothing,
            make_client_metrics=nothing,
        )
        self.configured: list[BrokerConfig] = []
        self.publisher = Publisher(
            self.context,
            self.context.directories,
            core,
            coordinators,
            Logs.silent(),
            self.configured.append,
        )

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

    def records(self, *records: Any) -> list[str]:
        """Publish what these records make of the cluster; what the core hears of it."""
        self.told.clear()
        delta = MetadataDelta(self.context.image)
        for record in records:
            delta.replay(record)
        delta.finish(offset=self.context.image.offset + len(records))
        self.publisher.publish(delta)
        return self.told


def placed(state: PartitionState) -> str:
    """All of what the core is told of one replica."""
    assert state.topic_id == state.topic[:16].encode().ljust(16)
    replicas, isr = (",".join(map(str, ids)) for ids in (state.replicas, state.isr))
    internal = " internal" if state.internal else ""
    return (
        f"place {state.topic}-{state.partition} leader={state.leader} "
        f"epochs={state.leader_epoch},{state.partition_epoch} replicas={replicas} isr={isr} "
        f"dir={state.log_dir} min={state.min_insync_replicas}{internal}"
    )


def configured(topic: str, config: TopicConfig) -> str:
    """What the core is told of a topic's configuration."""
    return f"configure {topic} min={config.min_insync_replicas}"


def _name(topic_id: bytes) -> str:
    return topic_id.strip().decode()


def partition(
    index: int, *replicas: int, isr: Sequence[int] = (), topic: bytes = TOPIC, **rest: Any
) -> PartitionRecord:
    """A partition on these brokers, all of them in sync where nothing else is said."""
    return PartitionRecord(
        topic_id=topic,
        partition_id=index,
        replicas=list(replicas),
        isr=list(isr or replicas),
        **{"leader": replicas[0], "leader_epoch": 0, "partition_epoch": 0, **rest},
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


def created(*partitions: PartitionRecord) -> list[Any]:
    """The topic `t` with these."""
    return [TopicRecord(name="t", topic_id=TOPIC), *partitions]


def names(told: list[str]) -> list[str]:
    """What was told of which partition, without how it is to be."""
    return [" ".join(line.split()[:2]) for line in told]


def test_the_core_hears_all_of_a_replica() -> None:
    """A field that is mixed up on the way down makes a leader that waits for the wrong replicas, or
    answers in the wrong epoch, and nobody sees why.
    """
    world = World()
    world.publisher.begin()
    three = partition(
        0, OTHER, ME, THIRD, isr=(OTHER, ME), leader_epoch=4, partition_epoch=9,
        directories=[b"x" * 16, DIRECTORIES[1], b"y" * 16],
    )  # fmt: skip
    demand = ConfigRecord(
        resource_type=TOPIC_RESOURCE, resource_name="t", name="min.insync.replicas", value="2"
    )
    assert world.records(*created(three), demand) == [
        "place t-0 leader=2 epochs=4,9 replicas=2,1,3 isr=2,1 dir=1 min=2",
        "configure t min=2",
    ]
    elected = PartitionChangeRecord(topic_id=TOPIC, partition_id=0, isr=[ME], leader=ME)
    assert world.records(elected) == [
        "place t-0 leader=1 epochs=5,10 replicas=2,1,3 isr=1 dir=1 min=2"
    ]
    joined = PartitionChangeRecord(topic_id=TOPIC, partition_id=0, isr=[ME, THIRD])
    assert world.records(joined) == [
        "place t-0 leader=1 epochs=5,11 replicas=2,1,3 isr=1,3 dir=1 min=2"
    ]
    nobody = PartitionChangeRecord(topic_id=TOPIC, partition_id=0, leader=-1)
    assert world.records(nobody) == [
        "place t-0 leader=-1 epochs=6,12 replicas=2,1,3 isr=1,3 dir=1 min=2"
    ]
    less = ConfigRecord(
        resource_type=TOPIC_RESOURCE, resource_name="t", name="min.insync.replicas", value=None
    )
    assert world.records(less) == ["configure t min=1"]


def test_internal_topics_are_named_to_the_core() -> None:
    """Any producer could write what coordinators live by."""
    world = World()
    world.publisher.begin()
    topic_id = b"__consumer_offsets"[:16]
    record = TopicRecord(name="__consumer_offsets", topic_id=topic_id)
    assert world.records(record, partition(0, ME, topic=topic_id)) == [
        "place __consumer_offsets-0 leader=1 epochs=0,0 replicas=1 isr=1 dir=0 min=1 internal"
    ]


def test_the_core_hears_of_the_start_as_a_whole() -> None:
    """Each partition would be placed as often as it changed while this broker came in."""
    world = World()
    assert world.records(*created(partition(0, ME))) == []
    assert world.records(moved(0, ME, OTHER)) == []
    assert world.context.image.topics.by_name["t"].partitions[0].replicas == (ME, OTHER)
    world.publisher.begin()
    assert world.told == ["place t-0 leader=1 epochs=1,1 replicas=1,2 isr=1,2 dir=0 min=1"]


def test_a_replica_that_others_have_now_is_let_go_of() -> None:
    """It would stay open for ever, take the disk, and lie there when the partition comes back."""
    world = World()
    world.publisher.begin()
    assert world.records(*created(partition(0, ME), partition(1, ME))) == [
        "place t-0 leader=1 epochs=0,0 replicas=1 isr=1 dir=0 min=1",
        "place t-1 leader=1 epochs=0,0 replicas=1 isr=1 dir=1 min=1",
    ]
    directories = world.context.directories
    assert directories.index(TOPIC, 1) == 1
    world.publisher.unopened(TOPIC, 1, CoreError("storage", "no space"))
    assert world.context.offline == {("t", 1)}
    assert world.records(moved(1, OTHER, ME)) == [
        "place t-1 leader=2 epochs=1,1 replicas=2,1 isr=2,1 dir=1 min=1"
    ]
    assert world.records(moved(1, OTHER)) == ["delete t-1"]
    assert directories.index(TOPIC, 1) is None
    late = CoreError("storage", "what the core said before it heard of that")
    world.publisher.unopened(TOPIC, 1, late)
    assert not world.context.offline, "it would be shown without a leader on the other broker"
    assert names(world.records(moved(0, OTHER), moved(0, ME))) == ["place t-0"], "it never left"
    assert names(world.records(moved(1, ME))) == ["place t-1"]
    gone = RemoveTopicRecord(topic_id=TOPIC)
    told = world.records(moved(1, OTHER), gone)
    assert told == ["delete t-0", "delete t-1"], "gone as it was before the delta: hosted"


def test_coordinators_wait_for_their_own_partitions_alone() -> None:
    """A disk that takes its time for another partition would keep all groups from being served, and
    what is forgotten with a deleted topic would be forgotten of the next one of its name.
    """
    world = World()
    world.publisher.begin()
    world.hangs = True
    world.records(*created(partition(0, ME)))
    (slow,) = world.marks[1:]
    assert world.heard == [-1, 1], "it hears of it, applied or not"
    internal = b"internal".ljust(16)
    of_internal = partition(0, ME, topic=internal)
    world.records(TopicRecord(name="internal", topic_id=internal), of_internal, partition(1, ME))
    assert names(world.told) == ["place internal-0", "place t-1"]
    of_it, rest = world.marks[2:]
    world.publisher.applied(of_it)
    assert world.told[2:] == ["opened internal-0"]
    assert not world.publisher.is_applied(2, 5)
    world.publisher.applied(rest)
    assert world.publisher.is_applied(2, 5)
    assert not world.publisher.is_applied(0, 2)
    world.publisher.wait_no_more(1)
    assert world.publisher.is_applied(0, 5)
    world.publisher.applied(slow)
    assert world.told[3:] == []


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ((5, "/d/t-0/partition.metadata"), (5, "/d/t-1/partition.metadata"), True),
        ((5, "/d/t-0/0000.log"), (5, "/d/t-1/0070.log"), True),
        ((5, "/d/t-0"), (5, "/d/t-1"), True),
        ((5, None), (5, None), True),
        ((5, "/d/t-0/0000.log"), (5, "/d/t-1/0000.index"), False),
        ((5, "/d/t-0"), (28, "/d/t-1"), False),
        ((5, "/d1/t-0"), (5, "/d2/t-1"), False),
        ((5, "/d/t-0"), (5, None), False),
    ],
)
def test_a_cause_is_told_by_what_can_be_compared(
    one: tuple[int, str | None], other: tuple[int, str | None], same: bool
) -> None:
    """A text that is put in other words would fill the log with a line for each partition, or hide
    a second fault behind the first.
    """
    problems = [
        ("t", index, CoreError("storage", f"in words {index}", 56, *about))
        for index, about in enumerate((one, other))
    ]
    assert len(list(by_cause(problems))) == (1 if same else 2)
