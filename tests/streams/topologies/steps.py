"""The processors of recorded and of random topologies, as `tests/java/streams` has them too.

Those that keep something ask for the store `side`, `agg` or `glob`; what a store says is forwarded
as a text, so that it stands in the answer.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from ottla.streams.processors import (
    FixedKeyProcessor,
    FixedKeyRecord,
    Processor,
    Record,
    ValueAndTimestamp,
    ValueTransformer,
)
from ottla.streams.serdes import Windowed
from streams.topologies.poison import Poison, checked
from streams.topologies.words import shown, window_text


class Step(Processor):
    """Remembers its context; `emit` forwards a record without headers."""

    context: Any

    def init(self, context: Any) -> None:
        self.context = context
        self.begin()

    def begin(self) -> None:
        """What a step does when it starts."""

    def emit(self, key: str | None, value: str, time: int) -> None:
        self.context.forward(Record(key, value, time))


# ---------------------------------------------------------------- records and the context
class Swap(Step):
    def process(self, record: Record) -> None:
        self.context.forward(record.with_key(record.value).with_value(record.key))


class HeaderChanges(Step):
    def process(self, record: Record) -> None:
        seen = "".join(
            f"{name}={'null' if data is None else data.decode()};" for name, data in record.headers
        )
        kept = tuple(each for each in record.headers if each[0] != "h")
        changed = record.with_headers((*kept, ("seen", seen.encode())))
        self.context.forward(changed.with_value(seen))
        self.emit(record.key, "bare", record.timestamp)


class Told(Step):
    def process(self, record: Record) -> None:
        known = self.context
        told = (known.stream_time, known.system_time, *known.metadata, known.task_id, known.app_id)
        self.emit(record.key, ",".join(map(str, told)), record.timestamp)
        known.commit()


class ToChildren(Step):
    def process(self, record: Record) -> None:
        if record.value is None:
            self.context.forward(record.with_value("both"))
        else:
            self.context.forward(record, "right-map" if record.value >= "5" else "left-sink")


class Shown(ValueTransformer):
    def transform(self, key: Any, value: Any) -> Any:
        return f"{key}={shown(value)}"


# ---------------------------------------------------------------- every operation of a store
class Asked(Step):
    """Does with its store what the value's last digit says; 10 is a value of None."""

    def process(self, record: Record) -> None:
        if record.key is not None:
            asked = 10 if record.value is None else int(record.value[-1])
            kept = self.context.store("side")
            found = self.answer(kept, asked, record.key, record.value, record.timestamp)
            self.emit(record.key, f"{asked}:{shown(found)}", record.timestamp)

    def answer(self, kept: Any, asked: int, key: str, value: str | None, time: int) -> Any:
        """What the store says."""


def read(found: Iterable[tuple[Any, Any]]) -> str:
    texts = (
        (window_text(key) if isinstance(key, Windowed) else key, value) for key, value in found
    )
    return " ".join(f"{key}={value}" for key, value in texts)


class KeyValues(Asked):
    def answer(self, kept: Any, asked: int, key: str, value: str | None, time: int) -> Any:
        match asked:
            case 10:
                return kept.delete(key)
            case 0:
                return kept.put_if_absent(key, value)
            case 1:
                return read(kept.range("3", "6"))
            case 2:
                return read(kept.reverse_range(None, key))
            case 3:
                return read(kept.all())
            case 4:
                return read(kept.reverse_all())
            case 5:
                return read(kept.prefix(key.encode()))
            case 6:
                kept.put_all([(key + "x", value), (key, None)])
            case _:
                kept.put(key, value)
        return kept.get(key)


class Touches(Asked):
    def answer(self, kept: Any, asked: int, key: str, value: str | None, time: int) -> Any:
        before = kept.get(key)
        if asked < 5:
            kept.put(key, value)
        elif asked == 10:
            kept.delete(key)
        return before


def stamped(held: ValueAndTimestamp | None) -> str | None:
    return None if held is None else f"{held.value}@{held.timestamp}"


class Timestamped(Asked):
    def answer(self, kept: Any, asked: int, key: str, value: str | None, time: int) -> Any:
        before = kept.get(key)
        kept.put(key, ValueAndTimestamp(value, time + 1 if asked == 3 else time))
        return stamped(before)


class Windows(Asked):
    def answer(self, kept: Any, asked: int, key: str, value: str | None, time: int) -> Any:
        match asked:
            case 1:
                return read(kept.fetch_range(key, time - 600, time))
            case 2:
                return read(kept.reverse_fetch_range(key, 0, time))
            case 3:
                return read(kept.fetch_keys("2", "5", time - 600, time))
            case 4:
                return read(kept.reverse_fetch_keys(None, key, time - 900, time))
            case 5:
                return read(kept.fetch_all(time - 300, time + 300))
            case 6:
                return read(kept.reverse_fetch_all(time - 300, time))
            case 7:
                return read(kept.all())
        kept.put(key, value, time // 100 * 100)
        return kept.fetch(key, time // 100 * 100)


class TimestampedWindows(Asked):
    def answer(self, kept: Any, asked: int, key: str, value: str | None, time: int) -> Any:
        start = time // 100 * 100
        before = kept.fetch(key, start)
        kept.put(key, ValueAndTimestamp(value, time), start)
        return stamped(before)


class Sessions(Asked):
    def answer(self, kept: Any, asked: int, key: str, value: str | None, time: int) -> Any:
        start = time // 200 * 200
        session = Windowed(key, start, start + 150)
        match asked:
            case 1:
                return read(kept.find_sessions(key, time - 300, time))
            case 2:
                return read(kept.reverse_find_sessions(key, time - 900, time))
            case 3:
                return read(kept.find_keys("2", "5", time - 300, time))
            case 4:
                return read(kept.fetch(key))
            case 5:
                return read(kept.reverse_find_keys(None, key))
            case 6:
                return kept.fetch_session(*session)
            case 7:
                return kept.remove(session)
        kept.put(session, value)
        return kept.fetch_session(*session)


class Versions(Asked):
    def answer(self, kept: Any, asked: int, key: str, value: str | None, time: int) -> Any:
        if asked == 1:
            return version_text(kept.delete(key, time))
        if asked in (2, 3):
            return version_text(kept.get(key, time - (200 if asked == 2 else 5000)))
        if asked == 4:
            return version_text(kept.get(key))
        return kept.put(key, value, time)


def version_text(found: ValueAndTimestamp | None) -> str | None:
    return None if found is None else f"<{found.value},{found.timestamp},Optional.empty>"


# ---------------------------------------------------------------- stores with headers
class WithHeaders(Step):
    def process(self, record: Record) -> None:
        if record.key is None:
            return
        kept = self.context.store("side")
        before = kept.get(record.key)
        kept.put(record.key, ValueAndTimestamp(record.value, record.timestamp, record.headers))
        if before is None:
            self.emit(record.key, "none", record.timestamp)
        else:
            self.context.forward(Record(record.key, *before))


class Kept(Step):
    """Keeps each record with its headers, and forwards what was there before."""

    def process(self, record: Record) -> None:
        if record.key is None:
            return
        before = self.swapped(self.context.store("side"), record)
        if before is None:
            self.emit(record.key, "none", record.timestamp)
        else:
            self.context.forward(Record(record.key, *before))

    def swapped(self, kept: Any, record: Record) -> tuple[Any, ...] | None:
        start = record.timestamp // 100 * 100
        before: tuple[Any, ...] | None = kept.fetch(record.key, start)
        now = ValueAndTimestamp(record.value, record.timestamp, record.headers)
        kept.put(record.key, now, start)
        return before


class KeptSessions(Kept):
    def swapped(self, kept: Any, record: Record) -> tuple[Any, ...] | None:
        start = record.timestamp // 200 * 200
        before = kept.fetch_session(record.key, start, start + 150)
        now = ValueAndTimestamp(record.value, record.timestamp, record.headers)
        kept.put(Windowed(record.key, start, start + 150), now)
        return None if before is None else (before.value, record.timestamp, before.headers)


# ---------------------------------------------------------------- stores beside streams and tables
class Numbered(FixedKeyProcessor):
    def init(self, context: Any) -> None:
        self.context, self.kept = context, context.store("side")

    def process(self, record: FixedKeyRecord) -> None:
        if record.key is None or record.value is None:
            return
        old = self.kept.get(record.key)
        self.kept.put(record.key, 1 if old is None else old + 1)
        self.context.forward(record.with_value(f"{record.value}#{shown(old)}"))
        self.context.forward(record.with_value("again").with_timestamp(record.timestamp + 1))


class Counts(Step):
    """Stores times, and says how many keys the store thinks it has."""

    def process(self, record: Record) -> None:
        if record.key is not None:
            kept = self.context.store("side")
            kept.put(record.key, record.timestamp)
            self.emit(record.key, str(kept.approximate_num_entries()), record.timestamp)


class Remember(Step):
    def __init__(self, who: str) -> None:
        self.who = who

    def process(self, record: Record) -> None:
        if record.key is None:
            return
        kept = self.context.store("side")
        found = f"{shown(kept.get(record.key))}>{self.who}{shown(record.value)}"
        self.emit(record.key, found, record.timestamp)
        kept.put(record.key, None if record.value is None else self.who + record.value)


class ReadsCounts(Step):
    def process(self, record: Record) -> None:
        if record.key is not None:
            found = self.context.store("agg").get(record.key)
            self.emit(record.key, stamped(found) or "none", record.timestamp)


class Counting(ValueTransformer):
    def init(self, context: Any) -> None:
        self.kept = context.store("side")

    def transform(self, key: Any, value: Any) -> Any:
        old = self.kept.get(key)
        self.kept.put(key, 1 if old is None else old + 1)
        return None if value is None else f"{value}#{shown(old)}"


class GlobalWriter(Step):
    def process(self, record: Record) -> None:
        value = record.value
        if record.key is not None and (value is None or not value.endswith("9")):
            stored = None if value is None else f"{value}@{record.timestamp}"
            self.context.store("glob").put(record.key, stored)


class GlobalReader(Step):
    def process(self, record: Record) -> None:
        kept = self.context.store("glob")
        found = "" if record.key is None else shown(kept.get(record.key))
        self.emit(record.key, f"{shown(record.value)}|{found}", record.timestamp)


class BadWriter(Step):
    def process(self, record: Record) -> None:
        if record.key is not None:
            self.context.store("glob").put(record.key, checked(record.value))


# ---------------------------------------------------------------- clocks
class Flusher(Step):
    """Counts in a store and forwards the whole of it at every turn of either clock."""

    def __init__(self, every: int) -> None:
        self.every = every

    def begin(self) -> None:
        self.kept = self.context.store("agg")
        self.context.schedule(self.every, "stream_time", lambda time: self.flush("st", time))
        self.context.schedule(self.every, "wall_clock", lambda time: self.flush("wc", time))

    def flush(self, clock: str, time: int) -> None:
        for key, value in self.kept.all():
            self.emit(key, f"{clock}{value}", time)

    def process(self, record: Record) -> None:
        if record.key is not None:
            new = None if record.value is None else (self.kept.get(record.key) or 0) + 1
            self.kept.put(record.key, new)


class Cancels(Step):
    def __init__(self, every: int, turns: int) -> None:
        self.every, self.turns = every, turns
        self.done = {"st": 0, "wc": 0}

    def begin(self) -> None:
        schedule = self.context.schedule
        self.clocks = {
            "st": schedule(self.every, "stream_time", lambda time: self.turn("st", time)),
            "wc": schedule(self.every, "wall_clock", lambda time: self.turn("wc", time)),
        }

    def turn(self, clock: str, time: int) -> None:
        self.done[clock] += 1
        now = self.context.stream_time if clock == "st" else self.context.system_time
        self.emit(clock, f"{self.done[clock]},{now}", time)
        if self.done[clock] == self.turns:
            self.clocks[clock].cancel()

    def process(self, record: Record) -> None:
        self.context.forward(record)


class Later(Step):
    """A value that ends in 5 begins a clock, one that ends in 6 ends it."""

    def __init__(self, every: int) -> None:
        self.every = every
        self.running: Any = None

    def process(self, record: Record) -> None:
        value = record.value or ""
        if value.endswith("5") and self.running is None:
            self.running = self.context.schedule(
                self.every, "stream_time", lambda time: self.emit("by", value, time)
            )
            self.emit("begun", value, record.timestamp)
        elif value.endswith("6") and self.running is not None:
            self.running.cancel()
            self.running = None
            self.emit("ended", value, record.timestamp)


class Anchored(Step):
    def __init__(self, every: int, start: int) -> None:
        self.every, self.from_ms = every, start

    def begin(self) -> None:
        for name, clock in (("st", "stream_time"), ("wc", "wall_clock")):
            self.context.schedule(
                self.every, clock, lambda time, name=name: self.emit(name, str(time), time),
                self.from_ms,
            )  # fmt: skip

    def process(self, record: Record) -> None:
        """Nothing: only its clocks speak."""


class BadClock(Step):
    """Every second turn raises, after it has forwarded a record."""

    def __init__(self, every: int) -> None:
        self.every, self.turns = every, 0

    def begin(self) -> None:
        self.context.schedule(self.every, "stream_time", self.turn)

    def turn(self, time: int) -> None:
        self.turns += 1
        self.emit("turn", str(self.turns), time)
        if self.turns % 2 == 0:
            raise Poison(f"turn {self.turns}")
        self.emit("done", str(self.turns), time)

    def process(self, record: Record) -> None:
        self.context.forward(record)
