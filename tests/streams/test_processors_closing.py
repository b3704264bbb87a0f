"""How a task ends: processors are closed once, all of them, and never while it is at work."""

from __future__ import annotations

from typing import Any, Literal

import pytest

from ottla.streams import Processor, Record, Streams, ValueTransformer
from ottla.streams.fast.processing import Processing
from ottla.streams.testing import TopologyTest

Executor = Literal["rust", "python"]


@pytest.fixture(params=["python", "rust"])
def executor(request: pytest.FixtureRequest) -> Executor:
    found: Executor = request.param
    return found


def chained(*kinds: type[Processor]) -> Streams:
    app = Streams("closing", key=str, value=str)
    stream = app.stream("in")
    for kind in kinds:
        stream = stream.process(kind)
    stream.to("out")
    return app


class Passing(Processor):
    def init(self, context: Any) -> None:
        self.context = context

    def process(self, record: Record) -> None:
        self.context.forward(record)


def test_a_task_at_work_is_not_closed_but_stays_closable(executor: Executor) -> None:
    """If this failed, processors would be closed in the middle of a batch, or never."""
    calls: list[str] = []

    class Closing(Passing):
        def process(self, record: Record) -> None:
            with pytest.raises(RuntimeError, match="this task is at work"):
                test.close()
            calls.append(record.key)
            super().process(record)

        def close(self) -> None:
            calls.append("closed")

    test = TopologyTest(chained(Closing), executor=executor)
    test.input("in").send_all([("a", "1"), ("b", "2")])
    assert test.output("out").read_values() == [("a", "1"), ("b", "2")]
    test.close()
    test.close()
    assert calls == ["a", "b", "closed"]


@pytest.mark.parametrize("first", [ValueError, KeyboardInterrupt])
def test_all_processors_are_closed_whatever_one_of_them_raises(
    executor: Executor, first: type[BaseException]
) -> None:
    """If this failed, Ctrl-C, or a failure of the first, would leave files of the others open."""
    calls: list[str] = []

    class First(Passing):
        def close(self) -> None:
            calls.append("first")
            raise first("no")

    class Interrupted(Passing):
        def close(self) -> None:
            calls.append("interrupted")
            raise KeyboardInterrupt

    class Last(Passing):
        def close(self) -> None:
            calls.append("last")

    test = TopologyTest(chained(First, Interrupted, Last), executor=executor)
    with pytest.raises(KeyboardInterrupt):
        test.close()
    assert calls == ["first", "interrupted", "last"]


@pytest.mark.parametrize("fails", [False, True])
def test_a_transformer_s_twin_for_views_is_closed_too(executor: Executor, fails: bool) -> None:
    """If this failed, what a transformer opened for who reads its table would stay open."""
    made: list[Transformer] = []

    class Transformer(ValueTransformer[str, str, str]):
        def __init__(self) -> None:
            self.closed = 0
            made.append(self)

        def init(self, context: Any) -> None:
            """Nothing to make ready."""

        def transform(self, key: str, value: str) -> str:
            return f"<{value}>"

        def close(self) -> None:
            self.closed += 1
            if fails and self is made[0]:
                raise KeyboardInterrupt

    app = Streams("closing", key=str, value=str)
    left = app.table("left").transform_values(Transformer)
    left.join(app.table("right"), lambda one, other: one + other).to_stream().to("out")
    test = TopologyTest(app, executor=executor)
    test.input("left").send("k", "1")
    test.input("right").send("k", "2")
    assert test.output("out").read_values() == [("k", "<1>2")]
    assert len(made) == 2
    if fails:
        with pytest.raises(KeyboardInterrupt):
            test.close()
    else:
        test.close()
    assert [each.closed for each in made] == [1, 1]


def test_the_core_hears_that_a_schedule_was_cancelled(monkeypatch: pytest.MonkeyPatch) -> None:
    """If this failed, the core would come back at each interval for ever to find no callback."""
    asked: list[int] = []
    punctuate = Processing.punctuate

    def counted(processing: Processing, number: int, timestamp: int) -> None:
        asked.append(timestamp)
        punctuate(processing, number, timestamp)

    monkeypatch.setattr(Processing, "punctuate", counted)

    class Once(Passing):
        def init(self, context: Any) -> None:
            self.schedule = context.schedule(10, "wall_clock", self.tick)

        def tick(self, now: int) -> None:
            self.schedule.cancel()

    with TopologyTest(chained(Once), executor="rust") as test:
        for _ in range(3):
            test.advance(10)
    assert asked == [10]
