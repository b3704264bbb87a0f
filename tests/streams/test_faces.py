"""Stores as processors see them: the same from both executors, whatever is done to them."""

from __future__ import annotations

import gc
import random
import weakref
from collections.abc import Callable
from typing import Any

import pytest

from ottla.streams.errors import ReadOnlyStore, StreamsError
from ottla.streams.execution import Executor, Input, Produced
from ottla.streams.plan.operators import Process
from ottla.streams.plan.stores import Store, StoreKind
from ottla.streams.plan.topology import Topology
from ottla.streams.processors import Processor, ProcessorContext, Record, ValueAndTimestamp
from ottla.streams.serdes import JSON, LONG, STRING, Serde, Windowed
from ottla.streams.testing import executor_of
from streams.dumps import store_lines
from streams.plans import SETTINGS, Plan

EXECUTORS = ("python", "rust")
Step = tuple[str, tuple[Any, ...]]

KEYS = ("a", "b", "ba", "c", "\N{SNOWMAN}")
HEADERS = (("h", b"1"), ("none", None))


class Upper(Serde):
    """A serde that only Python knows."""

    name = "UPPER"

    def serialize(self, value: Any, topic: str = "", headers: Any = None) -> bytes | None:
        return None if value is None else value.upper().encode()

    def deserialize(self, data: bytes | None, topic: str = "", headers: Any = None) -> Any:
        return None if data is None else data.decode()


class Does(Processor):
    """Does one step with the store for each record, and remembers what that gave."""

    def __init__(self, steps: list[Step], found: list[Any]) -> None:
        self.steps = iter(steps)
        self.found = found

    def init(self, context: ProcessorContext) -> None:
        self.store = context.store("s")

    def process(self, record: Record) -> None:
        method, arguments = next(self.steps)
        try:
            given = getattr(self.store, method)(*arguments)
            if method not in ("get", "put", "delete", "fetch_session") and hasattr(
                given, "__next__"
            ):
                given = list(given)
        except StreamsError as error:
            given = (type(error).__name__, str(error))
        self.found.append((method, arguments, given))


def topology(kept: Store, steps: list[Step], found: list[Any]) -> Topology:
    plan = Plan()
    plan.node("p", Process(lambda: Does(steps, found)), plan.source("a"), kept)
    return plan.topology()


def outcome(
    executor: str, kept: Store, steps: list[Step], times: list[int]
) -> tuple[list[Any], list[Produced], list[Any], dict[Any, int]]:
    """What the steps gave, the changelog, what the store holds at the end, what was left out."""
    found: list[Any] = []
    built = topology(kept, steps, found)
    task: Executor = executor_of(executor, built, SETTINGS)
    inputs = [
        Input("a", b"k", b"v", time, (("r", b"x"),), offset=place)
        for place, time in enumerate(times)
    ]
    half = len(inputs) // 2
    made = task.process(inputs[:half], 0) + task.process(inputs[half:], 0)
    return found, made, list(store_lines(task, built)), dict(task.skipped())


def key_value_step(pick: random.Random, value: Callable[[], Any]) -> Step:
    key, other = pick.choice(KEYS), pick.choice((*KEYS, None))
    return pick.choice(
        [
            ("put", (key, value())),
            ("put", (key, None)),
            ("put_if_absent", (key, value())),
            ("put_all", ([(key, value()), (pick.choice(KEYS), None)],)),
            ("delete", (key,)),
            ("get", (other,)),
            ("range", (key, other)),
            ("reverse_range", (other, key)),
            ("prefix", (b"b",)),
            ("prefix", (b"",)),
            ("all", ()),
            ("reverse_all", ()),
            ("__len__", ()),
            ("approximate_num_entries", ()),
        ]
    )


def window_step(pick: random.Random, value: Callable[[], Any]) -> Step:
    key, other = pick.choice(KEYS), pick.choice((*KEYS, None))
    start = pick.randrange(40) * 100
    last = start + pick.randrange(20) * 100
    return pick.choice(
        [
            ("put", (key, value(), start)),
            ("put", (key, value(), start)),
            ("put", (key, None, start)),
            ("fetch", (key, start)),
            ("fetch_range", (key, start, last)),
            ("reverse_fetch_range", (key, -(2**70), 2**70)),
            ("fetch_keys", (key, other, start, last)),
            ("reverse_fetch_keys", (other, key, start, last)),
            ("fetch_all", (start, last)),
            ("reverse_fetch_all", (start, 2**70)),
            ("all", ()),
            ("reverse_all", ()),
        ]
    )


def session_step(pick: random.Random, value: Callable[[], Any]) -> Step:
    key, other = pick.choice(KEYS), pick.choice((*KEYS, None))
    start = pick.randrange(30) * 100
    end = start + pick.randrange(4) * 100
    session = Windowed(key, start, end)
    return pick.choice(
        [
            ("put", (session, value())),
            ("put", (session, value())),
            ("put", (session, None)),
            ("remove", (session,)),
            ("fetch_session", (key, start, end)),
            ("find_sessions", (key, start, end)),
            ("reverse_find_sessions", (key, 0, 2**70)),
            ("find_keys", (key, other)),
            ("reverse_find_keys", (other, key, start, end)),
            ("fetch", (key,)),
            ("all", ()),
        ]
    )


def versioned_step(pick: random.Random, value: Callable[[], Any]) -> Step:
    key, time = pick.choice(KEYS), pick.randrange(60) * 100
    return pick.choice(
        [
            ("put", (key, value(), time)),
            ("put", (key, value(), time)),
            ("put", (key, None, time)),
            ("delete", (key, time)),
            ("get", (key,)),
            ("get", (key, time)),
            ("all", ()),
        ]
    )


def store(kind: StoreKind = StoreKind.KEY_VALUE, value: Serde = STRING, **more: Any) -> Store:
    return Store("s", kind, more.pop("key", STRING), value, **more)


WINDOWS: dict[str, Any] = {"retention_ms": 1000, "window_size_ms": 100, "segment_interval_ms": 500}
SESSIONS: dict[str, Any] = {"retention_ms": 1000, "segment_interval_ms": 500}
VERSIONS: dict[str, Any] = {"history_retention_ms": 2000, "segment_interval_ms": 500}
MEMORY: dict[str, Any] = {"persistent": False}

#: What is done to which store.
STORES: dict[str, tuple[Callable[..., Step], Store]] = {
    "plain": (key_value_step, store()),
    "in memory": (key_value_step, store(**MEMORY)),
    "json": (key_value_step, store(value=JSON)),
    "of Python": (key_value_step, store(value=Upper(), key=Upper())),
    "with times": (key_value_step, store(timestamped=True)),
    "with headers": (key_value_step, store(with_headers=True)),
    "lru": (key_value_step, store(StoreKind.LRU, entries_max=2, **MEMORY)),
    "windows": (window_step, store(StoreKind.WINDOW, **WINDOWS)),
    "windows in memory": (window_step, store(StoreKind.WINDOW, **WINDOWS, **MEMORY)),
    "windows with times": (window_step, store(StoreKind.WINDOW, timestamped=True, **WINDOWS)),
    "windows with headers": (window_step, store(StoreKind.WINDOW, with_headers=True, **WINDOWS)),
    "all of a window": (window_step, store(StoreKind.WINDOW, retain_duplicates=True, **WINDOWS)),
    "sessions": (session_step, store(StoreKind.SESSION, **SESSIONS)),
    "sessions in memory": (session_step, store(StoreKind.SESSION, **SESSIONS, **MEMORY)),
    "sessions with headers": (
        session_step,
        store(StoreKind.SESSION, with_headers=True, **SESSIONS),
    ),
    "versions": (versioned_step, store(StoreKind.VERSIONED, **VERSIONS)),
}


def values_for(kept: Store, pick: random.Random) -> Callable[[], Any]:
    stamped = (kept.timestamped or kept.with_headers) and kept.kind is not StoreKind.VERSIONED

    def value() -> Any:
        text = f"v{pick.randrange(100)}"
        if kept.value is JSON:
            return pick.choice([{"v": text, "n": [1, None]}, text, 7, 1.5, True, [text]])
        if not stamped:
            return text
        return ValueAndTimestamp(text, pick.randrange(5000), pick.choice([(), HEADERS]))

    return value


@pytest.mark.parametrize("name", STORES)
@pytest.mark.parametrize("seed", range(4))
def test_both_executors_keep_the_same(name: str, seed: int) -> None:
    """If this failed, a processor would find something else in its store, or leave other records in
    the changelog, on one executor than on the other.
    """
    step, kept = STORES[name]
    pick = random.Random(seed)
    value = values_for(kept, pick)
    steps = [step(pick, value) for _ in range(150)]
    times = [pick.randrange(4000) for _ in steps]
    python, rust = (outcome(each, kept, steps, times) for each in EXECUTORS)
    for one, other in zip(python[0], rust[0], strict=True):
        assert one == other
    assert python[1:] == rust[1:]
    assert any(given for *_, given in python[0])


@pytest.mark.parametrize("executor", EXECUTORS)
def test_what_may_not_be_is_refused(executor: str) -> None:
    """If this failed, a null key, a time that is none, or a bare value in a store of times would be
    kept, or be told in other words by one executor.
    """
    key_values: list[Step] = [
        ("put", (None, "v")),
        ("delete", (None,)),
        ("put", ("k", 7)),
        ("put", (7, "v")),
    ]
    found, made, *_ = outcome(executor, store(), key_values, [1] * 4)
    assert [given[0] for *_, given in found] == ["ProcessingError"] * 2 + ["WrongType"] * 2
    assert made == []
    bad: Any = "now"
    stamped: list[Step] = [
        ("put", ("k", "bare")),
        ("put", ("k", ValueAndTimestamp("v", 2**63))),
        ("put", ("k", ValueAndTimestamp("v", bad))),
    ]
    found, made, *_ = outcome(executor, store(timestamped=True), stamped, [1] * 3)
    texts = [given[1] for *_, given in found]
    assert "keeps times, and got a str" in texts[0]
    assert "was given the time" in texts[1]
    assert "was given the time" in texts[2]
    assert made == []
    sessions: list[Step] = [("put", ("k", "v")), ("remove", (Windowed(None, 1, 2),))]
    found, *_ = outcome(executor, store(StoreKind.SESSION, **SESSIONS), sessions, [1] * 2)
    assert [given[0] for *_, given in found] == ["ProcessingError"] * 2


@pytest.mark.parametrize("executor", EXECUTORS)
def test_a_test_may_only_read(executor: str) -> None:
    """If this failed, a test would change a store behind its topology, or fail to read it."""
    built = topology(store(value=LONG), [("put", ("k", 1))], [])
    task = executor_of(executor, built, SETTINGS)
    task.process([Input("a", b"k", b"v", 1)], 0)
    kept = task.store("s")
    assert (kept.get("k"), list(kept.all()), len(kept), kept.name) == (1, [("k", 1)], 1, "s")
    with pytest.raises(ReadOnlyStore):
        kept.put("k", 2)
    with pytest.raises(StreamsError, match="there is no store t"):
        task.store("t")


@pytest.mark.parametrize("executor", EXECUTORS)
def test_an_iterator_keeps_what_it_saw(executor: str) -> None:
    """If this failed, a processor that deletes while it iterates would miss keys."""
    found: list[Any] = []

    class Drains(Processor):
        def init(self, context: ProcessorContext) -> None:
            self.store = context.store("s")

        def process(self, record: Record) -> None:
            self.store.put_all([("a", "1"), ("b", "2"), ("c", "3")])
            walk = self.store.all()
            found.extend((key, self.store.delete(key)) for key, _ in walk)
            found.append(len(self.store))

    plan = Plan()
    plan.node("p", Process(Drains), plan.source("a"), store())
    executor_of(executor, plan.topology(), SETTINGS).process([Input("a", b"k", b"v", 1)], 0)
    assert found == [("a", "1"), ("b", "2"), ("c", "3"), 0]


@pytest.mark.parametrize("executor", EXECUTORS)
def test_a_task_that_nobody_holds_goes(executor: str) -> None:
    """If this failed, every task with a processor that keeps its store would stay in memory."""
    made: list[weakref.ref[Processor]] = []

    class Keeps(Processor):
        def init(self, context: ProcessorContext) -> None:
            self.store = context.store("s")
            made.append(weakref.ref(self))

        def process(self, record: Record) -> None:
            self.store.put(record.key, record.value)

    plan = Plan()
    plan.node("p", Process(Keeps), plan.source("a"), store())
    task = executor_of(executor, plan.topology(), SETTINGS)
    task.process([Input("a", b"k", b"v", 1)], 0)
    gc.collect()
    assert task.store("s").get("k") == "v"
    del task
    gc.collect()
    assert [each() for each in made] == [None]
