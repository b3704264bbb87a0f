"""The Processor API as the reference executor drives it: the node of a processor, and its
context."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from ottla.streams.durations import Duration
from ottla.streams.errors import ProcessingError, not_at_work
from ottla.streams.execution import Headers
from ottla.streams.plan import operators as plan
from ottla.streams.processors import (
    Cancellable,
    Clock,
    FixedKeyRecord,
    Record,
    RecordMetadata,
    no_access,
    schedule_of,
    unchecked,
    unchecked_fixed,
)
from ottla.streams.reference.operator import Operator, Wiring
from ottla.streams.reference.owning import of_its_own
from ottla.streams.reference.stores.backends import face_of


class NodeContext:
    """What `ProcessorContext` promises, for one node."""

    def __init__(self, operator: Operator, *, may_forward: bool = True) -> None:
        self._operator = operator
        self._wiring = operator.wiring
        self._context = operator.context
        self._may_forward = may_forward

    @property
    def app_id(self) -> str:
        return self._context.settings.app_id

    @property
    def task_id(self) -> str:
        return self._context.settings.task_id

    @property
    def configs(self) -> Mapping[str, Any]:
        return self._context.settings.configs or {}

    @property
    def metadata(self) -> RecordMetadata | None:
        context = self._context
        if context.topic is None:
            return None
        return RecordMetadata(context.topic, context.partition, context.offset)

    @property
    def headers(self) -> Headers:
        return self._context.headers

    @property
    def timestamp(self) -> int:
        return self._context.timestamp

    @property
    def stream_time(self) -> int:
        return self._context.stream_time

    @property
    def system_time(self) -> int:
        return self._context.now

    def forward(self, record: Any, to: str | None = None) -> None:
        if not self._may_forward:
            raise ProcessingError(
                f"the transformer of {self._wiring.node} tried to forward a record",
                hint="return the value; only a processor forwards",
            )
        if not self._context.at_work:
            raise not_at_work(self._wiring.node)
        self._operator.forward_record(record, to)  # type: ignore[attr-defined]

    def schedule(
        self,
        interval_ms: Duration,
        clock: Clock,
        callback: Callable[[int], None],
        start_ms: int | None = None,
    ) -> Cancellable:
        every, start = schedule_of(self._wiring.node, interval_ms, clock, start_ms, callback)
        handle: Cancellable = self._wiring.schedule(every, clock, callback, start)
        return handle

    def store(self, name: str) -> Any:
        wiring = self._wiring
        store = wiring.stores.get(name)
        is_global = store is not None and store.row.is_global
        if store is None or (name not in wiring.connected and not is_global):
            raise no_access(wiring.node, name)
        return face_of(store, read_only=is_global and not wiring.in_global)

    def commit(self) -> None:
        self._context.commit_requested = True


class Process(Operator):
    """A user's processor. What it forwards, at any time, goes to this node's children."""

    def __init__(self, row: plan.Process, wiring: Wiring) -> None:
        super().__init__(wiring)
        self.row = row
        self.processor: Any = None
        self.record_type: Any = FixedKeyRecord if row.fixed_key else Record
        self.record: Callable[..., Any] = unchecked_fixed if row.fixed_key else unchecked

    def start(self) -> None:
        self.processor = self.row.supplier()
        init = getattr(self.processor, "init", None)
        if init is not None:
            init(NodeContext(self))

    def process(self, key: Any, value: Any, timestamp: int, headers: Headers) -> None:
        record = self.record(of_its_own(key), of_its_own(value), timestamp, headers)
        self.processor.process(record)

    def forward_record(self, record: Any, to: str | None) -> None:
        if not isinstance(record, self.record_type):
            raise ProcessingError(
                f"{self.wiring.node} forwarded a {type(record).__name__}",
                hint=f"forward a {self.record_type.__name__}: the one you got, or one made from it",
            )
        if to is None:
            self.forward_at(record.key, record.value, record.timestamp, record.headers)
            return
        child = self.named_children.get(to)
        if child is None:
            raise ProcessingError(
                f"{self.wiring.node} forwarded to {to}, which is no child of it",
                hint=f"its children are {', '.join(self.named_children) or 'none'}",
            )
        self.forward_at(record.key, record.value, record.timestamp, record.headers, child)

    def close(self) -> None:
        close = getattr(self.processor, "close", None)
        if close is not None:
            close()
