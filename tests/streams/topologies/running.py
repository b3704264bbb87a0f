"""What an executor makes of a recorded topology and a seed's inputs, so many records at a time.

The answer is the same at any batch: causes are counted over all input lines, and of the record that
stopped the topology nothing is shown, for Java's driver never gets to look at it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from ottla.streams.errors import ProcessingError
from ottla.streams.execution import Executor, Produced
from ottla.streams.testing import executor_of
from streams import recordings
from streams.dumps import store_lines
from streams.reference import plans
from streams.topologies import application

Line = Mapping[str, Any]


def answer(
    executor: str, name: str, params: Mapping[str, int], lines: Sequence[Line], batch: int = 1
) -> recordings.Answer:
    """Records, stores at the end, and the input that it stopped at."""
    app = application(name, params)
    task = executor_of(executor, app.build(), app.settings())
    try:
        found = fed(task, lines, batch)
        return found if found.error else replace(found, stores=[*store_lines(task, app.build())])
    finally:
        task.close()


def differences(
    executor: str, name: str, seeds: Iterable[int], batches: Iterable[int] = (1,)
) -> list[str]:
    """What is other than Kafka's, over all recorded parameters; nothing where all is alike."""
    found = recordings.read(name)
    batches = list(batches)
    return [
        f"{dict(each.params)} batch {batch}: {said}"
        for seed in seeds
        for lines in [found.inputs(seed)]
        for each in found.sets
        for batch in batches
        for said in recordings.differences(
            each, seed, answer(executor, name, each.params, lines, batch)
        )
    ]


def fed(task: Executor, lines: Sequence[Line], batch: int) -> recordings.Answer:
    """The answer without stores. A step of the wall clock ends a batch."""
    rows: list[Mapping[str, Any]] = []
    now = 0
    for first, some in cut(lines, batch):
        try:
            if "advance" in some[0]:
                now += some[0]["advance"]
                produced = task.advance(now)
            else:
                produced = task.process([plans.given(line) for line in some], now)
        except ProcessingError as error:
            place = max(error.place, 0)
            rows += shown((each for each in given(error) if each.cause < place), first)
            return recordings.Answer(rows, error={"i": first + place, "message": str(error)})
        rows += shown(produced, first)
    return recordings.Answer(rows)


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


def given(error: ProcessingError) -> Iterator[Produced]:
    for each in error.produced:
        assert isinstance(each, Produced)
        yield each


def shown(produced: Iterable[Produced], first: int) -> Iterator[Mapping[str, Any]]:
    return (plans.row(each, first + max(each.cause, 0)) for each in produced)
