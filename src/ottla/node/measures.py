"""The numbers of a node as one snapshot, for `ottla.metrics`: the core's counters and what the
image says.

Safe from any thread: the core's counters are, and an image does not change.
"""

from __future__ import annotations

import os
import resource
from collections.abc import Collection, Iterator, Mapping, Sequence, Set
from typing import TYPE_CHECKING, Final

from ottla._core import __version__
from ottla.config.whole_number import whole_number
from ottla.metadata.features import supported_features
from ottla.metadata.image import TOPIC_RESOURCE

if TYPE_CHECKING:
    from ottla.config.broker import BrokerConfig
    from ottla.metadata.image import MetadataImage, Partition
    from ottla.node.rates import Rates
    from ottla.raft.description import QuorumDescription

BROKER_STATE_RUNNING: Final = 3
FENCED: Final = 10
LEAVING: Final = 20
ACTIVE: Final = 30
"""What a broker is to the controller, in Kafka's numbers."""
_PARKED: Final = {"fetch.parked": "parked.Fetch", "produce.parked": "parked.Produce"}


def measures(
    core: Mapping[str, float],
    image: MetadataImage,
    config: BrokerConfig,
    quorum: QuorumDescription,
    offline: Set[tuple[str, int]],
    rates: Rates,
    now_ms: int,
) -> dict[str, float]:
    """The snapshot of a node that serves; its disks keep these partitions from being served."""
    found = {_PARKED.get(name, name): value for name, value in core.items()}
    found["broker.state"] = BROKER_STATE_RUNNING
    found[f"build.version.{__version__}"] = 1
    found["memory.left_bytes"] = core.get("memory.max_bytes", 0) - core.get("memory.used_bytes", 0)
    if "fetch.expired" in core:
        found["fetch.expired_of.consumer"] = core["fetch.expired"]
    for name, ms in core.items():
        if name.startswith("request.total_ms."):
            found[f"request.duration_sum.{name.rpartition('.')[2]}"] = ms / 1000
    found.update(_of_threads(core, rates))
    found.update(_of_metadata(image, config, now_ms))
    found.update(_of_quorum(quorum, config.node_id, rates))
    found.update(_of_cluster(image))
    found.update(_of_offline(image, config.node_id, offline))
    found.update(_of_broker(image, config))
    found.update(_of_process())
    return found


def _of_threads(core: Mapping[str, float], rates: Rates) -> Iterator[tuple[str, float]]:
    """How idle the threads are that decide, and that serve the network."""
    if "decisions.idle_ns" in core:
        yield "decisions.idle", min(1.0, core["decisions.idle_ns"] / core["decisions.up_ns"])
        yield "decisions.idle_lately", _part(rates.of("decisions", core["decisions.idle_ns"] / 1e9))
    busy = {name: value for name, value in core.items() if name.startswith("network.busy_s.")}
    idle = {name: 1 - _part(rates.of(name, value)) for name, value in busy.items()}
    for name, part in idle.items():
        yield f"network.idle.{name.rpartition('.')[2]}", part
    if idle:
        yield "network.idle_avg", sum(idle.values()) / len(idle)
    for name, value in core.items():
        if name.startswith("listener.accepted."):
            yield f"listener.accept_rate.{name.rpartition('.')[2]}", rates.of(name, value)
    if "connection.accepted" in core:
        yield "connection.accept_rate", rates.of("accept", core["connection.accepted"])


def _part(number: float) -> float:
    return min(1.0, max(0.0, number))


def _of_metadata(
    image: MetadataImage, config: BrokerConfig, now_ms: int
) -> Iterator[tuple[str, float]]:
    yield "metadata.applied_offset", image.offset
    yield "metadata.applied_ms", image.timestamp_ms
    yield "metadata.lag_ms", max(0, now_ms - image.timestamp_ms)
    yield "metadata.version", image.metadata_version
    for name, level in image.features.items():
        yield f"feature.level.{_camel(name)}", level
    unstable = config["unstable.feature.versions.enable"]
    for name, (lowest, highest) in supported_features(unstable=unstable).items():
        short = name.removesuffix(".version").replace(".", "_")
        yield f"feature.minimum_{short}", lowest
        yield f"feature.maximum_{short}", highest


def _camel(name: str) -> str:
    """A feature as Kafka's metrics call it: metadataVersion."""
    first, *rest = name.split(".")
    return first + "".join(word.capitalize() for word in rest)


def _of_quorum(
    quorum: QuorumDescription, node_id: int, rates: Rates
) -> Iterator[tuple[str, float]]:
    leads = quorum.leader_id == node_id
    yield "controller.active", leads
    yield "controller.committed_offset", quorum.high_watermark - 1
    yield f"raft.state.{'leader' if leads else 'follower'}", 1
    yield "raft.leader", quorum.leader_id
    yield "raft.epoch", quorum.leader_epoch
    yield "raft.high_watermark", quorum.high_watermark
    yield "raft.voters", len(quorum.voters)
    yield "raft.observers", len(quorum.observers)
    for described in quorum.voters:
        if described.voter.id == node_id:
            end = described.position.end_offset
            yield "raft.log_end_offset", end
            yield "raft.append_rate", rates.of("raft", end, since_look=True)
            if leads:  # which voted for itself, and whose first record is of its own epoch
                yield "raft.vote", node_id
                yield "raft.log_end_epoch", quorum.leader_epoch


def _of_cluster(image: MetadataImage) -> Iterator[tuple[str, float]]:
    partitions = [p for topic in image.topics.by_name.values() for p in topic.partitions]
    fenced = sum(broker.fenced for broker in image.brokers.values())
    yield "controller.brokers_active", len(image.brokers) - fenced
    yield "controller.brokers_fenced", fenced
    leaving = [broker for broker in image.brokers.values() if broker.in_controlled_shutdown]
    yield "controller.brokers_leaving", len(leaving)
    for broker in image.brokers.values():
        state = FENCED if broker.fenced else LEAVING if broker.in_controlled_shutdown else ACTIVE
        yield f"controller.registration.{broker.id}", state
    yield "controller.topics", len(image.topics.by_name)
    yield "controller.partitions", len(partitions)
    yield "controller.imbalance", sum(p.leader != p.replicas[0] for p in partitions)
    yield "controller.applied_offset", image.offset


def _of_broker(image: MetadataImage, config: BrokerConfig) -> Iterator[tuple[str, float]]:
    led = list(_led(image, config))
    yield "partition.leaders", len(led)
    moving = [p for p, _ in led if p.adding_replicas or p.removing_replicas]
    yield "partition.reassigning", len(moving)
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


def directory_measures(
    log_dirs: Sequence[str], ids: Sequence[bytes], failed: Set[int], cordoned: Collection[bytes]
) -> Iterator[tuple[str, float]]:
    """What became of this node's log directories."""
    yield "directory.offline_count", len(failed)
    held_back = [directory_id in cordoned for directory_id in ids]
    yield "directory.cordoned_count", sum(held_back)
    for place, path in enumerate(log_dirs):
        yield f"directory.offline.{path}", place in failed
        yield f"directory.cordoned.{path}", held_back[place]


def _led(image: MetadataImage, config: BrokerConfig) -> Iterator[tuple[Partition, int]]:
    """The partitions that this broker leads, each with how many replicas have to be in sync: its
    topic's min.insync.replicas, or all if there are fewer.
    """
    default = config["min.insync.replicas"]
    for topic in image.topics.by_name.values():
        own = image.configs.get((TOPIC_RESOURCE, topic.name), {}).get("min.insync.replicas")
        least = default if own is None else whole_number(own) or default
        for partition in topic.partitions:
            if partition.leader == config.node_id:
                yield partition, min(least, len(partition.replicas))


def _of_process() -> Iterator[tuple[str, float]]:
    times = os.times()
    yield "process.cpu_seconds", times.user + times.system
    # What is not there is left out: this is no Linux, or nobody may read it in this container.
    for found in (_memory, _files, _began, _moved):
        try:
            yield from found()
        except OSError:
            continue


def _memory() -> Iterator[tuple[str, float]]:
    with open("/proc/self/statm") as file:
        resident_pages = int(file.read().split()[1])
    yield "process.resident_bytes", resident_pages * os.sysconf("SC_PAGE_SIZE")


def _files() -> Iterator[tuple[str, float]]:
    yield "process.open_files", len(os.listdir("/proc/self/fd"))
    limit, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if limit != resource.RLIM_INFINITY:
        yield "process.open_files_max", limit


def _began() -> Iterator[tuple[str, float]]:
    with open("/proc/self/stat") as file:
        ticks = int(file.read().rpartition(")")[2].split()[19])
    with open("/proc/stat") as file:
        boot = next(int(line.split()[1]) for line in file if line.startswith("btime"))
    started_s = boot + ticks / os.sysconf("SC_CLK_TCK")
    yield "process.started_s", started_s
    yield "process.started_ms", int(started_s * 1000)


def _moved() -> Iterator[tuple[str, float]]:
    with open("/proc/self/io") as file:
        moved = dict(line.split(": ") for line in file.read().splitlines())
    yield "process.read_bytes", int(moved["read_bytes"])
    yield "process.written_bytes", int(moved["write_bytes"])
