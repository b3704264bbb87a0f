"""What each engine makes of a case, and where they differ.

Java's driver takes records one by one; our executors take them in batches, and give the same at any
size. Compared with Java are the text of `describe()`, every record of every topic, what stores hold
at the end, and the input at which they stop; whether a topology is refused is compared, why is not.
Between our two nothing is left out: see `streams.topologies.running.Ran`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from ottla.errors import OttlaError
from ottla.streams.plan.stores import StoreKind
from ottla.streams.testing import executor_of
from streams import recordings
from streams.fuzzing.building import Case, application
from streams.record import StreamsOracle
from streams.topologies.running import Ran, ran

EXECUTORS = ("python", "rust")
BATCHES = (1, 7, 1000)


@dataclass(frozen=True)
class Run:
    """One engine's answer; without a description where it refused to build the topology."""

    describe: str | None
    answer: recordings.Answer
    #: Of our executors: what Java's driver would not show, too.
    whole: Ran | None = None

    def lines(self) -> dict[str, Any]:
        """As a corpus keeps it."""
        error = self.answer.error
        return {
            "describe": self.describe,
            "records": list(self.answer.records),
            "stores": list(self.answer.stores),
            "error": None if error is None else {"i": error["i"]},
        }

    @classmethod
    def of(cls, given: Mapping[str, Any]) -> Run:
        found = recordings.Answer(given["records"], given["stores"], given["error"])
        return cls(given["describe"], _seen(found))


MESSAGE = "__streams.errors.message"


def _messages(rows: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Dead letters tell of an exception, of which only the presence of its words is compared: they
    are Java's own, or ours.
    """
    found = []
    for row in rows:
        text = row["headers"].get(MESSAGE)
        if text is not None:
            row = {**row, "headers": {**row["headers"], MESSAGE: ""}}
        found.append(row)
    return found


def _seen(answer: recordings.Answer) -> recordings.Answer:
    """Without what the record that stopped it had sent: Java's driver loses some of it."""
    stopped, rows = answer.stopped, _messages(answer.records)
    if stopped is None:
        return replace(answer, records=rows)
    return replace(answer, stores=(), records=[row for row in rows if row["i"] < stopped])


def ours(executor: str, case: Case, batch: int) -> Run:
    """What one of our executors makes of a case.

    An exception of no kind that users are told of is an answer too, and other than all of Java's.
    """
    try:
        app = application(case)
        topology, describe = app.build(), app.describe()
    except OttlaError as error:
        return _refused(None, -1, str(error))
    try:
        task = executor_of(executor, topology, app.settings())
        try:
            found = ran(task, topology, case["input"], batch)
        finally:
            task.close()
    except OttlaError as error:
        return _refused(describe, -1, str(error))
    except Exception as error:
        return _refused(describe, -2, f"{type(error).__name__}: {error}")
    return Run(describe, _seen(found.answer()), found)


def _refused(describe: str | None, place: int, text: str) -> Run:
    found = Ran([], error={"i": place, "message": text})
    return Run(describe, found.answer(), found)


def versioned_keys(case: Case, run: Run) -> list[str]:
    """The keys that Java's versioned stores are to be asked for: all that may be there."""
    found = {line["key"] for line in case["input"] if isinstance(line.get("key"), str)}
    try:
        stores = application(case).build().stores
    except OttlaError:
        return sorted(found)
    names = {name for name, row in stores.items() if row.kind is StoreKind.VERSIONED}
    found |= {row["key"] for row in run.answer.stores if row["store"] in names}
    return sorted({*found, *"0123456789"})


def javas(java: StreamsOracle, case: Case, run: Run) -> Run:
    """What Java makes of a case."""
    given = {"config": case["config"], "nodes": case["nodes"]}
    keys = versioned_keys(case, run)
    return Run.of(java.ask({"given": given, "keys": keys, "input": case["input"]}))


def differences(want: Run, got: Run) -> list[str]:
    """The first difference of each kind, in words."""
    found = []
    if want.describe != got.describe and None not in (want.describe, got.describe):
        pairs = zip(str(want.describe).split("\n"), str(got.describe).split("\n"), strict=False)
        differing = (each for each in pairs if each[0] != each[1])
        one, other = next(differing, ("", "more or fewer lines"))
        found.append(f"describe: want {one!r}, got {other!r}")
    if want.answer.stopped != got.answer.stopped:
        found.append(
            f"stopped at {got.answer.stopped} ({got.answer.error}), "
            f"want {want.answer.stopped} ({want.answer.error})"
        )
        first = min(run.answer.stopped for run in (want, got) if run.answer.stopped is not None)
        want, got = (_until(run, first) for run in (want, got))
    found += recordings.compare(want.answer.records, got.answer.records)
    found += recordings.compare_stores(want.answer.stores, got.answer.stores)
    if want.whole and got.whole and not found:
        found += [f"our two: {each}" for each in want.whole.differences(got.whole)]
    return found


def _until(run: Run, stopped: int) -> Run:
    rows = [row for row in run.answer.records if row["i"] < stopped]
    return Run(run.describe, recordings.Answer(rows, (), run.answer.error), run.whole)


def compared(
    java: StreamsOracle, case: Case, batches: Mapping[str, int], want: Run | None = None
) -> list[str]:
    """Where our executors, each at its batch size, differ from Java in this case."""
    runs = {name: ours(name, case, batch) for name, batch in batches.items()}
    first = next(iter(runs.values()))
    want = want or javas(java, case, first)
    return [
        f"{name} at batch {batches[name]}: {text}"
        for name, run in runs.items()
        for text in differences(want, run)
    ]
