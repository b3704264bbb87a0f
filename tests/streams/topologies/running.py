"""What an executor makes of a recorded topology and a seed's inputs, so many records at a time.

A run is the same at any batch and of either executor, to the order of rows between topics, the
stores after a stop, what was left out and the text of an error: causes are counted over all input
lines. Java's driver shows less, which is what `Ran.answer` does.
"""

from __future__ import annotations

from binascii import b2a_base64
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import zip_longest
from typing import Any

from ottla.streams.errors import ProcessingError
from ottla.streams.execution import Executor, Headers, Input, Produced, Skipped
from ottla.streams.plan.topology import Topology
from ottla.streams.testing import executor_of
from streams import recordings
from streams.dumps import store_lines
from streams.topologies import application

Line = Mapping[str, Any]
#: The headers whose content is Java's own, so that only their presence counts.
OF_JAVA = ("__streams.errors.exception", "__streams.errors.stacktrace")
#: The one whose content is each executor's own: the files and lines that an exception came through.
STACK = "__streams.errors.stacktrace"


@dataclass(frozen=True)
class Ran:
    """What came of one run: records whose cause is the place of an input line, the stores at the
    end, where and why it stopped, and how many records were left out for which reasons.
    """

    produced: Sequence[Produced]
    stores: Sequence[Mapping[str, Any]] = ()
    error: Mapping[str, Any] | None = None
    skipped: Mapping[Skipped, int] = field(default_factory=dict)

    def answer(self) -> recordings.Answer:
        """As the recordings write it: after an error Java's driver shows no store, and nothing of
        the record that stopped it.
        """
        if self.error is None:
            return recordings.Answer([row(each) for each in self.produced], self.stores)
        seen = [row(each) for each in self.produced if each.cause < self.error["i"]]
        return recordings.Answer(seen, error=self.error)

    def differences(self, other: Ran) -> list[str]:
        """What another run of the same has other than this one: the first of each kind."""
        found = []
        rows = zip_longest(self.produced, other.produced)
        found += [f"row {n}: want {a}, got {b}" for n, (a, b) in enumerate(rows) if a != b][:1]
        found += recordings.compare_stores(self.stores, other.stores)
        if self.error != other.error:
            found.append(f"error: want {self.error}, got {other.error}")
        if self.skipped != other.skipped:
            found.append(f"left out: want {self.skipped}, got {other.skipped}")
        return found


@dataclass(frozen=True)
class Twin:
    """A set of parameters as Java recorded it, and its application here.

    The application is built once for all that runs it: its topology keeps nothing of a run. `first`
    has, by seed, the first run and what it has other than Java, so that the same need not be
    digested again; all runs of a seed are alike.
    """

    recorded: recordings.Recorded
    app: Any
    first: dict[int, tuple[Ran, list[str]]] = field(default_factory=dict)

    def differences(self, executor: str, seed: int, lines: Sequence[Line], batch: int) -> list[str]:
        task = executor_of(executor, self.app.build(), self.app.settings())
        try:
            found = ran(task, self.app.build(), lines, batch)
        finally:
            task.close()
        if seed not in self.first:
            said = recordings.differences(self.recorded, seed, found.answer())
            self.first[seed] = found, said
        first, said = self.first[seed]
        if found != first:
            said = [f"other than the first run, {each}" for each in first.differences(found)]
        return [f"{dict(self.recorded.params)} batch {batch}: {each}" for each in said]


@lru_cache(maxsize=1)
def twins(name: str) -> Sequence[Twin]:
    """All that is recorded of a topology; that of the last one is remembered."""
    return [Twin(each, application(name, each.params)) for each in recording(name).sets]


recording = lru_cache(maxsize=1)(recordings.read)


def differences(executor: str, name: str, batches: Iterable[tuple[int, int]]) -> list[str]:
    """What is other than Kafka's, over all recorded parameters; nothing where all is alike.

    `batches` are pairs of a seed and how many of its records the executor is given at once.
    """
    return [
        said
        for seed, batch in batches
        for lines in [recording(name).inputs(seed)]
        for twin in twins(name)
        for said in twin.differences(executor, seed, lines, batch)
    ]


def ran(task: Executor, topology: Topology, lines: Sequence[Line], batch: int) -> Ran:
    """The run of a new task, to its end or to where it stops. A step of the wall clock ends a
    batch.
    """
    found: list[Produced] = []
    error = fed(task, lines, batch, found)
    return Ran(found, [*store_lines(task, topology)], error, task.skipped())


def fed(
    task: Executor, lines: Sequence[Line], batch: int, found: list[Produced]
) -> Mapping[str, Any] | None:
    """Where a task stops and why, if it does; all that it makes is `found`."""
    now = 0
    for first, some in cut(lines, batch):
        try:
            if "advance" in some[0]:
                now += some[0]["advance"]
                produced = task.advance(now)
            else:
                produced = task.process([given(line) for line in some], now)
        except ProcessingError as error:
            found += placed(made(error), first)
            return {"i": first + max(error.place, 0), "message": str(error)}
        found += placed(produced, first)
    return None


def cut(lines: Sequence[Line], batch: int) -> Iterator[tuple[int, Sequence[Line]]]:
    """Batches, and the place of the first line of each."""
    first = 0
    for place, line in enumerate(lines):
        if "advance" in line:
            if first < place:
                yield first, lines[first:place]
            yield place, [line]
            first = place + 1
        elif place + 1 - first == batch:
            yield first, lines[first : place + 1]
            first = place + 1
    if first < len(lines):
        yield first, lines[first:]


def given(line: Line) -> Input:
    """An input line as a record."""
    headers: Headers = ()
    if line.get("headers"):
        headers = tuple((name, encoded(value)) for name, value in line["headers"].items())
    return Input(line["topic"], encoded(line["key"]), encoded(line["value"]), line["ts"], headers)


def encoded(text: str | Mapping[str, str] | None) -> bytes | None:
    """A line's text; what is no text stands there as `{"hex"}`."""
    if isinstance(text, Mapping):
        return bytes.fromhex(text["hex"])
    return None if text is None else text.encode()


def made(error: ProcessingError) -> Iterator[Produced]:
    for each in error.produced:
        assert isinstance(each, Produced)
        yield each


def placed(produced: Iterable[Produced], first: int) -> Iterator[Produced]:
    for each in produced:
        place = first + max(each.cause, 0)
        row = each if place == each.cause else each._replace(cause=place)
        if row.headers:
            kept = ((name, b"" if name == STACK else data) for name, data in row.headers)
            row = row._replace(headers=tuple(kept))
        yield row


def row(produced: Produced) -> Mapping[str, Any]:
    """A record as the recordings write it; bytes are base64."""
    place, topic, key, value, timestamp, headers, _ = produced
    return {
        "i": place,
        "topic": topic,
        "key": text(key),
        "value": text(value),
        "ts": None if timestamp == -1 else timestamp,
        "headers": {name: "" if name in OF_JAVA else text(data) for name, data in headers},
    }


def text(data: bytes | None) -> str | None:
    return None if data is None else b2a_base64(data, newline=False).decode()
