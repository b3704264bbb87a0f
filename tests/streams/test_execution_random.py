"""Random topologies give on our executors what they give in Apache's test driver."""

from __future__ import annotations

import itertools
import random
import time
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest

from ottla.streams.execution import Skipped
from streams import recordings
from streams.fuzzing import corpus, making
from streams.fuzzing.comparing import BATCHES, EXECUTORS, Run, differences, javas, ours
from streams.fuzzing.operators import BY_STORE, CLOCKS
from streams.fuzzing.search import Covered, Difference, Engine, search
from streams.fuzzing.shrinking import Case, shrunk
from streams.record import StreamsOracle

SECONDS = 120
SECONDS_LONG = 3600
ENGINES: dict[str, Engine] = {name: partial(ours, name) for name in EXECUTORS}


def told(found: Iterator[Difference]) -> list[str]:
    """Differences as a failure shows them, and no more than a few."""
    return [
        f"python -m streams.fuzzing --seed {each.seed}: {each.engine} at batch {each.batch}: "
        f"{each.texts} of {each.case}"
        for each in itertools.islice(found, 3)
    ]


def lasting(seconds: float, first: int = 0) -> Iterator[int]:
    """Seeds for so long, and one at least."""
    end = time.monotonic() + seconds
    for seed in itertools.count(first):
        yield seed
        if time.monotonic() > end:
            return


@pytest.mark.jvm
@pytest.mark.seconds(SECONDS + 400)
def test_random_topologies_give_what_kafka_gives(tmp_path: Path) -> None:
    """If this failed, an application would give other bytes than its twin in Java."""
    with StreamsOracle(tmp_path) as java:
        assert told(search(partial(javas, java), ENGINES, lasting(SECONDS))) == []


@pytest.mark.long
@pytest.mark.jvm
@pytest.mark.seconds(SECONDS_LONG + 600)
def test_many_random_topologies_give_what_kafka_gives(tmp_path: Path) -> None:
    """The same, with seeds that nobody has tried; a failure names its seed."""
    seeds = lasting(SECONDS_LONG, random.SystemRandom().randrange(10**6, 10**9))
    with StreamsOracle(tmp_path) as java:
        assert told(search(partial(javas, java), ENGINES, seeds)) == []


@pytest.mark.parametrize("executor", EXECUTORS)
@pytest.mark.parametrize("name", corpus.names())
def test_what_once_differed_is_as_in_java(name: str, executor: str) -> None:
    """If this failed, a difference that was mended would be back."""
    case, want = corpus.read(name)
    found = {batch: differences(want, ours(executor, case, batch)) for batch in BATCHES}
    assert found == {batch: [] for batch in BATCHES}


def test_the_executors_agree() -> None:
    """If this failed, what users are told of the reference executor would not hold for the fast
    one. No JVM has a say here.
    """
    engines = {"rust": ENGINES["rust"]}
    assert told(search(_reference, engines, range(10_000, 10_120))) == []


@pytest.mark.parametrize("name", corpus.names())
def test_the_executors_agree_on_what_once_differed(name: str) -> None:
    """If this failed, they would differ in what Java does not show, as after a stop."""
    case, _ = corpus.read(name)
    assert differences(ours("python", case, 7), ours("rust", case, 1000)) == []


def _reference(case: Case, run: Run) -> Run:
    return ours("python", case, 1)


def _planted(case: Case, batch: int) -> Run:
    """An engine that is wrong in one way: where keys end in 3, records that leave have no value."""
    run = ours("python", case, batch)
    rows = [
        {**row, "value": None} if row["topic"] == "out" and row["key"] == "Mw==" else row
        for row in run.answer.records
    ]
    return replace(run, answer=replace(run.answer, records=rows))


def test_a_planted_fault_is_found_and_made_small() -> None:
    """If this failed, the search would be blind, or would print what nobody can read."""
    found = next(search(_reference, {"planted": _planted}, range(50)))
    assert found.engine == "planted"
    assert [text for text in found.texts if text.startswith("out[")]
    assert sum(line.get("key") == "3" for line in found.case["input"]) == 1
    assert len(found.case["input"]) == 1
    assert len(found.case["nodes"]) <= 4


def test_every_difference_is_seen() -> None:
    """If this failed, a kind of difference would go unseen: a description, a record, a store, an
    error.
    """
    case = next(
        case
        for case in map(making.case, range(100))
        if (run := ours("python", case, 1)).answer.stores and run.answer.records
    )
    run = ours("python", case, 1)
    answer = run.answer
    others = {
        "describe": replace(run, describe="other"),
        "record": replace(run, answer=replace(answer, records=answer.records[1:])),
        "store": replace(run, answer=replace(answer, stores=answer.stores[1:])),
        "error": replace(run, answer=replace(answer, error={"i": 3})),
        "refused": Run(None, recordings.Answer([], error={"i": -1})),
    }
    assert differences(run, run) == []
    assert [name for name, other in others.items() if not differences(run, other)] == []


def test_what_java_does_not_show_is_compared_between_our_two() -> None:
    """If this failed, an executor that loses its state where a batch stops, or writes its topics in
    another order, would pass for the other's like.
    """
    case, run, whole = next(
        (case, run, whole)
        for case in map(making.case, range(100))
        if (whole := (run := ours("python", case, 7)).whole)
        and whole.error
        and whole.stores
        and len({row.topic for row in whole.produced[-2:]}) == 2
    )
    assert whole.error is not None
    rows, error = whole.produced, {**whole.error, "message": "other"}
    others = {
        "store": replace(whole, stores=()),
        "order": replace(whole, produced=[*rows[:-2], rows[-1], rows[-2]]),
        "cut": replace(whole, produced=rows[:-1]),
        "text": replace(whole, error=error),
        "skipped": replace(whole, skipped={**whole.skipped, Skipped("n", "why"): 1}),
    }
    assert differences(run, run) == []
    alike = [
        name for name, other in others.items() if not differences(run, replace(run, whole=other))
    ]
    assert alike == []
    assert differences(run, ours("rust", case, 7)) == []


def test_every_operator_is_made() -> None:
    """If this failed, an operator, a kind of window or a processor would not be tried."""
    covered = Covered()
    for seed in range(1500):
        covered.add(making.case(seed), Run("", recordings.Answer([])))
    offered = {name for rows in making.OPERATORS.values() for name, _, _ in rows}
    ops = {name.split("-")[0] for name in covered.operators}
    assert offered <= ops
    assert {"to", "foreach", "print", "table", "global", "add_store", "global_store"} <= ops
    processors = {*CLOCKS, *(each for names in BY_STORE.values() for each in names)}
    assert {f"process-{name}" for name in processors} <= set(covered.operators)
    for op in ("count", "reduce", "aggregate"):
        for windows in ("time", "sliding", "session"):
            assert {f"{op}-{windows}", f"{op}-{windows}-closed"} <= set(covered.operators)


def test_a_seed_makes_one_case() -> None:
    """If this failed, a difference could not be found again by its seed."""
    assert making.case(7) == making.case(7)
    assert making.case(7) != making.case(8)


def test_shrinking_ends() -> None:
    """If this failed, a case that always differs would be asked without an end; it shrinks to
    nothing, and one that never does stays as it is.
    """
    case = making.case(7)
    assert shrunk(case, lambda each: False) == case
    small = shrunk(case, lambda each: True, checks_max=1000)
    assert (small["nodes"], small["input"], small["config"]) == ([], [], {})
