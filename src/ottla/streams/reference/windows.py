"""Aggregations in time windows: tumbling, hopping, unlimited; and the clock of what windows emit.

A record counts for every window that holds its time, but those that ended `grace` or more before
the operator's stream time: the highest time of a record with a key that it has seen. Records with a
null value count too; only the key is asked for.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ottla.streams.errors import ProcessingError
from ottla.streams.execution import Headers
from ottla.streams.plan import operators as plan
from ottla.streams.plan.operators import Emit
from ottla.streams.plan.windows import TimeWindows, UnlimitedWindows
from ottla.streams.reference.aggregations import Aggregator
from ottla.streams.reference.context import UNKNOWN
from ottla.streams.reference.operator import Operator, Wiring
from ottla.streams.reference.records import Change, windowed
from ottla.streams.reference.stores.window import TIME_MAX, WindowStore
from ottla.streams.serdes import Windowed


class EmitClock:
    """When windows that closed are emitted: at most once an interval of the wall clock."""

    __slots__ = ("closed", "interval", "next")

    def __init__(self, interval_ms: int) -> None:
        self.interval = interval_ms
        self.next = 0
        #: The close time up to which all was emitted.
        self.closed = UNKNOWN

    def is_due(self, now: int, close_time: int) -> bool:
        if now < self.next:
            return False
        self.next = now + self.interval
        return self.closed == UNKNOWN or self.closed < close_time


class WindowOperator(Operator):
    """What aggregations in windows and in sliding windows have in common."""

    def __init__(
        self, store: str, aggregation: plan.Aggregation, emit: Emit, send_old: bool, wiring: Wiring
    ) -> None:
        super().__init__(wiring)
        self.store: WindowStore = wiring.store(store)
        self.aggregator = Aggregator(aggregation)
        self.send_old = send_old
        self.on_close = emit is Emit.ON_CLOSE
        if self.on_close:
            self.store.order_by_time()
        self.clock = EmitClock(self.context.settings.emit_interval_ms)
        self.stream_time = UNKNOWN

    def update(
        self, window: Windowed, new: Any, old: Any, timestamp: int, headers: Headers
    ) -> None:
        if not self.on_close:
            change = Change(new, old if self.send_old else None)
            self.forward_at(window, change, timestamp, headers)

    def emit(self, first: int, last: int, close_time: int, headers: Headers) -> None:
        """The final results of windows that start from `first` to `last`."""
        for window, held in list(self.store.by_time(first, last)):
            self.forward_at(window, Change(held.value, None), held.timestamp, headers)
        self.clock.closed = close_time


class WindowAggregate(WindowOperator):
    def __init__(self, row: plan.WindowAggregate, wiring: Wiring) -> None:
        super().__init__(row.store, row.aggregation, row.emit, row.send_old, wiring)
        self.windows_for = windows_for(row.windows)
        self.grace = row.windows.grace_ms
        self.size = row.windows.size_ms if isinstance(row.windows, TimeWindows) else TIME_MAX
        self.write_key = self.store.write_key
        self.fetch, self.put = self.store.fetch_raw, self.store.put_raw
        self.initial, self.add = self.aggregator.initial, self.aggregator.add

    def process(self, key: Any, value: Any, timestamp: int, headers: Headers) -> None:
        if key is None:
            self.skip("the key is null")
            return
        if timestamp > self.stream_time:
            self.stream_time = timestamp
        close_time = self.stream_time - self.grace
        windows = self.windows_for(timestamp)
        if windows and windows[-1][1] > TIME_MAX:
            raise ProcessingError(
                f"the window of the time {timestamp} would end after the last time there is",
                hint="look at the record's time: it is in ms since the epoch",
            )
        raw = self.write_key(key)
        assert raw is not None
        for start, end in windows:
            if end <= close_time:
                self.skip("its window is closed")
                continue
            held = self.fetch(raw, start)
            if held is None:
                old, time = self.initial(), timestamp
            else:
                old, time, _ = held
                if timestamp > time:
                    time = timestamp
            new = self.add(key, value, old, timestamp, headers)
            self.put(raw, new, start, time)
            if not self.on_close:
                change = Change(new, old if self.send_old else None)
                forward = self.forward if time == timestamp else self.forward_at
                forward(windowed((key, start, end)), change, time, headers)
        if self.on_close:
            self.emit_closed(close_time, headers)

    def emit_closed(self, close_time: int, headers: Headers) -> None:
        if not self.clock.is_due(self.context.now, close_time):
            return
        last, closed = close_time - self.size, self.clock.closed
        if last < 0:
            return
        first = 0
        if closed != UNKNOWN:
            first = max(0, closed - self.size) + 1
            if self.windows_for(last) == self.windows_for(first - 1):
                return
        self.emit(first, last, close_time, headers)


def windows_for(
    windows: TimeWindows | UnlimitedWindows,
) -> Callable[[int], list[tuple[int, int]]]:
    """What gives the (start, end) of all windows of a time, in order."""
    if isinstance(windows, UnlimitedWindows):
        only = [(windows.start_ms, TIME_MAX)]
        return lambda timestamp: only if timestamp >= windows.start_ms else []
    size, advance = windows.size_ms, windows.advance_ms
    if size == advance:

        def tumbling(timestamp: int) -> list[tuple[int, int]]:
            start = timestamp - timestamp % size
            return [(start, start + size)]

        return tumbling

    def hopping(timestamp: int) -> list[tuple[int, int]]:
        first = max(0, timestamp - size + advance) // advance * advance
        return [(start, start + size) for start in range(first, timestamp + 1, advance)]

    return hopping
