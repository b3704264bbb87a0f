"""What a serializer of Avro refuses, and in which words."""

from __future__ import annotations

import datetime
import decimal
import json
import uuid
from collections import defaultdict
from types import MappingProxyType
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ottla.schemas.language import InvalidSchema
from ottla.serdes.avro.codec import AvroCodec, AvroSchema
from ottla.serdes.codec import Misfit
from ottla.serdes.contract import Contract

STRICT, LENIENT = AvroCodec(strict=True), AvroCodec(strict=False)
LINE = {
    "type": "record",
    "name": "Line",
    "namespace": "shop",
    "fields": [
        {"name": "what", "type": "string"},
        {"name": "count", "type": "int", "default": 1},
        {"name": "ratio", "type": "float", "default": 0},
        {"name": "price", "type": ["null", "double"], "default": None},
    ],
}
ORDER = {
    "type": "record",
    "name": "Order",
    "namespace": "shop",
    "fields": [
        {"name": "id", "type": "long"},
        {"name": "paid", "type": "boolean", "default": False},
        {"name": "lines", "type": {"type": "array", "items": LINE}, "default": []},
        {"name": "more", "type": {"type": "map", "values": "Line"}, "default": {}},
        {"name": "gift", "type": ["null", "Line"]},
        {"name": "kind", "type": ["string", "int", "Line"], "default": ""},
        {
            "name": "size",
            "type": {"type": "enum", "name": "Size", "symbols": ["S", "L"]},
            "default": "S",
        },
        {"name": "hash", "type": ["null", {"type": "fixed", "name": "Hash", "size": 2}]},
        {"name": "raw", "type": ["null", "bytes"]},
        {"name": "day", "type": {"type": "int", "logicalType": "date"}, "default": 0},
    ],
}
TREE = {
    "type": "record",
    "name": "Tree",
    "fields": [
        {"name": "size", "type": "int"},
        {"name": "left", "type": ["null", "Tree"], "default": None},
    ],
}


def read(schema: Any, codec: AvroCodec = STRICT) -> AvroSchema:
    """A schema as the codec has it."""
    return codec.read(Contract(json.dumps(schema)), ())


ORDER_READ = read(ORDER)


def refused(schema: AvroSchema, value: Any) -> Misfit:
    """The error that a value gets."""
    with pytest.raises(Misfit) as caught:
        STRICT.encode(schema, value)
    return caught.value


@pytest.mark.parametrize(
    ("fields", "field", "text"),
    [
        ({"id": 1 << 63}, "shop.Order.id", "a long of 64 bits is wanted"),
        ({"id": 2.7}, "shop.Order.id", "2.7 (float) is given"),
        ({"id": True}, "shop.Order.id", "True (bool) is given"),
        ({"id": 10**400}, "shop.Order.id", "a number of 1329 bits (int) is given"),
        ({"paid": 1}, "shop.Order.paid", "a boolean is wanted"),
        ({"lines": {}}, "shop.Order.lines", "an array is wanted"),
        ({"lines": "ab"}, "shop.Order.lines", "an array is wanted"),
        ({"lines": [{"what": "a"}, 5]}, "shop.Order.lines[1]", "a record shop.Line is wanted"),
        (
            {"lines": [{"what": "a", "count": 1 << 31}]},
            "shop.Order.lines[0].count",
            "an int of 32 bits is wanted, and 2147483648 (int) is given",
        ),
        ({"lines": [{"count": 1}]}, "shop.Order.lines[0].what", "the field is missing"),
        ({"more": {"a": {"what": b"a"}}}, "shop.Order.more['a'].what", "a string is wanted"),
        ({"more": {1: {"what": "a"}}}, "shop.Order.more", "a map's keys are strings"),
        ({"gift": {"what": "a", "ratio": 1e300}}, "shop.Order.gift.ratio", "a float of 32 bits"),
        ({"gift": {"what": "a", "price": "5"}}, "shop.Order.gift.price", "null or a double"),
        ({"gift": 5}, "shop.Order.gift", "null or a record shop.Line is wanted"),
        ({"gift": {"what": "a", "cuont": 1}}, "shop.Order.gift", "did you mean 'count'?"),
        ({"kind": 1.5}, "shop.Order.kind", "a string or an int of 32 bits or a record shop.Line"),
        ({"kind": {"what": 5}}, "shop.Order.kind.what", "a string is wanted"),
        ({"kind": ("long", 5)}, "shop.Order.kind", "the union has no branch 'long'"),
        ({"size": "M"}, "shop.Order.size", "one of S, L (shop.Size) is wanted"),
        ({"hash": b"abc"}, "shop.Order.hash", "null or 2 bytes (shop.Hash) is wanted"),
        ({"raw": "text"}, "shop.Order.raw", "null or bytes is wanted"),
        ({"day": "tomorrow"}, "shop.Order.day", "'tomorrow' is no date"),
        ({"day": 1.5}, "shop.Order.day", "an int of 32 bits (date) is wanted"),
        ({"unknown": 1}, None, "shop.Order has no field 'unknown'"),
    ],
)
def test_what_does_not_fit_is_refused_with_its_place(
    fields: dict[str, Any], field: str | None, text: str
) -> None:
    """If this failed, a record that others can't read would be written, or another value than
    was given, or nobody would know which field was wrong.
    """
    error = refused(ORDER_READ, {"id": 1, **fields})
    assert error.field == field
    assert text in error.text
    assert "\n" not in error.text
    assert "fastavro" not in error.text


def test_what_fits_is_written_as_fastavro_does() -> None:
    """If this failed, programs that are right would be refused."""
    value = {
        "id": -(1 << 63),
        "paid": True,
        "lines": ({"what": "a", "count": -(1 << 31), "ratio": float("inf")},),
        "more": MappingProxyType({"a": defaultdict(int, what="b")}),
        "kind": ("shop.Line", {"what": "c", "price": 2}),
        "size": "L",
        "hash": b"xy",
        "raw": bytearray(b"z"),
        "day": datetime.date(2026, 1, 2),
    }
    data = STRICT.encode(ORDER_READ, value)
    assert data == LENIENT.encode(read(ORDER, LENIENT), value)
    found = STRICT.decode(ORDER_READ, data, None)
    assert found["kind"]["price"] == 2.0
    assert found["gift"] is None
    assert dict(value["more"]["a"]) == {"what": "b"}


@pytest.mark.parametrize(
    ("kind", "logical", "value"),
    [
        ("long", "timestamp-millis", datetime.datetime(2026, 1, 2, tzinfo=datetime.UTC)),
        ("long", "timestamp-micros", 5),
        ("int", "date", "2026-01-02"),
        ("int", "time-millis", datetime.time(1, 2)),
        ("string", "uuid", uuid.UUID(int=7)),
        ("string", "no-such-thing", "x"),
    ],
)
def test_values_of_logical_types_are_taken_as_fastavro_does(
    kind: str, logical: str, value: Any
) -> None:
    """If this failed, a time could not be written, or only its number."""
    schema = {"type": kind, "logicalType": logical}
    data = STRICT.encode(read(schema), value)
    assert data == LENIENT.encode(read(schema, LENIENT), value)
    assert refused(read(schema), []).field is None


def test_a_decimal_has_no_more_digits_than_its_schema() -> None:
    """If this failed, an amount would be cut without a word."""
    money = {"type": "bytes", "logicalType": "decimal", "precision": 4, "scale": 2}
    schema = read({"type": "array", "items": money})
    fits = [decimal.Decimal("12.34")]
    assert STRICT.decode(schema, STRICT.encode(schema, fits), None) == fits
    for value in ("123.45", "1.234"):
        error = refused(schema, [decimal.Decimal(value)])
        assert (error.field, "is no decimal" in error.text) == ("[0]", True)


def test_a_schema_that_holds_itself() -> None:
    """If this failed, a tree could not be written, or one that is wrong far below would be."""
    schema = read(TREE)
    assert STRICT.encode(schema, {"size": 1, "left": {"size": 2}}) == b"\2\2\4\0"
    wrong = {"size": 1, "left": {"size": 2, "left": {"size": "3"}}}
    assert refused(schema, wrong).field == "Tree.left.left.size"


def test_who_wants_the_ways_of_fastavro_gets_them() -> None:
    """If this failed, a program that relies on them could not move here."""
    schema = read(LINE, LENIENT)
    value = {"what": "a", "count": 2.7, "other": 1}
    assert LENIENT.decode(schema, LENIENT.encode(schema, value), None)["count"] == 2
    with pytest.raises(Misfit, match="a string is wanted") as caught:
        LENIENT.encode(schema, {"what": 5, "other": 1})
    assert caught.value.field == "shop.Line.what"


def with_defaults(value: Any) -> Any:
    """A tree with what it leaves out."""
    if not isinstance(value, dict):
        return value
    return {**value, "left": with_defaults(value.get("left"))}


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=3),
    lambda inner: (
        st.lists(inner, max_size=2)
        | st.dictionaries(st.sampled_from(["size", "left", "x"]), inner, max_size=2)
    ),
    max_leaves=6,
)
UNIONS = read(
    ["null", "boolean", "long", "double", "string", {"type": "array", "items": "int"}, TREE]
)


@given(VALUES)
@settings(suppress_health_check=[HealthCheck.too_slow], deadline=None)
def test_what_is_written_comes_back(value: Any) -> None:
    """If this failed, a value that is no other than what was given would not be what is read."""
    try:
        data = STRICT.encode(UNIONS, value)
    except Misfit:
        return
    found = STRICT.decode(UNIONS, data, None)
    assert found == with_defaults(value)


def test_a_record_that_is_cut_is_told_in_words() -> None:
    """If this failed, the log would say EOFError and nothing else."""
    data = STRICT.encode(ORDER_READ, {"id": 1 << 40})
    for length in (0, 3, len(data) - 1):
        with pytest.raises(Misfit, match=r"they end too early|end within"):
            STRICT.decode(ORDER_READ, data[:length], None)


def test_a_broken_schema_is_told_with_its_place() -> None:
    """If this failed, whoever mistyped a type would get its name and nothing else."""
    text = '{"type": "record", "name": "A", "fields": [{"name": "b", "type": "strin"}]}'
    with pytest.raises(InvalidSchema, match="no type has the name 'strin'") as caught:
        STRICT.read(Contract(text), ())
    assert (caught.value.line, caught.value.path) == (1, "/fields/0/type")
    assert caught.value.column > 60
    assert caught.value.hint
