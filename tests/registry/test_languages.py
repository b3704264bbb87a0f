"""Schemas read with what they refer to: references followed, bounded, and read once."""

from __future__ import annotations

from typing import Any

import pytest

from ottla.registry import languages
from ottla.registry.contracts import Reference
from ottla.registry.languages import DEPTH_MAX, LANGUAGES, Reading, language, told
from ottla.schemas.language import InvalidSchema
from ottla.web.operation import Refusal
from registry.world import World, record

INT = '"int"'


def holder(name: str, *types: str) -> str:
    """A record that holds others by their names."""
    fields = ",".join(f'{{"name":"f{n}","type":"{kind}"}}' for n, kind in enumerate(types))
    return f'{{"type":"record","name":"{name}","fields":[{fields}]}}'


def fixed(name: str) -> str:
    """A type that says nothing but its name."""
    return f'{{"type":"fixed","name":"{name}","size":4}}'


def to(name: str, version: int = 1, *, subject: str = "") -> dict[str, Any]:
    """A reference, to the subject of the same name if no other is told, as a request has it."""
    return {"name": name, "subject": subject or name, "version": version}


@pytest.fixture
def world() -> World:
    """A registry with nothing in it."""
    return World()


def refused(reading: Reading, text: str, *references: Reference) -> str:
    """What is said of an Avro schema that can't be read."""
    with pytest.raises(Refusal) as caught:
        reading.read("AVRO", text, references, ".")
    assert caught.value.code == 42201
    return str(caught.value)


def test_languages_go_by_their_names() -> None:
    """If this failed, a schema would be read as one of another language."""
    assert [language(name).name for name in LANGUAGES] == list(LANGUAGES)
    for name in ("", "avro", "THRIFT"):
        with pytest.raises(Refusal) as caught:
            language(name)
        assert caught.value.code == 42201


def test_references_are_followed_through_each_other(world: World) -> None:
    """If this failed, a schema could only refer to schemas that refer to nothing."""
    world.register("A", holder("A", "int"))
    world.register("B", holder("B", "A"), references=[to("A")])
    schema = world.reading.read(
        "AVRO", holder("C", "B", "A"), [Reference("B", "B", -1), Reference("A", "A", 1)], "."
    )
    assert schema.formatted("resolved").count('"record"') == 3
    assert "'A'" in refused(world.reading, holder("C", "A"))


def test_a_reference_to_nothing_is_named(world: World) -> None:
    """If this failed, nobody would know which of a schema's references is wrong."""
    world.register("A", holder("A"))
    for reference in (Reference("A", "A", 2), Reference("A", "none", -1)):
        said = refused(world.reading, INT, reference)
        assert f"version {reference.version} of subject {reference.subject!r}" in said


def test_references_in_a_circle_are_refused(world: World) -> None:
    """If this failed, a topic that somebody else wrote could hold a registry up for ever."""
    for name, other in (("A", "B"), ("B", "A")):
        key = {"keytype": "SCHEMA", "subject": name, "version": 1, "magic": 1}
        row = {"subject": name, "version": 1, "id": 1, "schema": holder(name)}
        world.apply([(key, {**row, "references": [to(other)]})])
    assert "A 1 → B 1 → A 1" in refused(world.reading, INT, Reference("A", "A", 1))


def test_references_are_so_many_at_most(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """If this failed, one schema could take the registry's time from all others."""
    monkeypatch.setattr(languages, "REFERENCES_MAX", 20)
    found = []
    for number in range(21):
        world.register(f"R{number}", holder(f"R{number}"))
        found.append(Reference(f"R{number}", f"R{number}", 1))
    assert world.reading.read("AVRO", INT, found[:20], ".")
    assert "more than 20 references" in refused(world.reading, INT, *found)


def test_what_was_read_is_kept_and_the_oldest_forgotten(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """If this failed, each request would read its schema anew, or memory would fill with them."""

    def read(text: str) -> Any:
        return world.reading.read("AVRO", text, (), ".")

    monkeypatch.setattr(languages, "KEPT_MAX", 2)
    first, second = read(INT), read('"long"')
    assert read(INT) is first
    read('"string"')  # and what was asked for longest ago goes
    assert read(INT) is first
    assert read('"long"') is not second
    monkeypatch.setattr(languages, "KEPT_CHARACTERS_MAX", 10)
    assert read('"double"') is not read('"boolean"')
    assert read('"boolean"') is read('"boolean"')
    assert read(INT) is not first


def test_one_text_with_other_references_is_another_schema(world: World) -> None:
    """If this failed, a schema would be checked against what another one refers to."""
    world.register("old", holder("A", "int"))
    world.register("new", holder("A", "long"))
    old, new = (
        world.reading.read("AVRO", holder("C", "A"), [Reference("A", subject, 1)], ".")
        for subject in ("old", "new")
    )
    assert old.unreadable(new)
    assert not new.unreadable(old)


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (InvalidSchema("no"), "this is no AVRO schema: no"),
        (
            InvalidSchema("no", line=2, column=3, path="/a", hint="do"),
            "this is no AVRO schema at /a (line 2, column 3): no; do",
        ),
        (
            InvalidSchema("no at line 2, column 3", line=2, column=3),
            "this is no AVRO schema: no at line 2, column 3",
        ),
    ],
)
def test_an_error_tells_its_place_once(error: InvalidSchema, said: str) -> None:
    """If this failed, a fault in a long schema would be told without its place, or with two."""
    assert told("AVRO", error) == said


def test_a_name_stands_for_one_schema(world: World) -> None:
    """If this failed, one of two schemas would be left out, and nobody be told."""
    world.register("one", fixed("T"))
    world.register("other", fixed("U"))
    with pytest.raises(Refusal, match="two references are named 'T': one to one 1, one to other 1"):
        world.register("s", '"T"', references=[to("T", subject="one"), to("T", subject="other")])
    world.register("s", '"T"', references=[to("T", subject="one"), to("T", subject=":.:one")])
    assert world.state.latest("s") is not None


def test_two_schemas_may_each_have_the_name(world: World) -> None:
    """If this failed, a schema would be refused for what those that it refers to are free to do."""
    world.register("t", fixed("T"))
    for name in ("A", "B"):
        text = record("x=", name=name).replace('"int","default":0', '"T"')
        world.register(name, text, references=[to("T", subject="t")])
    world.register("s", '["A","B"]', references=[to("A"), to("B"), to("T", subject="t")])
    assert world.state.latest("s") is not None


def test_a_chain_that_is_too_long_is_told_as_one(world: World) -> None:
    """If this failed, who has a hundred and one references in a row would be told of a thousand."""
    world.register("s0", fixed("T0"))
    for number in range(1, DEPTH_MAX + 1):
        text = record("x=", name=f"T{number}").replace('"int","default":0', f'"T{number - 1}"')
        before = f"s{number - 1}"
        world.register(f"s{number}", text, references=[to(f"T{number - 1}", subject=before)])
    with pytest.raises(Refusal, match=f"more than {DEPTH_MAX} references lead from one") as refused:
        world.register("last", f'"T{DEPTH_MAX}"', references=[to("T", subject=f"s{DEPTH_MAX}")])
    assert refused.value.code == 42201
