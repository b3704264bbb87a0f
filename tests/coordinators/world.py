"""A broker's group coordinator in a world without files, threads and clocks.

The log keeps real batches (built and read by the core), so a restart replays exactly what was
written. The high watermark can be held back, an append can be made to fail, and both clocks stand
still until they are moved.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import Any

from ottla.coordinators.group.config import GroupConfig
from ottla.coordinators.group.coordinator import Asker, GroupCoordinator
from ottla.coordinators.group.shard import GroupShard
from ottla.coordinators.runtime import AppendFailed, Runtime
from ottla.decide import Timer
from ottla.wire.records import read_batches
from ottla.wire.stored.frame import CONSUMER_OFFSETS


class Counter:
    """Identifiers that count: the first is ...0001."""

    def __init__(self) -> None:
        self.count = 0

    def uuid(self) -> bytes:
        self.count += 1
        return self.count.to_bytes(16, "big")

    def below(self, bound: int) -> int:
        self.count += 1
        return self.count % bound


class MemoryLog:
    """The partitions of one topic as bytes."""

    def __init__(self, partitions: int) -> None:
        self.data = [b""] * partitions
        self.ends = [0] * partitions
        self.marks = [0] * partitions
        self.held = False
        self.failing = False
        self.appended: Callable[[int, bytes], None] = lambda partition, batch: None

    def append(self, partition: int, batch: bytes) -> int:
        if self.failing:
            raise AppendFailed("the disk is full")
        self.appended(partition, batch)
        placed = self.ends[partition].to_bytes(8, "big") + batch[8:]
        self.data[partition] += placed
        self.ends[partition] = read_batches(placed)[0].last_offset + 1
        if not self.held:
            self.marks[partition] = self.ends[partition]
        return self.ends[partition] - 1

    def read(self, partition: int, offset: int, bytes_max: int) -> bytes:
        for batch in read_batches(self.data[partition], records=False):
            if batch.last_offset >= offset:
                return self.data[partition][
                    batch.position : batch.position + max(bytes_max, batch.size_bytes)
                ]
        return b""

    def offsets(self, partition: int) -> tuple[int, int, int]:
        return 0, self.marks[partition], self.ends[partition]


class World:
    """One broker: its coordinator, its log, its two clocks."""

    def __init__(self, config: GroupConfig, partitions: int = 2) -> None:
        self.config = config
        self.now_ms = 0
        self.real_ms = 0
        self.log = MemoryLog(partitions)
        self.partitions = partitions
        self.entropy = Counter()
        self.reports: list[str] = []
        self.loads = True
        self.asked_version = 0
        self._timers: dict[Hashable, tuple[int, bool, Callable[[int], None]]] = {}
        self.boot()

    def boot(self) -> None:
        """Start over with nothing but the log."""
        self._timers.clear()
        self.runtime = Runtime(
            CONSUMER_OFFSETS,
            log=self.log,
            timers=self,
            machine=lambda _: GroupShard(self.config, self.entropy),
            report=self.reports.append,
            batch_bytes_max=self.config.batch_bytes_max,
        )
        self.groups = GroupCoordinator(self.runtime, self.config, lambda: self.partitions)
        for partition in range(self.partitions):
            self.runtime.elected(partition)
        self.settle()

    def settle(self) -> None:
        """End the turn; what has to be loaded is loaded to the end, unless `loads` is off."""
        self.runtime.flush(self.now_ms)
        while self.loads and self.runtime.step(self.now_ms):
            pass
        self.runtime.flush(self.now_ms)

    def asker(self, version: int, client_id: str = "c") -> Asker:
        self.asked_version = version
        return Asker(version, client_id, "/127.0.0.1", self.now_ms)

    # ------------------------------------------------------------ Timers

    def set(self, timer: Timer, now_ms: int, fire: Callable[[int], None]) -> None:
        if timer.at_ms is None:
            self._timers.pop(timer.key, None)
            return
        at_ms = timer.at_ms
        if timer.real:
            at_ms = self.real_ms + timer.at_ms - now_ms
        self._timers[timer.key] = (at_ms, timer.real, fire)

    def advance(self, by_ms: int) -> None:
        """Move the node's clock, and fire what comes due, oldest first."""
        target = self.now_ms + by_ms
        while (due := self._due(target, real=False)) is not None:
            at_ms, fire = due
            self.now_ms = max(self.now_ms, at_ms)
            fire(self.now_ms)
            self.settle()
        self.now_ms = target

    def wait(self, by_ms: int) -> None:
        """Let the machine's time pass; the node's clock stands still."""
        target = self.real_ms + by_ms
        while (due := self._due(target, real=True)) is not None:
            at_ms, fire = due
            self.real_ms = max(self.real_ms, at_ms)
            fire(self.now_ms)
            self.settle()
        self.real_ms = target

    def _due(self, target: int, *, real: bool) -> tuple[int, Callable[[int], None]] | None:
        due = min(
            (
                (at, str(key), key)
                for key, (at, of, _) in self._timers.items()
                if of is real and at <= target
            ),
            default=None,
            key=lambda one: one[:2],
        )
        if due is None:
            return None
        at_ms, _, fire = self._timers.pop(due[2])
        return at_ms, fire

    def timers(self) -> int:
        """How many timers are set."""
        return len(self._timers)

    def shard(self, group_id: str) -> Any:
        """The loaded shard of a group."""
        return self.runtime.machine(self.groups.partition_for(group_id))
