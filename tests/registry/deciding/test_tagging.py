"""A version registered anew with other tags, metadata or rules."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from ottla.registry.deciding.tagging import tag
from ottla.web.operation import Refusal
from registry.world import World, record

ENTITY = {"entityType": "sr_field", "entityPath": "R.x"}
RULE = {"name": "r", "type": "CEL"}


@pytest.fixture
def world() -> World:
    """A registry with one schema that has metadata and a rule."""
    world = World()
    world.register(
        "a",
        record("x"),
        metadata={"properties": {"p": "1"}},
        ruleSet={"domainRules": [RULE], "enableAt": "ALL"},
    )
    return world


def code(call: Callable[[], Any]) -> int:
    """The code of the refusal that a call ends in."""
    with pytest.raises(Refusal) as refused:
        call()
    return refused.value.code


def change(world: World, asked: str = "latest", subject: str = "a", **told: Any) -> Any:
    """Change a version."""
    return world.do(tag(world.state, world.reading, subject, asked, told))


def names(answer: Any) -> list[str]:
    """The names of the domain rules that were answered."""
    return [rule["name"] for rule in answer.get("ruleSet", {}).get("domainRules", [])]


def test_tags_are_put_and_taken_and_all_else_stays(world: World) -> None:
    """Marking a field as private would lose the contract around it."""
    answer = change(world, tagsToAdd=[{"schemaEntity": ENTITY, "tags": ["PII"]}])
    assert answer["version"] == 2
    assert answer["metadata"] == {"properties": {"p": "1"}}
    assert names(answer) == ["r"]
    found = world.state.latest("a")
    assert found is not None
    assert "PII" in found.text
    again = change(world, tagsToRemove=[{"schemaEntity": ENTITY, "tags": ["PII"]}])
    assert again["version"] == 1  # without the tag it is the schema that it was
    assert change(world)["version"] == 2


def test_metadata_and_rules_replace_merge_and_go(world: World) -> None:
    """A rule would stay that was taken away, or go that was only joined by another."""
    assert change(world, metadata={"properties": {"q": "2"}})["metadata"] == {
        "properties": {"q": "2"}
    }
    merged = change(world, rulesToMerge={"domainRules": [{**RULE, "name": "s"}]})
    assert names(merged) == ["r", "s"]
    assert merged["ruleSet"]["enableAt"] == "ALL"
    assert names(change(world, rulesToRemove=["r"])) == ["s"]
    assert names(change(world, ruleSet={"domainRules": [{**RULE, "name": "t"}]})) == ["t"]
    gone = change(world, rulesToRemove=["t", "none"])
    assert names(gone) == []


def test_the_version_that_it_becomes_can_be_named(world: World) -> None:
    """Two clients that change one version would overwrite each other unseen."""
    told = {"metadata": {"properties": {"q": "2"}}}
    assert code(lambda: change(world, newVersion=9, **told)) == 42202
    assert change(world, newVersion=2, **told)["version"] == 2


@pytest.mark.parametrize(
    ("told", "expected"),
    [
        ({"newVersion": "2"}, 42202),
        ({"newVersion": 0}, 42202),
        ({"tags": []}, 42201),
        ({"tagsToAdd": {}}, 42201),
        ({"tagsToAdd": [{"tags": ["PII"]}]}, 42201),
        ({"tagsToAdd": [{"schemaEntity": ENTITY, "tags": [""]}]}, 42201),
        ({"tagsToAdd": [{"schemaEntity": ENTITY, "tags": "PII"}]}, 42201),
        (
            {"tagsToAdd": [{"schemaEntity": {**ENTITY, "entityPath": "R.none"}, "tags": ["PII"]}]},
            42201,
        ),
        (
            {"tagsToAdd": [{"schemaEntity": {**ENTITY, "entityType": "sr_table"}, "tags": []}]},
            42201,
        ),
        ({"metadata": 5}, 42201),
        ({"ruleSet": 5}, 42210),
        ({"rulesToMerge": {"domainRules": [{}]}}, 42210),
        ({"rulesToRemove": "r"}, 42201),
        ({"rulesToRemove": [["r"]]}, 42201),
    ],
)
def test_what_can_not_be_changed(world: World, told: Any, expected: int) -> None:
    """A change that means nothing would make a version, or break the service."""
    assert code(lambda: change(world, **told)) == expected


def test_what_is_not_there_can_not_be_tagged(world: World) -> None:
    """A tag would be put on another schema."""
    assert code(lambda: change(world, "9")) == 40402
    assert code(lambda: change(world, subject="none")) == 40401
    assert code(lambda: tag(world.state, world.reading, "a", "1", [])) == 42201  # type: ignore[arg-type]
