"""Suppression: changes of a table wait, so that of several changes of a key only the last goes on.

A change waits until stream time, which is this operator's own, has passed the change's time by
`wait_ms`. Its time is that of its record, or the end of its window where final results are wanted;
a removal is then not passed on. Where the buffer gets too full, the first changes go on early, or
all stops. A change that goes on has the time, headers and place of the record that made it.
"""

from __future__ import annotations

from typing import Any

from ottla.streams.errors import ProcessingError
from ottla.streams.execution import Headers
from ottla.streams.plan import operators as plan
from ottla.streams.plan.views import Buffered as BufferedRow
from ottla.streams.reference.context import UNKNOWN
from ottla.streams.reference.operator import Getter, Operator, Wiring
from ottla.streams.reference.records import Change, Stamped
from ottla.streams.reference.stores.buffered import Place
from ottla.streams.reference.stores.suppress_buffer import SuppressBuffer


class Suppress(Operator):
    def __init__(self, row: plan.Suppress, wiring: Wiring) -> None:
        super().__init__(wiring)
        self.row = row
        self.buffer: SuppressBuffer = wiring.store(row.store)
        self.stream_time = UNKNOWN

    def process(self, key: Any, value: Change, timestamp: int, headers: Headers) -> None:
        self.stream_time = max(self.stream_time, timestamp)
        self.buffer.put(key.end if self.row.until_window_closes else timestamp, key, value)
        due = self.stream_time - self.row.wait_ms
        self.buffer.evict_while(lambda: self.buffer.time_first <= due, self.emit)
        if not self.too_full():
            return
        if self.row.when_full is plan.BufferFull.SHUT_DOWN:
            raise ProcessingError(
                f"the buffer {self.buffer.name} is too full: {len(self.buffer)} records and "
                f"{self.buffer.bytes_held} bytes",
                hint="allow it more records or bytes, or let it emit early when it is full",
            )
        self.buffer.evict_while(self.too_full, self.emit)

    def too_full(self) -> bool:
        records_max, bytes_max = self.row.records_max, self.row.bytes_max
        return (records_max is not None and len(self.buffer) > records_max) or (
            bytes_max is not None and self.buffer.bytes_held > bytes_max
        )

    def emit(self, key: Any, change: Change, place: Place) -> None:
        if change.new is None and self.row.safe_to_drop_tombstones:
            return
        before = self.context.record()
        self.context.set_record(place)
        try:
            self.forward(key, change, place[0], place[1])
        finally:
            self.context.set_record(before)


class BufferedView:
    """What those below a suppression have been told of: not what is still in the buffer."""

    def __init__(self, source: Getter, buffer: SuppressBuffer) -> None:
        self.source, self.buffer = source, buffer

    def get(self, key: Any, as_of: int | None = None) -> Stamped | None:
        is_buffered, prior = self.buffer.prior(key)
        return prior if is_buffered else self.source.get(key)


def buffered_view(row: BufferedRow, wiring: Wiring) -> BufferedView:
    return BufferedView(wiring.view(row.source), wiring.store(row.store))
