"""Texts that are long, deep, circular or odd: one clear error each, or an answer in bounded time.

Nothing here looks at a clock: what grew without bounds would take hours, and end the tests.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import strategies as st

from chance import by_chance
from ottla.schemas.json_schema import JSON_LANGUAGE, validator
from ottla.schemas.json_schema.drafts import MANY, NAMED, ONE, PLAIN
from ottla.schemas.json_schema.parsing import NESTING_MAX, parse, printed
from ottla.schemas.language import Dependency, InvalidSchema

read = JSON_LANGUAGE.read
MIB = 1 << 20


def refused(text: str, *dependencies: Dependency) -> InvalidSchema:
    with pytest.raises(InvalidSchema) as caught:
        read(text, dependencies)
    assert len(str(caught.value)) < 600
    return caught.value


@pytest.mark.parametrize(
    "text",
    [
        "", " ", "\x00", "\ufeff{}", "{", "}", "[1", '{"a"}', '{"a":}', '{"a":1}}', "{'a':1}",
        "{a:1}",
        '{"a":1,}', "// no\n{}", '{"a":"\n"}', '{"a":"\\x"}', '{"a":01}', '{"a":+1}', '{"a":.5}',
        '{"a":NaN}', '{"a":Infinity}', '{"a":-Infinity}', '{"a":1e9999999999}', '{"a":1e-99999}',
        '{"a":' + "9" * 5000 + "}", '{"a":' + "9" * 1500 + ".5}", '{"a":1e' + "9" * 999 + "}",
        "truee", "nul", '{"a":"\\ud800"}', '{"a\\udfff":1}', '{"a":"\ud800"}',
        "[" * MIB, "{" * MIB,
        '{"a":' * (MIB // 5), "[" * MIB + "]" * MIB, '{"a":"' + "x" * MIB, '{"a":"' + "\\" * MIB,
        "-", "--1", '"' + "a" * MIB + '"', "1" * MIB,
    ],
    ids=lambda text: repr(text[:12]) + str(len(text)),
)  # fmt: skip
def test_what_is_no_json_is_one_error(text: str) -> None:
    """If this failed, a text would end the registry, or be kept though no other could read it."""
    refused(text)


def test_nesting_ends_at_its_limit() -> None:
    """If this failed, a text could nest until Python's stack is used up."""
    nested: Any = {"type": "string"}
    while printed(nested).count("{") < NESTING_MAX - 2:
        nested = {"properties": {"a": nested}}
    schema = read(printed(nested))
    assert not validator(schema)({"a": 1})
    other = read(printed(nested).replace("string", "integer"))
    assert schema.unreadable(other)
    assert not schema.tags()
    assert schema.formatted("resolved") == schema.text
    error = refused(printed({"properties": {"a": {"properties": {"a": nested}}}}))
    assert (error.line, error.column > 1) == (1, True)
    assert not read('{"title":"' + "[" * 1000 + '"}').unreadable(schema)


@pytest.mark.parametrize(
    "value",
    [
        {"$ref": "#"},
        {"allOf": [{"$ref": "#"}]},
        {"anyOf": [{"type": "string"}, {"$ref": "#"}]},
        {"oneOf": [{"not": {"$ref": "#"}}]},
        {"if": {"$ref": "#"}, "then": {"type": "string"}},
        {"$ref": "#/definitions/a", "definitions": {"a": {"$ref": "#/definitions/a"}}},
        {"$ref": "#/definitions/a",
         "definitions": {"a": {"$ref": "#/definitions/b"}, "b": {"$ref": "#/definitions/a"}}},
        {"type": "string", "definitions": {"a": {"not": {"$ref": "#/definitions/a"}}}},
        {"dependencies": {"a": {"$ref": "#"}}},
    ],
)  # fmt: skip
def test_a_schema_that_is_only_itself_is_refused(value: Any) -> None:
    """If this failed, whoever compares or validates would go round for ever."""
    error = refused(json.dumps(value))
    assert "leads back to itself" in str(error)
    assert error.path.endswith("/$ref")
    assert error.line == 1


def test_what_a_reference_leads_to_is_a_schema() -> None:
    """If this failed, what stands under a keyword that nobody knows would be taken on trust."""
    for odd in ({"properties": 5}, {"allOf": {"a": 1}}, {"type": "strin"}, 5, [], "x", None):
        for dependencies in ([], [Dependency("other", json.dumps({"x-parts": [odd]}))]):
            reference = f"{'other' if dependencies else ''}#/x-parts/0"
            refused(json.dumps({"$ref": reference, "x-parts": [odd]}), *dependencies)
    assert read('{"items":{"$ref":"#/x-parts/0"},"x-parts":[{"type":"string"}]}')


def test_circles_of_dependencies_are_refused_too() -> None:
    """If this failed, two schemas could name each other until nobody can judge a document."""
    one = Dependency("one.json", '{"$ref":"two.json"}')
    two = Dependency("two.json", '{"allOf":[{"$ref":"one.json"}]}')
    assert "leads back to itself" in str(refused('{"$ref":"one.json"}', one, two))


def test_a_schema_may_be_part_of_itself() -> None:
    """If this failed, trees and lists could not be described."""
    for value in (
        {"properties": {"a": {"$ref": "#"}}},
        {"additionalProperties": {"anyOf": [{"$ref": "#"}, {"type": "null"}]}},
        {"items": [{"$ref": "#"}], "additionalItems": {"$ref": "#"}},
        {"patternProperties": {"a": {"not": {"$ref": "#"}}}},
    ):
        schema = read(json.dumps(value))
        assert not read(json.dumps({**value, "title": "x"})).unreadable(schema)
        assert not schema.unreadable(read(json.dumps({**value, "title": "x"})))


def chained(count: int, link: Callable[[dict[str, str]], Any], leaf: Any) -> Any:
    """Definitions of which each refers to the next."""
    named = {f"d{n}": link({"$ref": f"#/definitions/d{n + 1}"}) for n in range(count)}
    return {"$ref": "#/definitions/d0", "definitions": {**named, f"d{count}": leaf}}


def test_one_value_is_judged_by_so_many_schemas() -> None:
    """If this failed, references could lead on and on at one place, and use up the stack."""
    error = refused(json.dumps(chained(5_000, lambda ref: ref, {"type": "string"})))
    assert "judged by more than" in str(error)
    assert read(json.dumps(chained(100, lambda ref: ref, {"type": "string"})))


LINKS: dict[str, Callable[[dict[str, str]], Any]] = {
    "far down": lambda ref: {"properties": {"a": ref}},
    "twice each": lambda ref: {"properties": {"a": ref, "b": ref}},
    "either way": lambda ref: {"anyOf": [ref, {"properties": {"a": ref}}]},
    "both ways": lambda ref: {"allOf": [ref, {"items": ref}]},
    "not": lambda ref: {"properties": {"a": {"not": ref}, "b": {"if": ref, "then": ref}}},
    "one of three": lambda ref: {"oneOf": [{"items": ref}, {"properties": {"a": ref}}, ref]},
}


@pytest.mark.parametrize("link", LINKS)
@pytest.mark.parametrize("count", [8, 60])
def test_a_bomb_of_references_has_an_answer(link: str, count: int) -> None:
    """If this failed, a schema of a few lines could keep a registry busy for ever."""
    one, two = (
        read(json.dumps(chained(count, LINKS[link], {"type": kind})))
        for kind in ("string", ["string", "integer"])
    )
    for reader, writer in ((one, two), (two, one)):
        for difference in reader.unreadable(writer):
            assert difference.path.startswith("#")


def objects(count: int, kind: Any) -> list[Any]:
    return [{"properties": {f"a{n}": {"type": kind}}, "required": [f"a{n}"]} for n in range(count)]


BIG: dict[str, Callable[[int, int], Any]] = {
    "properties": lambda n, k: {
        "properties": {f"p{i}": {"maxLength": i + n} for i in range(6 * k)}
    },
    "enum": lambda n, k: {"enum": [f"value {i}" for i in range(20 * k + n)]},
    "enum of objects": lambda n, k: {"enum": [{"a": i} for i in range(20 * k + n)]},
    "anyOf": lambda n, k: {"anyOf": objects(k, ["string", "null"][: n + 1])},
    "oneOf": lambda n, k: {"oneOf": objects(k // 3, ["string", "null"][: n + 1])},
    "allOf": lambda n, k: {"allOf": [{"maxLength": i + n} for i in range(5 * k)]},
    "not": lambda n, k: {
        "allOf": [{"not": schema} for schema in objects(k // 16, ["string", "null"][n:])]
    },
    "required": lambda n, k: {"required": [f"{n}r{i}" for i in range(30 * k)]},
    "items": lambda n, k: {"items": [{"maximum": n}] * (5 * k)},
    "patterns": lambda n, k: {
        "properties": {f"p{i}": {} for i in range(2 * k)},
        "patternProperties": {f"^x{n}{i}": {"type": "string"} for i in range(k // 10)},
    },
    "conditions": lambda n, _: {
        "allOf": [{"if": one, "then": two} for one, two in zip(objects(9, "string"),
                  objects(9, ["string", "null"][n:]), strict=True)]
    },
    "either and either": lambda n, _: {
        "allOf": [{"anyOf": objects(4, ["string", "null"][: n + 1])} for _ in range(12)]
    },
    "dependencies": lambda n, k: {
        "dependencies": {f"d{i}": [f"e{i + n}"] for i in range(5 * k)}
    },
    "numbers": lambda n, _: {"multipleOf": 10**900 + n, "maximum": 10**990, "minimum": -(10**990)},
    "a long text": lambda n, _: {"const": "x" * (MIB + n)},
    "a long name": lambda n, _: {"properties": {"x" * MIB: {"maximum": n}}},
}  # fmt: skip
"""Two schemas that differ, by 0 and 1, and how much of each there is: 1000 is up to a mebibyte."""


@pytest.mark.parametrize("much", [200, pytest.param(1000, marks=pytest.mark.long)])
@pytest.mark.parametrize("kind", BIG)
def test_a_big_schema_has_an_answer(kind: str, much: int) -> None:
    """If this failed, a schema of up to a mebibyte could keep a registry busy for ever, or a
    message would quote all of it.
    """
    one, two = (read(json.dumps(BIG[kind](n, much))) for n in (0, 1))
    found = [*one.unreadable(two), *two.unreadable(one)]
    assert found
    assert len(found) <= 100
    for difference in found:
        assert len(difference.message) - 3 * len(difference.path) < 1000


def test_what_is_too_much_is_said_to_be() -> None:
    """If this failed, a comparison that was given up would look like one that found nothing."""
    one, two = (
        read(json.dumps(chained(30, LINKS["either way"], {"type": kind})))
        for kind in ("string", "integer")
    )
    assert [d.kind for d in one.unreadable(two)] == ["COMPATIBILITY_UNDECIDED"]


@pytest.mark.parametrize("pattern", ["(a{1,1000}){1,1000}", "((a{1000}){1000}){10}", "(", "[z-a]"])
def test_a_regular_expression_that_nobody_can_use_is_refused(pattern: str) -> None:
    """If this failed, the first document would find out, not the author."""
    for value in ({"items": {"pattern": pattern}}, {"patternProperties": {pattern: {}}}):
        error = refused(json.dumps(value))
        assert error.line == 1


def test_a_regular_expression_that_backtracks_ends() -> None:
    """If this failed, a record could keep a producer busy for ever."""
    check = validator(read('{"pattern":"(?=a)(a+)+$"}'))
    assert check("a" * 3_000 + "b")


def test_odd_names_are_names() -> None:
    """If this failed, a name with odd characters would be lost or break a path."""
    for name in ("", " ", "\x00", "\u202e", "a.b", "~/", "%41", "$ref ", "ä中😀", "#", "\\", '"'):
        value = {"properties": {name: {"type": "integer"}}}
        one = read(json.dumps(value, ensure_ascii=False))
        assert json.loads(one.text) == value
        two = read(json.dumps({"properties": {name: {"type": "number"}}}))
        (difference,) = one.unreadable(two)
        assert difference.kind == "TYPE_NARROWED"


SIMPLE = st.none() | st.booleans() | st.integers(-3, 10) | st.floats(allow_nan=False, width=16)
WORDS = st.sampled_from(
    [*sorted(ONE | MANY | NAMED | PLAIN), "$ref", "$id", "id", "$schema", "$anchor", "$dynamicRef",
     "$recursiveRef", "$dynamicAnchor", "$recursiveAnchor", "default", "confluent:tags", "a", "b"]
)  # fmt: skip
TEXTS = st.sampled_from(
    ["string", "object", "array", "#", "#/a", "#/a/b", "#/properties/a", "a", "b", "http://example.com/x",
     "urn:x", "http://[", "//", "#a", "", "%", "(", "https://json-schema.org/draft/2020-12/schema",
     "https://json-schema.org/draft/2019-09/schema", "http://json-schema.org/draft-04/schema#"]
)  # fmt: skip
VALUES = st.recursive(
    SIMPLE | TEXTS,
    lambda below: st.lists(below, max_size=3) | st.dictionaries(WORDS, below, max_size=4),
    max_leaves=8,
)


OBJECTS = st.dictionaries(WORDS, VALUES, max_size=4)


@by_chance(OBJECTS, OBJECTS, few=60, many=2000)
def test_no_value_raises_anything_else(one: Any, two: Any) -> None:
    """If this failed, some schema would be an error of ours to whoever registers it."""
    read_ones = []
    for value in (one, two):
        try:
            schema = read(json.dumps(value), [Dependency("a", json.dumps(two))])
        except InvalidSchema:
            continue
        assert read(schema.text, [Dependency("a", json.dumps(two))]).text == schema.text
        schema.tags()
        schema.formatted("resolved")
        validator(schema)({"a": [1, {"b": 2}]})
        read_ones.append(schema)
    for schema in read_ones:
        list(schema.unreadable(read_ones[0]))


@by_chance(
    st.text(st.sampled_from('{}[]",:\\ue0123456789.-+truefalsn \n'), max_size=30),
    few=200,
    many=3000,
)
def test_no_text_raises_anything_else(text: str) -> None:
    """If this failed, some text would end the registry instead of being refused."""
    try:
        value = parse(text)
    except InvalidSchema:
        return
    assert parse(printed(value)) == value
    assert printed(parse(printed(value))) == printed(value)
