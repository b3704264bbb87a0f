"""Tables of the reference executor: changes, old values, what regrouping sends, aggregates."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from ottla.streams.errors import ProcessingError
from ottla.streams.execution import Input, Skipped
from ottla.streams.plan.operators import (
    Operator,
    StreamTableJoin,
    TableAggregate,
    TableFilter,
    TableMapValues,
    TableReduce,
    TableRepartitionMap,
    TableSource,
    TableToStream,
    TableTransformValues,
)
from ottla.streams.plan.stores import Store
from ottla.streams.plan.views import Filtered, Mapped, Stored, Transformed, View
from ottla.streams.processors import ProcessorContext, ValueTransformer
from ottla.streams.reference.task import ReferenceTask
from ottla.streams.serdes import STRING
from ottla.streams.serdes.changed import ChangedSerde
from streams.plans import SETTINGS, Plan, by_aggregate, constant, function, reducer, store

Records = Sequence[tuple[str | None, str | None, int]]


def encoded(records: Records, topic: str = "a") -> list[Input]:
    return [
        Input(topic, None if k is None else k.encode(), None if v is None else v.encode(), time)
        for k, v, time in records
    ]


def chain(records: Records, *operators: tuple[Operator, Store | None], old: bool = True) -> Any:
    """(key, value, time) of what comes out below a stored table, and the task."""
    plan = Plan()
    above = plan.node("t", TableSource("t", send_old=old), plan.source("a"), store("t"))
    for place, (operator, kept) in enumerate(operators):
        above = plan.node(f"n{place}", operator, above, *([kept] if kept else []))
    plan.sink("out", plan.node("stream", TableToStream(), above))
    task = ReferenceTask(plan.topology(), SETTINGS)
    made = [row for row in task.process(encoded(records), 0) if row.topic == "out"]
    return [(row.key, row.value, row.timestamp) for row in made], task


def low(*, kept: str | None = None, old: bool = True) -> Operator:
    return TableFilter(function(lambda value: value < "5"), False, kept, old)


def test_a_table_takes_late_values_and_skips_null_keys() -> None:
    """If this failed, a table would not show what came last, whatever its time."""
    found, task = chain([("k", "new", 9), ("k", "late", 3), (None, "x", 1)])
    assert found == [(b"k", b"new", 9), (b"k", b"late", 3)]
    assert task.store("t").get("k") == ("late", 3, ())
    assert task.skipped() == {Skipped("t", "the key is null"): 1}


def test_a_filter_that_knows_old_values_says_nothing_of_nothing() -> None:
    """If this failed, tombstones would be sent for keys that never passed; without old values
    Kafka sends them.
    """
    records = [("k", "9", 1), ("k", "1", 2), ("k", "8", 3), ("k", "7", 4)]
    assert chain(records, (low(), None))[0] == [(b"k", b"1", 2), (b"k", None, 3)]
    assert chain(records, (low(kept="f"), store("f")))[0] == [(b"k", b"1", 2), (b"k", None, 3)]
    assert len(chain(records, (low(old=False), None), old=False)[0]) == 4


def test_a_mapper_is_not_asked_about_removals() -> None:
    """If this failed, user functions would be called with None; a None of theirs is a removal."""
    row = TableMapValues(function(lambda value: None if value == "0" else value + "'"), "m")
    found, task = chain([("k", "1", 1), ("k", "0", 2), ("j", None, 3)], (row, store("m")))
    assert found == [(b"k", b"1'", 1), (b"k", None, 2), (b"j", None, 3)]
    assert list(task.store("m").all()) == []


class Told(ValueTransformer):
    """The value, and the time that the context tells."""

    def init(self, context: ProcessorContext) -> None:
        self.context = context

    def transform(self, key: Any, value: Any) -> Any:
        return f"{value}@{self.context.timestamp}"


def test_a_transformer_is_asked_about_removals_too_and_forwards_nothing() -> None:
    """If this failed, transformers would be maps; Kafka's see every change."""
    row = TableTransformValues(Told, None)
    found, _ = chain([("k", "1", 5), ("k", None, 7)], (row, None))
    assert found == [(b"k", b"1@5", 5), (b"k", b"None@7", 7)]

    class Forwards(Told):
        def transform(self, key: Any, value: Any) -> Any:
            self.context.forward(None)

    with pytest.raises(ProcessingError, match="tried to forward"):
        chain([("k", "1", 5)], (TableTransformValues(Forwards, None), None))


def looked_up(view: View, records: Records, *above: tuple[str, Operator]) -> list[Any]:
    """What a stream that is joined with the view finds."""
    plan = Plan()
    table = plan.node("t", TableSource("t"), plan.source("t"), store("t"))
    for name, operator in above:
        table = plan.node(name, operator, table)
    join = StreamTableJoin("left", function(lambda left, right: f"{left}|{right}", "key", "left",
                           "right"), view)  # fmt: skip
    plan.sink("out", plan.node("join", join, plan.source("a"), store("t")))
    task = ReferenceTask(plan.topology(), SETTINGS)
    task.process(encoded(records, "t"), 0)
    made = task.process(encoded([("k", "s", 90), ("none", "s", 91)]), 0)
    return [row.value for row in made if row.topic == "out"]


def test_views_read_a_store_through_what_stands_between() -> None:
    """If this failed, joins with tables that have no store would see the store above as it is."""
    kept = Stored("t")
    high = function(lambda value: value >= "5")
    assert looked_up(kept, [("k", "7", 1)]) == [b"s|7", b"s|None"]
    assert looked_up(Filtered(kept, high, negate=False), [("k", "7", 1)])[0] == b"s|7"
    assert looked_up(Filtered(kept, high, negate=True), [("k", "7", 1)])[0] == b"s|None"
    mapped = Mapped(kept, function(lambda value: value + "'"))
    assert looked_up(mapped, [("k", "7", 1)]) == [b"s|7'", b"s|None"]
    told = Transformed(kept, "told")
    row = TableTransformValues(Told, None)
    assert looked_up(told, [("k", "7", 4)], ("told", row)) == [b"s|7@4", b"s|None@-1"]


def regrouped(operator: Operator, records: Records, by: Any) -> tuple[list[Any], list[Any]]:
    """What the repartition topic gets, read, and what comes out behind it."""
    plan = Plan()
    table = plan.node("t", TableSource("t", send_old=True), plan.source("a"), store("t"))
    mapper = TableRepartitionMap(function(lambda value: (by(value), value)))
    serde = ChangedSerde(STRING)
    again = plan.repartition("g-repartition", plan.node("g", mapper, table), STRING, serde)
    above = plan.node("agg", operator, again, store("agg"))
    plan.sink("out", plan.node("stream", TableToStream(), above))
    made = ReferenceTask(plan.topology(), SETTINGS).process(encoded(records), 0)
    between = [
        (row.key, (change := serde.deserialize(row.value)).new, change.old)
        for row in made
        if row.topic == "app-g-repartition"
    ]
    return between, [(row.key, row.value, row.timestamp) for row in made if row.topic == "out"]


def aggregate() -> Operator:
    return TableAggregate(
        "agg", constant(str), by_aggregate(lambda key, value, aggregate: aggregate + "+" + value),
        by_aggregate(lambda key, value, aggregate: aggregate + "-" + value),
    )  # fmt: skip


def test_a_value_that_moves_is_removed_first_then_added() -> None:
    """If this failed, a regrouped aggregate would count a value under two keys, or its time would
    go back.
    """
    records = [("k", "a1", 5), ("k", "b1", 3), ("k", "b2", 4)]
    between, found = regrouped(aggregate(), records, lambda value: value[0])
    assert between == [
        (b"a", "a1", None), (b"a", None, "a1"), (b"b", "b1", None), (b"b", "b2", "b1"),
    ]  # fmt: skip
    assert found == [
        (b"a", b"+a1", 5), (b"a", b"+a1-a1", 5), (b"b", b"+b1", 3), (b"b", b"+b1-b1+b2", 4),
    ]  # fmt: skip


def test_rows_without_a_group_are_in_none() -> None:
    """If this failed, a null key would be grouped, or leave its old group's value behind."""

    def by(value: str) -> str | None:
        return None if value == "x" else value[0]

    between, _ = regrouped(aggregate(), [("k", "a1", 1), ("k", "x", 2), ("k", None, 3)], by)
    assert between == [(b"a", "a1", None), (b"a", None, "a1")]


def test_a_reduction_starts_with_the_first_value() -> None:
    """If this failed, a reduction would begin with nothing, or not begin anew after a removal."""
    row = TableReduce("agg", reducer(lambda one, other: one + other),
                      reducer(lambda one, other: one.replace(other, "") or None))  # fmt: skip
    records = [("j", "a1", 5), ("k", "a2", 3), ("j", None, 6), ("k", None, 7), ("k", "a3", 1)]
    _, found = regrouped(row, records, lambda value: value[0])
    assert [each[1:] for each in found] == [
        (b"a1", 5), (b"a1a2", 5), (b"a2", 6), (None, 7), (b"a3", 1),
    ]  # fmt: skip
