"""Suppression: what waits, how long, what goes on early, and what the buffer's changelog has."""

from __future__ import annotations

import base64
from typing import Any

import pytest

from ottla.streams.errors import ProcessingError
from ottla.streams.execution import Produced
from ottla.streams.plan.operators import BufferFull, Count, TableToStream, WindowAggregate
from ottla.streams.plan.stores import StoreKind
from ottla.streams.plan.views import Stored
from ottla.streams.plan.windows import TimeWindows
from ottla.streams.serdes import LONG, STRING, time_windowed
from streams.plans import Plan, store
from streams.reference.join_plans import (
    Run,
    changelog,
    changes,
    suppressed,
    table,
    table_join,
)  # fmt: skip


def limited(wait_ms: int, **bounds: Any) -> Run:
    """A table that is suppressed by time."""
    plan = Plan()
    node, _ = suppressed(plan, table(plan, "a"), wait_ms, **bounds)
    return Run(changes(plan, node))


def final(grace_ms: int = 0) -> Run:
    """Counts of windows of a second, final results alone."""
    plan = Plan()
    counts = store("agg", LONG, StoreKind.WINDOW, retention_ms=1000 + grace_ms, window_size_ms=1000)
    row = WindowAggregate("agg", TimeWindows(1000, 1000, grace_ms), Count(), send_old=True)
    count = plan.node("count", row, plan.source("a"), counts)
    key = time_windowed(STRING, 1000)
    node, _ = suppressed(plan, (count, Stored("agg")), grace_ms, key=key, value=LONG, final=True)
    plan.sink("windows", plan.node("to-stream", TableToStream(), node), key, LONG)
    return Run(plan.topology())


def counted(produced: list[Produced]) -> list[tuple[bytes, int, int]]:
    """(key, start, count) of the windows that were given."""
    return [
        (each.key[:-8], int.from_bytes(each.key[-8:]), int.from_bytes(each.value))
        for each in produced
        if each.topic == "windows" and each.key is not None and each.value is not None
    ]


def test_only_the_last_change_goes_on() -> None:
    """If this failed, those below a suppression would see changes that it should hold back, or wait
    anew at each change of a key: the first change's time counts.
    """
    run = limited(400)
    assert run.out("a", "k", "1", 1000) == []
    assert run.out("a", "k", "2", 1300) == []
    assert run.out("a", "l", "9", 1399) == []
    assert run.out("a", "l", "8", 1400) == [("k", "2", 1300)]


def test_removals_go_on_where_only_time_is_limited() -> None:
    """If this failed, a removed row would live on below the suppression."""
    run = limited(0)
    assert run.out("a", "k", "1", 1000) == [("k", "1", 1000)]
    assert run.out("a", "k", None, 1001) == [("k", None, 1001)]


def test_a_change_goes_on_with_its_own_time_and_headers() -> None:
    """If this failed, results would have the time and headers of a record that has nothing to do
    with them.
    """
    run = limited(100)
    run.give("a", "k", "1", 1000, (("h", b"1"),))
    produced = run.give("a", "l", "2", 1100)
    given = [each for each in produced if each.topic == "out"]
    assert [(each.timestamp, each.headers) for each in given] == [(1000, (("h", b"1"),))]


def test_final_results_come_once_their_window_has_closed() -> None:
    """If this failed, a window's result would come before its last record, or twice."""
    run = final(grace_ms=500)
    for time in (1000, 1999, 2100, 1500):
        assert counted(run.give("a", "k", "x", time)) == []
    assert counted(run.give("a", "other", "x", 2499)) == []
    assert counted(run.give("a", "other", "x", 2500)) == [(b"k", 1000, 3)]
    assert counted(run.give("a", "k", "x", 1500)) == []


def test_windows_of_one_end_come_in_the_order_of_their_keys() -> None:
    """If this failed, results would come in another order than Kafka's: by the key's bytes."""
    run = final()
    for key in ("b", "c", "a"):
        run.give("a", key, "x", 1000)
    assert counted(run.give("a", "d", "x", 2000)) == [
        (b"a", 1000, 1), (b"b", 1000, 1), (b"c", 1000, 1),
    ]  # fmt: skip


def test_a_full_buffer_emits_early() -> None:
    """If this failed, a buffer with a bound would grow without one."""
    run = limited(10_000, records_max=2)
    run.give("a", "1", "x", 1000)
    run.give("a", "2", "x", 1001)
    assert run.out("a", "1", "y", 1002) == []
    assert run.out("a", "3", "x", 1003) == [("1", "y", 1002)]


def test_bytes_are_counted_as_kafka_counts_them() -> None:
    """If this failed, a buffer bounded by bytes would emit at other records than Kafka's: a record
    counts its time, key, values, topic and headers, and 20 bytes.
    """
    size = 8 + len("1") + len("xy") + 20 + len("a") + len("h") + len(b"123")
    held, early = limited(10_000, bytes_max=size), limited(10_000, bytes_max=size - 1)
    for run, wanted in ((held, []), (early, [1000])):
        produced = run.give("a", "1", "xy", 1000, (("h", b"123"),))
        assert [each.timestamp for each in produced if each.topic == "out"] == wanted


def test_a_full_buffer_may_shut_down() -> None:
    """If this failed, final results would be given early though the user asked for a stop."""
    run = limited(10_000, records_max=1, when_full=BufferFull.SHUT_DOWN)
    run.give("a", "1", "x", 1000)
    with pytest.raises(ProcessingError, match="2 records"):
        run.give("a", "2", "x", 1001)


def test_the_changelog_is_kafkas() -> None:
    """If this failed, a Java task could not restore the buffer: a record's place, its values, the
    buffer's time, under the header v; its removal without.
    """
    run = limited(400)
    produced = run.give("a", "1", "86", 1050, (("h", b"yy"), ("n", b"1")))
    value = base64.b64decode(
        "AAAAAAAABBoAAAAAAAAAAAAAAAFhAAAAAAAAAAIAAAABaAAAAAJ5eQAAAAFuAAAAATH/////"
        "/////wAAAAI4NgAAAAAAAAQa"
    )
    assert changelog(produced, "sup-store") == [(b"1", value, -1)]
    (logged,) = [each for each in produced if each.topic == "app-sup-store-changelog"]
    assert logged.headers == (("v", b"\3"),)
    gone = run.give("a", "2", "x", 1450)
    assert changelog(gone, "sup-store")[-1][:2] != (b"1", value)
    assert {key for key, data, _ in changelog(gone, "sup-store") if data is None} == {b"1"}


def test_a_key_is_logged_once_a_record() -> None:
    """If this failed, a change that goes on at once would be in the changelog, and its removal too:
    Kafka writes what a key is at the commit.
    """
    run = limited(0)
    assert changelog(run.give("a", "1", "x", 1000), "sup-store") == [(b"1", None, -1)]


def test_tables_below_see_what_has_gone_on() -> None:
    """If this failed, a join below a suppression would see values that are still held back."""
    plan = Plan()
    node, view = suppressed(plan, table(plan, "a"), 1000)
    joined, _ = table_join(plan, "left", table(plan, "b"), (node, view))
    run = Run(changes(plan, joined))
    run.give("a", "k", "old", 1000)
    run.give("a", "other", "x", 2000)
    assert run.out("b", "k", "1", 2000) == [("k", "1|old", 2000)]
    run.give("a", "k", "new", 2500)
    assert [value for _, value, _ in run.out("b", "k", "2", 2500)] == ["2|old"]
    run.give("a", "other", "x", 3500)
    assert run.out("b", "k", "3", 3500) == [("k", "3|new", 3500)]
