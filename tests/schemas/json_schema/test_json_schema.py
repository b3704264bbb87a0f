"""JSON Schema read, printed, bundled and validated with."""

from __future__ import annotations

import json
import sys
from decimal import Decimal

import pytest

from ottla.schemas.json_schema import JSON_LANGUAGE, engine, validator
from ottla.schemas.language import BadFormat, Dependency, InvalidSchema, Schema

read = JSON_LANGUAGE.read
STREET = Dependency("http://example.com/street.json", '{"type":"string","maxLength":9}')


def refused(text: str, *dependencies: Dependency) -> InvalidSchema:
    with pytest.raises(InvalidSchema) as caught:
        read(text, dependencies)
    return caught.value


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ('{ "b" : 1 ,\n "a" : [ 1 , 2 ] }', '{"b":1,"a":[1,2]}'),
        ('{"maximum": 1.50}', '{"maximum":1.50}'),
        ('{"maximum": 1e5}', '{"maximum":1E+5}'),
        ('{"maximum": 0.0000001}', '{"maximum":1E-7}'),
        (
            '{"maximum": 123456789012345678901}',
            '{"maximum":123456789012345678901}',
        ),
        ('{"maximum": -0.0}', '{"maximum":0.0}'),
        ('{"title": "\\u00e4\\u4e2d\\ud83d\\ude00/\\/"}', '{"title":"ä中😀//"}'),
        (
            '{"title": "\\"\\\\\\n\\u0001\\u001f\\u007f"}',
            '{"title":"\\"\\\\\\n\\u0001\\u001F\x7f"}',
        ),
        ('{"a": 1, "b": 2, "a": 3}', '{"a":3,"b":2}'),
        (" true\n", "true"),
        ("{}", "{}"),
    ],
)
def test_a_text_is_kept_as_other_registries_keep_it(text: str, kept: str) -> None:
    """If this failed, the same schema would get another id than it has in a registry in Java."""
    assert read(text).text == kept
    assert read(kept).text == kept


def test_normalized_texts_are_equal() -> None:
    """If this failed, a schema whose keys stand in another order would be a new version."""
    one = read(
        '{"type": "object", "properties": {"b": {"minLength": 1, "type": "string"}, "a": {}}}'
    )
    two = read('{"properties":{"a":{},"b":{"type":"string","minLength":1}},"type":"object"}')
    assert one.text != two.text
    assert one.normalized() == two.normalized()
    assert read(one.normalized()).normalized() == one.normalized()
    assert read('{"enum":["b","a"]}').normalized() == '{"enum":["b","a"]}'


def test_resolved_stands_alone() -> None:
    """If this failed, a reader without the references could not use format=resolved."""
    street = {"s": {"$ref": "http://example.com/street.json"}}
    nested = Dependency("address.json", json.dumps({"properties": street}))
    unused = Dependency("other.json", "{}")
    for draft, home in (
        ("", "definitions"),
        ("http://json-schema.org/draft-07/schema#", "definitions"),
        ("https://json-schema.org/draft/2020-12/schema", "$defs"),
    ):
        named = {"$schema": draft} if draft else {}
        value = {**named, "properties": {"a": {"$ref": "address.json"}}, home: {"mine": {}}}
        schema = read(json.dumps(value), [STREET, nested, unused])
        alone = read(schema.formatted("resolved"))
        assert sorted(json.loads(alone.text)[home]) == ["address.json", STREET.name, "mine"]
        assert validator(alone)({"a": {"s": "much too long"}})
        assert not validator(alone)({"a": {"s": "short"}})
        assert not alone.unreadable(schema)
        assert not schema.unreadable(alone)
    assert schema.formatted("") == schema.text
    with pytest.raises(BadFormat):
        schema.formatted("serialized")


def test_resolved_of_odd_references() -> None:
    """If this failed, a reference that is a boolean, or itself refers on, would be lost."""
    over = Dependency("over.json", '{"$ref":"#/definitions/x","definitions":{"x":{"type":"null"}}}')
    never = Dependency("never", "false")
    schema = read('{"properties":{"a":{"$ref":"over.json"},"b":{"$ref":"never"}}}', [over, never])
    for one in (schema, read(schema.formatted("resolved"))):
        assert not validator(one)({"a": None})
        assert validator(one)({"a": 1})
        assert validator(one)({"b": 1})


@pytest.mark.parametrize(
    ("text", "path", "place"),
    [
        ('{"type":"strin"}', "/type", (1, 9)),
        ('{"properties":\n  {"a": {"maxLength": -1}}}', "/properties/a/maxLength", (2, 23)),
        ('{"properties":{"a/b":{"pattern":"("}}}', "/properties/a~1b/pattern", (1, 33)),
        ('{"items":{"$ref":"#/definitions/no"}}', "/items/$ref", (1, 18)),
        ('{"properties":{"a":{"$ref":"other.json#/x"}}}', "/properties/a/$ref", (1, 28)),
        ('{"definitions":{"a":{"anyOf":[]}}}', "/definitions/a/anyOf", (1, 30)),
        ('{"$schema":"http://json-schema.org/draft-04/schema#","maximum":1,"exclusiveMaximum":1}',
         "/exclusiveMaximum", (1, 85)),
        ('{"required":true}', "/required", (1, 13)),
        ('{"enum":1}', "/enum", (1, 9)),
        ('{"a":\n[1,]}', "", (2, 4)),
        ('{"a":\n1', "", (2, 2)),
        ("[]", "", (1, 1)),
        ('"string"', "", (1, 1)),
        ("null", "", (1, 1)),
        ("1", "", (1, 1)),
    ],
)  # fmt: skip
def test_what_is_no_schema_is_refused_at_its_place(
    text: str, path: str, place: tuple[int, int]
) -> None:
    """If this failed, an author would be told that something is wrong, but not where."""
    error = refused(text)
    assert (error.path, (error.line, error.column)) == (path, place), str(error)
    assert len(str(error)) < 400


def test_the_draft_is_what_the_text_names() -> None:
    """If this failed, a keyword would mean what another draft lets it mean."""
    for uri, number in [
        ("http://json-schema.org/draft-04/schema#", 4),
        ("http://json-schema.org/draft-04/schema", 4),
        ("https://json-schema.org/draft-06/schema#", 6),
        ("http://json-schema.org/draft-07/schema", 7),
        ("https://json-schema.org/draft/2019-09/schema", 2019),
        ("https://json-schema.org/draft/2020-12/schema#", 2020),
        ("http://json-schema.org/schema#", 7),
        ("http://example.com/mine", 7),
    ]:
        assert read(json.dumps({"$schema": uri})).draft.number == number
    assert read("true").draft.number == 7


def test_references_are_found_where_they_are_named() -> None:
    """If this failed, a schema that another registry took would be refused for its references."""
    number = Dependency("http://example.com/x/number.json", '{"$id":"n","type":"number"}')
    plain = Dependency("number.proto.like/name", '{"type":"number"}')
    based = '{"$id":"http://example.com/x/root","properties":{"a":{"$ref":"%s"}}}'
    for text, dependency in [
        ('{"$ref":"http://example.com/x/number.json"}', number),
        ('{"$ref":"http://example.com/x/number.json#"}', number),
        (based % "number.json", number),
        ('{"$ref":"number.proto.like/name"}', plain),
        (based % "number.proto.like/name", plain),
    ]:
        check = validator(read(text, [dependency]))
        assert check({"a": "x"})
        assert not check(1) or not check({"a": 1})


def test_references_within_a_schema() -> None:
    """If this failed, a $ref would lead to another place than the one it names."""
    text = """{"$schema":"https://json-schema.org/draft/2020-12/schema","$id":"http://example.com/r",
    "properties":{"a":{"$ref":"#/$defs/x%20y~1z"},"b":{"$ref":"#anchor"},"c":{"$ref":"inner"},
    "d":{"$ref":"inner#/$defs/deep"},"e":{"$ref":"#/x-components/0"},
    "f":{"$ref":"https://json-schema.org/draft/2020-12/schema"}},
    "$defs":{"x y/z":{"const":1},"q":{"$anchor":"anchor","const":2},
    "i":{"$id":"inner","const":3,"$defs":{"deep":{"const":4}}}},"x-components":[{"const":5}]}"""
    check = validator(read(text))
    assert not check({"a": 1, "b": 2, "c": 3, "d": 4, "e": 5, "f": {}})
    for name in "abcdef":
        assert [error.partition(":")[0] for error in check({name: 9})] == [f"#/{name}"]


def test_an_unresolved_reference_is_named() -> None:
    """If this failed, an author would have to guess which of the references is missing."""
    error = refused('{"properties":{"a":{"$ref":"http://example.com/none.json#/x"}}}')
    assert "http://example.com/none.json" in str(error)
    assert error.hint is not None
    assert "nothing is fetched" in error.hint
    within = refused(
        '{"$ref":"mine"}', Dependency("mine", '{"properties":{"a":{"$ref":"#/nowhere"}}}')
    )
    assert "#/nowhere" in str(within)
    assert "mine" in str(within)
    broken = refused('{"$ref":"mine"}', Dependency("mine", '{"type":"strin"}'))
    assert "mine" in str(broken)


def test_another_language_is_no_writer() -> None:
    """If this failed, schemas of two languages would be called readable, or fail without a word."""

    class Other:
        text = "{}"

    other: Schema = Other()  # type: ignore[assignment]
    with pytest.raises(TypeError):
        read("{}").unreadable(other)


def test_documents_are_judged_with_the_place_of_each_error() -> None:
    """If this failed, a producer would learn that a record is invalid, but not where."""
    check = validator(
        read('{"type":"object","required":["n"],"properties":{"a/b":{"items":{"maximum":1.5}}}}')
    )
    assert check({"n": None, "a/b": [1, Decimal("1.5")]}) == []
    errors = check({"a/b": [1, 2, Decimal("1.51")]})
    assert [error.partition(":")[0] for error in errors] == ["#", "#/a~1b/1", "#/a~1b/2"]
    formats = validator(read('{"format":"email"}'))
    assert formats("no address") == []


def test_documents_that_are_no_json() -> None:
    """If this failed, a document of odd types would end a producer instead of being refused."""
    check = validator(read('{"type":"string"}'))
    for odd in (b"bytes", object(), {1: 2}, "\ud800"):
        assert check(odd)[0].startswith("#: the document is no JSON")
    assert len(validator(read('{"items":false}'))([1] * 1000)) == engine.ERRORS_MAX
    assert len(check([0] * 100_000)[0]) < 400


def test_a_missing_engine_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    """If this failed, whoever installed ottla alone would see a traceback of an import."""
    monkeypatch.setitem(sys.modules, "jsonschema_rs", None)
    engine.engine.cache_clear()
    with pytest.raises(engine.EngineMissing) as caught:
        read("{}")
    assert caught.value.hint == "pip install 'ottla[registry]'"


def test_top_fields_are_those_of_the_schema_itself() -> None:
    """If this failed, a registry that holds names of its own would look for them elsewhere."""
    assert list(read('{"properties":{"a":{"properties":{"b":{}}},"c":true}}').top_fields()) == [
        "a",
        "c",
    ]
    assert list(read("true").top_fields()) == []
    assert list(read('{"items":{"properties":{"a":{}}}}').top_fields()) == []
