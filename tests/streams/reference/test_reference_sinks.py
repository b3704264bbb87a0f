"""Sinks of the reference executor: which topic, which partitions, which bytes and headers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from ottla.streams.errors import ProcessingError
from ottla.streams.execution import Answer, Failure, Input, Settings, Skipped
from ottla.streams.processors import RecordContext
from ottla.streams.reference.task import ReferenceTask
from ottla.streams.serdes import STRING, Serde, SerdeError
from ottla.streams.serdes.serde import Headers
from streams.plans import SETTINGS, Plan, function

RECORD = Input("a", b"k", b"v", 7, (("h", b"1"),), partition=2, offset=30)


def task(settings: Settings = SETTINGS, **sink: Any) -> ReferenceTask:
    plan = Plan()
    plan.sink(sink.pop("topic", "out"), plan.source("a"), name="sink", **sink)
    return ReferenceTask(plan.topology(), settings)


def chosen(answer: Any, asked: list[Any] | None = None) -> Callable[..., Any]:
    def partitioner(*told: Any) -> Any:
        if asked is not None:
            asked.append(told)
        return answer

    return partitioner


def test_a_function_names_the_topic_and_knows_the_record() -> None:
    """If this failed, a sink that chooses its topic would be told of another record."""
    told: list[Any] = []

    def name(key: Any, value: Any, context: RecordContext) -> str:
        told.append((key, value, context))
        return f"out-{value}"

    sink = function(name, "key", "value", "context")
    (made,) = task(topic=None, extractor=sink).process([RECORD], 0)
    assert (made.topic, made.value, made.headers) == ("out-v", b"v", (("h", b"1"),))
    assert told == [("k", "v", RecordContext("a", 2, 30, 7, (("h", b"1"),)))]


def test_a_partitioner_sends_a_record_to_one_place_to_several_or_nowhere() -> None:
    """If this failed, records would be on other partitions than asked for, or vanish uncounted."""
    asked: list[Any] = []
    settings = replace(SETTINGS, partitions=lambda topic: 5)
    made = task(settings, partitioner=chosen(3, asked)).process([RECORD], 0)
    assert [row.partition for row in made] == [3]
    assert asked == [("out", "k", "v", 5)]
    made = task(partitioner=chosen({4, 1})).process([RECORD], 0)
    assert [row.partition for row in made] == [1, 4]
    assert [row.partition for row in task(partitioner=chosen(None)).process([RECORD], 0)] == [None]
    nowhere = task(partitioner=chosen(set()))
    assert nowhere.process([RECORD], 0) == []
    assert nowhere.skipped() == {Skipped("sink", "its partitioner chose no partition"): 1}


class Marked(Serde):
    """Texts that leave a mark in the headers, as serdes of a registry may."""

    def serialize(self, value: Any, topic: str = "", headers: Headers = None) -> bytes | None:
        if headers is not None:
            headers.append(("topic", topic.encode()))
        return STRING.serialize(value)

    def deserialize(self, data: bytes | None, topic: str = "", headers: Headers = None) -> Any:
        return STRING.deserialize(data)


def test_a_serde_may_add_headers() -> None:
    """If this failed, schemas in headers would be lost, or added for other sinks too."""
    (made,) = task(value=Marked()).process([RECORD], 0)
    assert made.headers == (("h", b"1"), ("topic", b"out"))
    assert RECORD.headers == (("h", b"1"),)


class Full(Marked):
    """Writes nothing any more."""

    def serialize(self, value: Any, topic: str = "", headers: Headers = None) -> bytes | None:
        raise SerdeError("nothing is written", hint="wait")


def test_what_cannot_be_written_asks_the_production_handler() -> None:
    """If this failed, a value that a serde refuses would stop a task whose handler goes on, or be
    lost without a count.
    """
    with pytest.raises(ProcessingError, match="nothing is written"):
        task(value=Full()).process([RECORD], 0)
    asked: list[Failure] = []

    def resume(failure: Failure) -> Answer:
        asked.append(failure)
        return Answer.RESUME

    goes_on = task(replace(SETTINGS, production_handler=resume), value=Full())
    assert goes_on.process([RECORD], 0) == []
    assert [(each.stage, each.node, each.offset) for each in asked] == [("production", "sink", 30)]
    assert goes_on.skipped() == {Skipped("sink", "production failed: SerdeError"): 1}


def test_a_dead_letter_after_a_sink_has_no_bytes() -> None:
    """If this failed, dead letters would keep records that Kafka lets go after a sink."""
    plan = Plan()
    source = plan.source("a")
    plan.sink("first", source)
    plan.sink("second", source, value=Full())
    settings = replace(
        SETTINGS, production_handler=lambda _: Answer.RESUME, dead_letter_topic="dead"
    )
    made = ReferenceTask(plan.topology(), settings).process([RECORD], 0)
    assert [(row.topic, row.key, row.value) for row in made] == [
        ("first", b"k", b"v"), ("dead", None, None),
    ]  # fmt: skip
