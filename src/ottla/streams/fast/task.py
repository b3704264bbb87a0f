"""A task on the core: what the executor's protocol promises; whole batches are handed over."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ottla._core import StreamsTask
from ottla.streams.errors import StreamsError, closed, kept
from ottla.streams.execution import Input, Produced, Settings, Skipped
from ottla.streams.fast.compiled import compiled
from ottla.streams.fast.processing import Processing, Told
from ottla.streams.fast.stores import face_of
from ottla.streams.plan.topology import Topology

#: (error, where and what, (topic, partition, offset), place in the batch)
Stopped = tuple[BaseException, Told | None, tuple[str, int, int] | None, int]


class FastTask:
    """One task of a topology on the core.

    The GIL is released for a batch whose plan asks nothing of Python: native serdes, expressions,
    native aggregations. `asks_python` says whether it does.
    """

    def __init__(self, topology: Topology, settings: Settings, *, now: int = 0) -> None:
        plan = compiled(topology, settings)
        self.asks_python = plan.asks_python
        self._topology = topology
        self._processing = Processing(plan, settings, self._face)
        self._task = StreamsTask(
            plan.tree,
            plan.functions,
            [(serde.serialize, serde.deserialize) for serde in plan.serdes],
            self._processing,
            plan.asks_python,
        )
        self._processing.task = self._task
        self._closed = False
        self._raise(self._task.start(now), [])

    def process(self, records: Sequence[Input], now: int) -> list[Produced]:
        self._check_open()
        rows, stopped = self._task.process(records, now)
        produced = [Produced._make(row) for row in rows]
        self._raise(stopped, produced)
        return produced

    def process_batches(
        self, topic: str, partition: int, data: bytes, now: int
    ) -> list[tuple[str, int | None, bytes]]:
        """Process whole record batches as a fetch brings them; (topic, partition, sealed batch)
        come back, one for each topic, and for each of its partitions that a partitioner chose.

        No record becomes a Python object on the way, unless the plan asks Python about it.

        Raises:
            ProcessingError: a record failed; `produced` has the batches of what came before it.
                It is one too where batches are found to be damaged after others were processed.
            CoreError: the batches are damaged, and no record was processed.
        """
        if self._closed:
            raise closed()
        batches, stopped = self._task.process_batches(topic, partition, data, now)
        if stopped is not None:
            self._raise(stopped, batches)
        return batches

    def advance(self, now: int) -> list[Produced]:
        self._check_open()
        rows, stopped = self._task.advance(now)
        produced = [Produced._make(row) for row in rows]
        self._raise(stopped, produced)
        return produced

    def store(self, name: str) -> Any:
        if name not in self._topology.stores:
            raise StreamsError(
                f"there is no store {name}",
                hint=f"there are {', '.join(sorted(self._topology.stores)) or 'none'}",
            )
        return self._face(name, True)

    def _check_open(self) -> None:
        if self._closed:
            raise closed()

    def _face(self, name: str, read_only: bool) -> Any:
        return face_of(self._task, self._topology.stores[name], read_only=read_only)

    def skipped(self) -> Mapping[Skipped, int]:
        return {Skipped(node, reason): count for node, reason, count in self._task.skipped()}

    def close(self) -> None:
        """Close all processors, once. While the task is at work it stays open.

        Raises:
            RuntimeError: the task is at work.
        """
        if self._closed:
            return
        self._closed = True  # what processors do meanwhile comes too late
        try:
            stopped = self._task.close()
        except RuntimeError:
            self._closed = False
            raise
        self._raise(stopped, [])

    def _raise(self, stopped: Stopped | None, produced: Sequence[object]) -> None:
        if stopped is None:
            return
        error, told, origin, place = stopped
        failure = self._processing.stopped(error, told, origin)
        kept(failure, produced, place)
        raise failure from (None if failure is error else error)
