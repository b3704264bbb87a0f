"""Whether one schema reads another: the rows of avro.jsonl, and two judges beside ours."""

from __future__ import annotations

import json
import warnings
from typing import Any

import avro.compatibility
import avro.errors
import avro.schema
import pytest
from avro_cases import dependencies, rows

from ottla.schemas.avro import AVRO_LANGUAGE
from ottla.schemas.avro.resolution import DIFFERENCES_MAX

ROWS = rows("avro.jsonl")
SIDES = ("reader", "writer")

PYTHONS_AVRO_DIFFERS = {
    "a supposition outlives no circle": "it supposes a pair readable while it looks at it, as Java",
    "alias outside all namespaces": "it takes aliases as they stand, the dot as well",
    "alias without a dot is inside the namespace": "it takes aliases as they stand, as R",
    "alias inherits the namespace": "it takes aliases as they stand, without their namespace",
    "error reads record": "it knows errors in protocols only, and can't compare them",
    "record reads error": "it knows errors in protocols only, and can't compare them",
}
"""Cases that the package `avro` judges otherwise, and why."""

PYTHONS_AVRO_CANT_READ = {"name used before its definition"}


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row["name"])
def test_cases_are_judged_as_their_reasons_say(row: dict[str, Any]) -> None:
    """If this failed, a registry would let a breaking change in, or keep a good one out; or
    LENIENT, a policy of JSON Schema alone, would change the verdict.
    """
    reader, writer = (
        AVRO_LANGUAGE.read(json.dumps(row[side]), dependencies(row)) for side in SIDES
    )
    found = reader.unreadable(writer)
    assert list(reader.unreadable(writer, lenient=True)) == list(found)
    assert [(each.kind, each.path) for each in found] == list(
        zip(row["kinds"], row["paths"], strict=True)
    )
    assert row["readable"] is not bool(found)
    for each in found:
        assert each.message.startswith(f"At {each.path} ")
        assert ": " in each.message
        assert "\n" not in each.message


def test_the_cases_are_many_and_reasoned() -> None:
    """If this failed, the corpus would have lost rows, or rows their reasons."""
    assert len(ROWS) >= 260
    assert len({row["name"] for row in ROWS}) == len(ROWS)
    assert all(row["reason"] and row["readable"] is not bool(row["kinds"]) for row in ROWS)


def test_the_package_avro_agrees() -> None:
    """If this failed, we would judge schemas otherwise than another implementation, unexplained."""
    differing, unread = set(), set()
    for row in ROWS:
        if "dependencies" in row:
            continue
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", avro.errors.IgnoredLogicalType)
                reader, writer = (avro.schema.parse(json.dumps(row[s])) for s in SIDES)
        except avro.errors.SchemaParseException:
            unread.add(row["name"])
            continue
        checker = avro.compatibility.ReaderWriterCompatibilityChecker()
        try:
            found = checker.get_compatibility(reader, writer).compatibility
        except avro.errors.AvroRuntimeException:
            differing.add(row["name"])
            continue
        if (found == avro.compatibility.SchemaCompatibilityType.compatible) != row["readable"]:
            differing.add(row["name"])
    assert differing == set(PYTHONS_AVRO_DIFFERS)
    assert unread == PYTHONS_AVRO_CANT_READ


def test_messages_say_what_to_change() -> None:
    """If this failed, a producer would know that something is wrong, and not what to do."""
    reader = AVRO_LANGUAGE.read(
        '{"type":"record","name":"R","fields":[{"name":"a","type":"int"},'
        '{"name":"e","type":{"type":"enum","name":"E","symbols":["A"]}}]}'
    )
    writer = AVRO_LANGUAGE.read(
        '{"type":"record","name":"R","fields":['
        '{"name":"e","type":{"type":"enum","name":"E","symbols":["A","B"]}}]}'
    )
    assert [each.message for each in reader.unreadable(writer)] == [
        "At /fields/0 the reader has a field 'a' that record 'R' of the writer has not: give field"
        " 'a' a default, or an alias if the writer calls it otherwise.",
        "At /fields/1/type/symbols enum 'E' lacks symbols of the writer, B: add them, or give the"
        " reader's enum a default.",
    ]


@pytest.mark.parametrize(
    ("reader", "writer", "change"),
    [
        (
            '{"type":"fixed","name":"n.F","size":1}',
            '{"type":"fixed","name":"G","size":1}',
            "keep the name, or give the reader's the alias '.G'",
        ),
        (
            '{"type":"fixed","name":"n.F","size":1}',
            '{"type":"fixed","name":"n.G","size":1}',
            "keep the name, or give the reader's the alias 'G'",
        ),
        (
            '{"type":"fixed","name":"F","size":1}',
            '{"type":"fixed","name":"F","size":2}',
            "keep the size, or define a type of another name for the new one",
        ),
        ('"int"', '"long"', "keep long, or let the reader have a union of both"),
        ('["null","int"]', '"string"', "add string to the reader's union"),
        (
            '["null",{"type":"array","items":"int"}]',
            '{"type":"array","items":"string"}',
            "let a branch of it read array, or add that as another",
        ),
    ],
)
def test_each_kind_says_what_to_change(reader: str, writer: str, change: str) -> None:
    """If this failed, a message would give advice that does not help."""
    found = AVRO_LANGUAGE.read(reader).unreadable(AVRO_LANGUAGE.read(writer))
    assert found[0].message.endswith(f": {change}.")


def test_a_field_that_two_names_find_is_refused() -> None:
    """If this failed, which of the writer's two fields is read would be left to chance."""
    reader = '{"type":"record","name":"R","fields":[{"name":"a","type":"int","aliases":["b"]}]}'
    writer = (
        '{"type":"record","name":"R","fields":[{"name":"a","type":"int"},'
        '{"name":"b","type":"int"}]}'
    )
    found = AVRO_LANGUAGE.read(reader).unreadable(AVRO_LANGUAGE.read(writer))
    assert [(each.kind, each.path) for each in found] == [("NAME_MISMATCH", "/fields/0")]
    assert "a, b" in found[0].message


def test_differences_are_told_up_to_a_number() -> None:
    """If this failed, an answer could be many times as long as the schemas."""
    fields = ",".join(f'{{"name":"f{i}","type":"int"}}' for i in range(DIFFERENCES_MAX + 1))
    reader = AVRO_LANGUAGE.read(f'{{"type":"record","name":"R","fields":[{fields}]}}')
    writer = AVRO_LANGUAGE.read('{"type":"record","name":"R","fields":[]}')
    assert len(reader.unreadable(writer)) == DIFFERENCES_MAX
