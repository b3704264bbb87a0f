"""A kind of coordinator is a row: what the node does with one that no file of it names."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from coordinators.world import Counter
from ottla._core import PartitionOffsets
from ottla.broker.internal_topics import CoordinatorNotLoaded, InternalTopic, Parts
from ottla.broker.settings import Settings
from ottla.config.broker import BrokerConfig
from ottla.decide import Decision
from ottla.errors import BrokenInvariant
from ottla.metadata.delta import MetadataDelta
from ottla.metadata.image import EMPTY_IMAGE, MetadataImage
from ottla.node.coordinators import Coordinators
from ottla.node.logs import Logs
from ottla.wire.stored.metadata import PartitionRecord, RemoveTopicRecord, TopicRecord

ME, OTHER = 1, 2
NAME = "__things"
TOPIC = NAME.encode().ljust(16)
EMPTY = PartitionOffsets(
    log_start=0, high_watermark=0, last_stable=0, log_end=0, leader_epoch=0, size_bytes=0
)


class Thing:
    """Decides nothing, and remembers that the cluster changed."""

    def __init__(self, partition: int) -> None:
        self.images = 0

    def loaded(self, image: Any, now: Any) -> Decision:
        return Decision()

    def on_image(self, delta: Any, now: Any) -> Decision:
        self.images += 1
        return Decision()


class World:
    """The coordinators of a node with one row, of the test's own."""

    def __init__(self) -> None:
        self.made: list[Any] = []
        self.image: MetadataImage = EMPTY_IMAGE
        keys: Any = None
        row: InternalTopic[Any] = InternalTopic(
            NAME, keys, "offsets.topic.num.partitions", "", lambda config: {}, self._parts
        )
        core: Any = SimpleNamespace(
            partition_offsets=lambda topic, partition, lately=False: EMPTY,
            now_ms=lambda: 0,
            steady_ms=lambda: 0,
        )
        self.timers: dict[Any, Any] = {}
        alarms: Any = SimpleNamespace(real_ms=lambda: 0, set_timer=self._set_timer)
        self.faults: list[Exception] = []
        """What keeps the next ones from being made."""
        self.settings = settings = Settings(BrokerConfig({"node.id": "1"}), EMPTY_IMAGE, ME)
        desk: Any = None
        self.coordinators = Coordinators(
            ME, settings, core, desk, alarms, Logs.silent(), Counter(), (row,)
        )

    def _set_timer(self, key: Any, at_ms: int | None, action: Any, *, real: bool = False) -> None:
        if at_ms is not None:
            assert (at_ms, real) == (1000, True)
            self.timers[key] = action

    def _parts(self, config: Any, entropy: Any) -> Parts[Any]:
        if self.faults:
            raise self.faults.pop()

        def coordinator(runtime: Any, partition_count: Any, desk: Any) -> Any:
            self.made.append(runtime)
            return SimpleNamespace(partition_count=partition_count)

        refuse: Any = None
        decider: Any = Thing
        return Parts(decider, refuse, coordinator, "none", lambda: 1000)

    def records(self, *records: Any) -> None:
        """The cluster changes, and a turn ends."""
        delta = MetadataDelta(self.image)
        for record in records:
            delta.replay(record)
        self.image = delta.finish(offset=self.image.offset + len(records))
        self.settings.changed(delta)
        for led in sorted(self.coordinators.publish(delta)):
            self.coordinators.opened(led.topic_id, led.partition)
        self.coordinators.commit()


def partition(index: int, leader: int) -> PartitionRecord:
    """A partition that this broker leads."""
    return PartitionRecord(
        topic_id=TOPIC, partition_id=index, replicas=[leader], isr=[leader], leader=leader
    )


def test_a_coordinator_is_made_with_the_first_partition_that_is_led_here() -> None:
    """A new kind of coordinator would need a place in files that are about none, or a node pay for
    all kinds at its start.
    """
    world = World()
    world.coordinators.opened(TOPIC, 0)
    world.records(TopicRecord(name=NAME, topic_id=TOPIC), partition(0, OTHER))
    assert not world.coordinators.commit()
    assert not world.made
    world.records(partition(1, ME), partition(2, ME))
    (runtime,) = world.made
    assert runtime.partitions() == [1, 2]
    assert runtime.decider(1).images == 0
    world.records(TopicRecord(name="other", topic_id=b"other".ljust(16)))
    assert runtime.decider(1).images == 1
    world.coordinators.opened(b"other".ljust(16), 0)
    world.coordinators.opened(TOPIC, 0)
    world.coordinators.opened(TOPIC, 7)
    assert runtime.partitions() == [1, 2]
    world.records(partition(1, OTHER))
    assert runtime.partitions() == [2]
    world.records(RemoveTopicRecord(topic_id=TOPIC))
    assert runtime.partitions() == []
    assert len(world.made) == 1


def test_a_handler_may_need_a_coordinator_before_its_topic_is_there() -> None:
    """The first client of all would be told that there is none."""
    world = World()
    (row,) = world.coordinators._topics.values()
    coordinator = world.coordinators.of(row)
    assert coordinator.partition_count() == 50
    assert world.coordinators.of(row) is coordinator
    world.records(TopicRecord(name=NAME, topic_id=TOPIC), partition(0, ME))
    assert coordinator.partition_count() == 1


def test_what_can_not_be_loaded_is_tried_again() -> None:
    """One moment without descriptors, as the first group comes, would end the node, or leave the
    partitions that were opened meanwhile without a coordinator for ever.
    """
    world = World()
    world.faults = [OSError(24, "Too many open files")] * 3
    world.records(TopicRecord(name=NAME, topic_id=TOPIC), partition(0, ME), partition(1, ME))
    assert len(world.faults) == 2, "each partition need not try"
    (row,) = world.coordinators._topics.values()
    with pytest.raises(CoordinatorNotLoaded):
        world.coordinators.of(row)
    world.records(partition(1, OTHER))
    world.timers.pop(("load", NAME))(1000)
    assert not world.made
    world.timers.pop(("load", NAME))(1000)
    (runtime,) = world.made
    assert runtime.partitions() == [0], "and none that went meanwhile"
    world.records(partition(2, ME))
    assert runtime.partitions() == [0, 2]


def test_who_asks_need_not_wait_for_the_next_try() -> None:
    """Clients would be sent away by a coordinator that is made already."""
    world = World()
    world.faults = [OSError(24, "Too many open files")]
    world.records(TopicRecord(name=NAME, topic_id=TOPIC), partition(0, ME))
    (row,) = world.coordinators._topics.values()
    assert world.coordinators.of(row)
    (runtime,) = world.made
    assert runtime.partitions() == [0]
    world.timers.pop(("load", NAME))(1000)
    assert len(world.made) == 1


def test_a_broken_invariant_is_no_want_of_descriptors() -> None:
    """A node whose memory and log differ would go on."""
    world = World()
    world.faults = [BrokenInvariant("half")]
    with pytest.raises(BrokenInvariant):
        world.records(TopicRecord(name=NAME, topic_id=TOPIC), partition(0, ME))


def test_what_one_tells_another_is_not_left_until_something_else_happens() -> None:
    """If this failed, a group's coordinator that was told of its transaction after its own part of
    the turn would write what follows when somebody happened to wake the node.
    """

    class Told:
        """A runtime that another one gives work to."""

        loading = False
        has_work = False

        def step(self) -> bool:
            return False

        def flush(self) -> bool:
            return False

    class Tells(Told):
        def __init__(self, whom: Told) -> None:
            self.whom = whom

        def flush(self) -> bool:
            self.whom.has_work = True
            return False

    world = World()
    told = Told()
    for order in ((told, Tells(told)), (Tells(told), told)):
        told.has_work = False
        running: Any = {str(one): SimpleNamespace(runtime=one) for one in order}
        world.coordinators._running = running
        assert world.coordinators.commit()
