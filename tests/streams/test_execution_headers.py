"""Headers that serdes write when a record leaves: both executors send them as Kafka does."""

from __future__ import annotations

from typing import Any, Literal

import pytest

from ottla.streams import Streams
from ottla.streams.serdes import STRING, Headers, Serde
from ottla.streams.testing import TopologyTest

Executor = Literal["rust", "python"]
GIVEN = (("h", b"1"), ("i", b"2"))


@pytest.fixture(params=["python", "rust"])
def executor(request: pytest.FixtureRequest) -> Executor:
    found: Executor = request.param
    return found


class Marking(Serde):
    """Says on each record where it was written to."""

    def serialize(self, value: Any, topic: str = "", headers: Headers = None) -> bytes | None:
        if headers is not None:
            headers.append(("to", topic.encode()))
        return STRING.serialize(value, topic)

    def deserialize(self, data: bytes | None, topic: str = "", headers: Headers = None) -> Any:
        return STRING.deserialize(data, topic)


class Replacing(Marking):
    """Puts another header in the place of the first."""

    def serialize(self, value: Any, topic: str = "", headers: Headers = None) -> bytes | None:
        if headers:
            headers[0] = ("changed", topic.encode())
        return STRING.serialize(value, topic)


def written(app: Streams, executor: Executor) -> list[tuple[Any, ...]]:
    with TopologyTest(app, executor=executor) as test:
        test.input("in").send("k", "v", headers=GIVEN)
        return [record.headers for record in test.output("out").read_all()]


def test_a_header_may_be_replaced_in_its_place(executor: Executor) -> None:
    """If this failed, a serde's mark would be lost where it does not change how many there are."""
    app = Streams("headers", key=str, value=str)
    app.stream("in").to("out", value=Replacing())
    assert written(app, executor) == [(("changed", b"out"), GIVEN[1])]


def test_headers_pile_up_over_the_copies_of_one_record(executor: Executor) -> None:
    """If this failed, copies to several partitions would differ from those of a Java program."""
    app = Streams("headers", key=str, value=str)
    app.stream("in").to("out", value=Marking(), partitioner=lambda *told: [0, 1, 2])
    mark = ("to", b"out")
    assert written(app, executor) == [(*GIVEN, *[mark] * count) for count in (1, 2, 3)]


def test_the_answers_of_a_foreign_key_join_carry_them(executor: Executor) -> None:
    """If this failed, a Java instance could not read an answer whose schema is in its headers."""
    app = Streams("headers", key=str, value=str)
    right = app.table("right", value=Marking())
    left = app.table("left")
    joined = left.join(right, lambda one, other: f"{one}{other}", on=lambda one: one[0])
    joined.to_stream().to("out")
    with TopologyTest(app, executor=executor) as test:
        test.input("left").send("k", "1")
        test.input("right").send("1", "x", headers=GIVEN)
        (answers,) = [topic for topic in test.topics() if "RESPONSE" in topic]
        found = [record.headers for record in test.output(answers, key=str, value=bytes).read_all()]
        assert test.output("out").read_values() == [("k", "1x")]
    assert found == [(*GIVEN, ("to", b"right"), ("to", answers.encode()))]
