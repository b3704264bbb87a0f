"""The group coordinator in this node: its shards over the core's logs, its timers on the node's
loop.

Which shards there are follows from the image: this broker coordinates the groups of the partitions
of `__consumer_offsets` that it leads.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ottla._core import CoreError
from ottla.metadata.image import EMPTY_IMAGE
from ottla.node.deciding import LoopTimers, now_of
from ottla.wire.stored.frame import CONSUMER_OFFSETS

if TYPE_CHECKING:
    from ottla._core import Node as Core
    from ottla.broker.settings import Settings
    from ottla.config.broker import BrokerConfig
    from ottla.coordinators.group.config import GroupConfig
    from ottla.coordinators.group.coordinator import GroupCoordinator
    from ottla.coordinators.runtime import Runtime
    from ottla.decide import Entropy
    from ottla.metadata.delta import MetadataDelta, PartitionChange
    from ottla.node.alarms import Alarms
    from ottla.node.desk import Desk
    from ottla.node.logs import Logs

_MINUTE_MS = 60_000
_CODECS = ("none", "gzip", "snappy", "lz4", "zstd")


class CoreLog:
    """One internal topic in the core, as coordinators reach it."""

    __slots__ = ("_core", "_topic")

    def __init__(self, core: Core, topic: str) -> None:
        self._core = core
        self._topic = topic

    def append(self, partition: int, batch: bytes) -> int:
        """Append one batch; the offset of its last record."""
        try:
            return self._core.append(self._topic, partition, batch)[1]
        except CoreError as problem:
            from ottla.coordinators.runtime import AppendFailed

            raise AppendFailed(str(problem.args[-1])) from problem

    def read(self, partition: int, offset: int, bytes_max: int) -> bytes:
        """Whole batches from the one that holds `offset` on, up to the log end."""
        try:
            return self._core.read(self._topic, partition, offset, bytes_max, to_log_end=True)
        except CoreError as problem:
            raise _unavailable(problem) from problem

    def ends(self, partition: int) -> tuple[int, int]:
        """(log start offset, log end offset)."""
        try:
            offsets = self._core.partition_offsets(self._topic, partition)
        except CoreError as problem:
            raise _unavailable(problem) from problem
        return offsets.log_start, offsets.log_end

    def high_watermark(self, partition: int) -> int:
        """The high watermark; a turn follows when it is free, if somebody holds the partition."""
        try:
            offsets = self._core.partition_offsets(self._topic, partition, lately=True)
        except CoreError as problem:
            raise _unavailable(problem) from problem
        return offsets.high_watermark


def _unavailable(problem: CoreError) -> Exception:
    """What coordinators know of a log that can't be read; a node that ends is another matter."""
    from ottla.coordinators.runtime import LogMissing, LogUnavailable

    kind, text = str(problem.args[0]), str(problem.args[-1])
    if kind in ("unknown-partition", "not-leader"):
        return LogMissing(text)
    if kind in ("storage", "offset-out-of-range"):
        return LogUnavailable(text)
    return problem


class Groups:
    """Owns the coordinator and drives its runtime; both are made when the first group needs them.

    That keeps a tenth of the imports out of the start of a node that never sees a group.
    """

    __slots__ = (
        "_alarms",
        "_coordinator",
        "_core",
        "_desk",
        "_entropy",
        "_image",
        "_logs",
        "_node_id",
        "_runtime",
        "_settings",
    )

    def __init__(
        self,
        node_id: int,
        settings: Settings,
        core: Core,
        desk: Desk,
        alarms: Alarms,
        logs: Logs,
        entropy: Entropy,
    ) -> None:
        self._node_id = node_id
        self._settings = settings
        self._image = EMPTY_IMAGE
        self._core = core
        self._desk = desk
        self._alarms = alarms
        self._logs = logs
        self._entropy = entropy
        self._runtime: Runtime | None = None
        self._coordinator: GroupCoordinator | None = None

    def open(self) -> GroupCoordinator:
        """The coordinator as handlers use it."""
        if self._coordinator is None:
            from ottla.coordinators.group.coordinator import GroupCoordinator

            config = group_config(self._settings.config)
            runtime = self._open_runtime(config)
            self._coordinator = GroupCoordinator(runtime, config, self._partition_count, self._desk)
        return self._coordinator

    def _open_runtime(self, config: GroupConfig) -> Runtime:
        from ottla.coordinators.group.shard import GroupShard, refuse
        from ottla.coordinators.runtime import Runtime

        core, alarms, entropy = self._core, self._alarms, self._entropy
        self._runtime = Runtime(
            CONSUMER_OFFSETS,
            log=CoreLog(core, CONSUMER_OFFSETS),
            timers=LoopTimers(alarms),
            now=lambda: now_of(core, alarms),
            desk=self._desk,
            decider=lambda _partition: GroupShard(config, entropy),
            refuse=refuse,
            report=self._report,
            codec=_CODECS[self._settings.config["offsets.topic.compression.codec"]],
            batch_bytes_max=config.batch_bytes_max,
        )
        return self._runtime

    def publish(self, delta: MetadataDelta) -> None:
        """Lay down and take up shards as the image says, and hand the delta to those that are
        loaded.

        What is gone comes first: a topic may be deleted and made again within one delta.
        """
        self._image = delta.image
        deleted = any(topic.name == CONSUMER_OFFSETS for topic in delta.topics_deleted())
        if deleted and self._runtime is not None:
            self._runtime.resign_all()
        for change in delta.partitions_changed():
            if change.topic.name == CONSUMER_OFFSETS:
                self._follow(change)
        if self._runtime is not None:
            self._runtime.on_image(delta)

    def opened(self, partition: int) -> None:
        """A partition of the topic that could not be opened is open now: take it up."""
        topic = self._image.topics.by_name.get(CONSUMER_OFFSETS)
        if topic is None or not 0 <= partition < len(topic.partitions):
            return
        if topic.partitions[partition].leader == self._node_id:
            self.open()
            if self._runtime is not None:
                self._runtime.elected(partition)

    def _follow(self, change: PartitionChange) -> None:
        me = self._node_id
        led = change.old is not None and change.old.leader == me
        if change.new.leader == me:
            if not led or change.old is None or change.old.leader_epoch != change.new.leader_epoch:
                self.open()
                if self._runtime is not None:
                    self._runtime.elected(change.index)
        elif led and self._runtime is not None:
            self._runtime.resigned(change.index)

    def commit(self) -> bool:
        """End of a turn: append, answer, load a piece; whether there is more to do."""
        runtime = self._runtime
        if runtime is None:
            return False
        more = runtime.step()
        return runtime.flush() or more or runtime.loading

    def _report(self, text: str, problem: Exception | None = None) -> None:
        if problem is None and text.endswith(" is offline"):
            self._logs.debug(text)  # who found it offline has said why, once for all partitions
        elif problem is None:
            self._logs.warn(text)
        else:
            self._logs.failure(text, problem)

    def _partition_count(self) -> int:
        topic = self._image.topics.by_name.get(CONSUMER_OFFSETS)
        if topic is not None:
            return len(topic.partitions)
        count: int = self._settings.config["offsets.topic.num.partitions"]
        return count


def group_config(config: BrokerConfig) -> GroupConfig:
    """The coordinator's settings out of the broker's."""
    from ottla.coordinators.group.config import GroupConfig

    return GroupConfig(
        initial_rebalance_delay_ms=config["group.initial.rebalance.delay.ms"],
        session_timeout_ms_min=config["group.min.session.timeout.ms"],
        session_timeout_ms_max=config["group.max.session.timeout.ms"],
        size_max=config["group.max.size"],
        offset_metadata_bytes_max=config["offset.metadata.max.bytes"],
        offsets_retention_ms=config["offsets.retention.minutes"] * _MINUTE_MS,
        offsets_retention_check_interval_ms=config["offsets.retention.check.interval.ms"],
        batch_bytes_max=config["message.max.bytes"],
    )
