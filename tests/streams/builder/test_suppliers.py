"""What makes processors: refused when the topology is described, where it cannot do so."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from ottla.streams import Processor, Record, Streams, Topology, TopologyError, ValueTransformer
from ottla.streams.testing import TopologyTest
from ottla.streams.variables import K, V


class Passing(Processor):
    def process(self, record: Record) -> None:
        self.context.forward(record)


class OfTypes(Processor[K, V]):
    """Generic itself, so that its types may be said where it is given."""


class Limited(Passing):
    def __init__(self, most: int = 5) -> None:
        self.most = most


class Demanding(Passing):
    def __init__(self, most: int) -> None:
        self.most = most


class Single(Passing):
    _only: Single | None = None

    def __new__(cls) -> Single:
        cls._only = cls._only or super().__new__(cls)
        return cls._only


class Alike:
    """A processor that is none by its class."""

    def process(self, record: Record) -> None:
        """Nothing."""


ONE = Passing()
TRANSFORMER = ValueTransformer()


def broken() -> Passing:
    raise OSError("no such file")


def alone(supplier: Any) -> None:
    app = Topology("alone", key=str, value=str)
    app.add_source("source", "in")
    app.add_processor("p", supplier, "source")


def processed(supplier: Any) -> None:
    Streams("app", key=str, value=str).stream("in").process(supplier)


def transformed(supplier: Any) -> None:
    Streams("app", key=str, value=str).table("in").transform_values(supplier)


REFUSED: dict[str, tuple[Callable[[Any], None], Any, str, str]] = {
    "one object": (processed, lambda: ONE, "the same Passing twice", "Passing(…)"),
    "one object, alone": (alone, lambda: ONE, "the same Passing twice", "class itself"),
    "one transformer": (transformed, lambda: TRANSFORMER, "the same ValueTransformer", "class"),
    "a class of one object": (processed, Single, "the same Single twice", "each call"),
    "a function of records": (processed, lambda record: record, "without arguments", "foreach"),
    "a class that asks for more": (processed, Demanding, "Demanding without arg", "lambda:"),
    "nothing": (processed, lambda: None, "gives None, which has no method process", "class itself"),
    "another class": (processed, dict, "no method process", "subclass of Processor"),
    "a processor that transforms": (transformed, Passing, "no method transform", "Transformer"),
    "what fails": (processed, broken, "failed: OSError: no such file", "init"),
}


@pytest.mark.parametrize("what", sorted(REFUSED))
def test_what_makes_no_processors_is_refused(what: str) -> None:
    """If this failed, two nodes would share a processor's context and write in each other's place,
    or the first record would fail with a text that does not name the operator."""
    build, supplier, words, hint = REFUSED[what]
    with pytest.raises(TopologyError) as caught:
        build(supplier)
    assert words in str(caught.value)
    assert hint in (caught.value.hint or "")


@pytest.mark.parametrize(
    "supplier", [Passing, Limited, lambda: Demanding(5), OfTypes[str, str], Alike, lambda: Alike()]
)
def test_what_makes_processors_is_taken(supplier: Any) -> None:
    """If this failed, a program that is right would be refused."""
    processed(supplier)
    alone(supplier)


def test_a_class_is_not_called_before_its_task() -> None:
    """If this failed, a processor that opens something when it is made would do so for nothing."""
    made: list[Any] = []

    class Opening(Passing):
        def __init__(self) -> None:
            made.append(self)

    app = Streams("app", key=str, value=str)
    app.stream("in").process(Opening)
    app.build()
    assert not made
    with TopologyTest(app):
        assert len(made) == 1
