"""Schemas and changes by chance: what is called readable, fastavro reads, and the other way."""

from __future__ import annotations

import json
from io import BytesIO
from typing import Any

import fastavro
from avro_evolutions import covering, evolutions, schemas
from fastavro.read import SchemaResolutionError
from hypothesis import given, note, settings

from ottla.schemas.avro import AVRO_LANGUAGE


@settings(max_examples=200, deadline=None)
@given(schemas())
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


@settings(max_examples=400, deadline=None)
@given(evolutions())
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
