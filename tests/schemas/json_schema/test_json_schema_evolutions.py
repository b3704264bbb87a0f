"""Random schemas and what becomes of them: what is called readable is read, by two judges."""

from __future__ import annotations

from random import Random
from typing import Any

import jsonschema
import jsonschema_rs
from hypothesis import strategies as st
from json_evolutions import documents, evolved, recursive, schema

from chance import by_chance
from ottla.schemas.json_schema import JSON_LANGUAGE, JsonSchema, comparing, drafts, engine
from ottla.schemas.json_schema.parsing import printed
from ottla.schemas.language import InvalidSchema

DOCUMENTS = documents()
FEW = DOCUMENTS[:: len(DOCUMENTS) // 60]
"""For the slower judge."""

SEEDS = st.integers(0, 2**32)

DRAFTS = {
    True: "https://json-schema.org/draft/2020-12/schema",
    False: "http://json-schema.org/draft-07/schema#",
}

ALL_DRAFTS = [draft.uri for draft in drafts.DRAFTS]


def two(seed: int) -> tuple[Any, Any] | None:
    """A writer's schema, and what became of it."""
    rng = Random(seed)
    modern = rng.random() < 0.6
    make = recursive if rng.random() < 0.2 else schema
    writer = make(rng, modern=modern)
    reader = writer
    for _ in range(rng.randint(1, 3)):
        reader = evolved(rng, reader, modern=modern)
    if not isinstance(writer, dict) or not isinstance(reader, dict):
        return None
    named = {"$schema": DRAFTS[modern]}
    return {**reader, **named}, {**writer, **named}


def read(value: Any) -> JsonSchema | None:
    """The schema; None if what became of it is none."""
    try:
        return JSON_LANGUAGE.read(printed(value))
    except InvalidSchema:
        return None


@by_chance(SEEDS, few=120, many=4000)
def test_what_is_called_readable_is_read(seed: int) -> None:
    """If this failed, a reader would get a document that its schema refuses, though the registry
    said that it reads all that was written. What the field is laxer about is left out by name.
    """
    values = two(seed)
    schemas = values and [read(value) for value in values]
    if not values or not schemas or None in schemas:
        return
    reader, writer = (one for one in schemas if one is not None)
    lax: set[str] = set()
    if comparing.unreadable(reader.linked, writer.linked, strict=True, lax=lax):
        return
    if lax & {"ONE_OF_OVERLAP", "REQUIRED_ATTRIBUTE_WITH_DEFAULT_ADDED"}:
        return
    ours, theirs = (jsonschema_rs.validator_for(value) for value in values)
    for document in DOCUMENTS:
        if theirs.is_valid(document):
            assert ours.is_valid(document), (values, document)
    second = [jsonschema.validators.validator_for(value)(value) for value in values]
    for document in FEW:
        if second[1].is_valid(document):
            assert second[0].is_valid(document), (values, document)


@by_chance(SEEDS, few=50, many=1500)
def test_the_graph_means_what_the_text_means(seed: int) -> None:
    """If this failed, telling an old draft's schema in the new one's words would change what it
    accepts, and with it every comparison and every serializer.
    """
    values = two(seed)
    for draft in ALL_DRAFTS if values else ():
        value = {**values[0], "$schema": draft}
        if (ours := read(value)) is None:
            continue
        told, plain = engine.judge(ours.linked.root), jsonschema_rs.validator_for(value)
        for document in DOCUMENTS:
            assert told(document) == plain.is_valid(document), (value, document)


@by_chance(SEEDS, few=60, many=1500)
def test_a_schema_reads_itself(seed: int) -> None:
    """If this failed, registering the same schema in other words (its keys in another order, a
    title more) would be refused. An unevaluated… that depends on the document is not compared.
    """
    values = two(seed)
    if not values or (ours := read(values[0])) is None or '"unevaluated' in ours.text:
        return
    other = read({"title": "another", **dict(reversed(values[0].items()))})
    assert other is not None
    assert list(other.unreadable(ours)) == []
    assert list(ours.unreadable(other, lenient=True)) == []


@by_chance(SEEDS, few=60, many=1000)
def test_lenient_lets_pass_what_strict_does(seed: int) -> None:
    """If this failed, LENIENT would refuse what STRICT accepts."""
    values = two(seed)
    schemas = values and [read(value) for value in values]
    if not schemas or None in schemas:
        return
    reader, writer = (one for one in schemas if one is not None)
    if not reader.unreadable(writer):
        assert not reader.unreadable(writer, lenient=True)
