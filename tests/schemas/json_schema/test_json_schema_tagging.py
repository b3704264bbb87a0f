"""Tags within a JSON Schema's text."""

from __future__ import annotations

import json

import pytest

from ottla.schemas.json_schema import JSON_LANGUAGE, JsonSchema
from ottla.schemas.language import InvalidSchema, Tagging

TEXT = json.dumps(
    {
        "type": "object",
        "confluent:tags": ["R"],
        "properties": {
            "name": {"type": "string", "confluent:tags": ["PII", "PUBLIC"]},
            "lines": {"type": "array", "items": {"type": "object", "properties": {"sku": True}}},
            "either": {"oneOf": [{"type": "null"}, {"properties": {"x": {"type": "string"}}}]},
            "none": {"not": {"type": "object", "properties": {"y": {}}}},
            "address": {"$ref": "#/definitions/Address"},
            "never": False,
        },
        "definitions": {"Address": {"type": "object", "properties": {"zip": {}}}},
    }
)


def held(schema: JsonSchema, kind: str, path: str) -> list[str]:
    """The tags of one entity."""
    return [tag for at in schema.tags() if (at.kind, at.path) == (kind, path) for tag in at.tags]


def test_tags_go_by_their_paths() -> None:
    """If this failed, rules that name a tag would not find the fields that have it."""
    assert list(JSON_LANGUAGE.read(TEXT).tags()) == [
        Tagging("sr_record", "object", ("R",)),
        Tagging("sr_field", "object.name", ("PII", "PUBLIC")),
    ]


@pytest.mark.parametrize(
    ("kind", "path", "pointer"),
    [
        ("sr_record", "object", []),
        ("sr_field", "object.name", ["properties", "name"]),
        ("sr_field", "object.lines.array.object.sku",
         ["properties", "lines", "items", "properties", "sku"]),
        ("sr_record", "object.lines.array.object", ["properties", "lines", "items"]),
        ("sr_field", "object.either.oneof.1.object.x",
         ["properties", "either", "oneOf", 1, "properties", "x"]),
        ("sr_field", "object.none.not.object.y", ["properties", "none", "not", "properties", "y"]),
        ("sr_field", "object.address", ["properties", "address"]),
        ("sr_record", "definitions.Address.object", ["definitions", "Address"]),
    ],
)  # fmt: skip
def test_tags_are_added_and_removed(kind: str, path: str, pointer: list[str | int]) -> None:
    """If this failed, a tag would be put somewhere else, or something else would change with it."""
    schema = JSON_LANGUAGE.read(TEXT)
    tagged = schema.with_tags([Tagging(kind, path, ("NEW", "NEW", "PII"))], [])
    at = json.loads(tagged.text)
    for token in pointer:
        at = at[token]
    before = held(schema, kind, path)
    assert at["confluent:tags"] == list(dict.fromkeys([*before, "NEW", "PII"]))
    assert held(tagged, kind, path) == at["confluent:tags"]
    assert JSON_LANGUAGE.read(tagged.text).text == tagged.text
    kept = tagged.with_tags([], [Tagging(kind, path, ("NEW", "PII", "absent"))])
    assert held(kept, kind, path) == [tag for tag in before if tag != "PII"]
    assert schema.text == JSON_LANGUAGE.read(TEXT).text


def test_tags_of_nothing_are_refused() -> None:
    """If this failed, somebody would believe that a field is encrypted, and it is not."""
    schema = JSON_LANGUAGE.read(TEXT)
    for kind, path in [
        ("sr_field", "object.nobody"),
        ("sr_record", "object.name"),
        ("sr_field", "object"),
        ("sr_field", "object.never"),
        ("sr_table", "object"),
        ("sr_field", ""),
    ]:
        with pytest.raises(InvalidSchema) as caught:
            schema.with_tags([Tagging(kind, path, ("PII",))], [])
        assert caught.value.path == path
    assert list(JSON_LANGUAGE.read("true").tags()) == []
