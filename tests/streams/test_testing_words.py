"""What a test driver says to who asks for what is not there, in both executors."""

from __future__ import annotations

from typing import Any, Literal

import pytest

from ottla.streams import Processor, Record, Streams, TopologyError, tumbling, window_store
from ottla.streams.errors import StreamsError
from ottla.streams.testing import TopologyTest

Named = Literal["rust", "python"]
BOTH = pytest.mark.parametrize("executor", ["rust", "python"])


def passing() -> Streams:
    app = Streams("a", key=str, value=int, dead_letter_topic="dead")
    app.stream("in").to("out")
    return app


@BOTH
def test_a_topic_that_is_never_written_is_refused(executor: Named) -> None:
    """If this failed, a misspelt topic would look like one that nothing was written to."""
    with TopologyTest(passing(), executor=executor) as test:
        with pytest.raises(StreamsError, match="never writes to 'outt'") as caught:
            test.output("outt", key=str, value=int)
        assert "writes to out" in str(caught.value.hint)
        assert test.output("dead", key=str, value=int).read_values() == []


@BOTH
def test_topics_of_functions_internal_topics_and_changelogs_are_taken(executor: Named) -> None:
    """If this failed, a test could not read what its topology may well write."""
    app = Streams("a", key=str, value=int)
    stream = app.stream("in")
    stream.group_by(lambda value: "k", name="g").count(store="c")
    with TopologyTest(app, executor=executor) as test:
        test.input("in").send("x", 1)
        assert len(test.output("a-g-repartition", key=str, value=int)) == 1
        assert len(test.output("a-c-changelog", key=str, value=int)) == 1
    app = Streams("a", key=str, value=int)
    app.stream("in").to(lambda key, value, context: key)
    with TopologyTest(app, executor=executor) as test:
        assert len(test.output("any", key=str, value=int)) == 0


@BOTH
def test_an_output_that_was_read_says_so(executor: Named) -> None:
    """If this failed, who reads twice would look for a fault in the topology."""
    with TopologyTest(passing(), executor=executor) as test:
        test.input("in").send("k", 1)
        out = test.output("out")
        assert repr(out) == "<TestOutput out: 1 to read>"
        assert [record.value for record in out] == [1]
        with pytest.raises(StreamsError, match="nothing more") as caught:
            test.output("out").read()
        assert "1 were read already" in str(caught.value.hint)


@BOTH
@pytest.mark.parametrize("way", ["suppress", "emit"])
def test_results_that_are_held_back_are_hinted_at(executor: Named, way: str) -> None:
    """If this failed, a window that is still open would look like a lost result."""
    app = Streams("a", key=str, value=int)
    windows = app.stream("in").group_by_key().windowed_by(tumbling("1h"))
    if way == "suppress":
        table = windows.count().suppress(until="window_closes", name="held")
    else:
        table = windows.emit("on_window_close").count(name="held")
    table.to_stream().to("out")
    with TopologyTest(app, executor=executor) as test:
        test.input("in").send("k", 1, at=0)
        with pytest.raises(StreamsError, match="nothing more") as caught:
            test.output("out").read()
        assert "held holds results back" in str(caught.value.hint)


@BOTH
def test_a_store_of_another_kind_says_how_it_is_read(executor: Named) -> None:
    """If this failed, who asks windows by key alone would see an AttributeError of our insides."""
    app = Streams("a", key=str, value=int)
    app.add_store(window_store("w", retention="1h", size="1m"))
    app.stream("in").process(Keeping, "w")
    with TopologyTest(app, executor=executor) as test:
        store = test.store("w")
        with pytest.raises(StreamsError, match="w has no get") as caught:
            store.get("k")
        assert "fetch(key, start)" in str(caught.value.hint)
        assert not hasattr(store, "get")


class Keeping(Processor):
    def process(self, record: Record) -> None:
        """Nothing is kept."""


class Forgetful(Processor):
    def init(self, context: Any) -> None:
        """It keeps nothing."""

    def process(self, record: Record) -> None:
        self.context.forward(record)


@BOTH
def test_a_context_that_was_not_kept_says_how(executor: Named) -> None:
    """If this failed, the AttributeError would not say whose fault it is."""
    app = Streams("a", key=str, value=int)
    app.stream("in").process(Forgetful)
    with (
        TopologyTest(app, executor=executor) as test,
        pytest.raises(StreamsError, match="Forgetful has no context") as caught,
    ):
        test.input("in").send("k", 1)
    assert "super().init(context)" in str(caught.value.hint)


def test_words_of_the_builder() -> None:
    """If these failed, a misspelt word would be answered with what it is not about."""
    with pytest.raises(TopologyError, match="'my app!' cannot be an application's id"):
        Streams("my app!")
    with pytest.raises(TopologyError, match="'foo'"):
        Streams("a", processing_handler="foo")
    app = Streams("a", key=str, value=int)
    windows = app.stream("in").group_by_key().windowed_by(tumbling(5))
    with pytest.raises(TopologyError, match="until 'window_close'") as caught:
        windows.count().suppress(until="window_close")
    assert "window_closes" in str(caught.value.hint)
