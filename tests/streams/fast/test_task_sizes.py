"""How records come to the core changes nothing of what it makes of them: one by one or thousands at
once, as rows or as sealed batches of a fetch.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from itertools import groupby

import pytest

from ottla.streams.errors import ProcessingError
from ottla.streams.execution import Executor, Input, Produced
from ottla.streams.fast.task import FastTask
from ottla.streams.reference.task import ReferenceTask
from ottla.wire.records import Record, build_batch, read_batches
from streams import generated, recordings
from streams.topologies import application
from streams.topologies.running import given

SIZES = (7, 1000, 100_000)
#: One of each kind of state, for every run; `long` has all.
SOME = (
    "fk-left-join", "headers-suppress", "self-join-optimised", "session-final",
    "stream-grace-join", "stream-stream-outer-join", "suppress-early-records",
    "table-outer-chain", "versioned-fk-join", "window-count-final",
)  # fmt: skip

#: Those of them that join, close windows and hold changes back.
JOINED = (
    "fk-left-join", "session-final", "stream-grace-join", "stream-stream-outer-join",
    "suppress-early-records", "window-count-final",
)  # fmt: skip

#: What was written to each topic and partition, until a record stopped the task.
Written = dict[tuple[str, int | None], list[Produced]]


#: Records of which two thirds are of one topic, the rest as they come; then of the next one.
LAP = 1800
RUN = 1200


def records_of(name: str) -> list[Input]:
    """Records of which more than a thousand come of each topic in one run: a larger batch than one
    of a thousand; what is between them mixes the topics, so that joins find something.
    """
    topics = recordings.read(name).topics
    lines = generated.inputs(name, topics, 1, LAP * len(set(topics)))
    offsets: dict[str, int] = defaultdict(int)
    records = []
    for place, line in enumerate(lines):
        if "topic" not in line:
            continue
        record = given(line)
        if place % LAP < RUN:
            record = record._replace(topic=topics[place // LAP % len(topics)])
        records.append(record._replace(offset=offsets[record.topic]))
        offsets[record.topic] += 1
    return records


def task_of(name: str) -> FastTask:
    app = application(name)
    return FastTask(app.build(), app.settings())


def as_rows(task: Executor, records: Sequence[Input], size: int) -> list[Produced]:
    """Rows with the place of their cause among all records."""
    found = list[Produced]()
    for first in range(0, len(records), size):
        try:
            made: Sequence[object] = task.process(records[first : first + size], 0)
        except ProcessingError as error:
            made = error.produced
            found += placed(made, first)
            break
        found += placed(made, first)
    return found


def placed(made: Sequence[object], first: int) -> Iterator[Produced]:
    for row in made:
        assert isinstance(row, Produced)
        yield row._replace(cause=row.cause + first)


def as_batches(name: str, records: Sequence[Input], size: int) -> Written:
    """A batch holds records of one topic, so it ends where another topic begins: at more than a
    thousand for each topic.
    """
    task, found = task_of(name), Written()
    for topic, run in groupby(records, key=lambda record: record.topic):
        of_topic = list(run)
        for first in range(0, len(of_topic), size):
            some = of_topic[first : first + size]
            rows = [Record(r.key, r.value, r.headers, r.timestamp) for r in some]
            data = some[0].offset.to_bytes(8, "big") + build_batch(rows)[8:]
            try:
                made: Sequence[object] = task.process_batches(topic, 0, data, 0)
            except ProcessingError as error:
                note(found, error.produced)
                return found
            note(found, made)
    return found


def note(found: Written, made: Sequence[object]) -> None:
    for topic, partition, sealed in made:  # type: ignore[misc]
        rows = found.setdefault((topic, partition), [])
        rows += [
            Produced(0, topic, each.key, each.value, each.timestamp_ms, tuple(each.headers))
            for batch in read_batches(sealed)
            for each in batch.records
        ]


def by_topic(rows: Sequence[Produced]) -> Written:
    found = Written()
    for row in rows:
        of_topic = found.setdefault((row.topic, row.partition), [])
        of_topic.append(row._replace(cause=0, partition=None))
    return found


def check(name: str) -> None:
    records = records_of(name)
    runs = [len([*run]) for _, run in groupby(records, key=lambda record: record.topic)]
    assert [length for length in runs if length > 1000]
    one_by_one = as_rows(task_of(name), records, 1)
    assert one_by_one
    for size in SIZES:
        assert as_rows(task_of(name), records, size) == one_by_one, size
    written = by_topic(one_by_one)
    for size in (1, *SIZES):
        assert as_batches(name, records, size) == written, size


@pytest.mark.parametrize("name", SOME)
def test_no_size_of_batches_changes_what_comes_out(name: str) -> None:
    """If this failed, results would depend on how the network cut the records into batches."""
    check(name)


@pytest.mark.parametrize("name", JOINED)
def test_both_executors_agree_on_thousands(name: str) -> None:
    """If this failed, the executors would part where state has grown, or a large batch is cut."""
    records = records_of(name)
    app = application(name)
    reference = ReferenceTask(app.build(), app.settings())
    assert as_rows(reference, records, 1000) == as_rows(task_of(name), records, 100_000)


@pytest.mark.long
@pytest.mark.parametrize("name", sorted(set(recordings.names()) - set(SOME)))
def test_no_size_of_batches_changes_what_comes_out_of_any_other(name: str) -> None:
    """The same for all that is recorded."""
    check(name)
