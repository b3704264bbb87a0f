"""Schemas registered: which version and id they get, and when they are refused."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from ottla.registry import languages
from ottla.registry.deciding import deleting, looking
from ottla.registry.deciding.registering import register
from ottla.registry.deciding.setting import set_config, set_mode
from ottla.schemas.avro import AvroLanguage
from ottla.web.operation import Refusal
from registry.world import World, record

RULE = {"name": "r", "type": "CEL"}


@pytest.fixture
def world() -> World:
    """A registry with nothing in it."""
    return World()


def code(call: Callable[[], Any]) -> int:
    """The code of the refusal that a call ends in."""
    with pytest.raises(Refusal) as refused:
        call()
    return refused.value.code


def config(world: World, subject: str | None, **told: Any) -> None:
    """Set a config."""
    world.do(set_config(world.state, subject, told))


def place(answer: Any) -> tuple[int, int]:
    """The version and id that were given."""
    return answer["version"], answer["id"]


def last_text(world: World, subject: str) -> str:
    """The text of a subject's last version."""
    found = world.state.latest(subject)
    assert found is not None
    return found.text


def test_versions_and_ids_are_counted(world: World) -> None:
    """Two schemas would share an id, or one subject's versions have holes."""
    assert place(world.register("a", record("x"))) == (1, 1)
    assert place(world.register("a", record("x", "y="))) == (2, 2)
    assert place(world.register("b", record("x"))) == (1, 1)
    assert place(world.register("c", record("z"))) == (1, 3)


def test_an_answer_says_all_that_was_kept(world: World) -> None:
    """A client would not know which version its schema became."""
    answer = world.register("a", '"int"')
    assert answer == {
        "id": 1,
        "version": 1,
        "guid": "ef524ea1-b91e-7317-3d93-8ade36c1db32",
    }
    told = world.register("j", '{"type":"string"}', schemaType="JSON", metadata={"sensitive": []})
    assert told["schemaType"] == "JSON"


def test_the_same_schema_again_is_the_version_that_it_is(world: World) -> None:
    """A producer that starts would add a version each time."""
    world.register("a", record("x"))
    world.register("a", record("x", "y="))
    before = len(world.log)
    assert place(world.register("a", record("x"))) == (1, 1)
    assert place(world.register("a", record("x"), version=1)) == (1, 1)
    assert place(world.register("a", record("x"), version=-1)) == (1, 1)
    assert len(world.log) == before
    assert code(lambda: world.register("a", record("x"), version=2)) == 42202


def test_ids_are_of_a_context(world: World) -> None:
    """A context that was copied from elsewhere would have ids of others in it."""
    world.register("a", record("x"))
    world.register("a", record("x", "y="))
    assert place(world.register(":.x:a", record("x", "y="))) == (1, 1)
    assert place(world.register(":.:a", record("x"))) == (1, 1)
    assert world.state.subjects() == [":.x:a", "a"]


def test_a_schema_that_was_softly_deleted_comes_back_as_the_next_version(world: World) -> None:
    """It would come back with another id than its records have."""
    world.register("a", record("x"))
    world.do(deleting.delete_subject(world.state, "a", permanent=False))
    assert place(world.register("a", record("x"))) == (2, 1)
    world.do(deleting.delete_subject(world.state, "a", permanent=False))
    world.do(deleting.delete_subject(world.state, "a", permanent=True))
    assert place(world.register("a", record("x"))) == (1, 2)


def test_a_deleted_version_is_not_compared_with(world: World) -> None:
    """A mistake that was deleted would hinder its correction."""
    world.register("a", '"int"')
    world.do(deleting.delete_version(world.state, "a", "1", permanent=False))
    assert place(world.register("a", '"string"')) == (2, 2)


def test_what_may_not_come_after_is_refused_with_the_reason(world: World) -> None:
    """A consumer would meet what it can't read."""
    world.register("a", record("x"))
    with pytest.raises(Refusal) as refused:
        world.register("a", record("x", "y"))
    assert refused.value.code == 40901
    assert "BACKWARD" in str(refused.value)
    assert "y" in str(refused.value)
    assert len(world.log) == 1
    config(world, "a", compatibility="NONE")
    assert place(world.register("a", record("x", "y"))) == (2, 2)


def test_the_next_version_can_be_named(world: World) -> None:
    """Who copies schemas one by one would not learn that one is missing."""
    assert place(world.register("a", record("x"), version=1)) == (1, 1)
    assert code(lambda: world.register("a", record("x", "y="), version=3)) == 42202
    assert place(world.register("a", record("x", "y="), version=2)) == (2, 2)
    assert place(world.register("a", record("x", "y=", "z="), version=0)) == (3, 3)


def test_an_id_is_given_in_mode_import_alone(world: World) -> None:
    """A client could take an id that others' records have."""
    assert code(lambda: world.register("a", record("x"), id=5)) == 42205
    world.register("a", record("x"))
    assert place(world.register("a", record("x"), id=1)) == (1, 1)
    assert code(lambda: world.register("a", record("x"), id=2)) == 42205


def test_import_keeps_the_ids_and_versions_of_elsewhere(world: World) -> None:
    """Records that were written elsewhere could not be read here."""
    world.do(set_mode(world.state, "a", {"mode": "IMPORT"}, force=False))
    assert code(lambda: world.register("a", record("x"))) == 42205
    assert place(world.register("a", record("x"), id=50, version=7)) == (7, 50)
    assert place(world.register("a", '"incompatible"'.replace("incompatible", "int"), id=9)) == (
        8,
        9,
    )
    assert place(world.register("a", record("x"), id=50)) == (7, 50)
    assert code(lambda: world.register("a", '"long"', id=50)) == 42207
    world.do(set_mode(world.state, "a", {"mode": "READWRITE"}, force=False))
    config(world, "a", compatibility="NONE")
    assert place(world.register("a", '"string"')) == (9, 51)


@pytest.mark.parametrize("mode", ["READONLY", "READONLY_OVERRIDE"])
def test_a_subject_that_is_read_only_takes_nothing(world: World, mode: str) -> None:
    """A registry that was switched over would go on changing."""
    world.register("a", record("x"))
    world.do(set_mode(world.state, None, {"mode": mode}, force=False))
    assert code(lambda: world.register("a", record("x", "y="))) == 42205
    assert code(lambda: world.register("b", record("x"))) == 42205


def test_metadata_and_rules_make_another_version_and_are_inherited(world: World) -> None:
    """A contract would change without a trace, or be lost with the next version."""
    world.register("a", record("x"), metadata={"properties": {"p": "1"}})
    second = world.register("a", record("x"), ruleSet={"domainRules": [RULE]})
    assert place(second) == (2, 2)
    assert second["metadata"] == {"properties": {"p": "1"}}
    third = world.register("a", record("x", "y="))
    assert [rule["name"] for rule in third["ruleSet"]["domainRules"]] == ["r"]
    fourth = world.register("a", record("x", "y=", "z="), metadata={})
    assert fourth["metadata"] == {}
    assert place(world.register("a", record("x"), metadata={"properties": {"p": "1"}})) == (2, 2)


def test_defaults_and_overrides_of_a_config_count(world: World) -> None:
    """A rule that was set for all subjects would not be in what is registered."""
    config(
        world,
        None,
        defaultMetadata={"properties": {"owner": "nobody", "kind": "x"}},
        overrideRuleSet={"domainRules": [{**RULE, "expr": "config"}]},
    )
    answer = world.register(
        "a", record("x"), metadata={"properties": {"owner": "me"}}, ruleSet={"domainRules": [RULE]}
    )
    assert answer["metadata"]["properties"] == {"owner": "me", "kind": "x"}
    assert [rule.get("expr") for rule in answer["ruleSet"]["domainRules"]] == ["config"]
    before = len(world.log)
    world.register("a", record("x"))
    assert len(world.log) == before


def test_normalizing_makes_two_spellings_one(world: World) -> None:
    """Each client's way to write JSON would be a version of its own."""
    spaced = json.dumps(json.loads(record("x")), indent=1)
    config(world, "a", normalize=True)
    first = world.register("a", spaced)
    assert place(world.register("a", record("x"))) == place(first)
    plain = world.do(register(world.state, world.reading, "b", {"schema": spaced}, normalize=True))
    assert place(plain) == place(first)
    assert last_text(world, "a") == last_text(world, "b") != spaced


def test_reserved_fields_are_refused_where_they_are_validated(world: World) -> None:
    """A field that a platform keeps for itself would be taken."""
    reserved = {"properties": {"confluent:reserved": "x, z"}}
    world.register("free", record("x"), metadata=reserved)
    config(world, None, validateFields=True)
    assert code(lambda: world.register("a", record("x"), metadata=reserved)) == 42201
    world.register("a", record("y"), metadata=reserved)


def test_references_are_kept_with_the_version_that_they_meant(world: World) -> None:
    """A schema would be read with a later part than it was registered with."""
    world.register("r", record("x", name="R"))
    outer = '{"type":"record","name":"O","fields":[{"name":"r","type":"R"}]}'
    told = [{"name": "R", "subject": "r", "version": -1}]
    answer = world.register("o", outer, references=told)
    assert answer["references"] == [{"name": "R", "subject": "r", "version": 1}]
    world.register("r", record("x", "y=", name="R"))
    assert place(world.register("o", outer, references=answer["references"])) == (1, 2)
    gone = [{"name": "R", "subject": "none", "version": 1}]
    assert code(lambda: world.register("p", outer, references=gone)) == 42201
    world.do(deleting.delete_version(world.state, "r", "2", permanent=False))
    dead = [{"name": "R", "subject": "r", "version": 2}]
    assert code(lambda: world.register("p", outer, references=dead)) == 42201


def test_a_reference_in_a_context_is_to_its_own_context(world: World) -> None:
    """A schema of one context would be made of parts of another."""
    world.register(":.x:r", record("x", name="R"))
    outer = '{"type":"record","name":"O","fields":[{"name":"r","type":"R"}]}'
    told = [{"name": "R", "subject": "r", "version": 1}]
    assert place(world.register(":.x:o", outer, references=told)) == (1, 2)
    assert code(lambda: world.register("o", outer, references=told)) == 42201
    far = [{"name": "R", "subject": ":.x:r", "version": 1}]
    assert place(world.register("o", outer, references=far)) == (1, 1)


def test_tags_come_along_and_stay(world: World) -> None:
    """What was marked as private would not be, in the next version."""
    entity = {"entityType": "sr_field", "entityPath": "R.x"}
    tagging = [{"schemaEntity": entity, "tags": ["PII"]}]
    world.register("a", record("x"), schemaTagsToAdd=tagging)
    assert "PII" in last_text(world, "a")
    world.register("b", record("x"))
    assert "PII" not in last_text(world, "b")
    world.register("a", record("x", "y="), propagateSchemaTags=True)
    assert "PII" in last_text(world, "a")
    world.register("a", record("x", "y=", "z="))
    assert "PII" not in last_text(world, "a")


def test_the_language_of_a_subject_can_change_only_where_nothing_is_compared(world: World) -> None:
    """A consumer of Avro would meet JSON."""
    world.register("a", record("x"))
    assert code(lambda: world.register("a", '{"type":"object"}', schemaType="JSON")) == 40901
    config(world, "a", compatibility="NONE")
    assert place(world.register("a", '{"type":"object"}', schemaType="JSON")) == (2, 2)


@pytest.mark.parametrize(
    ("told", "expected"),
    [
        (None, 42201),
        ([], 42201),
        ("x", 42201),
        ({}, 42201),
        ({"schema": ""}, 42201),
        ({"schema": "  "}, 42201),
        ({"schema": 5}, 42201),
        ({"schema": {"type": "int"}}, 42201),
        ({"schema": '"int"', "schemaType": "XML"}, 42201),
        ({"schema": '"int"', "schemaType": 5}, 42201),
        ({"schema": '"int"', "colour": "red"}, 42201),
        ({"schema": '"int"', "id": "5"}, 42201),
        ({"schema": '"int"', "id": -2}, 42201),
        ({"schema": '"int"', "version": "1"}, 42202),
        ({"schema": '"int"', "version": 1 << 31}, 42202),
        ({"schema": '"int"', "references": {}}, 42201),
        ({"schema": '"int"', "metadata": []}, 42201),
        ({"schema": '"int"', "ruleSet": []}, 42210),
        ({"schema": '"int"', "schemaTagsToAdd": {}}, 42201),
        ({"schema": '"int"', "schemaTagsToAdd": [5]}, 42201),
        ({"schema": "{" * 100_000}, 42201),
        ({"schema": "[" * 100_000}, 42201),
    ],
)
def test_what_can_not_be_registered_is_one_clear_error(
    world: World, told: Any, expected: int
) -> None:
    """A bad request would break the service, or leave half of itself behind."""
    assert (
        code(lambda: register(world.state, world.reading, "a", told, normalize=False)) == expected
    )


@pytest.mark.parametrize("subject", [":*:a", "a\n", "__GLOBAL"])
def test_a_schema_under_what_is_no_subject(world: World, subject: str) -> None:
    """A schema would be kept where nobody finds it."""
    assert code(lambda: world.register(subject, '"int"')) == 42208


def test_ids_do_not_go_on_for_ever(world: World) -> None:
    """An id would be given that clients can't hold."""
    world.do(set_mode(world.state, "a", {"mode": "IMPORT"}, force=False))
    world.register("a", '"int"', id=(1 << 31) - 1)
    assert code(lambda: world.register("b", '"long"')) == 50001


def test_a_form_that_is_none_is_the_clients_fault(world: World) -> None:
    """If this failed, a typo in `format` would be told as a fault of the registry."""

    def ask() -> None:
        body = {"schema": '"int"'}
        register(world.state, world.reading, "a", body, normalize=False, form="bogus")

    assert code(ask) == 42201


def test_versions_are_read_once_however_many_there_are(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """If this failed, each registration would read every version anew, once they are more than
    are kept as they were read.
    """
    monkeypatch.setattr(languages, "KEPT_MAX", 2)
    for number in range(10):
        world.register("a", record(*(f"f{n}=" for n in range(number + 1))))
    read: list[str] = []
    kept = AvroLanguage.read

    def counted(self: AvroLanguage, text: str, dependencies: Any = ()) -> Any:
        read.append(text)
        return kept(self, text, dependencies)

    monkeypatch.setattr(AvroLanguage, "read", counted)
    world.register("a", record("other="))
    world.register("a", record("another="))
    assert len(read) <= 4, "the new ones, and those that each is compared with"


def test_versions_end_where_numbers_do(world: World) -> None:
    """If this failed, a registration would be answered that no registry can read."""
    world.do(set_mode(world.state, "z", {"mode": "IMPORT"}, force=False))
    world.register("z", '"long"', id=7, version=(1 << 31) - 1)
    assert code(lambda: world.register("z", '"bytes"', id=8)) == 42202
    world.do(set_mode(world.state, "z", {"mode": "READWRITE"}, force=True))
    config(world, "z", compatibility="NONE")
    assert code(lambda: world.register("z", '"bytes"')) == 42202


def test_an_import_puts_nothing_in_the_place_of_another_schema(world: World) -> None:
    """If this failed, an id that was answered would be gone without a word."""
    world.register("a", '"string"')
    world.do(set_mode(world.state, "a", {"mode": "IMPORT"}, force=True))
    assert code(lambda: world.register("a", '"int"', id=2, version=1)) == 42202
    assert place(world.register("a", '"string"', id=1, version=1)) == (1, 1)


def test_a_schema_keeps_its_other_id(world: World) -> None:
    """If this failed, a schema with two ids would have none once one of them is gone."""
    for subject, given in (("a", 10), ("b", 20)):
        world.do(set_mode(world.state, subject, {"mode": "IMPORT"}, force=False))
        world.register(subject, '"string"', id=given)
    for permanent in (False, True):
        world.do(deleting.delete_subject(world.state, "a", permanent=permanent))
    guid = world.state.versions("b")[0].hash.guid
    assert looking.ids_of(world.state, guid) == [(".", 20)]
    assert place(world.register("c", '"string"')) == (1, 20)


def test_two_contracts_of_one_hash_have_two_ids(world: World) -> None:
    """If this failed, the hash, which has no separators, would give one the other's metadata."""
    told = [{"metadata": {"properties": p}} for p in ({"a": "bc"}, {"ab": "c"})]
    first, second = (world.register(s, '"int"', **t) for s, t in zip("xy", told, strict=True))
    assert first["guid"] == second["guid"]
    assert first["id"] != second["id"]


def test_other_references_are_another_version(world: World) -> None:
    """If this failed, a schema that refers to a newer version would be the old one."""
    world.register("ref", record("x", name="Ref"))
    world.register("ref", record("x", "y=", name="Ref"))
    text = '{"type":"array","items":"Ref"}'
    for version in (1, 2):
        refers = [{"name": "Ref", "subject": "ref", "version": version}]
        assert place(world.register("a", text, references=refers))[0] == version
