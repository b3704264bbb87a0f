"""What a processor may ask of its context, and how it hears that it may not, in both executors."""

from __future__ import annotations

from datetime import timedelta
from typing import Any, Literal

import pytest

from ottla.streams import Processor, Record, Streams
from ottla.streams.errors import StreamsError
from ottla.streams.testing import TopologyTest

Named = Literal["rust", "python"]


def scheduled(interval: Any, clock: Any = "wall_clock", start: Any = None) -> Streams:
    class Ticking(Processor):
        def init(self, context: Any) -> None:
            self.context = context
            context.schedule(interval, clock, self.tick, start)

        def process(self, record: Record) -> None:
            """Nothing: only time makes it write."""

        def tick(self, now: int) -> None:
            self.context.forward(Record("tick", now, now))

    app = Streams("a", key=str, value=int)
    app.stream("in").process(Ticking, name="ticking").to("out", key=str, value=int)
    return app


@pytest.mark.parametrize("executor", ["rust", "python"])
@pytest.mark.parametrize("interval", ["10s", timedelta(seconds=10), 10_000])
def test_an_interval_is_any_length_of_time(executor: Named, interval: Any) -> None:
    """If this failed, "10s" would be refused here and taken everywhere else."""
    with TopologyTest(scheduled(interval), executor=executor) as test:
        test.advance(20_000)
        assert test.output("out").read_values() == [("tick", 20_000)]


@pytest.mark.parametrize("executor", ["rust", "python"])
@pytest.mark.parametrize(
    ("asked", "words"),
    [
        (("10 parsecs",), "ticking.*no length of time"),
        ((1.5,), "ticking.*no length of time"),
        ((0,), "ticking.*every 0 ms"),
        ((10, "sundial"), "ticking.*sundial"),
        ((10, "wall_clock", "noon"), "str is no time"),
    ],
)
def test_what_cannot_be_scheduled_is_refused_by_name(
    executor: Named, asked: tuple[Any, ...], words: str
) -> None:
    """If this failed, a processor would see a TypeError of the executor's insides."""
    with pytest.raises(StreamsError, match=words):
        TopologyTest(scheduled(*asked), executor=executor)


@pytest.mark.parametrize("executor", ["rust", "python"])
def test_a_store_out_of_reach_says_how_it_is_named(executor: Named) -> None:
    """If this failed, who forgot a store's name would not learn where it is said."""

    class Counting(Processor):
        def init(self, context: Any) -> None:
            context.store("counts")

    app = Streams("a", key=str, value=int)
    app.stream("in").process(Counting)
    with pytest.raises(StreamsError, match="no access to a store counts") as caught:
        TopologyTest(app, executor=executor)
    assert "process(P, 'counts')" in str(caught.value.hint)
