"""The numbers that a node shows of itself, from the image and the core's counters."""

from __future__ import annotations

from collections.abc import Set

from ottla.config import BrokerConfig
from ottla.metadata.image import EMPTY_IMAGE, MetadataImage, Partition, Topic, Topics
from ottla.metrics import exposition
from ottla.node.measures import measures
from ottla.node.quorum import QuorumDescription
from ottla.node.rates import Rates

ZERO = bytes(16)
QUORUM = QuorumDescription(1, 3, 50, (), ())


def partition(leader: int, replicas: tuple[int, ...], isr: tuple[int, ...]) -> Partition:
    """A partition of which only who leads and who is in sync counts."""
    return Partition(replicas, (ZERO,) * len(replicas), isr, (), (), (), (), leader, 0, 1, 1)


def image() -> MetadataImage:
    """One topic that is well, one that is not."""
    topics = (
        Topic(ZERO, "well", (partition(1, (1,), (1,)), partition(1, (1,), (1,)))),
        Topic(ZERO, "ill", (partition(1, (2, 1), (1,)), partition(-1, (1,), (1,)))),
    )
    by_name = {topic.name: topic for topic in topics}
    return EMPTY_IMAGE._replace(
        offset=41,
        topics=Topics(by_name, {}),
        configs={(2, "ill"): {"min.insync.replicas": "2"}},
    )


def of(
    core: dict[str, float],
    quorum: QuorumDescription = QUORUM,
    offline: Set[tuple[str, int]] = frozenset(),
) -> dict[str, float]:
    """The snapshot of a node with id 1 and that image, at 100 ms."""
    config = BrokerConfig({"node.id": "1"})
    return measures(core, image(), config, quorum, offline, Rates(lambda: 0.0), 100)


def test_what_the_image_says_of_partitions() -> None:
    """If this failed, an alert on offline or under-replicated partitions would be wrong."""
    found = of({"fetch.parked": 3})
    assert found["controller.topics"] == 2
    assert found["controller.partitions"] == 4
    assert found["controller.partitions_offline"] == found["partition.offline_replicas"] == 1
    assert found["controller.imbalance"] == 2
    offline = {("well", 0), ("ill", 0), ("ill", 1), ("gone", 3)}
    found = of({}, offline=offline)
    assert found["controller.partitions_offline"] == 3, "one of them has no leader either"
    assert found["partition.offline_replicas"] == 3
    assert found["partition.leaders"] == 3
    assert found["partition.under_replicated"] == found["partition.under_min_isr"] == 1
    assert found["partition.at_min_isr"] == 2
    assert found["metadata.applied_offset"] == 41
    assert found["controller.active"]
    assert found["controller.committed_offset"] == 49


def test_fewer_replicas_than_min_insync_are_no_alarm() -> None:
    """If this failed, a node alone would be told under min ISR for ever, though it serves all."""
    config = BrokerConfig({"node.id": "1", "min.insync.replicas": "2"})
    found = measures({}, image(), config, QUORUM, frozenset(), Rates(lambda: 0.0), 100)
    assert found["partition.under_min_isr"] == 1, "the one that lacks a replica"
    assert found["partition.at_min_isr"] == 2


def test_the_page_has_twenty_kafka_names_and_the_process() -> None:
    """If this failed, the first look at a node's dashboard would be empty."""
    text = exposition(of({"fetch.parked": 3}, QUORUM._replace(leader_id=2)))
    assert text.count("# TYPE kafka_") >= 18
    assert "kafka_controller_kafkacontroller_activecontrollercount 0\n" in text
    assert 'purgatory_purgatorysize{delayedOperation="Fetch"} 3\n' in text
    assert "\nprocess_cpu_seconds_total " in text
