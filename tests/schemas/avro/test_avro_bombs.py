"""Schemas that are long, deep, many-branched or circular: each is read, or is one clear error.

Time is bounded by the tests' own time-out: what these would need unbounded is hours.
"""

from __future__ import annotations

import json
import sys
from typing import Any

import pytest

from ottla.schemas.avro import AVRO_LANGUAGE, AvroSchema
from ottla.schemas.avro import parser as avro_parser
from ottla.schemas.avro.json_text import JSON_DEPTH_MAX, NUMBER_LENGTH_MAX
from ottla.schemas.avro.resolution import DIFFERENCES_MAX
from ottla.schemas.language import DEPTH_MAX, Dependency, InvalidSchema

MIB = 1024 * 1024


def record(name: str, *fields: tuple[str, Any], **more: Any) -> dict[str, Any]:
    """A record with fields of some types."""
    return {
        "type": "record",
        "name": name,
        **more,
        "fields": [{"name": each, "type": told} for each, told in fields],
    }


def read(told: Any) -> AvroSchema:
    """The schema of some JSON values."""
    return AVRO_LANGUAGE.read(json.dumps(told))


def refused(text: str, *dependencies: Dependency) -> InvalidSchema:
    """The error that a text ends with."""
    with pytest.raises(InvalidSchema) as caught:
        AVRO_LANGUAGE.read(text, dependencies)
    assert len(str(caught.value)) < 500
    return caught.value


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[" * MIB, "brackets"),
        ('{"type":' * (MIB // 8), "brackets"),
        ('{"type":"array","items":' * 5000 + '"int"' + "}" * 5000, "brackets"),
        ('{"type":"array","items":' * DEPTH_MAX + '["int"]' + "}" * DEPTH_MAX, "deep"),
        ('{"type":"int","x":' + "[" * 101 + "]" * 101 + "}", "deep"),
        ('"' + "\\n" * (MIB // 2), "closed"),
        ("/*" + "*" * MIB, "no JSON"),
        ("/" * MIB, "ends"),
        ('"' + "x" * MIB + '"', "no type"),
        ('{"type":"int","x":' + "9" * (NUMBER_LENGTH_MAX + 1) + "}", "digits"),
        ('{"type":"int","x":"\\udc00"}', "surrogate"),
        ('{"type":"int","x":"\ud800"}', "surrogate"),
        ('{"type":"fixed","size":1,"name":"' + "n" * 2000 + '"}', "characters"),
    ],
    ids=lambda value: value if len(value) < 20 else "",
)
def test_bombs_are_one_error(text: str, words: str) -> None:
    """If this failed, one text could take a registry's stack, memory or time."""
    assert words in str(refused(text))


def test_the_deepest_schema_is_read() -> None:
    """If this failed, less would be taken than is promised, or printed than is read."""
    told: Any = "int"
    for turn in range(DEPTH_MAX // 2):
        told = record(f"R{turn}", ("a", {"type": "array", "items": told}))
    schema = read(told)
    assert AVRO_LANGUAGE.read(schema.text).text == schema.text == schema.formatted("resolved")
    assert not schema.unreadable(read(told))
    assert json.dumps(told).count("[") * 3 < JSON_DEPTH_MAX


def test_a_short_stack_is_one_error() -> None:
    """If this failed, a schema read deep inside a program could raise RecursionError."""
    text = '{"type":"array","items":' * DEPTH_MAX + '"int"' + "}" * DEPTH_MAX
    limit = sys.getrecursionlimit()

    def deeper(left: int) -> None:
        if left:
            deeper(left - 1)
        else:
            refused(text)

    depth = 0
    frame: Any = sys._getframe()
    while frame is not None:
        depth, frame = depth + 1, frame.f_back
    deeper(limit - depth - 120)


@pytest.mark.parametrize("count", [10_000, pytest.param(100_000, marks=pytest.mark.long)])
def test_many_fields(count: int) -> None:
    """If this failed, a wide schema would be refused, or its comparison cut short."""
    some = read(record("R", *((f"f{i}", "int") for i in range(count))))
    assert not some.unreadable(some)
    found = some.unreadable(read(record("R")))
    assert len(found) == DIFFERENCES_MAX
    assert found[-1].path == f"/fields/{DIFFERENCES_MAX - 1}"


def test_a_mebibyte_of_doc() -> None:
    """If this failed, long texts that are no bombs would be refused."""
    schema = read({"type": "enum", "name": "E", "doc": 'x"\n' * (MIB // 3), "symbols": ["A"]})
    assert AVRO_LANGUAGE.read(schema.text).text == schema.text


def _chain(count: int, *end: tuple[str, Any]) -> list[Any]:
    """Records of which each holds the one before twice: 2**count ways lead to the first."""
    steps = (record(f"R{i}", ("a", f"R{i - 1}"), ("b", f"R{i - 1}")) for i in range(1, count))
    return [record("R0", *end), *steps]


def test_ways_that_double_are_walked_once() -> None:
    """If this failed, fifty small records would keep a registry busy for years."""
    good, other = read(_chain(3000)), read(_chain(3000, ("x", "int")))
    assert not good.unreadable(other)
    assert len(other.unreadable(good)) == DIFFERENCES_MAX


def test_a_fault_at_the_end_of_a_long_chain() -> None:
    """If this failed, schemas whose types lead one to the next could break the stack."""

    def told(*end: tuple[str, Any]) -> dict[str, Any]:
        fields = ((f"f{i}", each) for i, each in enumerate(_chain(5000, *end)))
        inner = record("Z", *fields)
        return record("T", ("z", ["null", inner]), ("top", "R4999"))

    found = read(told(("x", "int"))).unreadable(read(told()))
    assert [(each.kind, each.path.count("/")) for each in found] == [
        ("MISSING_UNION_BRANCH", 4),
        ("READER_FIELD_MISSING_DEFAULT_VALUE", 3 + 3 * 4999 + 2),
    ]


def test_dependencies_that_chain() -> None:
    """If this failed, a long line of references could not be written out, or would break it."""
    line = [Dependency(each["name"], json.dumps(each)) for each in _chain(2000)]
    schema = AVRO_LANGUAGE.read('["null","R1999"]', line)
    assert schema.text == '["null","R1999"]'
    assert schema.formatted("resolved").count('"record"') == 2000
    assert not schema.unreadable(schema)


def test_names_before_their_definitions_nest_no_deeper() -> None:
    """If this failed, a text would be printed that nobody can read again."""
    fields = ((f"f{i}", each) for i, each in enumerate(reversed(_chain(500))))
    found = refused(json.dumps(record("Z", *fields)))
    assert "first used" in str(found)
    assert found.hint


def test_cycles_of_dependencies_are_one_error() -> None:
    """If this failed, two schemas that refer to each other would be read for ever."""
    one = Dependency("A", json.dumps(record("A", ("b", "B"))))
    other = Dependency("B", json.dumps(record("B", ("a", "A"))))
    assert "'A'" in str(refused(other.text, one))
    assert "'A'" in str(refused('"A"', one, other))


def test_unions_of_one_last_name_are_not_compared_each_with_each() -> None:
    """If this failed, two unions of thousands would take hours."""
    told = [record("A", ("x", "int"), namespace=f"n{i}") for i in range(2000)]
    other = [record("A", namespace=f"n{i}") for i in range(2000)]
    found = read(told).unreadable(read(other))
    assert [(each.kind, each.path) for each in found] == [("TYPE_MISMATCH", "/")]
    assert "combinations" in found[0].message
    names = read([record(f"A{i}") for i in range(8000)])
    assert not names.unreadable(names)
    others = read([record(f"B{i}") for i in range(8000)])
    assert len(names.unreadable(others)) == DIFFERENCES_MAX


def test_long_lists_of_names_are_not_walked_for_each_pair() -> None:
    """If this failed, the aliases or symbols of one type would be compared with those of each of
    thousands, one by one.
    """
    many = range(4000)
    aliased = record("R", aliases=[f"A{i}" for i in range(50_000)])
    reader = record("Z", *((f"f{i}", "R" if i else aliased) for i in many))
    writer = record("Z", *((f"f{i}", record(f"A{i}")) for i in many))
    assert not read(reader).unreadable(read(writer))
    symbols = {"type": "enum", "name": "E", "symbols": [f"A{i}" for i in range(50_000)]}
    reader = record("Z", *((f"f{i}", "E" if i else symbols) for i in many))
    enums = ({"type": "enum", "name": "E", "namespace": f"n{i}", "symbols": ["A1"]} for i in many)
    writer = record("Z", *((f"f{i}", each) for i, each in enumerate(enums)))
    assert not read(reader).unreadable(read(writer))


def test_repeated_definitions_are_compared_once() -> None:
    """If this failed, each level of two equal deep schemas would be compared from there down."""

    def told() -> Any:
        found: Any = [record(f"S{i}", ("x", "int")) for i in range(5000)]
        for turn in range(DEPTH_MAX - 10):
            found = record(f"R{turn}", ("a", found))
        return found

    schema = read(record("Z", ("one", told()), ("other", {"type": "array", "items": told()})))
    assert schema.text.count('"x"') == 5000


def test_namespaces_are_not_kept_in_each_name() -> None:
    """If this failed, a mebibyte whose namespace is half of it could fill gigabytes."""
    space = "n" * (avro_parser.NAME_LENGTH_MAX - 10)
    inner = ((f"f{i}", {"type": "fixed", "name": f"F{i}", "size": 1}) for i in range(10_000))
    schema = read(record("R", *inner, namespace=space))
    assert schema.text.count(space) == 1
    assert "characters" in str(refused(json.dumps(record("R", namespace=space * 2))))


def test_defaults_through_many_unions_are_looked_at_once() -> None:
    """If this failed, a default ninety deep would be tried in 2**90 ways."""
    value: Any = {}
    for _ in range(90):
        value = {"a": value}
    branches = [record("A", ("a", ["A", "B"])), record("B", ("a", ["A", "B"]))]
    told = record("Z", ("x", branches), ("y", ["A", "B"]))
    told["fields"][1]["default"] = value
    assert refused(json.dumps(told)).path == "/fields/1/default"
    many = [record(f"A{i}", ("a", "int")) for i in range(2000)]
    told = record("Z", ("x", {"type": "array", "items": ["null", *many]}))
    told["fields"][0]["default"] = [{"b": i} for i in range(5000)]
    assert refused(json.dumps(told)).path == "/fields/0/default/0"
    told["fields"][0]["default"] = [{"a": i} for i in range(5000)]
    assert len(read(told).text) > 100_000
    many[-1] = record("A1999", ("c", "int"))
    told = record("Z", ("x", {"type": "array", "items": ["null", *many]}))
    told["fields"][0]["default"] = [{"c": i} for i in range(5000)]
    assert "entangled" in str(refused(json.dumps(told)))


def test_defaults_that_fill_each_other_in_a_chain() -> None:
    """If this failed, records filled from records could break the stack, or never end."""
    fields = []
    for i, each in enumerate(_chain(3000)):
        for field in each["fields"]:
            field["default"] = {}
        fields.append((f"f{i}", each))
    assert read(record("Z", *fields)).text
    loop = record("A", ("b", record("B", ("a", "A"))))
    for each in (loop["fields"][0], loop["fields"][0]["type"]["fields"][0]):
        each["default"] = {}
    assert "never ends" in str(refused(json.dumps(loop)))
