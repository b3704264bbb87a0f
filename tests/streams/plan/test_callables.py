"""Functions that are async are refused wherever one is taken, when the topology is built."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from functools import partial
from typing import Any

import pytest

from ottla.streams import Processor, Streams, Topology, TopologyError, batched, sum_of
from ottla.streams.plan.callables import is_async
from ottla.streams.testing import TopologyTest


async def later(*given: Any) -> Any:
    return given


async def many(*given: Any) -> AsyncIterator[Any]:
    yield given


class Later:
    async def __call__(self, *given: Any) -> Any:
        return given


def plain(*given: Any) -> Any:
    return given


def by_key(app: Streams) -> Any:
    return app.stream("in").group_by_key()


def alone(build: Callable[[Topology, Any], object]) -> Callable[[Streams, Any], object]:
    """Of processors alone: what is done once there is a source."""

    def built(app: Streams, given: Any) -> None:
        topology = Topology("alone", key=str, value=str)
        topology.add_source("source", "in")
        build(topology, given)

    return built


#: Where a function is taken, by what the error calls it.
TAKEN: dict[str, Callable[[Streams, Any], object]] = {
    "filter": lambda app, given: app.stream("in").filter(given),
    "map": lambda app, given: app.stream("in").map(given),
    "foreach": lambda app, given: app.stream("in").foreach(given),
    "mapper= of print": lambda app, given: app.stream("in").print(mapper=given),
    "branch": lambda app, given: app.stream("in").split().branch(given),
    "to= of the branch": lambda app, given: app.stream("in").split().default(to=given),
    "through= of the branch": lambda app, given: app.stream("in").split().default(through=given),
    "to": lambda app, given: app.stream("in").to(given),
    "partitioner= of sink": lambda app, given: app.stream("in").to(
        "out", partitioner=given, name="sink"
    ),
    "partitioner= of r-repartition-sink": lambda app, given: app.stream("in").repartition(
        partitioner=given, name="r"
    ),
    "group_by": lambda app, given: app.table("in").group_by(given),
    "reduce": lambda app, given: by_key(app).reduce(given),
    "the initializer": lambda app, given: by_key(app).aggregate(given, plain),
    "the adder": lambda app, given: by_key(app).aggregate(dict, given),
    "cogroup": lambda app, given: by_key(app).cogroup(given),
    "the column total": lambda app, given: by_key(app).aggregate(total=sum_of(given)),
    "join": lambda app, given: app.stream("in").join(app.table("t"), given),
    "on": lambda app, given: app.stream("in").join(app.global_table("t"), plain, on=given),
    "timestamp= of source": lambda app, given: app.stream("in", timestamp=given, name="source"),
    "a function of many values": lambda app, given: batched(given),
    "process": lambda app, given: app.stream("in").process(given),
    "process_values": lambda app, given: app.stream("in").process_values(given),
    "transform_values": lambda app, given: app.table("in").transform_values(given),
    "add_global_store": lambda app, given: app.add_global_store("g", "t", given),
    "add_processor": alone(lambda app, given: app.add_processor("p", given, "source")),
    "add_sink": alone(lambda app, given: app.add_sink("out", given, "source")),
    "partitioner= of out": alone(
        lambda app, given: app.add_sink("out", "t", "source", partitioner=given)
    ),
    "processing_handler=": lambda app, given: Streams("x", processing_handler=given),
}


@pytest.mark.parametrize("what", sorted(TAKEN))
@pytest.mark.parametrize("given", [later, many, Later(), partial(later, 1)])
def test_no_operator_takes_an_async_function(what: str, given: Any) -> None:
    """If this failed, a filter would let all records through, as a coroutine is true, and an
    action would never be run."""
    app = Streams("app", key=str, value=str)

    def built() -> None:
        TAKEN[what](app, given)
        app.build()

    with pytest.raises(TopologyError) as caught:
        built()
    assert str(caught.value).startswith(what)
    assert "which is async, and Streams calls plain functions" in str(caught.value)
    assert "write it with def" in (caught.value.hint or "")


def test_what_is_plain_is_taken() -> None:
    """If this failed, a function that runs a loop of its own, or a class, would be refused."""
    assert not any(map(is_async, (plain, partial(plain, 1), str, Later, Streams, Streams.build)))


@pytest.mark.parametrize("method", ["init", "process", "close"])
@pytest.mark.parametrize("as_class", [True, False])
def test_no_processor_has_async_methods(method: str, as_class: bool) -> None:
    """If this failed, such a processor would drop every record, and only Python would warn."""
    kind: Any = type("Fetching", (Processor,), {"process": plain, method: later})
    app = Streams("app", key=str, value=str)
    with pytest.raises(TopologyError, match=f"Fetching.{method}") as caught:
        app.stream("in").process(kind if as_class else lambda: kind())
    assert "write it with def" in (caught.value.hint or "")


@pytest.mark.parametrize("executor", ["rust", "python"])
def test_no_callback_of_a_schedule_is_async(executor: Any) -> None:
    """If this failed, the punctuation would come and do nothing."""

    class Ticking(Processor):
        def init(self, context: Any) -> None:
            context.schedule("1s", "wall_clock", later)

    app = Streams("app", key=str, value=str)
    app.stream("in").process(Ticking, name="ticking")
    with pytest.raises(Exception, match="ticking wants later to be called"):
        TopologyTest(app, executor=executor)
