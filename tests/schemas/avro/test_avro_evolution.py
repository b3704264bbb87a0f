"""Schemas and changes by chance: what is called readable, fastavro reads, and the other way.

Texts that are broken by chance are a schema still, or one error.
"""

from __future__ import annotations

import copy
import json
from io import BytesIO
from typing import Any

import fastavro
from avro_cases import rows
from avro_evolutions import covering, evolutions, schemas
from fastavro.read import SchemaResolutionError
from hypothesis import note
from hypothesis import strategies as st

from chance import by_chance
from ottla.schemas.avro import AVRO_LANGUAGE
from ottla.schemas.language import InvalidSchema

TEXTS = [row["schema"] for row in rows("avro-texts.jsonl") if "text" in row]
ODDITIES = st.one_of(
    st.sampled_from(["int", "R", "n.R", ".R", "E", "record", "null", "NaN", "a b", "ignore"]),
    st.sampled_from([None, True, -1, 1.5, 2**31, 2**63, "", [], {}, ["int"], {"type": "int"}]),
    st.recursive(
        st.none() | st.integers() | st.text(), lambda inner: st.lists(inner), max_leaves=5
    ),
    schemas(),
)


def _containers(value: Any) -> list[Any]:
    """The value's objects and arrays that have something in them, itself first."""
    if not isinstance(value, list | dict) or not value:
        return []
    inner = value.values() if isinstance(value, dict) else value
    return [value] + [found for each in inner for found in _containers(each)]


@st.composite
def broken(draw: Any) -> str:
    """A good text with something in it replaced, as JSON or as characters."""
    text: str = draw(st.sampled_from(TEXTS))
    if draw(st.booleans()):
        at = draw(st.integers(0, len(text)))
        return text[:at] + draw(st.text(max_size=2)) + text[at + draw(st.integers(0, 2)) :]
    try:
        told = json.loads(text)
    except ValueError:  # it has comments
        return text
    for _ in range(draw(st.integers(1, 3))):
        containers = _containers(told)
        if not containers:
            break
        container = draw(st.sampled_from(containers))
        keys = sorted(container) if isinstance(container, dict) else range(len(container))
        container[draw(st.sampled_from(keys))] = copy.deepcopy(draw(ODDITIES))
    return json.dumps(told)


@by_chance(schemas(), few=60, many=2000)
def test_texts_of_any_schema_are_fixed_points(told: Any) -> None:
    """If this failed, a schema would change by being kept, or others could not read its text."""
    schema = AVRO_LANGUAGE.read(json.dumps(told))
    assert AVRO_LANGUAGE.read(schema.text).text == schema.text
    assert AVRO_LANGUAGE.read(schema.normalized()).normalized() == schema.normalized()
    assert not schema.unreadable(AVRO_LANGUAGE.read(schema.text))
    mine, theirs = (
        fastavro.schema.to_parsing_canonical_form(fastavro.parse_schema(each))
        for each in (json.loads(schema.text), told)
    )
    assert mine == theirs


@by_chance(evolutions(), few=120, many=4000)
def test_what_is_called_readable_is_read(pair: tuple[Any, Any]) -> None:
    """If this failed, a registry would let in a schema that breaks readers, or refuse one that
    does not: fastavro reads data that meets every branch of the writer's schema, or fails.
    """
    writer, reader = (AVRO_LANGUAGE.read(json.dumps(each)) for each in pair)
    found = reader.unreadable(writer)
    note(f"writer {writer.text}\nreader {reader.text}\n{found}")
    their_writer, their_reader = (
        fastavro.parse_schema(json.loads(each.text)) for each in (writer, reader)
    )
    data = covering(pair[0])
    refused = 0
    for datum in data:
        file = BytesIO()
        fastavro.schemaless_writer(file, their_writer, datum)
        file.seek(0)
        try:
            fastavro.schemaless_reader(file, their_writer, their_reader)
        except SchemaResolutionError:
            refused += 1
        else:
            assert file.read() == b""
    if data:
        assert bool(refused) is bool(found)


@by_chance(broken(), few=150, many=5000)
def test_a_broken_text_is_one_error(text: str) -> None:
    """If this failed, a slip in a schema would end in an error of Python, or in no error and a
    text that is not its own.
    """
    error = schema = None
    try:
        schema = AVRO_LANGUAGE.read(text)
    except InvalidSchema as e:
        error = e
    if error is not None:
        assert (error.line >= 1 and error.column >= 1) or "first used" in str(error)
        assert error.line <= text.count("\n") + 1
    if schema is not None:
        assert AVRO_LANGUAGE.read(schema.text).text == schema.text
        assert AVRO_LANGUAGE.read(schema.normalized()).normalized() == schema.normalized()
        schema.unreadable(schema)
        schema.tags()
