"""A request's schema, read: what it is, and which version it is already."""

from __future__ import annotations

from typing import Any

import pytest

from ottla.registry.deciding.proposal import Proposal, proposed, taggings_of
from ottla.schemas.language import Tagging
from ottla.web.operation import Refusal
from registry.world import World, record

ENTITY = {"entityPath": "R", "entityType": "sr_record"}


@pytest.fixture
def world() -> World:
    """A registry with nothing in it."""
    return World()


def told(world: World, text: str, *, normalize: bool = False, **more: Any) -> Proposal:
    """What a request proposes."""
    body = {"schema": text, **more}
    return proposed(world.state, world.reading, "s", body, normalize=normalize)


def refused(world: World, body: Any) -> int:
    """The code of the refusal."""
    with pytest.raises(Refusal) as caught:
        proposed(world.state, world.reading, "s", body)
    return caught.value.code


def test_a_body_is_read_with_its_defaults(world: World) -> None:
    """If this failed, what a client did not tell would count as told."""
    found = told(world, '{"type": "int"}')
    assert (found.schema_type, found.text, found.references) == ("AVRO", '"int"', ())
    assert (found.id, found.version) == (-1, -1)
    assert (found.metadata, found.rule_set, found.propagates_tags) == (None, None, False)
    again = told(world, '"int"', id=7, version=2, guid="g", subject="other", ts=1)
    assert (again.id, again.version, again.hash) == (7, 2, found.hash)


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ([], 42201),
        ({}, 42201),
        ({"schema": " "}, 42201),
        ({"schema": {"type": "int"}}, 42201),
        ({"schema": '"int"', "schemaType": 1}, 42201),
        ({"schema": '"int"', "schemaType": "avro"}, 42201),
        ({"schema": '"int"', "shcemaType": "AVRO"}, 42201),
        ({"schema": '"int"', "id": "1"}, 42201),
        ({"schema": '"int"', "id": True}, 42201),
        ({"schema": '"int"', "id": 1 << 31}, 42201),
        ({"schema": '"int"', "version": -2}, 42202),
        ({"schema": '"int"', "references": [{"name": "a"}]}, 42201),
        ({"schema": '"int"', "schemaTagsToAdd": [{"schemaEntity": ENTITY, "tags": ["T"]}]}, 42201),
    ],
)
def test_what_is_wrong_is_refused(world: World, body: Any, code: int) -> None:
    """If this failed, a slip in a request would be passed over, or be a fault of the registry."""
    assert refused(world, body) == code


def test_references_get_their_versions(world: World) -> None:
    """If this failed, a schema would change whenever what it refers to gets a next version."""
    world.register("r", record("a"))
    world.register("r", record("a", "b="))
    for version, meant in ((-1, 2), (1, 1)):
        found = told(world, '"int"', references=[{"name": "R", "subject": "r", "version": version}])
        assert [each.version for each in found.references] == [meant]


def test_tags_are_put_into_the_text(world: World) -> None:
    """If this failed, tags that come along with a schema would be lost."""
    found = told(world, record("a"), schemaTagsToAdd=[{"schemaEntity": ENTITY, "tags": ["T"]}])
    assert list(found.schema.tags()) == [Tagging("sr_record", "R", ("T",))]
    assert "confluent:tags" in found.text


@pytest.mark.parametrize(
    "rows",
    [
        {},
        [1],
        [{"tags": ["T"]}],
        [{"schemaEntity": {**ENTITY, "entityType": "sr_table"}, "tags": ["T"]}],
        [{"schemaEntity": {**ENTITY, "entityPath": ""}, "tags": ["T"]}],
        [{"schemaEntity": ENTITY}],
        [{"schemaEntity": ENTITY, "tags": "T"}],
        [{"schemaEntity": ENTITY, "tags": [""]}],
    ],
)
def test_tags_that_are_told_wrong_are_refused(rows: Any) -> None:
    """If this failed, a tag would vanish without a word, or be a fault of the registry."""
    assert taggings_of(None, "tags") == []
    with pytest.raises(Refusal) as caught:
        taggings_of(rows, "tags")
    assert caught.value.code == 42201


def test_the_last_version_that_is_the_same_is_found(world: World) -> None:
    """If this failed, a schema that is registered would get another version, or be not found."""
    spelled = '{"type":"record","name":"R","y":1,"x":2,"fields":[]}'
    for text in (record("a="), spelled, record("a=", "b=")):
        world.register("s", text)
    versions = world.state.versions("s")

    def found(proposal: Proposal) -> int | None:
        version = proposal.found_in(versions, world.reading)
        return None if version is None else version.version

    assert found(told(world, record("a="))) == 1
    assert found(told(world, record("c"))) is None
    other = '{"type":"record","name":"R","x":2,"y":1,"fields":[]}'
    assert found(told(world, other)) is None
    assert found(told(world, other, normalize=True)) == 2
    assert found(told(world, record("a="), metadata={"properties": {"k": "v"}})) is None
