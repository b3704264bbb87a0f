"""Joins of two streams: a record of one side meets those of the other that lie within the windows.

Each side puts its records into its own window store (`JoinWindow`, after the join has run, so a
record never meets itself) and looks into the other's. Both sides share one clock: the highest time
that either has seen, null keys and values included.

A left or outer join keeps what finds nothing until its window has closed by that clock, and gives
it then, joined with None, in the order of time, right side first. How often it looks is throttled
by the wall clock (`emit_interval_ms`; Kafka looks at once where that is 0). What comes so late that
nothing can join it any more is given at once.
"""

from __future__ import annotations

from typing import Any

from ottla.streams.execution import Headers
from ottla.streams.plan import operators as plan
from ottla.streams.reference.context import UNKNOWN
from ottla.streams.reference.operator import Operator, Wiring, bind
from ottla.streams.reference.stores.outer_join import OuterJoinStore
from ottla.streams.reference.stores.window import WindowStore
from ottla.streams.serdes.join_sides import JoinSideKey, JoinSideValue

JOINED = ("key", "left", "right")
TIME_MAX = 2**63 - 1
NULL_KEY_OR_VALUE = "the key or the value is null"


class JoinWindow(Operator):
    """Passes a record on, then keeps it for the other side; one without a key joins nothing."""

    def __init__(self, row: plan.JoinWindow, wiring: Wiring) -> None:
        super().__init__(wiring)
        self.store: WindowStore = wiring.store(row.store)

    def process(self, key: Any, value: Any, timestamp: int, headers: Headers) -> None:
        self.forward(key, value, timestamp, headers)
        if key is not None:
            self.store.put(key, value, timestamp, timestamp, headers)


class JoinClock:
    """What both sides of a join know of time, in ms."""

    def __init__(self) -> None:
        self.stream_time = UNKNOWN
        #: The time at which the last look ended, or of an older record that came since; so a record
        #: whose window was still open then may be older, and is only seen when this has closed.
        self.waiting_since = TIME_MAX
        #: The wall clock's time from which to look again for windows that have closed.
        self.next_emit = 0


class StreamStreamJoin(Operator):
    def __init__(self, row: plan.StreamStreamJoin, wiring: Wiring) -> None:
        super().__init__(wiring)
        self.is_left = row.side == "left"
        windows = row.windows
        self.before, self.after = windows.before_ms, windows.after_ms
        if not self.is_left:
            self.before, self.after = self.after, self.before
        self.windows = windows
        #: Whether this side's records that find nothing are results too.
        self.outer = row.kind == "outer" or (row.kind == "left" and self.is_left)
        self.joiner = bind(row.joiner, JOINED)
        self.other: WindowStore = wiring.store(row.other_store)
        self.waiting: OuterJoinStore | None = None
        if row.outer_store is not None:
            self.waiting = wiring.store(row.outer_store)
        self.clock = wiring.shared(row.shared, JoinClock)

    def join(self, key: Any, this: Any, other: Any) -> Any:
        return self.joiner(key, this, other) if self.is_left else self.joiner(key, other, this)

    def process(self, key: Any, value: Any, timestamp: int, headers: Headers) -> None:
        clock = self.clock
        clock.stream_time = max(clock.stream_time, timestamp)
        if self.outer and key is None and value is not None:
            self.forward(key, self.join(key, value, None), timestamp, headers)
            return
        if key is None or value is None:
            self.skip(NULL_KEY_OR_VALUE)
            return
        if self.waiting is not None and timestamp == clock.stream_time:
            self.emit_closed(self.waiting, headers)
        last = max(0, wrapped(timestamp + self.after))
        first = max(0, wrapped(timestamp - self.before))
        found = self.other.between(key, first, last)
        for other_time, other in found:
            if self.waiting is not None:
                self.waiting.remove_if_there(JoinSideKey(key, other_time, not self.is_left))
            joined = self.join(key, value, other.value)
            self.forward_at(key, joined, max(timestamp, other_time), headers)
        if found or not self.outer:
            return
        if self.waiting is None or last < clock.stream_time:
            self.forward(key, self.join(key, value, None), timestamp, headers)
        else:
            clock.waiting_since = min(clock.waiting_since, timestamp)
            self.waiting.add(
                JoinSideKey(key, timestamp, self.is_left), JoinSideValue(value, self.is_left)
            )

    def emit_closed(self, store: OuterJoinStore, headers: Headers) -> None:
        """Give what has waited in vain, with the headers of the record at hand."""
        clock, context = self.clock, self.context
        if wrapped(clock.waiting_since + self.after + self.windows.grace_ms) >= clock.stream_time:
            return
        if context.now < clock.next_emit:
            return
        clock.next_emit = context.now + context.settings.emit_interval_ms
        clock.waiting_since = TIME_MAX
        open_sides: set[bool] = set()
        given: bytes | None = None
        for raw, key, waiting in store.all():
            clock.waiting_since = key.timestamp
            if len(open_sides) == 2:
                break
            if not self.has_closed(key):
                open_sides.add(key.is_left)
                continue
            left, right = (waiting.value, None) if key.is_left else (None, waiting.value)
            joined = self.joiner(key.key, left, right)
            self.forward_at(key.key, joined, key.timestamp, headers)
            if given is not None and given != raw:
                store.remove(given)
            given = raw
        if given is not None:
            store.remove(given)

    def has_closed(self, key: JoinSideKey) -> bool:
        """Whether nothing can come any more that would join."""
        ahead = self.windows.after_ms if key.is_left else self.windows.before_ms
        return key.timestamp + ahead + self.windows.grace_ms < self.clock.stream_time


def wrapped(number: int) -> int:
    """As a long of Java, which Kafka's sums of times are: at the end of time it looks in vain."""
    return (number + 2**63) % 2**64 - 2**63


class StreamSelfJoin(Operator):
    """A stream joined with itself on one store: gives what the join of two such streams would give.

    A record meets those that are kept first as the left side, then as the right one, and itself
    before the first that is later.
    """

    def __init__(self, row: plan.StreamSelfJoin, wiring: Wiring) -> None:
        super().__init__(wiring)
        self.windows = row.windows
        self.joiner = bind(row.joiner, JOINED)
        self.store: WindowStore = wiring.store(row.store)
        self.retention_ms = self.store.row.retention_ms
        self.stream_time = UNKNOWN

    def process(self, key: Any, value: Any, timestamp: int, headers: Headers) -> None:
        if key is None or value is None:
            self.skip(NULL_KEY_OR_VALUE)
            return
        before, after = self.windows.before_ms, self.windows.after_ms
        with_itself = self.joiner(key, value, value)
        self.stream_time = max(self.stream_time, timestamp)
        meets_itself = timestamp > wrapped(self.stream_time - self.retention_ms + 1)
        for time, other in self.kept(key, timestamp - before, timestamp + after):
            joined = self.joiner(key, value, other.value)
            self.forward_at(key, joined, max(timestamp, time), headers)
        for time, other in self.kept(key, timestamp - after, timestamp + before):
            if meets_itself and timestamp < time:
                meets_itself = False
                self.forward(key, with_itself, timestamp, headers)
            joined = self.joiner(key, other.value, value)
            self.forward_at(key, joined, max(timestamp, time), headers)
        if meets_itself:
            self.forward(key, with_itself, timestamp, headers)

    def kept(self, key: Any, first: int, last: int) -> list[tuple[int, Any]]:
        return self.store.between(key, max(0, wrapped(first)), max(0, wrapped(last)))
