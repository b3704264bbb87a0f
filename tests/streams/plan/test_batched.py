"""Functions of many values: what they are asked, and that nothing else changes by it."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from ottla.streams import (
    ProcessingError,
    Streams,
    StreamsError,
    TopologyError,
    arrow,
    batched,
    col,
    count,
)
from ottla.streams.execution import Input
from ottla.streams.testing import executor_of

EXECUTORS = ("python", "rust")


def rows(*values: Any) -> list[Input]:
    """Records of the topic in, a second apart."""
    found = [json.dumps(value).encode() for value in values]
    return [Input("in", b"k", value, 1000 * at) for at, value in enumerate(found)]


def run(
    build: Callable[[Any], Any], given: list[Input], executor: str = "rust", **config: Any
) -> list[Any]:
    app = Streams("app", key=str, value=dict, **config)
    build(app.stream("in")).to("out", value=dict)
    task = executor_of(executor, app.build(), app.settings())
    produced = task.process(given, 0)
    return [json.loads(each.value) for each in produced if each.topic == "out" and each.value]


class Asked:
    """A function of many values that remembers what it was given."""

    def __init__(self, function: Callable[[Any], Any]) -> None:
        self.function = function
        self.times: list[int] = []

    def __call__(self, values: list[Any]) -> list[Any]:
        self.times.append(len(values))
        return [self.function(value) for value in values]


@pytest.mark.parametrize("executor", EXECUTORS)
def test_it_gives_what_one_by_one_gives(executor: str) -> None:
    """If this failed, an executor would give a record another record's result."""
    doubled = batched(Asked(lambda value: {"n": value["n"] * 2}))
    odd = batched(Asked(lambda value: value["n"] % 2 == 1))
    given = rows(*({"n": n, "of": n % 3} for n in range(20)))
    found = run(
        lambda stream: stream.filter(col("of") != 0).filter(odd).map_values(doubled),
        given,
        executor,
    )
    assert found == [{"n": 2 * n} for n in range(20) if n % 3 and n % 2]


def test_it_is_asked_once_for_a_batch() -> None:
    """If this failed, a model would be asked for each record, and the operator be for nothing."""
    asked, then = Asked(lambda value: {"n": value["n"] + 1}), Asked(lambda value: value)
    given = rows(*({"n": n} for n in range(50)))
    chain = lambda stream: (  # noqa: E731
        stream.filter(col("n") >= 10).map_values(batched(asked)).map_values(batched(then))
    )
    assert run(chain, given) == [{"n": n + 1} for n in range(10, 50)]
    assert (asked.times, then.times) == ([40], [40])


def test_branches_are_seen_through() -> None:
    """If this failed, a function below a branch would be asked for records of the other branch."""
    asked = Asked(lambda value: {"n": -value["n"]})

    def build(stream: Any) -> Any:
        parts = stream.split(name="to-").branch(col("n") < 5, name="few").default(name="many")
        return parts["to-few"].map_values(batched(asked)).merge(parts["to-many"])

    found = run(build, rows(*({"n": n} for n in range(10))))
    assert found == [{"n": -n if n < 5 else n} for n in range(10)]
    assert asked.times == [5]


def test_after_an_operator_with_state_it_is_asked_one_by_one() -> None:
    """If this failed, results of records that are not known yet would be made up."""
    asked = Asked(lambda value: {"n": value["n"]})
    found = run(
        lambda stream: (
            stream.group_by_key()
            .aggregate(n=count())
            .to_stream()
            .map_values(batched(asked), value=dict)
        ),
        rows({}, {}, {}),
    )
    assert found == [{"n": 1}, {"n": 2}, {"n": 3}]
    assert asked.times == [1, 1, 1]


@pytest.mark.parametrize("executor", EXECUTORS)
def test_one_that_raises_fails_its_record_alone(executor: str) -> None:
    """If this failed, one bad record would take a whole batch with it, or pass for another."""
    inverse = batched(lambda values: [{"n": 60 // value["n"]} for value in values])
    given = rows(*({"n": n} for n in (1, 2, 0, 3)))
    resumed = run(
        lambda stream: stream.map_values(inverse),
        given,
        executor,
        processing_handler="continue",
    )
    assert resumed == [{"n": 60}, {"n": 30}, {"n": 20}]
    with pytest.raises(ProcessingError) as caught:
        run(lambda stream: stream.map_values(inverse), given, executor)
    assert caught.value.place == 2
    assert len(caught.value.produced) == 2


@pytest.mark.parametrize("executor", EXECUTORS)
def test_results_are_as_many_as_values(executor: str) -> None:
    """If this failed, a function that drops rows would shift results to other records."""
    few = batched(lambda values: [value for value in values if value["n"]])
    with pytest.raises(ProcessingError, match="was given 1 values and gave 0"):
        run(lambda stream: stream.map_values(few), rows({"n": 1}, {"n": 0}), executor)


@pytest.mark.parametrize("executor", EXECUTORS)
def test_arrow(executor: str) -> None:
    """If this failed, functions of Arrow arrays would get or give other values."""
    compute = pytest.importorskip("pyarrow.compute")
    sizes = arrow(lambda array: compute.multiply(compute.struct_field(array, "n"), 10))
    found = run(
        lambda stream: stream.map_values(sizes).map_values(lambda n: {"n": n}),
        rows({"n": 1}, {"n": 2}, {"n": None}),
        executor,
    )
    assert found == [{"n": 10}, {"n": 20}, {"n": None}]


def test_where_it_cannot_stand_it_is_refused() -> None:
    """If this failed, an aggregation would call it with something that is no list of values."""
    grouped = Streams("app", key=str, value=dict).stream("in").group_by_key()
    with pytest.raises(TopologyError, match="takes many values and nothing else"):
        grouped.reduce(batched(lambda values: values))
    with pytest.raises(StreamsError, match="a function of many values is needed"):
        batched(3)  # type: ignore[arg-type]
