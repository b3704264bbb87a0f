"""Avro's data that would end the process: told first, as one clear error."""

from __future__ import annotations

import datetime
import io
import json
from typing import Any

import fastavro
import pytest
from hypothesis import strategies as st

from chance import by_chance
from ottla.serdes.avro.bounds import DEPTH_MAX, check_data
from ottla.serdes.avro.codec import AvroCodec, AvroSchema
from ottla.serdes.codec import Misfit
from ottla.serdes.contract import Contract

LIST = {"type": "record", "name": "L", "fields": [{"name": "n", "type": ["null", "L"]}]}
TREE = {
    "type": "record",
    "name": "T",
    "fields": [
        {"name": "name", "type": "string"},
        {"name": "size", "type": "double"},
        {"name": "kind", "type": {"type": "enum", "name": "K", "symbols": ["A", "B"]}},
        {"name": "hash", "type": {"type": "fixed", "name": "H", "size": 2}},
        {"name": "day", "type": {"type": "int", "logicalType": "date"}},
        {"name": "left", "type": {"type": "map", "values": "T"}},
        {"name": "right", "type": {"type": "array", "items": ["null", "T", "boolean"]}},
    ],
}
CODEC = AvroCodec()


def read(schema: Any) -> AvroSchema:
    """A schema as the codec has it."""
    return CODEC.read(Contract(json.dumps(schema)), ())


@pytest.mark.parametrize(
    ("schema", "dangerous"),
    [
        (LIST, True),
        (TREE, True),
        ({"type": "array", "items": "null"}, True),
        ({"type": "array", "items": {"type": "record", "name": "E", "fields": []}}, True),
        ({"type": "array", "items": {"type": "fixed", "name": "F", "size": 0}}, True),
        ({"type": "array", "items": ["null"]}, False),
        ({"type": "map", "values": "null"}, False),
        ({"type": "array", "items": {"type": "array", "items": "null"}}, True),
        ("string", False),
        (
            {
                "type": "record",
                "name": "Twice",
                "fields": [
                    {"name": "a", "type": {"type": "record", "name": "In", "fields": []}},
                    {"name": "b", "type": "In"},
                ],
            },
            False,
        ),
    ],
)
def test_which_schemas_are_looked_at(schema: Any, dangerous: bool) -> None:
    """If this failed, harmless data would be slow to read, or harmful data would be read."""
    assert read(schema).is_dangerous is dangerous


def test_depth_bombs_do_not_end_the_process() -> None:
    """If this failed, one record of 2 MB could end every consumer of its topic."""
    schema = read(LIST)
    with pytest.raises(Misfit, match="deep"):
        CODEC.decode(schema, b"\x02" * 2_000_000 + b"\0", None)
    with pytest.raises(Misfit, match=r"too early|within a number|follow"):
        CODEC.decode(schema, b"\x02\x02", None)
    value: Any = None
    for _ in range(100_000):
        value = {"n": value}
    with pytest.raises(Misfit, match="deep"):
        CODEC.encode(schema, value)
    circle: dict[str, Any] = {}
    circle["n"] = circle
    with pytest.raises(Misfit, match="deep"):
        CODEC.encode(schema, circle)


def test_what_may_be_deep_is_read() -> None:
    """If this failed, trees and lists of a usual depth could not be used."""
    schema = read(LIST)
    value: Any = {"n": None}
    for _ in range(DEPTH_MAX // 2 - 2):
        value = {"n": value}
    assert CODEC.decode(schema, CODEC.encode(schema, value), None) == value


def test_arrays_of_nothing_are_bounded() -> None:
    """If this failed, ten bytes could take all memory."""
    schema = read({"type": "array", "items": "null"})
    many = b"\xfe\xff\xff\xff\xff\xff\xff\xff\x7f"
    with pytest.raises(Misfit, match="more than"):
        CODEC.decode(schema, many, None)
    assert CODEC.decode(schema, b"\x06\0", None) == [None] * 3


LEAF = {
    "name": "",
    "size": 0.5,
    "kind": "A",
    "hash": b"ab",
    "day": datetime.date(2026, 1, 1),
    "left": {},
}
TREES = st.recursive(
    st.none() | st.booleans(),
    lambda inner: st.fixed_dictionaries(
        {
            "name": st.text(max_size=5),
            "size": st.floats(allow_nan=False),
            "kind": st.sampled_from("AB"),
            "hash": st.binary(min_size=2, max_size=2),
            "day": st.integers(0, 50_000),
            "left": st.just({}),
            "right": st.lists(inner, max_size=3),
        }
    ),
    max_leaves=4,
).map(lambda value: value if isinstance(value, dict) else {**LEAF, "right": [value]})

READ = [read(schema) for schema in (TREE, LIST, ["null", "int", TREE])]


@by_chance(TREES, st.data(), few=60, many=5000)
def test_the_walk_agrees_with_fastavro(value: Any, data: st.DataObject) -> None:
    """If this failed, good records would be refused, or bad ones told as good."""
    schema = READ[0]
    out = io.BytesIO()
    fastavro.schemaless_writer(out, schema.schema, value)
    whole = out.getvalue()
    check_data(schema.schema, schema.names, whole)
    cut = whole[: data.draw(st.integers(0, len(whole) - 1))]
    with pytest.raises(Misfit):
        CODEC.decode(schema, cut, None)


@by_chance(st.binary(max_size=50), few=100, many=20_000)
def test_whatever_comes_is_a_value_or_one_error(data: bytes) -> None:
    """If this failed, a poison record would raise what no consumer expects."""
    for schema in READ:
        try:
            CODEC.decode(schema, data, None)
        except Misfit:
            continue


@pytest.mark.parametrize(
    "text", ["", "{", "nope", '{"type":"nope"}', "[" * 100_000, '{"type":"record"}', "7", "null"]
)
def test_texts_that_are_no_schema(text: str) -> None:
    """If this failed, a schema that another registry took would end a consumer."""
    from ottla.schemas.language import InvalidSchema

    with pytest.raises(InvalidSchema):
        CODEC.read(Contract(text), ())
