"""Serdes of joins: `value=` is the result's, `this_value=` and `other_value=` are the sides'."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from ottla.streams import (
    KStream,
    Streams,
    TopologyError,
    join_within,
    tumbling,
    window_store,
)
from ottla.streams.serdes import JSON, LONG, STRING
from ottla.streams.testing import ExecutorName, TopologyTest

Join = Callable[[Streams, KStream[str, str]], KStream[str, dict[str, str]]]


def pair(left: str, right: str) -> dict[str, str]:
    return {"left": left, "right": right}


def with_stream(app: Streams, left: KStream[str, str]) -> KStream[str, dict[str, str]]:
    right = app.stream("right", key=str, value=str)
    return left.join(right, pair, within=join_within("1m"), value=dict)


def with_table(app: Streams, left: KStream[str, str]) -> KStream[str, dict[str, str]]:
    return left.join(app.table("right", key=str, value=str), pair, value=dict)


def with_global(app: Streams, left: KStream[str, str]) -> KStream[str, dict[str, str]]:
    right = app.global_table("right", key=str, value=str)
    return left.join(right, pair, on=lambda key, value: key, value=dict)


@pytest.mark.parametrize("executor", ["rust", "python"])
@pytest.mark.parametrize("join", [with_stream, with_table, with_global])
def test_result(join: Join, executor: ExecutorName) -> None:
    """`value=` of a join would say how a side is written, and nothing how the result is."""
    app = Streams("app")
    join(app, app.stream("left", key=str, value=str)).to("out")
    with TopologyTest(app, executor=executor) as test:
        test.input("right").send("k", "r", at=1)
        test.input("left").send("k", "l", at=2)
        assert test.output("out").read().value == {"left": "l", "right": "r"}


def test_sides() -> None:
    """The topics and stores of a join would be written by the result's serde."""
    app = Streams("app")
    left = app.stream("left", key=str, value=str).map(lambda k, v: (k, len(v)))
    right = app.stream("right", key=str, value=str)
    joined = left.join(
        right, pair, within=join_within("1m"), key=str, value=dict, this_value=int, other_value=str,
        store="j",
    )  # fmt: skip
    joined.to("out")
    plan = app.build()
    written = {sink.topic: sink.value for sink in plan.sinks.values()}
    assert written == {"KSTREAM-MAP-0000000001-repartition": LONG, "out": JSON}
    assert plan.stores["j-this-join-store"].value == LONG
    assert plan.stores["j-other-join-store"].value == STRING


def test_side_of_global_table() -> None:
    """A serde that nothing uses would be taken, and its writer would wonder."""
    app = Streams("app")
    table = app.global_table("right", key=str, value=str)
    more: Any = {"this_value": str}
    with pytest.raises(TopologyError, match="a global table has no this_value="):
        app.stream("left", key=str, value=str).join(table, pair, on=lambda k, v: k, **more)


@pytest.mark.parametrize(
    ("more", "told"),
    [
        ({"within": "5m"}, "within= takes what join_within made, not '5m'"),
        ({"within": tumbling("5m")}, "within= takes what join_within made"),
        ({}, "how far apart records may be"),
        ({"within": join_within("5m"), "this_store": "x"}, "this_store= takes a spec, not 'x'"),
        ({"within": join_within("5m"), "other_store": 5}, "other_store= takes a spec, not 5"),
        ({"within": join_within("5m"), "store": window_store("x")}, "the beginning of its stores'"),
    ],
)
def test_windows_and_stores_of_another_kind(more: dict[str, Any], told: str) -> None:
    """What does not fit would be an AttributeError of something that the user never saw."""
    app = Streams("app", key=str, value=str)
    with pytest.raises(TopologyError, match=told) as refused:
        app.stream("left").join(app.stream("right"), pair, **more)
    assert refused.value.hint


@pytest.mark.parametrize("more", [{"logged": False}, {"configs": {"retention.ms": "1"}}])
def test_stores_that_a_table_has_none_of(more: dict[str, Any]) -> None:
    """A buffer would be logged though its user said that it is not."""
    app = Streams("app", key=str, value=str)
    tables = [(app.table("t"), {}), (app.global_table("g"), {"on": lambda key, value: key})]
    for table, on in tables:
        with pytest.raises(TopologyError, match=r"a join with a (global )?table"):
            app.stream("left").join(table, pair, **on, **more)


def test_serdes_of_a_table() -> None:
    """What a join never writes would have a serde that nobody uses."""
    app = Streams("app", key=str, value=str)
    with pytest.raises(TopologyError, match="a join with a table has no other_value="):
        app.stream("left").join(app.table("t"), pair, other_value=str)


@pytest.mark.parametrize("name", ["partitioner", "other_partitioner"])
def test_partitioners_of_tables(name: str) -> None:
    """A partitioner that is never asked would look as if it were."""
    app = Streams("app", key=str, value=str)
    more: Any = {name: lambda *given: 0}
    for join in (app.table("a").join, app.table("b").left_join):
        with pytest.raises(TopologyError, match="takes no partitioner"):
            join(app.table("t" + name + join.__name__), pair, **more)
