"""Aggregations in sliding windows: for a record at t the window [t - d, t], and one right after it.

A window [s, s + d] stands for a set of records, not for a moment: with every record at t there is
the window that ends at t, and for every record at p the window that starts at p + 1, if something
lies in it. A record goes into all windows that hold its time, and makes those that are missing.
Times below d have one window more, [0, d], that stands for all windows that would start before 0.
"""

from __future__ import annotations

from typing import Any

from ottla.streams.errors import ProcessingError
from ottla.streams.execution import Headers
from ottla.streams.plan import operators as plan
from ottla.streams.reference.context import UNKNOWN
from ottla.streams.reference.operator import Wiring
from ottla.streams.reference.records import Stamped
from ottla.streams.reference.stores.window import TIME_MAX
from ottla.streams.reference.windows import WindowOperator
from ottla.streams.serdes import Windowed


class SlidingAggregate(WindowOperator):
    def __init__(self, row: plan.SlidingAggregate, wiring: Wiring) -> None:
        super().__init__(row.store, row.aggregation, row.emit, row.send_old, wiring)
        self.difference = row.windows.difference_ms
        self.grace = row.windows.grace_ms
        self.close_time = UNKNOWN

    def process(self, key: Any, value: Any, timestamp: int, headers: Headers) -> None:
        if key is None or value is None:
            self.skip("the key or the value is null")
            return
        self.stream_time = max(self.stream_time, timestamp)
        self.close_time = self.stream_time - self.grace
        # Kafka's sum of the two wraps around, so what ends after the last time there is, is closed.
        end = timestamp + self.difference
        if end > TIME_MAX or end < self.close_time:
            self.skip("its window is closed")
            return
        if self.difference == 0:
            raise ProcessingError(
                "sliding windows of 0 ms hold nothing",
                hint="give them a difference of 1 ms or more",
            )
        if timestamp < self.difference:
            self.process_early(key, value, timestamp, headers)
            return
        self.process_usual(key, value, timestamp, headers)
        if self.on_close:
            self.emit_closed(headers)

    def process_usual(self, key: Any, value: Any, timestamp: int, headers: Headers) -> None:
        """Latest windows first: those that hold the record, then the one before them."""
        starts = set()
        left: Stamped | None = None
        right: Stamped | None = None
        has_left = has_right = False
        previous: int | None = None  # the time of the last record before this one
        record = (key, value, timestamp, headers)
        first = max(0, timestamp - 2 * self.difference)
        for start, held in reversed(self.store.between(key, first, timestamp + 1)):
            starts.add(start)
            end = start + self.difference
            if start == timestamp + 1:
                has_right = True
            elif end > timestamp:
                right = right or held
                self.add(record, start, held)
            elif end == timestamp:
                has_left = True
                self.add(record, start, held)
                if held.timestamp >= timestamp:
                    return  # a record of this very time was here: it made all windows
                previous = held.timestamp
            else:
                left, previous = held, held.timestamp
                break
        if previous is not None:
            after = previous + 1
            if after not in starts and after + self.difference >= timestamp:
                self.add(record, after, self.fresh(timestamp))
        if not has_left:
            start = timestamp - self.difference
            if previous is not None and start <= previous and left is not None:
                self.add(record, start, Stamped(left.value, timestamp))
            else:
                self.add(record, start, self.fresh(timestamp))
        if not has_right:
            self.make_right(record, right)

    def process_early(self, key: Any, value: Any, timestamp: int, headers: Headers) -> None:
        """A time before the first whole window: earliest windows first."""
        starts = set()
        combined: Stamped | None = None
        right: Stamped | None = None
        has_right = False
        previous: int | None = None
        record = (key, value, timestamp, headers)
        for start, held in self.store.between(key, 0, timestamp + 1):
            starts.add(start)
            if start == 0:
                combined = held
                if held.timestamp < timestamp:
                    previous = held.timestamp
            elif start <= timestamp:
                right = held
                self.add(record, start, held)
            else:
                has_right = True
        if right is None and combined is not None and combined.timestamp > timestamp:
            right = combined
        if not has_right:
            self.make_right(record, right)
        if previous is not None and previous + 1 not in starts:
            self.add(record, previous + 1, self.fresh(timestamp))
        self.add(record, 0, combined or self.fresh(timestamp))

    def make_right(self, record: tuple[Any, Any, int, Headers], right: Stamped | None) -> None:
        """The window right after the record holds what lies behind it, if anything does."""
        key, _, timestamp, headers = record
        if right is None or right.timestamp <= timestamp:
            return
        start = timestamp + 1
        self.store.put(key, right.value, start, right.timestamp)
        window = Windowed(key, start, start + self.difference)
        self.update(window, right.value, None, right.timestamp, headers)

    def add(self, record: tuple[Any, Any, int, Headers], start: int, held: Stamped) -> None:
        key, value, timestamp, headers = record
        end = start + self.difference
        if end < self.close_time:
            self.skip("its window is closed")
            return
        new = self.aggregator.add(key, value, held.value, timestamp, headers)
        time = timestamp if held.value is None else max(timestamp, held.timestamp)
        self.store.put(key, new, start, time)
        self.update(Windowed(key, start, end), new, held.value, time, headers)

    def fresh(self, timestamp: int) -> Stamped:
        return Stamped(self.aggregator.initial(), timestamp)

    def emit_closed(self, headers: Headers) -> None:
        if not self.clock.is_due(self.context.now, self.close_time):
            return
        last, closed = self.close_time - self.difference - 1, self.clock.closed
        if last >= 0:
            first = 0 if closed == UNKNOWN else max(0, closed - self.difference)
            self.emit(first, last, self.close_time, headers)
