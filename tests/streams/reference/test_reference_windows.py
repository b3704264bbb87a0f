"""Time windows, sliding windows and sessions: what counts, what is late, what is emitted when."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from ottla.streams.errors import ProcessingError
from ottla.streams.execution import Input, Settings, Skipped
from ottla.streams.plan.operators import (
    Aggregate,
    Aggregation,
    Column,
    Columns,
    Count,
    Emit,
    Fold,
    Operator,
    SessionAggregate,
    SlidingAggregate,
    TableToStream,
    WindowAggregate,
)
from ottla.streams.plan.stores import Store, StoreKind
from ottla.streams.plan.windows import SessionWindows, SlidingWindows, TimeWindows, UnlimitedWindows
from ottla.streams.reference.task import ReferenceTask
from ottla.streams.serdes import JSON, LONG, STRING, Serde, session_windowed, time_windowed
from streams.plans import SETTINGS, Plan, by_aggregate, constant, function, store

Records = Sequence[tuple[str | None, str | None, int]]


class Run:
    """One operator between a source and a sink."""

    def __init__(
        self, operator: Operator, kept: Store, keys: Serde, values: Serde = LONG,
        settings: Settings = SETTINGS,
    ) -> None:  # fmt: skip
        plan = Plan()
        table = plan.node("agg", operator, plan.source("a"), kept)
        plan.sink("out", plan.node("stream", TableToStream(), table), keys, values)
        self.task = ReferenceTask(plan.topology(), settings)
        self.keys, self.values = keys, values

    def feed(self, records: Records, now: int = 0) -> list[tuple[str, int, int, Any, int]]:
        """What came out: key, start, end, value, time."""
        inputs = [
            Input("a", None if key is None else key.encode(), None if value is None else
                  value.encode(), time)
            for key, value, time in records
        ]  # fmt: skip
        found = []
        for row in self.task.process(inputs, now):
            if row.topic == "out":
                key = self.keys.deserialize(row.key)
                found.append((*key, self.values.deserialize(row.value), row.timestamp))
        return found


def windows(
    size: int, advance: int, grace: int, aggregation: Aggregation | None = None,
    emit: Emit = Emit.ON_UPDATE, values: Serde = LONG, settings: Settings = SETTINGS,
) -> Run:  # fmt: skip
    kept = store("agg", values, StoreKind.WINDOW, retention_ms=size + grace, window_size_ms=size)
    row = WindowAggregate("agg", TimeWindows(size, advance, grace), aggregation or Count(), emit)
    return Run(row, kept, time_windowed(STRING, size), values, settings)


def test_a_windowed_count_counts_null_values_and_skips_null_keys() -> None:
    """If this failed, the first trap would be fallen into: windows ask for the key alone."""
    run = windows(100, 100, 0)
    assert run.feed([("k", None, 10), (None, "v", 90), ("k", "v", 20)]) == [
        ("k", 0, 100, 1, 10),
        ("k", 0, 100, 2, 20),
    ]
    assert run.task.skipped() == {Skipped("agg", "the key is null"): 1}


def test_a_null_key_does_not_move_the_operators_time() -> None:
    """If this failed, records would be late by records that do not count."""
    run = windows(100, 100, 0)
    assert run.feed([(None, "v", 900), ("k", "v", 10)]) == [("k", 0, 100, 1, 10)]


def test_late_is_an_end_at_stream_time_less_grace() -> None:
    """If this failed, a window would close a millisecond too early or too late."""
    run = windows(100, 100, 50)
    assert [row[1:4] for row in run.feed([("k", "v", 149), ("k", "v", 99)])] == [
        (100, 200, 1), (0, 100, 1),
    ]  # fmt: skip
    assert run.feed([("k", "v", 150), ("k", "v", 99)]) == [("k", 100, 200, 2, 150)]
    assert run.task.skipped() == {Skipped("agg", "its window is closed"): 1}


def test_a_result_has_the_latest_time_of_its_records() -> None:
    """If this failed, a late record would move its window's result back in time."""
    assert [row[3:] for row in windows(100, 100, 100).feed([("k", "v", 90), ("k", "v", 30)])] == [
        (1, 90), (2, 90),
    ]  # fmt: skip


def test_hopping_windows_start_at_zero_at_the_earliest() -> None:
    """If this failed, early records would fall into windows that start before time."""
    run = windows(100, 30, 0)
    assert [row[1:3] for row in run.feed([("k", "v", 65)])] == [(0, 100), (30, 130), (60, 160)]
    assert [row[1:3] for row in run.feed([("k", "v", 130)])] == [(60, 160), (90, 190), (120, 220)]


def test_an_unlimited_window_never_closes() -> None:
    """If this failed, records before the start would count, or late ones would not."""
    kept = store("agg", LONG, StoreKind.WINDOW, retention_ms=2**63 - 1, window_size_ms=2**63 - 1)
    run = Run(WindowAggregate("agg", UnlimitedWindows(50), Count()), kept,
              time_windowed(STRING, 2**63 - 1))  # fmt: skip
    got = run.feed([("k", "v", 10), ("k", "v", 10**12), ("k", "v", 50)])
    assert got == [("k", 50, 2**63 - 1, 1, 10**12), ("k", 50, 2**63 - 1, 2, 10**12)]


def test_on_close_each_window_is_emitted_once_by_start_and_key() -> None:
    """If this failed, final results would come twice, in another order, or not at all."""
    run = windows(100, 100, 20, emit=Emit.ON_CLOSE)
    assert run.feed([("b", "v", 10), ("a", "v", 110), ("a", "v", 15), ("b", "v", 119)]) == []
    assert run.feed([("c", "v", 120)]) == [("a", 0, 100, 1, 15), ("b", 0, 100, 1, 10)]
    assert run.feed([("c", "v", 230)]) == [
        ("a", 100, 200, 1, 110), ("b", 100, 200, 1, 119), ("c", 100, 200, 1, 120),
    ]  # fmt: skip


def test_emission_waits_for_the_wall_clock() -> None:
    """If this failed, the interval of emission would be ignored, or count stream time."""
    settings = replace(SETTINGS, emit_interval_ms=1000)
    run = windows(100, 100, 0, emit=Emit.ON_CLOSE, settings=settings)
    assert run.feed([("k", "v", 10)], now=5000) == []
    assert run.feed([("k", "v", 100)], now=5999) == []
    assert run.feed([("k", "v", 101)], now=6000) == [("k", 0, 100, 1, 10)]


def test_native_columns_leave_out_nulls() -> None:
    """If this failed, native aggregates would not be what they say: nulls change nothing, whole
    numbers stay whole.
    """
    of = function(lambda value: None if value == "-" else int(value))
    columns = Columns((
        Column("all", Aggregate.COUNT, None), Column("some", Aggregate.COUNT, of),
        Column("sum", Aggregate.SUM, of), Column("min", Aggregate.MIN, of),
        Column("max", Aggregate.MAX, of), Column("first", Aggregate.FIRST, of),
        Column("last", Aggregate.LAST, of),
    ))  # fmt: skip
    run = windows(100, 100, 0, columns, values=JSON)
    got = [row[3] for row in run.feed([("k", each, 1) for each in ("-", "5", "3", "-", "4")])]
    assert got[0] == {
        "all": 1, "some": 0, "sum": None, "min": None, "max": None, "first": None, "last": None,
    }  # fmt: skip
    assert got[-1] == {
        "all": 5, "some": 3, "sum": 12, "min": 3, "max": 5, "first": 5, "last": 4,
    }  # fmt: skip


def texts(row: type[Any], shape: Any, kind: StoreKind, keys: Serde, retention: int) -> Run:
    """Values of a window one after the other, in brackets what a session was joined of."""
    fold = Fold(
        constant(str), by_aggregate(lambda key, value, aggregate: aggregate + value),
        function(lambda key, left, right: f"({left}{right})", "key", "left", "right"),
    )  # fmt: skip
    size = getattr(shape, "difference_ms", 0)
    kept = store("agg", STRING, kind, timestamped=kind is StoreKind.WINDOW,
                 retention_ms=retention, window_size_ms=size)  # fmt: skip
    return Run(row("agg", shape, fold), kept, keys, STRING)


def sliding(difference: int, grace: int) -> Run:
    shape = SlidingWindows(difference, grace)
    keys = time_windowed(STRING, difference)
    return texts(SlidingAggregate, shape, StoreKind.WINDOW, keys, 2 * difference + grace)


def test_sliding_windows_lie_left_and_right_of_each_record() -> None:
    """If this failed, a record would not stand in all windows that hold its time."""
    run = sliding(10, 100)
    assert run.feed([("k", "a", 20)]) == [("k", 10, 20, "a", 20)]
    assert run.feed([("k", "b", 25)]) == [("k", 21, 31, "b", 25), ("k", 15, 25, "ab", 25)]
    assert run.feed([("k", "c", 22)]) == [
        ("k", 21, 31, "bc", 25), ("k", 15, 25, "abc", 25), ("k", 12, 22, "ac", 22),
        ("k", 23, 33, "b", 25),
    ]  # fmt: skip


def test_a_second_record_of_a_time_makes_no_windows() -> None:
    """If this failed, equal times would make windows twice."""
    run = sliding(10, 100)
    run.feed([("k", "a", 20), ("k", "b", 25)])
    assert run.feed([("k", "c", 25)]) == [("k", 21, 31, "bc", 25), ("k", 15, 25, "abc", 25)]


def test_early_times_share_the_window_at_zero() -> None:
    """If this failed, windows would start before time."""
    run = sliding(10, 100)
    assert run.feed([("k", "a", 4), ("k", "b", 7)]) == [
        ("k", 0, 10, "a", 4), ("k", 5, 15, "b", 7), ("k", 0, 10, "ab", 7),
    ]  # fmt: skip


def test_sliding_windows_skip_null_values_and_windows_of_nothing() -> None:
    """If this failed, sliding windows would count what Kafka's skip, or take 0 ms as a width."""
    run = sliding(10, 100)
    assert run.feed([("k", None, 20)]) == []
    assert run.task.skipped() == {Skipped("agg", "the key or the value is null"): 1}
    with pytest.raises(ProcessingError, match="0 ms hold nothing"):
        sliding(0, 100).feed([("k", "a", 20)])


def sessions(gap: int, grace: int) -> Run:
    shape = SessionWindows(gap, grace)
    keys = session_windowed(STRING)
    return texts(SessionAggregate, shape, StoreKind.SESSION, keys, gap + grace)


def test_sessions_that_a_record_joins_are_removed_first() -> None:
    """If this failed, who listens would keep the sessions that became one."""
    run = sessions(10, 100)
    assert run.feed([("k", "a", 20), ("k", "b", 35)]) == [
        ("k", 20, 20, "a", 20), ("k", 35, 35, "b", 35),
    ]  # fmt: skip
    assert run.feed([("k", "c", 28)]) == [
        ("k", 20, 20, None, 20), ("k", 35, 35, None, 35), ("k", 20, 35, "((a)b)c", 35),
    ]  # fmt: skip


def test_a_session_is_late_by_gap_and_grace() -> None:
    """If this failed, a session would close a millisecond too early or too late."""
    run = sessions(10, 5)
    assert len(run.feed([("k", "a", 115), ("k", "b", 100)])) == 2
    run.feed([("k", "a", 116)])
    assert run.feed([("j", "b", 100)]) == []
    assert run.task.skipped() == {Skipped("agg", "its session is closed"): 1}


def test_a_sessions_results_have_no_headers() -> None:
    """If this failed, a session would carry the headers of one of its records."""
    run = sessions(10, 5)
    record = Input("a", b"k", b"v", 7, (("h", b"1"),))
    assert [row.headers for row in run.task.process([record], 0)] == [(), ()]


def test_changelog_keys_end_with_the_windows_times() -> None:
    """If this failed, Kafka could not restore a store that is written here: a window's key has its
    start and a number, a session's its end and start; values are bare.
    """
    made = windows(100, 100, 0).task.process([Input("a", b"k", b"v", 110)], 0)
    assert made[0].key == b"k" + (100).to_bytes(8, "big") + bytes(4)
    assert (made[0].topic, made[0].value) == ("app-agg-changelog", (1).to_bytes(8, "big"))
    made = sessions(10, 5).task.process([Input("a", b"k", b"v", t) for t in (7, 9)], 0)
    changes = [row for row in made if row.topic == "app-agg-changelog"]
    assert [base64.b16encode(row.key or b"")[-32:] for row in changes[1:]] == [
        b"0000000000000007" * 2, b"00000000000000090000000000000007",
    ]  # fmt: skip
    assert [row.value for row in changes] == [b"v", None, b"(v)v"]
