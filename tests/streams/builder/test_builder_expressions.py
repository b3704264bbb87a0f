"""Where an expression may stand: an operator that has not what it reads refuses it by name."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from ottla.streams import Streams, TopologyError, col, header, join_within, key, session, timestamp
from ottla.streams.testing import ExecutorName, TopologyTest
from streams.builder.described_words import both


def stream(app: Streams) -> Any:
    return app.stream("in")


def grouped(app: Streams) -> Any:
    return stream(app).group_by_key()


def table(app: Streams) -> Any:
    return app.table("rows")


def added(row: Any, aggregate: Any) -> Any:
    return aggregate


#: What is built, what the expression reads, and what there is.
REFUSALS: dict[str, tuple[Callable[[Streams], object], str]] = {
    "join of streams": (
        lambda app: stream(app).join(stream(app), col("a"), within=join_within("1m")),
        "value, and join has (key, left, right)",
    ),
    "join with a table": (
        lambda app: stream(app).join(table(app), col("a")),
        "value, and join has (key, left, right)",
    ),
    "join with a global table": (
        lambda app: stream(app).join(app.global_table("g"), col("a"), on=key()),
        "value, and join has (key, left, right)",
    ),
    "on= of a global table": (
        lambda app: stream(app).join(app.global_table("g"), both, on=header("to")),
        "headers, and on has (key, value)",
    ),
    "join of tables": (
        lambda app: table(app).join(app.table("other"), col("a")),
        "value, and join has (key, left, right)",
    ),
    "join by a foreign key": (
        lambda app: table(app).join(app.table("other"), both, on=header("to")),
        "headers, and on has (key, value)",
    ),
    "initializer": (
        lambda app: grouped(app).aggregate(col("a"), added),
        "value, and the initializer has nothing",
    ),
    "adder": (
        lambda app: grouped(app).aggregate(dict, timestamp()),
        "timestamp, and the adder has (key, value, aggregate)",
    ),
    "merger": (
        lambda app: grouped(app).windowed_by(session("1m")).aggregate(dict, added, col("a")),
        "value, and the merger has (key, left, right)",
    ),
    "cogroup": (
        lambda app: grouped(app).cogroup(header("a") + timestamp()),
        "timestamp and headers, and cogroup has (key, value, aggregate)",
    ),
    "reduce": (
        lambda app: grouped(app).reduce(key()),
        "key, and reduce has (aggregate, value)",
    ),
    "reduce of a table": (
        lambda app: table(app).group_by(both).reduce(key(), added),
        "key, and the adder has (aggregate, value)",
    ),
    "filter of a table": (
        lambda app: table(app).filter(timestamp() > 3),
        "timestamp, and filter has (key, value)",
    ),
    "map_values of a table": (
        lambda app: table(app).map_values(header("a")),
        "headers, and map_values has (key, value)",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSALS)
def test_what_reads_more_than_there_is(name: str) -> None:
    """An executor would refuse it at the start, and the other one read null and go on."""
    build, said = REFUSALS[name]
    with pytest.raises(TopologyError) as caught:
        build(Streams("app", key=str, value=dict))
    assert f"reads the record's {said}" in str(caught.value)
    assert caught.value.hint == "give it a Python function"


@pytest.mark.parametrize("executor", ["rust", "python"])
def test_what_has_a_record(executor: ExecutorName) -> None:
    """A stream's operators would not know the time and the headers of their records."""
    app = Streams("app", key=str, value=dict)
    late = app.stream("in").filter(timestamp() >= 5).select_key(header("to"))
    late.map_values(key(), value=str).to("out")
    with TopologyTest(app, executor=executor) as test:
        test.input("in").send("a", {}, at=4, headers=[("to", b"b")])
        test.input("in").send("a", {}, at=5, headers=[("to", b"c")])
        assert test.output("out").read_values() == [("c", "c")]


@pytest.mark.parametrize("executor", ["rust", "python"])
@pytest.mark.parametrize("begin", [dict, set, int, str, bytearray, list])
def test_classes_that_begin_an_aggregate(begin: Any, executor: ExecutorName) -> None:
    """`aggregate(dict, …)`, as Python says an empty dict, would be refused."""
    app = Streams("app", key=str, value=str)
    app.stream("in").group_by_key().aggregate(begin, lambda value, held: f"{held}").to_stream().to(
        "out"
    )
    with TopologyTest(app, executor=executor) as test:
        test.input("in").send("a", "x")
        assert test.output("out").read_values() == [("a", f"{begin()}")]
