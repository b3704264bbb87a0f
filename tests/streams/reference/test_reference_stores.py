"""Stores of the reference executor: order of bytes, what is forgotten when, what changelogs get."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

import pytest

from ottla.streams.errors import ProcessingError
from ottla.streams.execution import Input, Produced
from ottla.streams.plan.operators import Process
from ottla.streams.plan.stores import Store, StoreKind
from ottla.streams.processors import Processor, ProcessorContext, Record, ValueAndTimestamp
from ottla.streams.reference.stores.sorted_bytes import SortedBytes, after_prefix
from ottla.streams.reference.task import ReferenceTask
from ottla.streams.serdes import LONG, Windowed
from streams.plans import SETTINGS, Plan, store


class Does(Processor):
    """Does one thing with a store for each record, and remembers what that gave."""

    def __init__(self, todo: list[Callable[[Any], Any]], found: list[Any]) -> None:
        self.todo = todo
        self.found = found

    def init(self, context: ProcessorContext) -> None:
        self.store = context.store("s")

    def process(self, record: Record) -> None:
        self.found.append(self.todo.pop(0)(self.store))


def do(kept: Store, *todo: tuple[int, Callable[[Any], Any]]) -> tuple[list[Any], list[Produced]]:
    """What a processor finds in a store when it does things at times, and the changelog."""
    found: list[Any] = []
    plan = Plan()
    plan.node("p", Process(lambda: Does([each for _, each in todo], found)), plan.source("a"), kept)
    task = ReferenceTask(plan.topology(), SETTINGS)
    return found, task.process([Input("a", b"k", b"v", time) for time, _ in todo], 0)


def plain(**more: Any) -> Store:
    return store("s", timestamped=False, **more)


def windowed(**more: Any) -> Store:
    shape = {"retention_ms": 1000, "window_size_ms": 100, "segment_interval_ms": 500, **more}
    return plain(kind=StoreKind.WINDOW, **shape)


def put(key: Any, value: Any, *more: Any) -> Callable[[Any], Any]:
    return lambda kept: kept.put(key, value, *more)


def test_keys_stand_in_the_order_of_their_bytes() -> None:
    """If this failed, ranges would be in the order of values, or of writing: -1 as bytes stands
    behind all numbers that are not negative.
    """
    numbers = Store("s", StoreKind.KEY_VALUE, LONG, LONG)
    found, _ = do(
        numbers,
        *((1, put(each, each)) for each in (300, -1, 2, 255)),
        (1, lambda kept: [key for key, _ in kept.all()]),
        (1, lambda kept: [key for key, _ in kept.range(2, 299)]),
        (1, lambda kept: [key for key, _ in kept.reverse_all()]),
        (1, lambda kept: [key for key, _ in kept.prefix(bytes(7))]),
    )
    assert found[4:] == [[2, 255, 300, -1], [2, 255], [-1, 300, 255, 2], [2, 255]]


def test_an_iterator_sees_the_store_as_it_was() -> None:
    """If this failed, a processor that deletes while it reads would miss keys, or fail."""

    def drain(kept: Any) -> list[Any]:
        return [(key, kept.delete(key)) for key, _ in kept.all()]

    found, made = do(plain(), (1, put("a", "1")), (2, put("b", "2")), (9, drain),
                     (9, lambda kept: list(kept.all())))  # fmt: skip
    assert found[2:] == [[("a", "1"), ("b", "2")], []]
    assert [(row.key, row.value, row.timestamp) for row in made[2:]] == [
        (b"a", None, 9), (b"b", None, 9),
    ]  # fmt: skip


def test_each_write_is_in_the_changelog() -> None:
    """If this failed, a restored store would differ from the one that was lost: removals of what
    is not there are written too, a put that is not done is not.
    """
    _, made = do(
        plain(),
        (1, put("a", "1")),
        (2, lambda kept: kept.put_if_absent("a", "2")),
        (3, lambda kept: kept.put_all([("b", "3"), ("c", None)])),
        (4, lambda kept: kept.delete("zz")),
    )
    assert [(row.key, row.value, row.timestamp) for row in made] == [
        (b"a", b"1", 1), (b"b", b"3", 3), (b"c", None, 3), (b"zz", None, 4),
    ]  # fmt: skip


def test_a_store_of_times_writes_them_into_its_changelog() -> None:
    """If this failed, a value's time would be lost on restore; a removal has the record's."""
    found, made = do(
        store("s", with_headers=True),
        (5, put("a", ValueAndTimestamp("1", 77, (("h", b"x"),)))),
        (6, lambda kept: kept.get("a")),
        (7, put("a", None)),
    )
    assert found[1] == ("1", 77, (("h", b"x"),))
    assert [(row.value, row.timestamp, row.headers) for row in made] == [
        (b"1", 77, (("h", b"x"),)), (None, 7, ()),
    ]  # fmt: skip
    with pytest.raises(ProcessingError, match="keeps times, and got a str"):
        do(store("s"), (1, put("a", "bare")))


def test_the_longest_unused_key_leaves_a_small_store() -> None:
    """If this failed, reads would not keep a key, or the changelog would keep what is gone."""
    small = plain(kind=StoreKind.LRU, entries_max=2)
    found, made = do(
        small,
        (1, put("a", "1")), (1, put("b", "2")), (1, lambda kept: kept.get("a")),
        (4, put("c", "3")), (5, lambda kept: [kept.get(each) for each in "abc"]),
    )  # fmt: skip
    assert found[-1] == ["1", None, "3"]
    assert [(row.key, row.value) for row in made[2:]] == [(b"b", None), (b"c", b"3")]


def test_windows_are_hidden_at_their_retention_and_dropped_by_segments() -> None:
    """If this failed, a store would show what Kafka's hides, or refuse what Kafka's takes: on disk
    a write is refused when its whole segment is gone, and it is in the changelog all the same.
    """
    found, made = do(
        windowed(),
        (1, put("k", "old", 600)), (1, put("k", "new", 1600)),
        (1, lambda kept: kept.fetch("k", 600)),  # 600 = 1600 - 1000: gone
        (1, put("k", "late", 601)), (1, lambda kept: kept.fetch("k", 601)),
        (1, put("k", "refused", 499)),
        (1, lambda kept: list(kept.fetch_range("k", 0, 9999))),
    )  # fmt: skip
    assert found[2] is None
    assert found[4] == "late"
    assert found[-1] == [(601, "late"), (1600, "new")]
    assert [row.value for row in made] == [b"old", b"new", b"late", b"refused"]


def test_a_store_in_memory_takes_nothing_that_it_would_hide() -> None:
    """If this failed, stores in memory would take late writes as those on disk do."""
    found, _ = do(
        windowed(persistent=False),
        (1, put("k", "new", 1600)), (1, put("k", "late", 600)), (1, put("k", "last", 601)),
        (1, lambda kept: [key for key, _ in kept.all()]),
    )  # fmt: skip
    assert found[-1] == [Windowed("k", 601, 701), Windowed("k", 1600, 1700)]


def test_a_store_of_duplicates_keeps_every_record_of_a_time() -> None:
    """If this failed, stream-stream joins would lose records that have one key and time."""
    found, made = do(
        windowed(retain_duplicates=True),
        (1, put("k", "a", 5)), (2, put("k", "b", 5)), (3, put("k", None, 5)),
        (3, lambda kept: list(kept.fetch_range("k", 0, 9))),
    )  # fmt: skip
    assert found[-1] == [(5, "a"), (5, "b")]
    assert [(row.key or b"")[-1] for row in made] == [1, 2, 3]
    assert made[2].value is None


def test_a_store_on_disk_is_read_segment_by_segment() -> None:
    """If this failed, a processor that reads all windows would see another order than Kafka's."""
    puts = [(1, put(key, "v", start)) for key, start in (("b", 100), ("a", 400), ("a", 600))]
    found, _ = do(windowed(), *puts, (1, lambda kept: [key[:2] for key, _ in kept.all()]))
    assert found[-1] == [("a", 400), ("b", 100), ("a", 600)]
    found, _ = do(windowed(persistent=False), *puts,
                  (1, lambda kept: [key[:2] for key, _ in kept.all()]))  # fmt: skip
    assert found[-1] == [("b", 100), ("a", 400), ("a", 600)]


def test_sessions_are_found_by_end_and_start() -> None:
    """If this failed, sessions at the edges of what is asked would be left out, or others found."""
    kept = plain(kind=StoreKind.SESSION, retention_ms=1000)
    found, _ = do(
        kept,
        (1, put(Windowed("k", 10, 20), "a")), (1, put(Windowed("k", 30, 50), "b")),
        (1, put(Windowed("j", 20, 30), "c")),
        (1, lambda kept: [value for _, value in kept.find_sessions("k", 20, 30)]),
        (1, lambda kept: [value for _, value in kept.find_sessions("k", 21, 29)]),
        (1, lambda kept: [value for _, value in kept.find_keys(None, "j")]),
        (1, lambda kept: kept.remove(Windowed("k", 10, 20))),
        (1, lambda kept: kept.fetch_session("k", 10, 20)),
    )  # fmt: skip
    assert found[3:] == [["a", "b"], [], ["c"], None, None]


def test_a_processor_reaches_its_own_stores_alone() -> None:
    """If this failed, a processor could read stores of another task's part of the topology."""
    plan = Plan()
    source = plan.source("a")
    plan.node("own", Process(lambda: Does([], [])), source, store("s"))
    plan.node("other", Process(lambda: Does([], [])), source)
    with pytest.raises(ProcessingError, match="other has no access to a store s"):
        ReferenceTask(plan.topology(), SETTINGS)


def test_sorted_bytes_are_what_a_sorted_dictionary_would_be() -> None:
    """If this failed, a store's order would be wrong after some series of writes and removals."""
    dice = random.Random(7)
    kept: SortedBytes[int] = SortedBytes()
    twin: dict[bytes, int] = {}
    for step in range(3000):
        key = bytes([dice.randrange(4), dice.randrange(8)])
        if dice.random() < 0.6:
            kept.put(key, step)
            twin[key] = step
        elif dice.random() < 0.5:
            assert kept.pop(key) == twin.pop(key, None)
        elif dice.random() < 0.3:
            first, last = sorted((key, bytes([dice.randrange(4)])))
            inside = [item for item in sorted(twin.items()) if first <= item[0] <= last]
            assert kept.range(first, last) == inside
            assert kept.prefixed(key[:1]) == [
                item for item in sorted(twin.items()) if item[0].startswith(key[:1])
            ]
    assert list(kept.items()) == sorted(twin.items())
    assert after_prefix(b"a\xff") == b"b"
    assert after_prefix(b"\xff") is None
