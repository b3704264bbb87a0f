"""Configs and modes as requests set them and take them back."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from ottla.registry.deciding import setting
from ottla.registry.subjects import GLOBAL
from ottla.web.operation import Refusal
from registry.world import World


@pytest.fixture
def world() -> World:
    """A registry with nothing in it."""
    return World()


def code(call: Callable[[], Any]) -> int:
    """The code of the refusal that a call ends in."""
    with pytest.raises(Refusal) as refused:
        call()
    return refused.value.code


def config(world: World, subject: str | None, **told: Any) -> Any:
    """Set a config."""
    return world.do(setting.set_config(world.state, subject, told))


def mode(world: World, subject: str | None, told: str, *, force: bool = False) -> Any:
    """Set a mode."""
    return world.do(setting.set_mode(world.state, subject, {"mode": told}, force=force))


@pytest.mark.parametrize(
    ("subject", "key", "value"),
    [
        (
            None,
            b'{"keytype":"CONFIG","magic":0}',
            b'{"compatibilityLevel":"FULL"}',
        ),
        (
            "a",
            b'{"keytype":"CONFIG","subject":"a","magic":0}',
            b'{"subject":"a","compatibilityLevel":"FULL"}',
        ),
        (
            ":.:a",
            b'{"keytype":"CONFIG","subject":"a","magic":0}',
            b'{"subject":"a","compatibilityLevel":"FULL"}',
        ),
        (
            ":.x:",
            b'{"keytype":"CONFIG","subject":":.x:","magic":0}',
            b'{"subject":":.x:","compatibilityLevel":"FULL"}',
        ),
        (
            GLOBAL,
            b'{"keytype":"CONFIG","subject":":.__GLOBAL:","magic":0}',
            b'{"subject":":.__GLOBAL:","compatibilityLevel":"FULL"}',
        ),
    ],
)
def test_a_config_is_kept_where_it_counts(
    world: World, subject: str | None, key: bytes, value: bytes
) -> None:
    """A level would be kept where neither we nor another registry looks for it."""
    assert config(world, subject, compatibility="FULL") == {"compatibility": "FULL"}
    assert world.log == [(key, value)]
    found = setting.get_config(world.state, subject, default_to_global=False)
    assert found == {"compatibilityLevel": "FULL"}


def test_what_was_not_set_is_not_there_unless_it_is_asked_what_counts(world: World) -> None:
    """Who asks for a subject's own config would get that of all, or the other way round."""

    def own() -> Any:
        return setting.get_config(world.state, "a", default_to_global=False)

    assert code(own) == 40408
    assert setting.get_config(world.state, None, default_to_global=False) == {
        "compatibilityLevel": "BACKWARD"
    }
    config(world, None, compatibility="NONE")
    assert code(own) == 40408
    assert setting.get_config(world.state, "a", default_to_global=True) == {
        "compatibilityLevel": "NONE"
    }
    assert code(lambda: setting.get_mode(world.state, "a", default_to_global=False)) == 40409
    assert setting.get_mode(world.state, "a", default_to_global=True) == {"mode": "READWRITE"}
    assert setting.get_mode(world.state, None, default_to_global=False) == {"mode": "READWRITE"}


def test_a_config_is_taken_back(world: World) -> None:
    """What was taken back would count still."""
    config(world, "a", compatibility="FULL", normalize=True)
    answer = world.do(setting.delete_config(world.state, "a"))
    assert answer == {"normalize": True, "compatibilityLevel": "FULL"}
    assert world.log[-1] == (b'{"keytype":"CONFIG","subject":"a","magic":0}', None)
    assert code(lambda: setting.delete_config(world.state, "a")) == 40408
    assert world.do(setting.delete_config(world.state, None)) == {"compatibilityLevel": "BACKWARD"}


def test_a_registry_that_is_read_only_keeps_its_configs_and_can_be_let_go(world: World) -> None:
    """A mode could not be taken back, or be no hindrance."""
    config(world, "a", compatibility="FULL")
    mode(world, None, "READONLY")
    assert code(lambda: config(world, "a", compatibility="NONE")) == 42205
    assert code(lambda: setting.delete_config(world.state, "a")) == 42205
    mode(world, "a", "READWRITE")
    config(world, "a", compatibility="NONE")
    mode(world, None, "READONLY_OVERRIDE")
    assert code(lambda: config(world, "a", compatibility="FULL")) == 42205
    assert setting.get_mode(world.state, "a", default_to_global=False) == {"mode": "READWRITE"}
    assert setting.get_mode(world.state, "a", default_to_global=True) == {
        "mode": "READONLY_OVERRIDE"
    }
    mode(world, None, "READWRITE")
    config(world, "a", compatibility="FULL")


def test_import_is_for_where_nothing_is(world: World) -> None:
    """Ids of schemas that are there could be given to others by one wrong request."""
    world.register("a", '"int"')
    for scope in (None, "a", GLOBAL):
        assert code(lambda scope=scope: mode(world, scope, "IMPORT")) == 42205  # type: ignore[misc]
    for scope in ("b", ":.x:", ":.x:a"):
        mode(world, scope, "IMPORT")
    mode(world, "a", "IMPORT", force=True)
    mode(world, "a", "IMPORT")


def test_modes_are_taken_back_with_what_is_within(world: World) -> None:
    """A subject of a context would keep a mode that was taken back for all of it."""
    for scope in (None, "a", ":.x:", ":.x:a", ":.x:b"):
        mode(world, scope, "READONLY")
    world.do(setting.delete_mode(world.state, ":.x:", recursive=True))
    assert set(world.state.modes()) == {None, "a"}
    assert world.do(setting.delete_mode(world.state, "a", recursive=False)) == {"mode": "READONLY"}
    assert code(lambda: setting.delete_mode(world.state, "a", recursive=False)) == 40409
    mode(world, "a", "READONLY")
    world.do(setting.delete_mode(world.state, None, recursive=True))
    assert world.state.modes() == {}
    mode(world, ":.x:a", "READONLY")
    mode(world, GLOBAL, "READONLY")
    world.do(setting.delete_mode(world.state, GLOBAL, recursive=True))
    assert world.state.modes() == {}


@pytest.mark.parametrize("subject", [":*:", ":*:a", "a\n", "__EMPTY"])
def test_settings_for_what_is_no_subject(world: World, subject: str) -> None:
    """A setting would be kept that counts for nobody."""
    assert code(lambda: config(world, subject, compatibility="FULL")) == 42208
    assert code(lambda: mode(world, subject, "READONLY")) == 42208
