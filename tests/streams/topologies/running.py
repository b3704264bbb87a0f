"""What an executor makes of a recorded topology and a seed's inputs, so many records at a time.

The answer is the same at any batch: causes are counted over all input lines, and of the record that
stopped the topology nothing is shown, for Java's driver never gets to look at it.
"""

from __future__ import annotations

from binascii import b2a_base64
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import Any

from ottla.streams.errors import ProcessingError
from ottla.streams.execution import Executor, Headers, Input, Produced
from ottla.streams.testing import executor_of
from streams import recordings
from streams.dumps import store_lines
from streams.topologies import application

Line = Mapping[str, Any]
#: The headers whose content is Java's own, so that only their presence counts.
OF_JAVA = ("__streams.errors.exception", "__streams.errors.stacktrace")


@dataclass(frozen=True)
class Ran:
    """What came of one run: records whose cause is the place of an input line, the stores at the
    end, and where it stopped.
    """

    produced: Sequence[Produced]
    stores: Sequence[Mapping[str, Any]] = ()
    error: Mapping[str, Any] | None = None

    def answer(self) -> recordings.Answer:
        """As the recordings write it."""
        return recordings.Answer([row(each) for each in self.produced], self.stores, self.error)


@dataclass(frozen=True)
class Twin:
    """A set of parameters as Java recorded it, and its application here.

    The application is built once for all that runs it: its topology keeps nothing of a run. `right`
    has, by seed, what was found to be as Java's, so that the same need not be digested again.
    """

    recorded: recordings.Recorded
    app: Any
    right: dict[int, Ran] = field(default_factory=dict)

    def differences(self, executor: str, seed: int, lines: Sequence[Line], batch: int) -> list[str]:
        task = executor_of(executor, self.app.build(), self.app.settings())
        try:
            found = ran(task, lines, batch)
            if not found.error:
                found = replace(found, stores=[*store_lines(task, self.app.build())])
        finally:
            task.close()
        if not found.error and found == self.right.get(seed):
            return []
        said = recordings.differences(self.recorded, seed, found.answer())
        if not said:
            self.right[seed] = found
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


def fed(task: Executor, lines: Sequence[Line], batch: int) -> recordings.Answer:
    """The answer without stores."""
    return ran(task, lines, batch).answer()


def ran(task: Executor, lines: Sequence[Line], batch: int) -> Ran:
    """The run without stores. A step of the wall clock ends a batch."""
    found: list[Produced] = []
    now = 0
    for first, some in cut(lines, batch):
        try:
            if "advance" in some[0]:
                now += some[0]["advance"]
                produced = task.advance(now)
            else:
                produced = task.process([given(line) for line in some], now)
        except ProcessingError as error:
            place = max(error.place, 0)
            found += placed((each for each in made(error) if each.cause < place), first)
            return Ran(found, error={"i": first + place, "message": str(error)})
        found += placed(produced, first)
    return Ran(found)


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
        yield each if place == each.cause else each._replace(cause=place)


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
