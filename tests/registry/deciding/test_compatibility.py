"""The seven levels: which versions a schema is compared with, and in which direction."""

from __future__ import annotations

from typing import Any

import pytest

from ottla.registry.deciding import compatibility
from ottla.registry.deciding.checking import check
from ottla.registry.deciding.setting import set_config
from ottla.schemas.avro import AvroSchema
from ottla.schemas.language import UNDECIDED, Difference, Schema
from ottla.web.operation import Refusal
from registry.world import World, record

# What is new against the versions x; x,y= (a field with a default): by what it is.
ADDS = record("x", "y=", "w")
"""Can't read what was written before: w has no default."""
DROPS = record("y=")
"""Those before can't read what it writes: x has no default."""
BOTH = record("y=", "w")
NEITHER = record("x", "y=", "w=")
AS_FIRST = record("w", "x")
"""Compatible with nothing backward."""


def world_of(level: str, **told: Any) -> World:
    """A subject with two versions, and a level."""
    world = World()
    world.do(set_config(world.state, "a", {"compatibility": "NONE"}))
    world.register("a", record("x"))
    world.register("a", record("x", "y="))
    world.do(set_config(world.state, "a", {"compatibility": level, **told}))
    return world


def reasons(world: World, text: str, asked: str | None = None, **told: Any) -> list[str]:
    """Why a schema may not come."""
    return check(world.state, world.reading, "a", asked, {"schema": text, **told})


@pytest.mark.parametrize(
    ("level", "adds", "drops"),
    [
        ("NONE", True, True),
        ("BACKWARD", False, True),
        ("BACKWARD_TRANSITIVE", False, True),
        ("FORWARD", True, False),
        ("FORWARD_TRANSITIVE", True, False),
        ("FULL", False, False),
        ("FULL_TRANSITIVE", False, False),
    ],
)
def test_each_level_looks_in_its_direction(level: str, adds: bool, drops: bool) -> None:
    """A consumer of old data would break, or one that was not updated yet."""
    world = world_of(level)
    assert (not reasons(world, ADDS)) is adds
    assert (not reasons(world, DROPS)) is drops
    assert (not reasons(world, BOTH)) is (adds and drops)
    assert not reasons(world, NEITHER)


@pytest.mark.parametrize("level", ["BACKWARD", "FORWARD", "FULL"])
def test_transitive_levels_look_at_all_versions(level: str) -> None:
    """A consumer of the oldest data would break, with a level that promised otherwise."""
    first = record("z")
    for transitive in (False, True):
        world = World()
        world.do(set_config(world.state, "a", {"compatibility": "NONE"}))
        world.register("a", first)
        world.register("a", record("x"))
        told = f"{level}_TRANSITIVE" if transitive else level
        world.do(set_config(world.state, "a", {"compatibility": told}))
        found = reasons(world, record("x", "y="))
        assert bool(found) is transitive
        assert all("version 1" in reason for reason in found)


def test_the_last_version_is_told_of_first() -> None:
    """Who reads the first reason would mend what is long past."""
    world = world_of("BACKWARD_TRANSITIVE")
    found = reasons(world, ADDS)
    assert "version 2" in found[0]
    assert "version 1" in found[-1]
    assert all("/fields" in reason for reason in found)


def test_a_schema_is_compared_with_the_one_that_is_named() -> None:
    """Who asks about one version would be answered about others."""
    world = world_of("BACKWARD")
    only_first = record("x", "v=")
    assert not reasons(world, only_first, "1")
    assert not reasons(world, only_first, "latest")
    world.do(set_config(world.state, "a", {"compatibility": "FORWARD"}))
    assert reasons(world, DROPS, "1")
    with pytest.raises(Refusal) as refused:
        reasons(world, NEITHER, "9")
    assert refused.value.code == 40402


def test_nothing_to_compare_with_is_compatible() -> None:
    """The first schema of a subject could not be registered."""
    world = World()
    assert check(world.state, world.reading, "none", None, {"schema": '"int"'}) == []
    with pytest.raises(Refusal) as refused:
        check(world.state, world.reading, "none", "latest", {"schema": '"int"'})
    assert refused.value.code == 40401


def test_a_group_is_compared_with_itself() -> None:
    """A new major version could not break with the one before, which is what it is for."""
    world = World()
    world.do(set_config(world.state, "a", {"compatibilityGroup": "major"}))

    def major(number: str) -> dict[str, Any]:
        return {"metadata": {"properties": {"major": number}}}

    world.register("a", record("x"), **major("1"))
    world.register("a", '"string"', **major("2"))
    world.register("a", record("x", "y="), **major("1"))
    assert not reasons(world, '"string"', **major("2"))
    assert reasons(world, '"int"', **major("2"))
    assert not reasons(world, '"int"', **major("3"))
    assert not reasons(world, record("q"))


def test_another_language_is_never_compatible() -> None:
    """A consumer of Avro would meet JSON."""
    world = world_of("BACKWARD")
    (reason,) = reasons(world, '{"type":"object"}', schemaType="JSON")
    assert "AVRO" in reason
    assert "JSON" in reason


def test_a_version_that_nobody_can_read_is_a_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    """A schema that another registry took would let everything come after it."""
    world = world_of("BACKWARD")
    (key, value) = (b'{"keytype":"SCHEMA","subject":"a","version":3,"magic":1}', None)
    value = b'{"subject":"a","version":3,"id":9,"schema":"no schema","deleted":false}'
    assert world.state.apply(key, value, 0)
    (reason,) = reasons(world, NEITHER)
    assert "version 3" in reason


def test_reasons_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """A schema of a megabyte would be answered with more than it was."""
    monkeypatch.setattr(compatibility, "REASONS_MAX", 2)
    world = world_of("BACKWARD")
    found = reasons(world, record("a", "b", "c", "d"))
    assert len(found) == 3
    assert "more" in found[-1]


def test_what_is_too_much_for_one_version_is_not_tried_on_the_others(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """If this failed, one registration could compare for seconds with each of a hundred versions,
    and nobody else could write meanwhile.
    """
    world = world_of("BACKWARD_TRANSITIVE")
    asked: list[object] = []

    def undecided(self: AvroSchema, writer: Schema, *, lenient: bool = False) -> list[Difference]:
        asked.append(writer)
        return [Difference(UNDECIDED, "", "too much to compare")]

    monkeypatch.setattr(AvroSchema, "unreadable", undecided)
    assert [reason.split()[0] for reason in reasons(world, BOTH)] == [UNDECIDED]
    assert len(asked) == 1
