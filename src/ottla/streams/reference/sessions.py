"""Aggregations in sessions: windows that grow as long as records come within the gap.

A record joins all sessions of its key that lie within the gap, and they become one: each that was
joined is removed (a tombstone for who listens), then the joined one is put. Its time is its end.
"""

from __future__ import annotations

from typing import Any

from ottla.streams.execution import Headers
from ottla.streams.plan import operators as plan
from ottla.streams.plan.operators import Emit
from ottla.streams.reference.aggregations import Aggregator
from ottla.streams.reference.context import UNKNOWN
from ottla.streams.reference.operator import Operator, Wiring
from ottla.streams.reference.records import Change
from ottla.streams.reference.stores.session import SessionStore
from ottla.streams.reference.windows import EmitClock
from ottla.streams.serdes import Windowed


class SessionAggregate(Operator):
    def __init__(self, row: plan.SessionAggregate, wiring: Wiring) -> None:
        super().__init__(wiring)
        self.store: SessionStore = wiring.store(row.store)
        self.aggregator = Aggregator(row.aggregation)
        self.send_old = row.send_old
        self.gap = row.windows.gap_ms
        self.grace = row.windows.grace_ms
        self.on_close = row.emit is Emit.ON_CLOSE
        self.clock = EmitClock(self.context.settings.emit_interval_ms)
        self.stream_time = UNKNOWN

    def process(self, key: Any, value: Any, timestamp: int, headers: Headers) -> None:
        if key is None:
            self.skip("the key is null")
            return
        self.stream_time = max(self.stream_time, timestamp)
        close_time = self.stream_time - self.grace - self.gap
        aggregate = self.aggregator.initial()
        start = end = timestamp
        joined = self.store.find(key, timestamp - self.gap, timestamp + self.gap)
        for session, held in joined:
            aggregate = self.aggregator.merge(key, aggregate, held.value)
            start, end = min(start, session.start), max(end, session.end)
        if end < close_time:
            self.skip("its session is closed")
        else:
            if (start, end) != (timestamp, timestamp):
                for session, held in joined:
                    self.store.remove(session)
                    self.update(session, held.value, None)
            aggregate = self.aggregator.add(key, value, aggregate, timestamp, headers)
            session = Windowed(key, start, end)
            self.store.put(session, aggregate)
            self.update(session, None, aggregate)
        if self.on_close:
            self.emit_closed(close_time, headers)

    def update(self, session: Windowed, old: Any, new: Any) -> None:
        if not self.on_close:
            change = Change(new, old if self.send_old else None)
            self.forward_at(session, change, session.end, ())

    def emit_closed(self, close_time: int, headers: Headers) -> None:
        if not self.clock.is_due(self.context.now, close_time):
            return
        first, last = max(0, self.clock.closed), close_time - 1
        if last < 0 or last < first:
            return
        for session, held in self.store.ended(first, last):
            self.forward_at(session, Change(held.value, None), session.end, headers)
        self.clock.closed = close_time
