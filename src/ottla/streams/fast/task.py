"""A task on the core: what the executor's protocol promises; whole batches are handed over."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ottla._core import StreamsTask
from ottla.streams.errors import ProcessingError, StreamsError
from ottla.streams.execution import Input, Produced, Settings, Skipped
from ottla.streams.fast.compiled import compiled
from ottla.streams.fast.processing import Processing
from ottla.streams.fast.stores import face_of
from ottla.streams.plan.topology import Topology

Stopped = tuple[BaseException, str | None, int]


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
        self._raise(self._task.start(now), [])

    def process(self, records: Sequence[Input], now: int) -> list[Produced]:
        rows, stopped = self._task.process(records, now)
        produced = [Produced._make(row) for row in rows]
        self._raise(stopped, produced)
        return produced

    def process_batches(
        self, topic: str, partition: int, data: bytes, now: int
    ) -> list[tuple[str, bytes]]:
        """Process whole record batches as a fetch brings them; one sealed batch comes back a topic.

        No record becomes a Python object on the way, unless the plan asks Python about it.
        """
        batches, stopped = self._task.process_batches(topic, partition, data, now)
        if stopped is not None:
            self._raise(stopped, [])
        return batches

    def advance(self, now: int) -> list[Produced]:
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

    def _face(self, name: str, read_only: bool) -> Any:
        return face_of(self._task, self._topology.stores[name], read_only=read_only)

    def skipped(self) -> Mapping[Skipped, int]:
        return {Skipped(node, reason): count for node, reason, count in self._task.skipped()}

    def close(self) -> None:
        self._raise(self._task.close(), [])

    def _raise(self, stopped: Stopped | None, produced: list[Produced]) -> None:
        if stopped is None:
            return
        error, node, place = stopped
        failure = (
            error
            if isinstance(error, ProcessingError) and node is None
            else ProcessingError(
                f"{node or 'the task'}: {error}",
                hint="mend the cause, or give a handler that resumes",
            )
        )
        failure.produced = tuple(produced)
        failure.place = place
        raise failure from (None if failure is error else error)
