"""Joins of two streams: who meets whom, what is given when nothing came, and by which clock."""

from __future__ import annotations

from dataclasses import replace

import pytest

from ottla.streams.plan.windows import JoinWindows
from streams import generated
from streams.plans import SETTINGS
from streams.reference.join_plans import Run, changelog, self_join, shown, stream_join

WINDOWS = JoinWindows(before_ms=300, after_ms=100, grace_ms=200)
WAITING = "j-left-shared-join-store"


def test_windows_may_be_asymmetric() -> None:
    """If this failed, a record of the left side would not meet the right side's from `before` it to
    `after` it, both in, or a record of the right side would use the left side's bounds.
    """
    run = Run(stream_join("inner", WINDOWS))
    for time in (699, 700, 1000, 1100, 1101):
        run.give("b", "k", str(time), time)
    assert run.out("a", "k", "x", 1000) == [
        ("k", "x|700", 1000), ("k", "x|1000", 1000), ("k", "x|1100", 1100),
    ]  # fmt: skip
    assert run.out("b", "k", "y", 1101) == []
    assert run.out("b", "k", "z", 1100) == [("k", "x|z", 1100)]
    assert run.out("b", "k", "v", 700) == [("k", "x|v", 1000)]
    assert run.out("b", "k", "w", 699) == []


def test_records_of_one_key_and_time_are_all_met() -> None:
    """If this failed, a second record of the same time would take the first one's place."""
    run = Run(stream_join("inner", WINDOWS))
    run.give("b", "k", "one", 1000)
    run.give("b", "k", "two", 1000)
    assert run.out("a", "k", "x", 1000) == [("k", "x|one", 1000), ("k", "x|two", 1000)]


def test_null_keys_and_values_join_nothing() -> None:
    """If this failed, records without key or value would join, or vanish without being counted."""
    run = Run(stream_join("left", WINDOWS))
    assert run.out("b", None, "y", 1000) == []
    assert run.out("a", "k", None, 1000) == []
    assert run.out("a", None, None, 1000) == []
    assert run.skipped() == {"the key or the value is null": 3}


def test_a_left_join_keeps_null_keys() -> None:
    """If this failed, a left record without a key would be lost; Kafka gives it at once."""
    run = Run(stream_join("left", WINDOWS))
    assert run.out("a", None, "x", 1000) == [(None, "x|null", 1000)]


def test_what_found_nothing_comes_when_its_window_has_closed() -> None:
    """If this failed, a left join would give unjoined records too early, or never; both sides'
    times count, also those of records that are skipped. What is given has the headers of the record
    that moved the clock.
    """
    run = Run(stream_join("left", WINDOWS))
    assert run.out("a", "k", "x", 1000) == []
    assert run.out("a", "other", "y", 1300) == []  # 1000 + after + grace is not passed
    assert run.out("b", None, None, 1301) == []  # moves the clock; looks at nothing
    produced = run.give("a", "other", "y", 1301, (("h", b"1"),))
    assert shown(produced) == [("k", "x|null", 1000)]
    assert [each.headers for each in produced if each.topic == "out"] == [(("h", b"1"),)]


def test_each_side_looks_by_its_own_bounds() -> None:
    """If this failed, unjoined records would come at other records than Kafka's: a side only looks
    once the oldest of them is past its own `after` and the grace, whichever side's they are.
    """
    run = Run(stream_join("left", WINDOWS))
    run.give("a", "k", "x", 1000)
    assert run.out("b", "other", "y", 1500) == []  # the right side's `after` is 300
    assert run.out("b", "other", "y", 1501) == [("k", "x|null", 1000)]


def test_a_late_record_that_nothing_can_join_comes_at_once() -> None:
    """If this failed, a late record would wait in a store that nobody looks into for its time."""
    run = Run(stream_join("left", WINDOWS))
    run.give("b", "other", "y", 1101)
    assert run.out("a", "k", "x", 1000) == [("k", "x|null", 1000)]
    assert run.out("a", "k", "x", 1001) == []


def test_both_sides_of_an_outer_join_wait_in_one_order() -> None:
    """If this failed, unjoined records would not come by time, right before left, then by key."""
    run = Run(stream_join("outer", JoinWindows(300, 300, 0)))
    for topic, key, time in (("a", "2", 1000), ("a", "1", 1000), ("b", "9", 1000), ("b", "3", 999)):
        run.give(topic, key, topic, time)
    assert run.out("a", "x", "x", 5000) == [
        ("3", "null|b", 999), ("9", "null|b", 1000), ("1", "a|null", 1000), ("2", "a|null", 1000),
    ]  # fmt: skip


def test_an_open_window_of_one_side_does_not_keep_the_other_side_waiting() -> None:
    """If this failed, emission would stop at the first record whose window is open, though the
    other side's windows, which are shorter, have closed behind it.
    """
    run = Run(stream_join("outer", JoinWindows(before_ms=1000, after_ms=0, grace_ms=0)))
    run.give("b", "right", "y", 1000)  # open until 2000
    run.give("a", "left", "x", 1001)  # open until 1001
    assert run.out("a", "later", "x", 1500) == [("left", "x|null", 1001)]


def test_the_changelog_of_what_waits_has_whole_lists() -> None:
    """If this failed, a restored task would lose records, or give again what has joined since."""
    run = Run(stream_join("left", WINDOWS))
    key = b"\0\0\0\0\0\0\3\xe8\1k"
    one, two = b"\0\0\0\4\1one", b"\0\0\0\4\1two"
    first = run.give("a", "k", "one", 1000)
    assert changelog(first, WAITING) == [(key, b"\1\0\0\0\1" + one, 1000)]
    second = run.give("a", "k", "two", 1000)
    assert changelog(second, WAITING) == [(key, b"\1\0\0\0\2" + one + two, 1000)]
    joined = run.give("b", "k", "y", 1050)
    assert shown(joined) == [("k", "one|y", 1050), ("k", "two|y", 1050)]
    assert changelog(joined, WAITING) == [(key, None, 1050)]


def test_emission_is_throttled_by_the_wall_clock() -> None:
    """If this failed, unjoined records would come at other records than Kafka's: it looks at most
    once an interval of the wall clock, and the first look counts even where nothing waits.
    """
    run = Run(stream_join("left", WINDOWS), replace(SETTINGS, emit_interval_ms=1000))
    run.give("a", "k", "x", 1000)
    assert run.out("b", "other", "y", 2000) == []
    run.now = 999
    assert run.out("b", "other", "y", 3000) == []
    run.now = 1000
    assert run.out("b", "other", "y", 4000) == [("k", "x|null", 1000)]


@pytest.mark.parametrize(
    "windows", [JoinWindows(300, 300, 200), JoinWindows(0, 400, 100), JoinWindows(500, 0, 0)]
)
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_a_self_join_on_one_store_gives_what_two_stores_give(
    windows: JoinWindows, seed: int
) -> None:
    """If this failed, the optimisation would change what a join gives, or its order."""
    runs = [Run(self_join(windows, on_one_store=one)) for one in (True, False)]
    found = 0
    for line in generated.inputs("self-join", "a", seed):
        if "topic" in line:
            one, two = (run.out("a", line["key"], line["value"], line["ts"]) for run in runs)
            assert one == two
            found += len(one)
    assert found > 100
