"""What a task of the core asks of Python and that is not hot: processors, handlers, extractors.

The core calls these methods by name, with numbers for what Python gave it. A processor's context
calls back into the core, which waits for it.
"""

from __future__ import annotations

import logging
import traceback
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from ottla.streams.durations import Duration
from ottla.streams.errors import ProcessingError, failed_at, not_at_work, said, text_of
from ottla.streams.execution import Failure, Headers, Settings, answered, time_of
from ottla.streams.plan.operators import Process, TableTransformValues
from ottla.streams.processors import (
    Cancellable,
    Clock,
    FixedKeyRecord,
    Record,
    RecordContext,
    RecordMetadata,
    no_access,
    schedule_of,
    unchecked,
    unchecked_fixed,
)
from ottla.streams.serdes.serde import not_bytes

if TYPE_CHECKING:
    from ottla._core import StreamsTask
    from ottla.streams.fast.compiled import Compiled

log = logging.getLogger("ottla.streams")

#: Where something failed, what it was, and at which stage.
Told = tuple[str, str, str | None]


class FastContext:
    """What `ProcessorContext` promises, for one node of a task of the core."""

    def __init__(
        self, processing: Processing, place: int, name: str, children: list[str], stores: list[str]
    ) -> None:
        self._processing = processing
        self._place = place
        self._name = name
        self._children = {child: number for number, child in enumerate(children)}
        self._stores = stores
        self.record_type: Any = None

    @property
    def _task(self) -> StreamsTask:
        return self._processing.task

    @property
    def app_id(self) -> str:
        return self._processing.settings.app_id

    @property
    def task_id(self) -> str:
        return self._processing.settings.task_id

    @property
    def configs(self) -> Mapping[str, Any]:
        return self._processing.settings.configs or {}

    @property
    def metadata(self) -> RecordMetadata | None:
        topic, partition, offset, *_ = self._task.context()
        return None if topic is None else RecordMetadata(topic, partition, offset)

    @property
    def headers(self) -> Headers:
        return self._task.context()[4]

    @property
    def timestamp(self) -> int:
        return self._task.context()[3]

    @property
    def stream_time(self) -> int:
        return self._task.context()[5]

    @property
    def system_time(self) -> int:
        return self._task.context()[6]

    def forward(self, record: Any, to: str | None = None) -> None:
        if self.record_type is None:
            raise ProcessingError(
                f"the transformer of {self._name} tried to forward a record",
                hint="return the value; only a processor forwards",
            )
        if not isinstance(record, self.record_type):
            raise ProcessingError(
                f"{self._name} forwarded a {type(record).__name__}",
                hint=f"forward a {self.record_type.__name__}: the one you got, or one made from it",
            )
        child = None if to is None else self._children.get(to)
        if to is not None and child is None:
            raise ProcessingError(
                f"{self._name} forwarded to {to}, which is no child of it",
                hint=f"its children are {', '.join(self._children) or 'none'}",
            )
        if not self._task.forward(
            self._place, child, record.key, record.value, record.timestamp, record.headers
        ):
            raise not_at_work(self._name)

    def schedule(
        self,
        interval_ms: Duration,
        clock: Clock,
        callback: Callable[[int], None],
        start_ms: int | None = None,
    ) -> Cancellable:
        every, start = schedule_of(self._name, interval_ms, clock, start_ms, callback)
        number = self._processing.keep(callback)
        schedule = self._task.schedule(self._place, clock == "wall_clock", start, every, number)
        return Scheduled(self._processing, number, schedule)

    def store(self, name: str) -> Any:
        return self._processing.store(name, self._name, self._stores)

    def commit(self) -> None:
        self._task.request_commit()


class Scheduled:
    """A punctuation; `cancel` ends it, also from within."""

    def __init__(self, processing: Processing, number: int, schedule: int) -> None:
        self._processing = processing
        self._number = number
        self._schedule = schedule

    def cancel(self) -> None:
        self._processing.forget(self._number)
        self._processing.task.cancel(self._schedule)


class Processing:
    """The host's other half: one a task."""

    task: StreamsTask

    def __init__(
        self, compiled: Compiled, settings: Settings, store: Callable[[str, bool], Any]
    ) -> None:
        self.settings = settings
        self._rows: list[Process | TableTransformValues] = compiled.suppliers
        self._nodes: list[str] = compiled.supplied_nodes
        self._extractors = compiled.extractors
        self._partitioners = compiled.partitioners
        self._patterns = compiled.patterns
        self._globals = compiled.global_stores
        self._global_nodes = compiled.global_nodes
        self._store = store
        self._processors: list[Any] = [None] * len(self._rows)
        self._calls: list[Callable[[Any], None]] = [_not_made] * len(self._rows)
        self._records: list[Callable[..., Any]] = [unchecked] * len(self._rows)
        self._view_transformers: dict[int, Any] = {}
        self._callbacks: dict[int, Callable[[int], None]] = {}
        self._callback = 0
        self._handlers = {
            "deserialization": settings.deserialization_handler,
            "processing": settings.processing_handler,
            "production": settings.production_handler,
        }

    # ------------------------------------------------------------ processors
    def start(self, processor: int, node: int) -> None:
        row = self._rows[processor]
        context = self._context(processor)
        made = row.supplier()
        self._processors[processor] = made
        if isinstance(row, Process):
            context.record_type = FixedKeyRecord if row.fixed_key else Record
            self._records[processor] = unchecked_fixed if row.fixed_key else unchecked
            self._calls[processor] = made.process
        init = getattr(made, "init", None)
        if init is not None:
            init(context)

    def _context(self, processor: int) -> FastContext:
        name = self._nodes[processor]
        place, children, stores = self.task.node(name)
        return FastContext(self, place, name, children, stores)

    def process(
        self, processor: int, key: Any, value: Any, timestamp: int, headers: Headers
    ) -> None:
        record = self._records[processor](key, value, timestamp, headers)
        self._calls[processor](record)

    def transform(self, processor: int, key: Any, value: Any) -> Any:
        return self._processors[processor].transform(key, value)

    def transform_view(self, processor: int, key: Any, value: Any) -> Any:
        """What views ask: a transformer of their own; they read between the node's records."""
        found = self._view_transformers.get(processor)
        if found is None:
            found = self._view_transformers[processor] = self._rows[processor].supplier()
            found.init(self._context(processor))
        return found.transform(key, value)

    def close(self, processor: int) -> None:
        """Close a processor and its twin for views, also where the first of them fails."""
        made = self._processors[processor]
        try:
            if hasattr(made, "close"):
                made.close()
        finally:
            twin = self._view_transformers.pop(processor, None)
            if hasattr(twin, "close"):
                twin.close()

    def keep(self, callback: Callable[[int], None]) -> int:
        self._callback += 1
        self._callbacks[self._callback] = callback
        return self._callback

    def forget(self, number: int) -> None:
        self._callbacks.pop(number, None)

    def punctuate(self, number: int, timestamp: int) -> None:
        callback = self._callbacks.get(number)
        if callback is not None:
            callback(timestamp)

    def store(self, name: str, node: str, connected: list[str]) -> Any:
        is_global = name in self._globals
        if name not in connected and not is_global:
            raise no_access(node, name)
        return self._store(name, is_global and node not in self._global_nodes)

    # ------------------------------------------------------------ functions' results
    def pair(self, given: Any) -> tuple[Any, Any]:
        if isinstance(given, tuple | list) and len(given) == 2:
            return given[0], given[1]
        raise ProcessingError(
            f"a function that gives a new key and value gave {type(given).__name__} instead",
            hint="return (key, value)",
        )

    def context(
        self, topic: str | None, partition: int, offset: int, timestamp: int, headers: Headers
    ) -> RecordContext:
        return RecordContext(topic, partition, offset, timestamp, headers)

    def extract_timestamp(self, extractor: int, *record: Any) -> int:
        return self._extractors[extractor](*record)

    def time_of(self, given: Any) -> int:
        return time_of(given, what="its result")

    def not_bytes(self, serialize: Any, data: Any, topic: str) -> None:
        raise not_bytes(serialize.__self__, data, topic)

    def partition(self, partitioner: int, topic: str, key: Any, value: Any) -> list[int] | None:
        count = self.settings.partitions
        chosen = self._partitioners[partitioner](
            topic, key, value, 1 if count is None else count(topic)
        )
        if chosen is None:
            return None
        return [chosen] if isinstance(chosen, int) else sorted(chosen)

    def pattern_source(self, topic: str) -> int | None:
        """The place of the source whose pattern matches."""
        for place, pattern in self._patterns:
            if pattern.fullmatch(topic):
                return place
        return None

    # ------------------------------------------------------------ failures
    def stopped(
        self, error: BaseException, told: Told | None, origin: tuple[str, int, int] | None
    ) -> BaseException:
        """The error of a stop, for who forwarded as for who runs the task."""
        if isinstance(error, ProcessingError) and told is None:
            return error
        if not isinstance(error, Exception):
            return error  # Ctrl-C and its like stay what they are.
        if told is None:  # of no node and no record: what was fetched is damaged
            hint = "fetch it again; what came before it was worked on, and must not be given again"
            return ProcessingError(getattr(error, "text", None) or said(error), hint=hint)
        node, what, stage = told
        text, hint = failed_at(node, origin, what, stage, error)
        stop = ProcessingError(text, hint=hint)
        stop.__cause__ = error
        return stop

    def failed(
        self,
        stage: str,
        node: str,
        topic: str | None,
        place: tuple[int, int, int],
        key: bytes | None,
        value: bytes | None,
        headers: Headers,
        error: BaseException,
    ) -> bool:
        """Whether the handler of this stage says to go on."""
        handler = self._handlers[stage]
        if handler is None or (
            node in self._global_nodes and not self.settings.handles_global_failures
        ):
            return False
        partition, offset, timestamp = place
        failure = Failure(
            stage, node, topic or "", partition, offset, timestamp, key, value, headers, error
        )
        return answered(handler(failure))

    def describe(self, error: BaseException) -> tuple[str, str, str]:
        """What a dead letter says of an error: its class, its text, its traceback."""
        kind = type(error)
        stack = "".join(traceback.format_exception(error))
        said = f"{kind.__module__}.{kind.__qualname__}", text_of(error), stack
        # Half a surrogate is no UTF-8: headers have "?" for it.
        of_class, text, stack = (each.encode(errors="replace").decode() for each in said)
        return of_class, text, stack

    def skipped(
        self, node: str, reason: str, topic: str | None, partition: int, offset: int
    ) -> None:
        log.warning(
            "%s skips a record (%s): topic %s, partition %d, offset %d; more are only counted",
            node, reason, topic, partition, offset,
        )  # fmt: skip


def _not_made(record: Any) -> None:
    raise ProcessingError("a processor was called before it was made")
