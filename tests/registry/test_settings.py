"""Which settings count for whom, and what may be set."""

from __future__ import annotations

from typing import Any

import pytest

from ottla.registry.settings import (
    LEVELS,
    config_of,
    config_told,
    mode_of,
    mode_told,
    own_scope,
    scopes,
)
from ottla.registry.stored import subject_key
from ottla.registry.subjects import GLOBAL
from ottla.web.operation import Refusal
from registry.world import World


def configured(**levels: Any) -> World:
    """A registry where levels were set."""
    world = World()
    names = {"top": None, "every": GLOBAL, "context": ":.x:", "own": "a", "inner": ":.x:a"}
    for name, level in levels.items():
        key = subject_key("CONFIG", names[name])
        world.apply([(key, {"compatibilityLevel": level})])
    return world


@pytest.mark.parametrize(
    ("subject", "expected"),
    [
        (None, [None, GLOBAL]),
        ("", [None, GLOBAL]),
        ("a", ["a", None, GLOBAL]),
        (":.:a", ["a", None, GLOBAL]),
        (":.x:", [":.x:", GLOBAL]),
        (":.x:a", [":.x:a", ":.x:", GLOBAL]),
        (GLOBAL, [GLOBAL]),
    ],
)
def test_the_nearest_setting_counts(subject: str | None, expected: list[str | None]) -> None:
    """A level that was set for all would go before one that was set for a subject."""
    assert scopes(subject) == expected
    assert own_scope(subject) == expected[0]


def test_a_level_is_taken_from_the_nearest_that_has_a_config() -> None:
    """Schemas would be compared by another level than the one that was set."""
    assert config_of(configured().state, "a") == {"compatibilityLevel": "BACKWARD"}
    world = configured(every="FULL", top="NONE", context="FORWARD", own="BACKWARD_TRANSITIVE")
    for subject, level in (
        ("a", "BACKWARD_TRANSITIVE"),
        ("b", "NONE"),
        (None, "NONE"),
        (":.x:a", "FORWARD"),
        (":.y:a", "FULL"),
        (GLOBAL, "FULL"),
    ):
        assert config_of(world.state, subject)["compatibilityLevel"] == level


def test_a_config_counts_as_a_whole() -> None:
    """A subject's config would be mixed with that of its context, and nobody know which counts."""
    world = World()
    world.apply([(subject_key("CONFIG", None), {"compatibilityLevel": "FULL", "normalize": True})])
    world.apply([(subject_key("CONFIG", "a"), {"alias": "b"})])
    assert config_of(world.state, "a") == {"compatibilityLevel": "BACKWARD", "alias": "b"}


def test_a_level_that_nobody_knows_is_the_default() -> None:
    """A level of a later registry would let everything pass."""
    assert config_of(configured(own="SIDEWAYS").state, "a")["compatibilityLevel"] == "BACKWARD"


def test_modes_count_in_the_same_way_but_for_an_override() -> None:
    """A registry that is read only as a whole would change in one of its subjects."""
    world = World()
    assert mode_of(world.state, "a") == "READWRITE"
    for scope, mode in ((None, "READONLY"), ("a", "IMPORT"), (":.x:", "READONLY")):
        world.apply([(subject_key("MODE", scope), {"mode": mode})])
    assert mode_of(world.state, "a") == "IMPORT"
    assert mode_of(world.state, "b") == "READONLY"
    assert mode_of(world.state, ":.x:a") == "READONLY"
    assert mode_of(world.state, ":.y:a") == "READWRITE"
    world.apply([(subject_key("MODE", GLOBAL), {"mode": "READONLY_OVERRIDE"})])
    for subject in (None, "a", "b", ":.x:a", ":.y:a"):
        assert mode_of(world.state, subject) == "READONLY_OVERRIDE"


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("name", ["compatibility", "compatibilityLevel"])
def test_each_level_can_be_set(name: str, level: str) -> None:
    """A level would be refused, or kept under a name that nobody reads."""
    assert config_told({name: level.lower()}, None) == {"compatibilityLevel": level}


def test_what_a_change_does_not_tell_stays() -> None:
    """Setting one field would take back the others."""
    before = {"normalize": True, "compatibilityLevel": "FULL", "alias": "a"}
    changed = config_told({"compatibilityGroup": "major", "alias": None}, before)
    assert changed == {
        "normalize": True,
        "compatibilityLevel": "FULL",
        "compatibilityGroup": "major",
    }
    assert list(changed) == ["normalize", "compatibilityLevel", "compatibilityGroup"]
    assert before == {"normalize": True, "compatibilityLevel": "FULL", "alias": "a"}
    assert config_told({"normalize": False, "alias": ""}, before)["normalize"] is False


@pytest.mark.parametrize("name", ["alias", "aliasForDeks"])
@pytest.mark.parametrize(
    ("told", "kept"), [("orders", "orders"), (":.:orders", "orders"), (":.x:orders", ":.x:orders")]
)
def test_an_alias_is_kept_as_the_subject_that_it_means(name: str, told: str, kept: str) -> None:
    """An alias would name a subject in words that no look-up understands, and mean nothing."""
    assert config_told({name: told}, None) == {name: kept}


@pytest.mark.parametrize(
    ("told", "code"),
    [
        (None, 42203),
        ([], 42203),
        ({"compatibility": "SIDEWAYS"}, 42203),
        ({"compatibility": 5}, 42203),
        ({"compatibility": ["FULL"]}, 42203),
        ({"compatibilityPolicy": "KIND"}, 42203),
        ({"level": "FULL"}, 42203),
        ({"normalize": "true"}, 42203),
        ({"normalize": 1}, 42203),
        ({"alias": 5}, 42203),
        ({"alias": ":*:x"}, 42208),
        ({"alias": ":.:"}, 42208),
        ({"alias": ":.x:"}, 42208),
        ({"alias": "a\nb"}, 42208),
        ({"aliasForDeks": ":*:x"}, 42208),
        ({"validateRules": False}, 42203),
        ({"validateNewSchemas": False}, 42203),
        ({"defaultMetadata": 5}, 42201),
        ({"overrideMetadata": {"tags": []}}, 42201),
        ({"defaultRuleSet": {"domainRules": [{}]}}, 42210),
    ],
)
def test_a_config_that_can_not_be(told: Any, code: int) -> None:
    """A setting would be kept that has no effect, or another than it says."""
    with pytest.raises(Refusal) as refused:
        config_told(told, None)
    assert refused.value.code == code


@pytest.mark.parametrize("mode", ["READWRITE", "READONLY", "READONLY_OVERRIDE", "import"])
def test_each_mode_can_be_set(mode: str) -> None:
    """A mode would be refused, or kept as nobody reads it."""
    assert mode_told({"mode": mode}) == mode.upper()


@pytest.mark.parametrize(
    "told",
    [None, [], {}, {"mode": 5}, {"mode": "WRITE"}, {"mode": "FORWARD"}, {"mode": "IMPORT", "x": 1}],
)
def test_a_mode_that_can_not_be(told: Any) -> None:
    """A mode would be kept that has no effect."""
    with pytest.raises(Refusal) as refused:
        mode_told(told)
    assert refused.value.code == 42204
