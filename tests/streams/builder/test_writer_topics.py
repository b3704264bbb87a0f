"""What a sink's function may choose: names of topics, and nothing else, in both executors."""

from __future__ import annotations

from typing import Any, Literal

import pytest

from ottla.streams import (
    Answer,
    ProcessingError,
    Processor,
    Record,
    Streams,
    Topology,
    col,
    header,
)
from ottla.streams.builder.application import Application
from ottla.streams.testing import TopologyTest

Named = Literal["rust", "python"]
NO_TOPICS = (None, "", "a b/\n", 7, "..", "x" * 250)


class Passing(Processor):
    def process(self, record: Record) -> None:
        self.context.forward(record)


def by_stream(chosen: Any) -> Application:
    app = Streams("a", key=str, value=int, processing_handler=lambda failure: Answer.RESUME)
    passed = app.stream("in").filter(lambda value: True)
    passed.to(lambda key, value, context: "good" if value else chosen)
    return app


def by_topology(chosen: Any) -> Application:
    app = Topology("a", key=str, value=int, processing_handler=lambda failure: Answer.RESUME)
    app.add_source("source", "in")
    app.add_processor("passing", Passing, "source")
    app.add_sink("sink", lambda key, value, context: "good" if value else chosen, "passing")
    return app


@pytest.mark.parametrize("made", [by_stream, by_topology])
@pytest.mark.parametrize("chosen", NO_TOPICS)
@pytest.mark.parametrize("executor", ["rust", "python"])
def test_what_is_no_topic_fails_its_record(executor: Named, chosen: Any, made: Any) -> None:
    """If this failed, records would go to a topic that no broker can have, such as `None`."""
    with TopologyTest(made(chosen), executor=executor) as test:
        for value in (1, 0, 2):
            test.input("in").send("k", value)
        assert test.topics() == ["good"]
        assert test.output("good", key=str, value=int).read_values() == [("k", 1), ("k", 2)]


@pytest.mark.parametrize("executor", ["rust", "python"])
def test_the_error_names_what_was_chosen(executor: Named) -> None:
    """If this failed, who reads the error would not find the function or its result."""
    app = Streams("a", key=str, value=int)
    app.stream("in").to(lambda key, value, context: 7, name="routed")  # type: ignore[arg-type]
    with (
        TopologyTest(app, executor=executor) as test,
        pytest.raises(ProcessingError, match=r"routed.*7 cannot be a topic's name") as caught,
    ):
        test.input("in").send("k", 1)
    assert "letters" in (caught.value.hint or "")


@pytest.mark.parametrize("executor", ["rust", "python"])
def test_an_expression_is_held_to_the_same(executor: Named) -> None:
    """If this failed, a topic that cannot be would come of a field that is missing, or a time or a
    header could not be read where a function reads them.
    """
    app = Streams("a", key=str, value=dict, processing_handler="continue")
    orders = app.stream("in").filter(lambda value: True)
    orders.to(col("at"))
    orders.to(header("where"))
    with TopologyTest(app, executor=executor) as test:
        test.input("in").send("a", {"at": "left"}, headers=[("where", b"right")])
        test.input("in").send("b", {})
        assert [
            test.output(topic, key=str, value=dict).read().key for topic in ("left", "right")
        ] == ["a", "a"]
        assert test.topics() == []
        assert sum(test.skipped().values()) == 1
