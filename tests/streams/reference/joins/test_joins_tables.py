"""Joins of two tables: which side must be there, when removals go on, how a join is read."""

from __future__ import annotations

from typing import Any, Literal

import pytest

from streams.plans import Plan, store
from streams.reference.join_plans import Run, changes, table, table_join

Kind = Literal["inner", "left", "outer"]


def joined(kind: Kind, into: str | None = None) -> Run:
    plan = Plan()
    node, _ = table_join(
        plan, kind, table(plan, "a"), table(plan, "b"), into=store(into) if into else None
    )
    return Run(changes(plan, node))


@pytest.mark.parametrize(
    ("kind", "wanted"),
    [
        ("inner", [[], ["x|1"], ["x|2"], [None], [None], ["y|2"], [None]]),
        ("left", [["x|null"], ["x|1"], ["x|2"], [None], [None], ["y|2"], ["y|null"]]),
        ("outer", [["x|null"], ["x|1"], ["x|2"], ["null|2"], ["null|2"], ["y|2"], ["y|null"]]),
    ],
)
def test_which_side_must_be_there(kind: Kind, wanted: list[list[Any]]) -> None:
    """If this failed, a table would have rows that its join does not have, or lack removals."""
    run = joined(kind)
    steps = [
        ("a", "x"), ("b", "1"), ("b", "2"), ("a", None), ("a", None), ("a", "y"), ("b", None),
    ]  # fmt: skip
    found = [run.out(topic, "k", value, 1000) for topic, value in steps]
    assert [[value for _, value, _ in each] for each in found] == wanted


def test_a_removal_of_nothing_says_nothing_where_the_other_side_is_empty() -> None:
    """If this failed, every removal of a key that never was would be passed on."""
    for kind in ("left", "outer"):
        run = joined(kind)
        assert run.out("a", "k", None, 1000) == []


def test_the_result_has_the_later_time() -> None:
    """If this failed, results would be older than what they are made of."""
    run = joined("inner", into="agg")
    run.give("a", "k", "x", 2000)
    assert run.out("b", "k", "1", 1000) == [("k", "x|1", 2000)]
    assert run.out("b", "k", "2", 3000) == [("k", "x|2", 3000)]
    assert [value.timestamp for _, value in run.task.store("agg").all()] == [3000]


def test_null_keys_are_skipped() -> None:
    """If this failed, a record without a key would stop the task, or join with all others."""
    run = joined("outer")
    assert run.out("a", None, "x", 1000) == []
    assert run.skipped() == {"the key is null": 1}


def test_a_join_that_is_not_kept_is_read_through_both_tables() -> None:
    """If this failed, a join above another one without a store would see wrong or no values."""
    plan = Plan()
    first = table_join(plan, "outer", table(plan, "a"), table(plan, "b"), "one")
    node, _ = table_join(plan, "left", table(plan, "c"), first, "two")
    run = Run(changes(plan, node))
    assert run.out("c", "k", "z", 1000) == [("k", "z|null", 1000)]
    run.give("b", "k", "1", 3000)
    assert run.out("c", "k", "w", 2000) == [("k", "w|null|1", 3000)]
    run.give("b", "k", None, 4000)
    assert run.out("c", "k", "v", 5000) == [("k", "v|null", 5000)]
