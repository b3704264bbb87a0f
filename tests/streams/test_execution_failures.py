"""What fails, and what users' code does that it should not: both executors answer alike."""

from __future__ import annotations

import signal
import struct
from collections.abc import Callable
from dataclasses import replace
from types import FrameType
from typing import Any, Literal

import pytest

from ottla.streams import (
    Processor,
    Record,
    Streams,
    Windowed,
    batched,
    join_within,
    sliding,
    tumbling,
    value,
)
from ottla.streams.errors import ProcessingError, StreamsError
from ottla.streams.execution import Answer, Failure, Input, Settings
from ottla.streams.processors import ProcessorContext
from ottla.streams.serdes import Serde
from ottla.streams.testing import TestRecord, TopologyTest, executor_of

Executor = Literal["rust", "python"]

LAST = 2**63 - 1


@pytest.fixture(params=["python", "rust"])
def executor(request: pytest.FixtureRequest) -> Executor:
    found: Executor = request.param
    return found


def numbers() -> Streams:
    return Streams("app", key=str, value=int)


def resume(failure: Failure) -> Answer:
    return Answer.RESUME


def long(number: int) -> bytes:
    return struct.pack(">q", number)


def mapped(function: Callable[[int], int]) -> Streams:
    app = numbers()
    app.stream("in").map_values(function).to("out")
    return app


# ---------------------------------------------------------------- Ctrl-C


@pytest.mark.parametrize("kind", [KeyboardInterrupt, SystemExit])
def test_an_interrupt_is_no_failure(executor: Executor, kind: type[BaseException]) -> None:
    """If this failed, a handler that resumes would swallow Ctrl-C, or it would become an error."""

    def stopping(number: int) -> int:
        if number == 2:
            raise kind
        return number

    settings = Settings("app", processing_handler=resume, dead_letter_topic="dead")
    with TopologyTest(mapped(stopping), executor=executor, settings=settings) as test:
        with pytest.raises(kind) as caught:
            test.input("in").send_all([TestRecord("k", number, 0) for number in (1, 2, 3)])
        assert caught.value.place == 1  # type: ignore[attr-defined]
        assert [row.topic for row in caught.value.produced] == ["out"]  # type: ignore[attr-defined]
        assert test.skipped() == {}


def test_a_loop_without_end_can_be_interrupted(executor: Executor) -> None:
    """If this failed, an application that feeds itself could only be killed."""

    def interrupt(number: int, frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    app = numbers()
    app.stream("o").filter(value() < 1_000_000).map_values(value() + 1).to("o")
    before = signal.signal(signal.SIGALRM, interrupt)
    try:
        with TopologyTest(app, executor=executor) as test:
            signal.setitimer(signal.ITIMER_REAL, 0.02)
            with pytest.raises(KeyboardInterrupt):
                test.input("o").send("k", 1)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


class Interrupted(Serde):
    """Reads numbers; the second reading meets Ctrl-C, as it comes: once."""

    def __init__(self) -> None:
        self.read = 0

    def serialize(self, value: Any, topic: str = "", headers: Any = None) -> bytes | None:
        return long(value)

    def deserialize(self, data: bytes | None, topic: str = "", headers: Any = None) -> Any:
        self.read += 1
        if self.read == 2:
            raise KeyboardInterrupt
        return struct.unpack(">q", data or b"")[0]


def test_an_interrupt_of_a_glance_ahead_is_not_lost(executor: Executor) -> None:
    """If this failed, Ctrl-C would be forgotten where a batch is read to be asked about at once."""
    app = numbers()
    app.stream("in", value=Interrupted()).map_values(batched(list)).to("out", value=int)
    with TopologyTest(app, executor=executor) as test, pytest.raises(KeyboardInterrupt):
        test.process([Input("in", b"k", long(number), 0) for number in (1, 2, 3)])


# ---------------------------------------------------------------- processors


class Catching(Processor):
    """Goes on where what it forwarded failed."""

    def init(self, context: ProcessorContext) -> None:
        self.context = context

    def process(self, record: Record) -> None:
        if record.value == 5:
            raise ValueError("own")
        try:
            self.context.forward(record)
        except Exception as error:
            self.error = error
        if record.value == 2:
            self.context.forward(record.with_value(20))
            raise self.error


def test_a_failure_that_was_caught_does_not_stand_for_the_next(executor: Executor) -> None:
    """If this failed, a processor that goes on after a failed forward would have its next failure
    told of the wrong node, and no handler asked; or one that raises it again would be asked twice.
    """
    asked = []

    def handler(failure: Failure) -> Answer:
        asked.append((failure.node, str(failure.error)))
        return Answer.FAIL if "child" in str(failure.error) else Answer.RESUME

    def child(number: int) -> int:
        if number in (2, 3):
            raise ValueError("child")
        return number

    app = numbers()
    app.stream("in").process(Catching).map_values(child).to("out", key=str, value=int)
    settings = Settings("app", processing_handler=handler)
    processor, mapper = "KSTREAM-PROCESSOR-0000000001", "KSTREAM-MAPVALUES-0000000002"
    with TopologyTest(app, executor=executor, settings=settings) as test:
        source = test.input("in")
        source.send_all([TestRecord("k", number, 0) for number in (1, 3, 5, 6)])
        assert asked == [(mapper, "child"), (processor, "own")]
        assert test.output("out").read_values() == [("k", 1), ("k", 6)]
        text = f"{mapper} .*: processing failed: .*child"
        with pytest.raises(ProcessingError, match=text) as caught:
            source.send("k", 2)
        assert asked[2:] == [(mapper, "child")]
        assert [row.value for row in caught.value.produced] == [long(20)]  # type: ignore[attr-defined]


class Forwarding(Processor):
    """Keeps its context where everybody finds it; forwards in `init` if told so."""

    def __init__(self, contexts: list[ProcessorContext], *, at_once: bool) -> None:
        self.contexts = contexts
        self.at_once = at_once

    def init(self, context: ProcessorContext) -> None:
        self.contexts.append(context)
        if self.at_once:
            context.forward(Record("x", 77, 5, ()))

    def process(self, record: Record) -> None:
        self.contexts[0].forward(record)


def test_nothing_is_forwarded_while_nothing_is_at_hand(executor: Executor) -> None:
    """If this failed, such a record would vanish, or come out as caused by another one."""
    contexts: list[ProcessorContext] = []

    def application(*, at_once: bool) -> Streams:
        app = numbers()
        app.stream("in").process(lambda: Forwarding(contexts, at_once=at_once)).to(
            "out", key=str, value=int
        )
        return app

    with pytest.raises(ProcessingError, match="forwarded while no record is at hand"):
        TopologyTest(application(at_once=True), executor=executor)
    contexts.clear()
    with TopologyTest(application(at_once=False), executor=executor) as test:
        test.input("in").send("k", 1)
        with pytest.raises(ProcessingError, match="forwarded while no record is at hand"):
            contexts[0].forward(Record("x", 77, 5, ()))
        test.input("in").send("k", 2)
        assert test.output("out").read_values() == [("k", 1), ("k", 2)]


# ---------------------------------------------------------------- functions of many values


def test_what_a_stop_left_behind_takes_no_result_of_others(executor: Executor) -> None:
    """If this failed, a record would get the result of another one after a failure."""

    def seen(values: list[Any]) -> list[Any]:
        return [{"x": each["x"], "seen": each["x"]} for each in values]

    def refusing(given: Any) -> Any:
        if given["x"] == 0:
            raise ValueError("none")
        return given

    app = Streams("app", key=str, value=dict)
    app.stream("in").flat_map_values(lambda given: given["all"]).to("mid")
    app.stream("mid").map_values(batched(seen)).map_values(refusing).to("out")
    with TopologyTest(app, executor=executor) as test:
        with pytest.raises(ProcessingError):
            test.input("in").send("a", {"all": [{"x": 0}, {"x": 7}]}, at=1)
        test.input("mid").send_all([TestRecord("b", {"x": 100}, 1), TestRecord("c", {"x": 200}, 1)])
        found = [(row["x"], row["seen"]) for _, row in test.output("out").read_values()]
        assert found == [(7, 7), (100, 100), (200, 200)]


def test_one_bad_result_is_the_failure_of_one_record(executor: Executor) -> None:
    """If this failed, a batch would fail as a whole for one odd result."""
    app = numbers()
    odd = batched(lambda given: [Windowed("a", 2**70, 1) if each == 2 else each for each in given])
    app.stream("in").map_values(odd).map_values(lambda given: 1).to("out", value=int)
    with TopologyTest(app, executor=executor) as test:
        test.input("in").send_all([TestRecord("k", number, 0) for number in (1, 2, 3)])
        assert test.output("out").read_values() == [("k", 1)] * 3


# ---------------------------------------------------------------- the ends of time


def test_a_punctuation_after_the_end_of_time_is_never_due(executor: Executor) -> None:
    """If this failed, such an interval would end in a panic, or a loop."""
    called: list[int] = []

    class Late(Processor):
        def init(self, context: ProcessorContext) -> None:
            context.schedule(2**62, "stream_time", called.append)
            context.schedule(LAST, "wall_clock", called.append)
            context.schedule(3, "stream_time", called.append, -(2**63))

        def process(self, record: Record) -> None:
            pass

    app = numbers()
    app.stream("in").process(Late)
    with TopologyTest(app, executor=executor, now=10) as test:
        for _ in range(3):
            test.input("in").send("k", 1, at=LAST)
    assert called == [LAST, LAST]


def test_a_window_after_the_end_of_time_is_refused(executor: Executor) -> None:
    """If this failed, the last times would count, be left out, or panic: Kafka refuses them."""
    app = numbers()
    app.stream("in").group_by_key().windowed_by(tumbling("10s")).count().to_stream().to("out")
    with TopologyTest(app, executor=executor) as test:
        with pytest.raises(ProcessingError, match="would end after the last time there is"):
            test.input("in").send("k", 1, at=LAST)
        test.input("in").send("k", 1, at=LAST - 20_000)
        assert test.skipped() != {}


def test_a_sliding_window_after_the_end_of_time_is_closed(executor: Executor) -> None:
    """If this failed, the executors would make other windows of the last times than Kafka."""
    app = numbers()
    windows = app.stream("in").group_by_key().windowed_by(sliding("10s", grace="1h"))
    windows.count().to_stream().to("out")
    with TopologyTest(app, executor=executor) as test:
        source = test.input("in")
        source.send_all([TestRecord("k", 1, at) for at in (LAST, LAST - 9_999, LAST - 10_000)])
        found = [(row.key.start, row.value) for row in test.output("out").read_all()]
        assert found == [(LAST - 20_000, 1)]
        assert list(test.skipped().values()) == [2]


def test_joins_at_the_end_of_time_look_in_vain(executor: Executor) -> None:
    """If this failed, the executors would join other records of the last times than Kafka."""
    app = numbers()
    within = join_within("10s", grace="1h")
    one, other = app.stream("in"), app.stream("other")
    one.join(other, lambda left, right: left + right, within=within).to("out", value=int)
    one.join(one, lambda left, right: left + right, within=within).to("self", value=int)
    with TopologyTest(app, executor=executor) as test:
        for at in (LAST - 10_000, LAST):
            for topic in ("in", "other"):
                test.input(topic).send("k", at % 2, at=at)
        found = [(row.timestamp, row.value) for row in test.output("out").read_all()]
        assert found == [(LAST - 10_000, 2 * (LAST % 2))]
        found = [(row.timestamp, row.value) for row in test.output("self").read_all()]
        assert found == [(LAST - 10_000, 2 * (LAST % 2))]


def test_a_store_without_retention_shows_the_last_time(executor: Executor) -> None:
    """If this failed, the executors would differ in what the very last time finds."""
    app = numbers()
    one, other = app.stream("in"), app.stream("other")
    one.join(other, lambda left, right: left + right, within=join_within(0)).to("out", value=int)
    with TopologyTest(app, executor=executor) as test:
        test.input("in").send("k", 1, at=LAST)
        test.input("other").send("k", 2, at=LAST)
        assert test.output("out").read_values() == [("k", 3)]


# ---------------------------------------------------------------- texts


def stopped(app: Streams, executor: Executor, *records: Input, **settings: Any) -> ProcessingError:
    with TopologyTest(app, executor=executor, settings=Settings("app", **settings)) as test:
        with pytest.raises(ProcessingError) as caught:
            test.process(list(records))
        return caught.value


def test_an_error_says_where_what_and_what_to_do(executor: Executor) -> None:
    """If this failed, a user would not find the record, or not know which handler to give."""

    def refusing(number: int) -> int:
        raise KeyError("nope")

    good = Input("in", b"k", long(1), 0)
    error = stopped(mapped(refusing), executor, good)
    assert str(error) == (
        "KSTREAM-MAPVALUES-0000000001 (topic in, partition 0, offset 0): "
        "processing failed: KeyError: 'nope'"
    )
    assert error.hint is not None
    assert "Streams(processing_handler=...)" in error.hint
    assert isinstance(error.__cause__, KeyError)

    error = stopped(mapped(abs), executor, good, Input("in", b"k", b"bad", 0, (), 3, 9))
    assert str(error).startswith(
        "KSTREAM-SOURCE-0000000000 (topic in, partition 3, offset 9): "
        "deserialization failed: LONG cannot read 3 bytes"
    )
    assert error.hint == "read the topic with the serde that its records were written with"
    assert error.place == 1


def test_a_sinks_failure_is_told_once(executor: Executor) -> None:
    """If this failed, the text would say twice that something failed, and the handler above the
    sink would see another exception than the sink's.
    """
    asked: list[Failure] = []

    def handler(failure: Failure) -> Answer:
        asked.append(failure)
        return Answer.FAIL

    app = mapped(lambda number: "text")  # type: ignore[arg-type,return-value]
    error = stopped(app, executor, Input("in", b"k", long(1), 0), processing_handler=handler)
    assert str(error) == (
        "KSTREAM-SINK-0000000002 (topic in, partition 0, offset 0): "
        "production failed: LONG cannot write a value of type str (topic out)"
    )
    assert [(each.node, type(each.error).__name__) for each in asked] == [
        ("KSTREAM-MAPVALUES-0000000001", "WrongType")
    ]


@pytest.mark.parametrize(
    ("given", "stages"), [("text", ["processing"]), (2**64, ["production", "processing"])]
)
def test_who_is_asked_about_what_is_not_written(
    given: Any, stages: list[str], executor: Executor
) -> None:
    """A wrong type would be taken for a fault of the data, of which Kafka's handler is asked first,
    and have two dead letters where Kafka writes one.
    """
    asked: list[str] = []

    def handler(failure: Failure) -> Answer:
        asked.append(failure.stage)
        return Answer.FAIL if failure.stage == "production" else Answer.RESUME

    app = mapped(lambda number: given)  # type: ignore[arg-type,return-value]
    both = {"processing_handler": handler, "production_handler": handler}
    settings = replace(app.settings(), dead_letter_topic="dead", **both)
    made = executor_of(executor, app.build(), settings).process([Input("in", b"k", long(1), 0)], 0)
    assert asked == stages
    assert [row.topic for row in made] == ["dead"] * len(stages)


def test_a_handler_that_fails_is_named(executor: Executor) -> None:
    """If this failed, the handler's own exception would look like the record's."""

    def refusing(number: int) -> int:
        raise KeyError("nope")

    def broken(failure: Failure) -> Answer:
        raise OSError("no room")

    given = Input("in", b"k", long(1), 0)
    error = stopped(mapped(refusing), executor, given, processing_handler=broken)
    assert str(error) == (
        "KSTREAM-MAPVALUES-0000000001 (topic in, partition 0, offset 0): "
        "the processing handler failed too: OSError: no room"
    )


@pytest.mark.parametrize("answer", [None, "continue", True])
def test_a_handler_that_gives_no_answer_is_named(executor: Executor, answer: Any) -> None:
    """If this failed, a handler that forgot to answer would look as if it had said to stop, and
    the hint would say to give one."""

    def refusing(number: int) -> int:
        raise KeyError("nope")

    given = Input("in", b"k", long(1), 0)
    error = stopped(mapped(refusing), executor, given, processing_handler=lambda failure: answer)
    assert str(error) == (
        "KSTREAM-MAPVALUES-0000000001 (topic in, partition 0, offset 0): "
        f"the processing handler failed too: the handler answered {answer!r}"
    )
    assert error.hint == "return Answer.RESUME or Answer.FAIL"


@pytest.mark.parametrize("stage", ["deserialization", "production"])
def test_every_handler_must_answer(executor: Executor, stage: str) -> None:
    """If this failed, only the handler of processing would be told that it gave no answer."""
    app = mapped(lambda number: 2**70)
    data = b"short" if stage == "deserialization" else long(1)
    handler: Any = {f"{stage}_handler": lambda failure: "continue"}
    error = stopped(app, executor, Input("in", b"k", data, 0), **handler)
    assert f"the {stage} handler failed too: the handler answered 'continue'" in str(error)


def test_a_dead_letter_names_an_error_with_half_a_surrogate(executor: Executor) -> None:
    """If this failed, a dead letter would name another class than the exception's."""

    def refusing(number: int) -> int:
        raise ValueError("bad \ud800")

    settings = Settings("app", processing_handler=resume, dead_letter_topic="dead")
    with TopologyTest(mapped(refusing), executor=executor, settings=settings) as test:
        test.input("in").send("k", 1)
        told = dict(test.output("dead", key=str, value=int).read().headers)
    assert told["__streams.errors.exception"] == b"builtins.ValueError"
    assert told["__streams.errors.message"] == b"bad ?"


# ---------------------------------------------------------------- types


class Writing(Serde):
    """Writes one thing, whatever it is given."""

    def __init__(self, written: Any) -> None:
        self.written = written

    def serialize(self, value: Any, topic: str = "", headers: Any = None) -> bytes | None:
        return self.written  # type: ignore[no-any-return]

    def deserialize(self, data: bytes | None, topic: str = "", headers: Any = None) -> Any:
        return data


@pytest.mark.parametrize("written", ["text", [1, 2], bytearray(b"ab"), 7])
def test_a_serde_that_writes_no_bytes_is_refused(executor: Executor, written: Any) -> None:
    """If this failed, something else than bytes would go out as a record, or a list as bytes."""
    app = numbers()
    app.stream("in").to("out", value=Writing(written))
    error = stopped(app, executor, Input("in", b"k", long(1), 0))
    kind = type(written).__name__
    assert f"Writing wrote a {kind} where bytes or None belong (topic out)" in str(error)


@pytest.mark.parametrize("given", [None, "x", 1.5, 2**63, -(2**63) - 1])
def test_a_time_that_is_none_is_refused(executor: Executor, given: Any) -> None:
    """If this failed, a time of another type would come out, or end in a bare TypeError."""
    app = numbers()
    app.stream("in", timestamp=lambda *told: given).to("out")
    error = stopped(app, executor, Input("in", b"k", long(1), 0))
    assert str(error).startswith(
        "KSTREAM-SOURCE-0000000000 (topic in, partition 0, offset 0): "
        "the timestamp extractor failed: "
    )
    if given is not None:
        test = TopologyTest(app, executor=executor)
        with pytest.raises(StreamsError, match=r"no time|too large for a time"):
            test.input("in").send("k", 1, at=given)


class Mute(Exception):
    """An exception that cannot say what it is."""

    def __str__(self) -> str:
        raise RuntimeError("no text")


def test_an_exception_without_a_text_is_a_failure_like_others(executor: Executor) -> None:
    """If this failed, an exception whose text can't be had would end a task that goes on after
    failures, and its dead letter would be lost.
    """

    def mute(number: int) -> int:
        if number:
            return number
        raise Mute

    app = Streams(
        "app", key=str, value=int, processing_handler="continue", dead_letter_topic="dead"
    )
    app.stream("in").map_values(mute).to("out")
    with TopologyTest(app, executor=executor) as test:
        test.input("in").send_all([("k", 1), ("k", 0), ("k", 2)])
        assert [row.value for row in test.output("out")] == [1, 2]
        (letter,) = test.output("dead", key=str, value=int)
        headers = dict(letter.headers)
        kind = headers["__streams.errors.exception"]
        assert kind is not None
        assert kind.endswith(b"Mute")
        assert headers["__streams.errors.message"] == b""


@pytest.mark.parametrize("by_key", [False, True])
def test_what_a_generator_gave_before_it_failed_is_there(executor: Executor, by_key: bool) -> None:
    """If this failed, a flat map would forward after it was through, not while, as Java does."""
    seen: list[int] = []

    def several(number: int) -> Any:
        yield number
        seen.append(number)  # it was forwarded before this goes on
        yield 10 // number

    def pairs(key: str, number: int) -> Any:
        for each in several(number):
            yield key, each

    app = Streams("app", key=str, value=int, processing_handler="continue")
    stream = app.stream("in")
    flat = stream.flat_map(pairs) if by_key else stream.flat_map_values(several)
    flat.peek(lambda key, number: seen.append(-number)).to("out")
    with TopologyTest(app, executor=executor) as test:
        test.input("in").send_all([("a", 5), ("a", 0), ("a", 7)])
        assert [number for _, number in test.output("out").read_values()] == [5, 2, 0, 7, 1]
        assert sum(test.skipped().values()) == 1
    assert seen == [-5, 5, -2, 0, 0, -7, 7, -1]
