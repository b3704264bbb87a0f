"""Subjects, versions and contexts deleted: softly, then for good."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from ottla.registry.deciding import deleting
from ottla.registry.deciding.setting import set_config, set_mode
from ottla.web.operation import Refusal
from registry.world import World, record


@pytest.fixture
def world() -> World:
    """A registry with three versions of one subject."""
    world = World()
    for fields in (("x",), ("x", "y="), ("x", "y=", "z=")):
        world.register("a", record(*fields))
    return world


def code(call: Callable[[], Any]) -> int:
    """The code of the refusal that a call ends in."""
    with pytest.raises(Refusal) as refused:
        call()
    return refused.value.code


def delete(world: World, subject: str, asked: str | None = None, *, permanent: bool = False) -> Any:
    """Delete a version, or all of a subject."""
    if asked is None:
        decision = deleting.delete_subject(world.state, subject, permanent=permanent)
    else:
        decision = deleting.delete_version(world.state, subject, asked, permanent=permanent)
    return world.do(decision)


def numbers(world: World, subject: str, *, deleted: bool = False) -> list[int]:
    """The versions of a subject, by number."""
    return [each.version for each in world.state.versions(subject, deleted=deleted)]


def test_a_subject_goes_softly_with_one_record(world: World) -> None:
    """Another registry would see a part of the deletion only."""
    before = len(world.log)
    assert delete(world, "a") == [1, 2, 3]
    assert world.log[before:] == [
        (
            b'{"keytype":"DELETE_SUBJECT","subject":"a","magic":0}',
            b'{"subject":"a","version":3}',
        )
    ]
    assert (numbers(world, "a"), numbers(world, "a", deleted=True)) == ([], [1, 2, 3])
    assert code(lambda: delete(world, "a")) == 40404


def test_a_subject_goes_for_good_after_that(world: World) -> None:
    """One wrong word would lose all schemas of a topic."""
    assert code(lambda: delete(world, "a", permanent=True)) == 40405
    delete(world, "a")
    assert delete(world, "a", permanent=True) == [1, 2, 3]
    assert world.log[-1] == (b'{"keytype":"DELETE_SUBJECT","subject":"a","magic":0}', None)
    assert world.state.subjects() == []
    assert code(lambda: delete(world, "a", permanent=True)) == 40401
    assert world.again().state.subjects() == []


def test_a_subject_takes_its_settings_with_it(world: World) -> None:
    """A subject that is made anew would have the level of the one before."""
    world.do(set_config(world.state, "a", {"compatibility": "NONE"}))
    world.do(set_mode(world.state, "a", {"mode": "READWRITE"}, force=False))
    delete(world, "a")
    assert (world.state.config("a"), world.state.mode("a")) == (None, None)


def test_a_version_goes_softly_then_for_good(world: World) -> None:
    """A version could be lost at one word, or never go."""
    assert code(lambda: delete(world, "a", "2", permanent=True)) == 40407
    assert delete(world, "a", "2") == 2
    assert code(lambda: delete(world, "a", "2")) == 40406
    assert numbers(world, "a") == [1, 3]
    assert delete(world, "a", "2", permanent=True) == 2
    assert numbers(world, "a", deleted=True) == [1, 3]
    assert code(lambda: delete(world, "a", "2")) == 40402
    assert delete(world, "a", "latest") == 3
    assert delete(world, "a", "-1") == 1
    assert code(lambda: delete(world, "a", "latest")) == 40402


def test_the_last_version_that_goes_leaves_no_trap(world: World) -> None:
    """A subject that is made anew would be deleted by a record of the one before."""
    delete(world, "a")
    for asked in ("1", "2", "3"):
        delete(world, "a", asked, permanent=True)
    assert world.log[-1] == (b'{"keytype":"DELETE_SUBJECT","subject":"a","magic":0}', None)
    world.register("a", record("x"))
    compacted = World()
    last = {key: at for at, (key, _) in enumerate(world.log)}
    for at, (key, value) in enumerate(world.log):
        if last[key] == at:
            compacted.state.apply(key, value, 0)
    assert numbers(compacted, "a") == [1]


@pytest.mark.parametrize("asked", ["0", "x", "", "1.0", "٣", str(1 << 31), "9" * 5000, "-2"])
def test_what_is_no_version(world: World, asked: str) -> None:
    """Another version would be deleted than was meant."""
    assert code(lambda: delete(world, "a", asked)) == 42202


def test_what_is_not_there(world: World) -> None:
    """A client would take what never was for deleted."""
    assert code(lambda: delete(world, "none")) == 40401
    assert code(lambda: delete(world, "none", "1")) == 40401
    assert code(lambda: delete(world, "a", "9")) == 40402


def test_what_others_refer_to_stays(world: World) -> None:
    """A schema would lose a part, and its records could not be read."""
    world.register("r", record("x", name="Part"))
    outer = '{"type":"record","name":"O","fields":[{"name":"r","type":"Part"}]}'
    world.register("o", outer, references=[{"name": "Part", "subject": "r", "version": 1}])
    assert code(lambda: delete(world, "r")) == 42206
    assert code(lambda: delete(world, "r", "1")) == 42206
    delete(world, "o")
    delete(world, "r")
    assert code(lambda: delete(world, "r", permanent=True)) == 42206
    assert code(lambda: delete(world, "r", "1", permanent=True)) == 42206
    delete(world, "o", permanent=True)
    delete(world, "r", permanent=True)


@pytest.mark.parametrize("mode", ["READONLY", "READONLY_OVERRIDE"])
def test_a_registry_that_is_read_only_loses_nothing(world: World, mode: str) -> None:
    """A registry that was switched over would go on changing."""
    world.do(set_mode(world.state, None, {"mode": mode}, force=False))
    assert code(lambda: delete(world, "a")) == 42205
    assert code(lambda: delete(world, "a", "1")) == 42205


def test_a_context_goes_when_nothing_is_left_in_it(world: World) -> None:
    """A context could be deleted with its schemas, or be listed for ever."""
    world.register(":.x:a", '"int"')
    world.do(set_config(world.state, ":.x:", {"compatibility": "NONE"}))
    assert code(lambda: deleting.delete_context(world.state, ".x")) == 42211
    delete(world, ":.x:a")
    assert code(lambda: deleting.delete_context(world.state, ":.x:")) == 42211
    delete(world, ":.x:a", permanent=True)
    decision = deleting.delete_context(world.state, ".x")
    assert decision.status == 204
    world.do(decision)
    assert world.state.contexts() == ["."]
    assert world.state.config(":.x:") is None
    assert code(lambda: deleting.delete_context(world.state, ".x")) == 40401
    assert code(lambda: deleting.delete_context(world.state, ".")) == 42205
    assert world.again().state.contexts() == ["."]


def test_a_subject_is_forgotten_in_one_go(world: World) -> None:
    """What goes with its topic would be left behind half."""
    delete(world, "a", "1")
    world.apply(deleting.forget_subject(world.state, "a"))
    assert world.state.subjects() == []
    assert deleting.forget_subject(world.state, "none") == []
    world.register("b", '"int"')
    delete(world, "b")
    world.apply(deleting.forget_subject(world.state, "b"))
    assert world.state.subjects() == []
