"""The numbers of a node as one snapshot, for `ottla.metrics`: the core's counters and what the
image says.

Safe from any thread: the core's counters are, and an image does not change.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Set
from typing import TYPE_CHECKING, Final

from ottla.metadata.image import TOPIC_RESOURCE

if TYPE_CHECKING:
    from ottla.config.broker import BrokerConfig
    from ottla.metadata.image import MetadataImage, Partition
    from ottla.raft.description import QuorumDescription

BROKER_STATE_RUNNING: Final = 3
_PARKED: Final = {"fetch.parked": "parked.Fetch", "produce.parked": "parked.Produce"}


def measures(
    core: Mapping[str, float],
    image: MetadataImage,
    config: BrokerConfig,
    quorum: QuorumDescription,
    offline: Set[tuple[str, int]] = frozenset(),
) -> dict[str, float]:
    """The snapshot of a node that serves; its disks keep these partitions from being served."""
    found = {_PARKED.get(name, name): value for name, value in core.items()}
    found["broker.state"] = BROKER_STATE_RUNNING
    found["metadata.applied_offset"] = image.offset
    found.update(_of_quorum(quorum, config.node_id))
    found.update(_of_cluster(image))
    found.update(_of_offline(image, config.node_id, offline))
    found.update(_of_broker(image, config))
    found.update(_of_process())
    return found


def _of_quorum(quorum: QuorumDescription, node_id: int) -> Iterator[tuple[str, float]]:
    leads = quorum.leader_id == node_id
    yield "controller.active", leads
    yield "controller.committed_offset", quorum.high_watermark - 1
    yield f"raft.state.{'leader' if leads else 'follower'}", 1
    yield "raft.leader", quorum.leader_id
    yield "raft.epoch", quorum.leader_epoch
    yield "raft.high_watermark", quorum.high_watermark
    yield "raft.voters", len(quorum.voters)
    for described in quorum.voters:
        if described.voter.id == node_id:
            yield "raft.log_end_offset", described.position.end_offset


def _of_cluster(image: MetadataImage) -> Iterator[tuple[str, float]]:
    partitions = [p for topic in image.topics.by_name.values() for p in topic.partitions]
    fenced = sum(broker.fenced for broker in image.brokers.values())
    yield "controller.brokers_active", len(image.brokers) - fenced
    yield "controller.brokers_fenced", fenced
    yield "controller.topics", len(image.topics.by_name)
    yield "controller.partitions", len(partitions)
    yield "controller.imbalance", sum(p.leader != p.replicas[0] for p in partitions)
    yield "controller.applied_offset", image.offset


def _of_broker(image: MetadataImage, config: BrokerConfig) -> Iterator[tuple[str, float]]:
    led = list(_led(image, config))
    yield "partition.leaders", len(led)
    yield "partition.under_replicated", sum(len(p.isr) < len(p.replicas) for p, _ in led)
    yield "partition.under_min_isr", sum(len(p.isr) < least for p, least in led)
    yield "partition.at_min_isr", sum(len(p.isr) == least for p, least in led)


def _of_offline(
    image: MetadataImage, here: int, offline: Set[tuple[str, int]]
) -> Iterator[tuple[str, float]]:
    """Partitions that nobody leads, or that can't be served by who does."""
    found = [
        partition
        for topic in image.topics.by_name.values()
        for index, partition in enumerate(topic.partitions)
        if partition.leader < 0 or (topic.name, index) in offline
    ]
    yield "controller.partitions_offline", len(found)
    yield "partition.offline_replicas", sum(here in partition.replicas for partition in found)


def _led(image: MetadataImage, config: BrokerConfig) -> Iterator[tuple[Partition, int]]:
    """The partitions that this broker leads, each with the min.insync.replicas of its topic."""
    default = config["min.insync.replicas"]
    for topic in image.topics.by_name.values():
        own = image.configs.get((TOPIC_RESOURCE, topic.name), {}).get("min.insync.replicas")
        least = int(own) if own is not None else default
        for partition in topic.partitions:
            if partition.leader == config.node_id:
                yield partition, least


def _of_process() -> Iterator[tuple[str, float]]:
    times = os.times()
    yield "process.cpu_seconds", times.user + times.system
    try:
        with open("/proc/self/statm") as file:
            resident_pages = int(file.read().split()[1])
        yield "process.resident_bytes", resident_pages * os.sysconf("SC_PAGE_SIZE")
        yield "process.open_files", len(os.listdir("/proc/self/fd"))
        with open("/proc/self/stat") as file:
            ticks = int(file.read().rpartition(")")[2].split()[19])
        with open("/proc/stat") as file:
            boot = next(int(line.split()[1]) for line in file if line.startswith("btime"))
        yield "process.started_s", boot + ticks / os.sysconf("SC_CLK_TCK")
    except OSError:
        return  # not Linux: these three are left out
