"""References are followed, in order and in bounds, in the context that they are in."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from ottla.schemas.language import Dependency
from ottla.serdes.avro import AvroDeserializer, AvroSerializer
from ottla.serdes.contract import Contract, Reference, Registered
from ottla.serdes.errors import BadData
from ottla.serdes.references import REFERENCES_MAX, dependencies
from ottla.serdes.registry_client import SchemaRegistry


class Told:
    """A registry that has what a test says."""

    def __init__(self, rows: dict[str, list[str]]) -> None:
        self._rows = rows
        self.asked: list[str] = []

    def version(self, subject: str, number: int, *, deleted: bool) -> Registered:
        self.asked.append(subject)
        return Registered(contract(subject.rpartition(":")[2], self._rows))

    def latest(self, subject: str) -> Registered:
        return self.version(subject, -1, deleted=False)


def contract(name: str, rows: dict[str, list[str]], version: int = 1) -> Contract:
    """A schema that is its own name, with its references."""
    return Contract(name, references=[Reference(f"ref-{to}", to, version) for to in rows[name]])


def found(rows: dict[str, list[str]], subject: str = "a") -> tuple[list[Dependency], list[str]]:
    """What "a" needs, and which subjects were asked for."""
    registry: Any = Told(rows)
    return dependencies(registry, contract("a", rows), subject), registry.asked


def test_each_comes_once_after_those_that_it_needs() -> None:
    """If this failed, a language would meet a name before it knows it."""
    told, asked = found({"a": ["b", "c"], "b": ["d"], "c": ["d", "b"], "d": []})
    assert [one.text for one in told] == ["d", "b", "c"]
    assert told[0].name == "ref-d"
    assert asked == ["b", "d", "c"]


def test_a_reference_means_its_own_context() -> None:
    """If this failed, a schema of a context would be read with another's types."""
    _, asked = found({"a": ["b"], "b": []}, ":.x:a")
    assert asked == [":.x:b"]


def test_circles_and_crowds_are_one_error() -> None:
    """If this failed, a registry could keep a client busy for ever."""
    with pytest.raises(BadData, match=r"circle: b 1 → c 1 → b 1"):
        found({"a": ["b"], "b": ["c"], "c": ["b"]})
    many = [f"s{n}" for n in range(REFERENCES_MAX + 1)]
    with pytest.raises(BadData, match="more than"):
        found({"a": many, **{name: [] for name in many}})
    line: dict[str, list[str]] = {"a": ["s0"]}
    line |= {f"s{n}": [f"s{n + 1}"] for n in range(500)}
    with pytest.raises(BadData, match="more than"):
        found(line | {"s500": []})


def test_names_within_what_is_referred_to_are_known(
    registry: SchemaRegistry, topic: Callable[[], str]
) -> None:
    """If this failed, only the outermost type of another schema could be used."""
    name = topic()
    registry.register(
        f"{name}-types",
        '{"type":"record","name":"Outer","namespace":"n","fields":[{"name":"k","type":'
        '{"type":"enum","name":"Inner","symbols":["A","B"]}},{"name":"again","type":"Inner"}]}',
    )
    text = (
        '{"type":"record","name":"R","namespace":"m","fields":['
        '{"name":"i","type":"n.Inner"},{"name":"o","type":["null","n.Outer"]},'
        '{"name":"l","type":{"type":"array","items":"n.Outer"}}]}'
    )
    write = AvroSerializer(
        registry, Contract(text, references=[Reference("n.Outer", f"{name}-types", 1)])
    )
    outer = {"k": "A", "again": "B"}
    value = {"i": "B", "o": outer, "l": [outer]}
    data = write(name, value)
    assert AvroDeserializer(registry).deserialize(name, data) == value
