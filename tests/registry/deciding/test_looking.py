"""What is registered, found."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from ottla.registry.deciding import deleting, looking
from ottla.registry.deciding.setting import set_config
from ottla.web.operation import Refusal
from registry.world import World, record


@pytest.fixture
def world() -> World:
    """A registry with two subjects, one of them twice, and one version softly deleted."""
    world = World()
    world.register("a", record("x"))
    world.register("a", record("x", "y="))
    world.register("a", record("x", "y=", "z="))
    world.register(":.x:a", '"long"')
    world.register("b", record("x"))
    world.do(deleting.delete_version(world.state, "a", "2", permanent=False))
    return world


def code(call: Callable[[], Any]) -> int:
    """The code of the refusal that a call ends in."""
    with pytest.raises(Refusal) as refused:
        call()
    return refused.value.code


@pytest.mark.parametrize(
    ("text", "number"),
    [("1", 1), ("latest", -1), ("-1", -1), (str((1 << 31) - 1), (1 << 31) - 1), ("007", 7)],
)
def test_a_version_is_a_number_or_the_latest(text: str, number: int) -> None:
    """A client would get another version than it asked for."""
    assert looking.number_of(text) == number


@pytest.mark.parametrize(
    "text", ["0", "", "latest ", "LATEST", "1e3", "+1", "-2", "²", "٣", "1" * 4000, "2147483648"]
)
def test_what_is_no_version_is_refused(text: str) -> None:
    """What is no version would be taken for one."""
    assert code(lambda: looking.number_of(text)) == 42202


def test_versions_are_found_with_and_without_deleted_ones(world: World) -> None:
    """What was deleted would be answered, or what is there would not."""
    state = world.state
    assert looking.version_of(state, "a", "latest").version == 3
    assert looking.version_of(state, "a", "1").version == 1
    assert code(lambda: looking.version_of(state, "a", "2")) == 40402
    assert looking.version_of(state, "a", "2", deleted=True).deleted
    assert code(lambda: looking.version_of(state, "none", "1")) == 40401
    world.do(deleting.delete_subject(state, "b", permanent=False))
    assert code(lambda: looking.version_of(state, "b", "latest")) == 40401
    assert looking.version_of(state, "b", "latest", deleted=True).version == 1
    assert code(lambda: looking.versions_of(state, "b")) == 40401
    found = looking.versions_of(state, "a", deleted_only=True)
    assert [version.version for version in found] == [2]


@pytest.mark.parametrize(
    ("prefix", "found"),
    [
        ("", ["a", "b"]),
        ("a", ["a"]),
        (":*:", [":.x:a", "a", "b"]),
        (":*:a", [":.x:a", "a"]),
        (":.x:", [":.x:a"]),
        (":.x:b", []),
        (":.:a", ["a"]),
        ("none", []),
    ],
)
def test_subjects_by_what_they_begin_with(world: World, prefix: str, found: list[str]) -> None:
    """A list would show subjects of a context that nobody asked for."""
    assert looking.subjects(world.state, prefix) == found


def test_subjects_that_are_deleted(world: World) -> None:
    """Who cleans up would not see what is left."""
    world.do(deleting.delete_subject(world.state, "b", permanent=False))
    assert looking.subjects(world.state, "") == ["a"]
    assert looking.subjects(world.state, "", deleted=True) == ["a", "b"]
    assert looking.subjects(world.state, "", deleted_only=True) == ["b"]


def test_a_schema_is_looked_up_by_its_text(world: World) -> None:
    """A client with a schema in its hands would not learn its id."""

    def look_up(subject: str, text: str, **told: Any) -> Any:
        return looking.look_up(world.state, world.reading, subject, {"schema": text}, **told)

    assert look_up("a", record("x")).version == 1
    assert look_up("a", record("x", "y=", "z=")).id == 3
    assert code(lambda: look_up("a", record("x", "y="))) == 40403
    assert look_up("a", record("x", "y="), deleted=True).version == 2
    assert code(lambda: look_up("none", record("x"))) == 40401
    assert code(lambda: look_up("a", "no schema")) == 42201
    spelled = record("x").replace('"type":"int"', '"type":{"type":"int"}')
    assert look_up("a", spelled, normalize=True).version == 1
    world.do(set_config(world.state, "a", {"normalize": True}))
    assert look_up("a", spelled).version == 1


def test_the_schema_of_an_id(world: World) -> None:
    """A consumer would get the schema of another context, or none."""
    state = world.state
    assert looking.with_id(state, 1, None).text == record("x")
    assert looking.with_id(state, 1, "a").subject == "a"
    assert looking.with_id(state, 1, "b").subject == "b"
    assert looking.with_id(state, 1, "nobody").text == record("x")
    assert looking.with_id(state, 1, ":.x:").text == '"long"'
    assert looking.with_id(state, 1, ":.x:nobody").text == '"long"'
    assert looking.with_id(state, 2, None).deleted
    assert code(lambda: looking.with_id(state, 2, ":.x:")) == 40403
    assert code(lambda: looking.with_id(state, 99, None)) == 40403


def test_an_id_that_one_other_context_has_is_found_without_its_name(world: World) -> None:
    """A consumer that knows no contexts could not read records of one."""
    for text in ('"int"', '"string"', '"bytes"', '"float"'):
        world.do(set_config(world.state, ":.x:", {"compatibility": "NONE"}))
        world.register(":.x:a", text)
    assert looking.with_id(world.state, 5, None).subject == ":.x:a"


def test_the_schema_of_a_guid(world: World) -> None:
    """A record with a GUID in its header could not be read."""
    known = world.state.latest("b")
    assert known is not None
    guid = known.hash.guid
    assert looking.with_guid(world.state, guid).text == record("x")
    assert looking.with_guid(world.state, guid.upper()).text == record("x")
    assert looking.ids_of(world.state, guid) == [(".", 1)]
    for other in ("", "x", "0" * 32, "00000000-0000-0000-0000-000000000000"):
        assert code(lambda other=other: looking.with_guid(world.state, other)) == 40403  # type: ignore[misc]


def test_versions_by_their_metadata(world: World) -> None:
    """A client that asks for its major version would get another."""
    for major in ("1", "2", "2"):
        metadata = {"properties": {"major": major, "owner": "me"}}
        world.register("m", record("x", f"y{len(world.log)}="), metadata=metadata)
    state = world.state
    assert looking.with_metadata(state, "m", {"major": "1"}).version == 1
    assert looking.with_metadata(state, "m", {"major": "2", "owner": "me"}).version == 3
    assert code(lambda: looking.with_metadata(state, "m", {"major": "3"})) == 40403
    assert code(lambda: looking.with_metadata(state, "none", {"major": "1"})) == 40401
    assert code(lambda: looking.with_metadata(state, "a", {"major": "1"})) == 40403


def test_a_version_as_it_is_answered(world: World) -> None:
    """A client would miss a field, or see one that says nothing."""
    told = looking.schema_json(world.reading, looking.version_of(world.state, "a", "1"))
    assert list(told) == ["subject", "version", "id", "guid", "schema", "ts"]
    gone = looking.version_of(world.state, "a", "2", deleted=True)
    assert looking.schema_json(world.reading, gone)["deleted"] is True


def test_a_form_that_the_language_has_not(world: World) -> None:
    """A misspelt form would answer the text as it is."""
    version = looking.version_of(world.state, "a", "1")
    assert code(lambda: looking.text_of(world.reading, version, "fancy")) == 42201


@pytest.mark.parametrize(
    ("offset", "limit", "most", "found"),
    [
        (0, -1, None, [0, 1, 2, 3]),
        (1, -1, None, [1, 2, 3]),
        (1, 2, None, [1, 2]),
        (0, 0, None, [0, 1, 2, 3]),
        (9, 1, None, []),
        (-5, 1, None, [0]),
        (0, -1, 2, [0, 1]),
        (3, 2, 2, [3]),
    ],
)
def test_pages(offset: int, limit: int, most: int | None, found: list[int]) -> None:
    """Who reads a list page by page would miss what stands at the edges."""
    assert looking.page(range(4), offset, limit, most) == found
