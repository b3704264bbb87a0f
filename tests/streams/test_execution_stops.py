"""What a stop says: which node failed, on which record, and as which error. Both executors say the
same.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

import pytest

from ottla.streams import Processor, Streams
from ottla.streams.errors import ProcessingError
from ottla.streams.execution import Answer, Failure, Input
from ottla.streams.processors import ProcessorContext
from ottla.streams.testing import ExecutorName, executor_of

SOURCE, MAPPER = "KSTREAM-SOURCE-0000000000", "KSTREAM-MAPVALUES-0000000001"
PROCESSOR = "KSTREAM-PROCESSOR-0000000001"


@pytest.fixture(params=["python", "rust"])
def executor(request: pytest.FixtureRequest) -> ExecutorName:
    found: ExecutorName = request.param
    return found


def application(**settings: Any) -> Streams:
    return Streams("app", key=str, value=str, **settings)


def stopped(app: Streams, executor: ExecutorName, *records: Input) -> ProcessingError:
    """The error as a user of the task sees it, and no class of an executor's own."""
    task = executor_of(executor, app.build(), app.settings())
    with pytest.raises(ProcessingError) as caught:
        task.process(records, 0)
    task.close()
    assert type(caught.value) is ProcessingError
    return caught.value


def refusing(*told: Any) -> Any:
    raise KeyError("nope")


# ---------------------------------------------------------------- the record that failed


def fail(failure: Failure) -> Answer:
    return Answer.FAIL


@pytest.mark.parametrize("handler", [None, fail])
def test_a_record_that_waited_is_told_by_its_own_place(
    executor: ExecutorName, handler: Callable[[Failure], Answer] | None
) -> None:
    """If this failed, a user would look for the fault in the record that let another one go on."""
    app = application(processing_handler=handler)
    held = app.table("in").suppress(wait="100ms", records_max=4, when_full="emit")
    held.to_stream().map_values(refusing, name="M").to("out")
    waits, frees = Input("in", b"a", b"1", 1, (), 2, 7), Input("in", b"b", b"2", 500, (), 3, 8)
    error = stopped(app, executor, waits, frees)
    assert str(error) == (
        "M (topic in, partition 2, offset 7): processing failed: KeyError: 'nope'"
    )
    assert error.place == 1


# ---------------------------------------------------------------- the node that failed


@pytest.mark.parametrize("handler", [None, lambda failure: Answer.RESUME])
@pytest.mark.parametrize("chooses", ["topic", "partition"])
def test_a_sink_right_below_a_source_fails_in_the_source(
    executor: ExecutorName, chooses: str, handler: Callable[[Failure], Answer] | None
) -> None:
    """If this failed, an error would name neither a node nor the record; as in Kafka no handler is
    asked, for a source is no processor.
    """
    app = application(processing_handler=handler, production_handler=handler)
    if chooses == "topic":
        app.stream("in").to(refusing)
    else:
        app.stream("in").to("out", partitioner=refusing)
    error = stopped(app, executor, Input("in", b"k", b"v", 0, (), 0, 5))
    assert str(error) == (
        f"{SOURCE} (topic in, partition 0, offset 5): processing failed: KeyError: 'nope'"
    )
    assert isinstance(error.__cause__, KeyError)


def test_one_exception_raised_twice_names_the_node_of_each_time(executor: ExecutorName) -> None:
    """If this failed, an exception that a module keeps would name the node that raised it once."""
    kept = ValueError("kept")

    def picky(about: str) -> Callable[[str], str]:
        def checked(value: str) -> str:
            if value == about:
                raise kept
            return value

        return checked

    app = application()
    app.stream("in").map_values(picky("a"), name="A").map_values(picky("b"), name="B").to("out")
    task = executor_of(executor, app.build(), app.settings())
    for value in "baab":
        with pytest.raises(ProcessingError, match=f"^{value.upper()} ") as caught:
            task.process([Input("in", b"k", value.encode(), 0)], 0)
        assert caught.value.__cause__ is kept
    task.close()


def test_a_failure_by_time_names_its_node(executor: ExecutorName) -> None:
    """If this failed, a callback's failure would be told of a record, or be no error of ours."""

    class Ticking(Processor):
        def init(self, context: ProcessorContext) -> None:
            context.schedule(10, "wall_clock", refusing)

        def process(self, record: Any) -> None: ...

    app = application()
    app.stream("in").process(Ticking).to("out", key=str, value=str)
    task = executor_of(executor, app.build(), app.settings())
    task.process([Input("in", b"k", b"v", 0)], 0)
    with pytest.raises(ProcessingError) as caught:
        task.advance(20)
    assert type(caught.value) is ProcessingError
    assert str(caught.value) == f"{PROCESSOR} (by time): processing failed: KeyError: 'nope'"
    assert caught.value.place == -1
    task.close()


def test_a_topic_that_nobody_reads_is_told_alike(executor: ExecutorName) -> None:
    """If this failed, a record for another application would end in two kinds of errors, and what
    came before it in the batch would be lost.
    """
    app = application()
    app.stream("in").to("out")
    error = stopped(app, executor, Input("in", b"k", b"v", 0), Input("other", b"k", b"v", 0))
    assert str(error) == "no source of the topology reads the topic other"
    assert error.place == 1
    assert len(error.produced) == 1


# ---------------------------------------------------------------- processors begin and end


class Failing(Processor):
    """Fails as it is made ready, or closed; each of its kind is noted when it is closed."""

    closed: ClassVar[list[str]] = []

    def __init__(self, when: str) -> None:
        self.when = when

    def init(self, context: ProcessorContext) -> None:
        if self.when == "init":
            refusing()

    def process(self, record: Any) -> None: ...

    def close(self) -> None:
        self.closed.append(self.when)
        if self.when == "close":
            refusing()


def begun(when: str) -> Streams:
    app = application()
    app.stream("in").process(lambda: Failing(when)).to("out", key=str, value=str)
    app.stream("other").process(lambda: Failing("never")).to("out", key=str, value=str)
    return app


def test_a_processor_that_cannot_begin_is_named(executor: ExecutorName) -> None:
    """If this failed, a user would see a bare exception without the node that it came of."""
    app = begun("init")
    with pytest.raises(ProcessingError) as caught:
        executor_of(executor, app.build(), app.settings())
    assert type(caught.value) is ProcessingError
    assert str(caught.value) == (
        f"{PROCESSOR} (before the first record): its init failed: KeyError: 'nope'"
    )
    assert isinstance(caught.value.__cause__, KeyError)


def test_a_processor_that_cannot_end_is_named_and_the_others_end(executor: ExecutorName) -> None:
    """If this failed, a user would see a bare exception, told of the last record; or one processor
    would keep all others from closing what they hold.
    """
    app = begun("close")
    task = executor_of(executor, app.build(), app.settings())
    task.process([Input("in", b"k", b"v", 0)], 0)
    Failing.closed.clear()
    with pytest.raises(ProcessingError) as caught:
        task.close()
    assert type(caught.value) is ProcessingError
    assert str(caught.value) == (
        f"{PROCESSOR} (after the last record): its close failed: KeyError: 'nope'"
    )
    assert Failing.closed == ["close", "never"]
    task.close()


# ---------------------------------------------------------------- who forwards


class Noting(Processor):
    """Keeps what a forward raised, and goes on."""

    seen: ClassVar[list[Exception]] = []

    def init(self, context: ProcessorContext) -> None:
        self.context = context

    def process(self, record: Any) -> None:
        try:
            self.context.forward(record)
        except Exception as error:
            self.seen.append(error)


def test_who_forwards_sees_the_error_that_the_task_would_raise(executor: ExecutorName) -> None:
    """If this failed, `except ProcessingError` in a processor would hold for one executor alone."""
    app = application()
    app.stream("in").process(Noting).map_values(refusing, name="M").to("out", key=str, value=str)
    app.stream("other").process(Noting).to("odd", key=str, value=int)
    task = executor_of(executor, app.build(), app.settings())
    Noting.seen.clear()
    task.process([Input("in", b"k", b"v", 0), Input("other", b"k", b"v", 0)], 0)
    task.close()
    below, sink = Noting.seen
    assert (type(below), type(sink)) == (ProcessingError, ProcessingError)
    assert str(below) == "M (topic in, partition 0, offset 0): processing failed: KeyError: 'nope'"
    assert isinstance(below.__cause__, KeyError)
    assert str(sink).startswith(
        "KSTREAM-SINK-0000000006 (topic other, partition 0, offset 0): production failed: "
    )


def test_the_stop_of_another_task_is_a_failure_like_any(executor: ExecutorName) -> None:
    """If this failed, a function that runs a topology of its own would stop this one unasked."""
    inner = application()
    inner.stream("in").map_values(refusing, name="inner").to("out")

    def nested(value: str) -> str:
        raise stopped(inner, executor, Input("in", b"k", b"v", 0))

    asked: list[str] = []

    def resume(failure: Failure) -> Answer:
        asked.append(failure.node)
        return Answer.RESUME

    app = application(processing_handler=resume)
    app.stream("in").map_values(nested, name="outer").to("out")
    task = executor_of(executor, app.build(), app.settings())
    assert task.process([Input("in", b"k", b"v", 0)], 0) == []
    assert asked == ["outer"]
    task.close()
