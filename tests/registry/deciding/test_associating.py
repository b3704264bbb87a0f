"""What associations come to: who may have which subject, and what goes with what."""

from __future__ import annotations

from typing import Any

import pytest

from ottla.registry.contracts import Json
from ottla.registry.deciding import associating, association_batches, deleting
from ottla.registry.deciding.association_requests import asked_of, resource_of, rows_of
from ottla.registry.deciding.setting import set_mode
from ottla.web.operation import Refusal
from registry.world import World, record


def wish(name: str, *rows: Json, resource_id: str | None = None) -> Json:
    """A request for associations of a topic."""
    return {
        "resourceName": name,
        "resourceNamespace": "lkc",
        "resourceId": resource_id or f"id-{name}",
        "associations": list(rows),
    }


def brought(subject: str | None = None, *fields: str, **told: Any) -> Json:
    """An association that brings its schema."""
    named = {} if subject is None else {"subject": subject}
    return {**named, "schema": {"schema": record(*(fields or ("a",)))}, **told}


class Topics(World):
    """A registry that associates."""

    def associate(self, told: Json, *, create: bool = True) -> Json:
        """Do what a request asks for."""
        draft = self.draft()
        resource = resource_of(told, needs_id=True)
        asked = asked_of(rows_of(told, "associations", "a resource"), resource, None)
        answer = associating.associate(draft, resource, asked, self.clock(), create=create)
        self.apply(draft.entries)
        return answer

    def refused(self, told: Json, *, create: bool = True) -> int:
        """The code of the refusal; nothing may have changed."""
        before = len(self.log)
        with pytest.raises(Refusal) as refused:
            self.associate(told, create=create)
        assert len(self.log) == before
        return refused.value.code

    def delete(self, resource_id: str, *kinds: str, cascade: bool = False) -> None:
        """End associations."""
        decision = associating.delete(
            self.draft(), resource_id, "", kinds, cascade=cascade, dry=False
        )
        assert decision.status == 204
        self.do(decision)

    def batch(self, *requests: Json, dry: bool = False) -> list[Json]:
        """What a batch comes to."""
        decision = association_batches.mutate(
            self.draft(), {"requests": list(requests)}, self.clock(), context=None, dry=dry
        )
        results: list[Json] = self.do(decision)["results"]
        return results

    def numbers(self, subject: str) -> list[int]:
        """The versions of a subject, deleted ones too."""
        return [version.version for version in self.state.versions(subject, deleted=True)]


@pytest.fixture
def topics() -> Topics:
    """A registry with nothing in it."""
    return Topics()


# ---------------------------------------------------------------- made


def test_an_association_is_kept_as_the_topic_has_it(topics: Topics) -> None:
    """Other registries on the same topic could not read it, or compaction would keep both."""
    topics.register("s", record("a"))
    topics.associate(wish("t", {"subject": "s"}))
    assert topics.log[-1] == (
        b'{"keytype":"ASSOC","tenant":"default","resourceName":"t","resourceNamespace":"lkc",'
        b'"resourceType":"topic","associationType":"value","subject":"s","magic":0}',
        b'{"guid":"guid-1","tenant":"default","resourceName":"t","resourceNamespace":"lkc",'
        b'"resourceId":"id-t","resourceType":"topic","associationType":"value","subject":"s",'
        b'"lifecycle":"WEAK","frozen":false,"createTs":1000,"updateTs":1000}',
    )
    assert topics.again().state.associations.every() == topics.state.associations.every()


def test_schemas_come_before_the_association_that_brings_them(topics: Topics) -> None:
    """A reader of the topic would see an association with a subject that is not there."""
    answer = topics.associate(
        wish("t", brought("k", "a", associationType="key"), brought("v", "b"))
    )
    kinds = [(key or b"")[12:18] for key, _ in topics.log]
    assert kinds == [b"SCHEMA", b'ASSOC"', b"SCHEMA", b'ASSOC"']
    assert [each["schema"]["id"] for each in answer["associations"]] == [1, 2]
    assert answer["associations"][0]["schema"]["schema"] == record("a")
    assert [each["lifecycle"] for each in answer["associations"]] == ["STRONG", "STRONG"]
    assert topics.state.id_max(".") == 2


def test_a_subject_that_is_not_named_is_named_by_its_resource(topics: Topics) -> None:
    """Who leaves the subject to us would not find it where the field has it."""
    answer = topics.associate(wish("t", brought(), brought(associationType="key")))
    assert [each["subject"] for each in answer["associations"]] == [
        ":.lkc:t-value",
        ":.lkc:t-key",
    ]
    assert topics.state.latest(":.lkc:t-key") is not None


def test_a_subject_without_a_schema_can_not_be_associated(topics: Topics) -> None:
    """A topic's clients would be sent to a subject with nothing in it."""
    assert topics.refused(wish("t", {"subject": "none"})) == 40907
    topics.register("s", record("a"))
    topics.do(deleting.delete_subject(topics.state, "s", permanent=False))
    assert topics.refused(wish("t", {"subject": "s"})) == 40907


def test_nothing_is_registered_halfway(topics: Topics) -> None:
    """The key's schema would be there, though the request as a whole was refused."""
    bad = {"subject": "v", "schema": {"schema": '{"type":"recor"}'}}
    assert topics.refused(wish("t", brought("k", associationType="key"), bad)) == 42201
    assert not topics.state.subjects()
    clash = brought("k", "b", associationType="value", lifecycle="STRONG")
    assert topics.refused(wish("t", brought("k", "a", associationType="key"), clash)) == 40904


def test_a_schema_that_may_not_come_next_stops_the_association(topics: Topics) -> None:
    """An association would come with a schema that the subject's level forbids."""
    topics.register("s", '"int"')
    told = {"subject": "s", "schema": {"schema": '"string"'}, "lifecycle": "STRONG"}
    assert topics.refused(wish("t", told)) == 40901


def test_the_same_again_is_no_change(topics: Topics) -> None:
    """Who repeats a request after a lost answer would be told that it can't be."""
    told = wish("t", brought("s"))
    first = topics.associate(told)
    before = len(topics.log)
    assert topics.associate(told) == first
    assert topics.associate(wish("t", {"subject": "s"}), create=True)["associations"]
    assert len(topics.log) == before


def test_create_does_not_change_what_is_there(topics: Topics) -> None:
    """POST would change an association that somebody else relies on."""
    topics.associate(wish("t", brought("s", "a")))
    topics.register("other", record("a"))
    for told in (
        {"subject": "other"},
        {"subject": "s", "lifecycle": "WEAK"},
        brought("s", "a", "b="),
    ):
        assert topics.refused(wish("t", told)) == 40903


def test_upsert_changes_the_lifecycle_and_nothing_else(topics: Topics) -> None:
    """An association would lose its GUID or its first time, or change its subject."""
    topics.register("s", record("a"))
    topics.register("other", record("a"))
    topics.associate(wish("t", {"subject": "s"}))
    topics.now_ms = 2_000
    topics.associate(wish("t", {"subject": "s", "lifecycle": "STRONG"}), create=False)
    (row,) = topics.state.associations.every()
    assert (row["guid"], row["lifecycle"]) == ("guid-1", "STRONG")
    assert (row["createTs"], row["updateTs"]) == (1_000, 2_000)
    assert topics.refused(wish("t", {"subject": "other"}), create=False) == 42212
    assert topics.refused(wish("t", {"subject": "s", "frozen": True}), create=False) == 42212


def test_upsert_brings_the_next_version(topics: Topics) -> None:
    """A schema that is sent along with a change would be thrown away."""
    topics.associate(wish("t", brought("s", "a")))
    answer = topics.associate(wish("t", brought("s", "b=", "a")), create=False)
    assert answer["associations"][0]["schema"]["version"] == 2
    assert topics.numbers("s") == [1, 2]


# ---------------------------------------------------------------- strong and weak


def test_many_resources_share_a_weak_subject(topics: Topics) -> None:
    """Topics with one schema would each need a subject."""
    topics.register("s", record("a"))
    for name in ("t", "u"):
        topics.associate(wish(name, {"subject": "s"}))
    assert len(topics.state.associations.of_subject("s")) == 2
    assert topics.refused(wish("t", {"subject": "s", "lifecycle": "STRONG"}), create=False) == 40904


def test_a_strong_subject_is_one_resources_alone(topics: Topics) -> None:
    """Deleting one topic would take the schemas of another."""
    topics.associate(wish("t", brought("s")))
    assert topics.refused(wish("u", {"subject": "s", "lifecycle": "STRONG"})) == 40904
    assert topics.refused(wish("u", {"subject": "s"})) == 40905
    assert topics.refused(wish("t", {"subject": "s", "associationType": "key"})) == 40905


def test_a_weak_one_brings_no_schema(topics: Topics) -> None:
    """A subject that others share would get a version by the way."""
    assert topics.refused(wish("t", brought("s", lifecycle="WEAK"))) == 42212
    topics.register("s", record("a"))
    topics.associate(wish("t", {"subject": "s"}))
    assert topics.refused(wish("t", brought("s", "a", "b=")), create=False) == 42212


def test_deleting_leaves_the_subject_unless_it_cascades(topics: Topics) -> None:
    """Schemas of old records would be gone with an association that was only taken back."""
    topics.associate(wish("t", brought("s")))
    topics.delete("id-t")
    assert topics.numbers("s") == [1]
    topics.associate(wish("t", {"subject": "s", "lifecycle": "STRONG"}))
    topics.delete("id-t", cascade=True)
    assert topics.numbers("s") == []
    assert not topics.again().state.subjects()


def test_cascade_leaves_the_subject_of_a_weak_one(topics: Topics) -> None:
    """A subject that others share would go with one topic."""
    topics.register("s", record("a"))
    topics.associate(wish("t", {"subject": "s"}))
    topics.delete("id-t", cascade=True)
    assert topics.numbers("s") == [1]


def test_cascade_stops_where_others_refer(topics: Topics) -> None:
    """A schema that others need would go, and theirs could not be read any more."""
    topics.associate(wish("t", brought("s")))
    outer = '{"type":"record","name":"O","fields":[{"name":"r","type":"R"}]}'
    topics.register("o", outer, references=[{"name": "R", "subject": "s", "version": 1}])
    before = len(topics.log)
    with pytest.raises(Refusal) as refused:
        topics.delete("id-t", cascade=True)
    assert refused.value.code == 42206
    assert len(topics.log) == before


def test_only_the_kinds_that_are_named_end(topics: Topics) -> None:
    """Who lets go of the key would lose the value."""
    topics.associate(wish("t", brought("k", associationType="key"), brought("v")))
    topics.delete("id-t", "key")
    assert [row["associationType"] for row in topics.state.associations.every()] == ["value"]
    with pytest.raises(Refusal) as refused:
        topics.delete("id-t", "key")
    assert refused.value.code == 40410


# ---------------------------------------------------------------- subjects


def test_an_associated_subject_can_not_be_deleted(topics: Topics) -> None:
    """A topic's clients would be sent to a subject that is gone."""
    topics.register("s", record("a"))
    topics.register("s", record("a", "b="))
    topics.associate(wish("t", {"subject": "s"}))
    with pytest.raises(Refusal) as refused:
        deleting.delete_subject(topics.state, "s", permanent=False)
    assert refused.value.code == 40904
    topics.do(deleting.delete_version(topics.state, "s", "1", permanent=False))
    with pytest.raises(Refusal) as refused:
        deleting.delete_version(topics.state, "s", "latest", permanent=False)
    assert refused.value.code == 40904
    topics.delete("id-t")
    topics.do(deleting.delete_subject(topics.state, "s", permanent=False))


def test_a_mode_that_forbids_changes_forbids_these(topics: Topics) -> None:
    """A registry that is read only would change."""
    topics.register("s", record("a"))
    topics.associate(wish("t", {"subject": "s"}))
    topics.do(set_mode(topics.state, None, {"mode": "READONLY"}, force=False))
    assert topics.refused(wish("u", {"subject": "s"})) == 42205
    with pytest.raises(Refusal) as refused:
        topics.delete("id-t")
    assert refused.value.code == 42205


# ---------------------------------------------------------------- frozen


def test_a_frozen_one_keeps_the_schema_that_it_brought(topics: Topics) -> None:
    """A contract that was frozen would change."""
    answer = topics.associate(wish("t", brought(frozen=True)))
    assert answer["associations"][0]["lifecycle"] == "STRONG"
    with pytest.raises(Refusal) as refused:
        topics.register(":.lkc:t-value", record("a", "b="))
    assert refused.value.code == 40908
    assert topics.register(":.lkc:t-value", record("a"))["version"] == 1
    told = wish("t", {"lifecycle": "WEAK"})
    assert topics.refused(told, create=False) == 40908
    with pytest.raises(Refusal) as refused:
        topics.delete("id-t")
    assert refused.value.code == 40908
    topics.delete("id-t", cascade=True)
    assert not topics.state.subjects()


@pytest.mark.parametrize(
    ("row", "why"),
    [
        (brought("mine", frozen=True), "another subject than its own"),
        ({"frozen": True}, "no schema"),
        (brought(frozen=True, lifecycle="WEAK"), "weak"),
    ],
)
def test_what_can_not_be_frozen(topics: Topics, row: Json, why: str) -> None:
    """A frozen association would be made that nothing holds fast."""
    topics.register(":.lkc:t-key", record("a"))
    assert topics.refused(wish("t", row)) in (42212, 40907), why


def test_a_frozen_one_is_the_first_of_its_subject(topics: Topics) -> None:
    """A subject that has a history would be frozen at one of its versions."""
    topics.register(":.lkc:t-value", record("a"))
    assert topics.refused(wish("t", brought(frozen=True))) == 42212


def test_the_associations_of_a_resource_are_frozen_all_or_none(topics: Topics) -> None:
    """A topic would be frozen by half."""
    both = wish("t", brought(frozen=True), brought(frozen=False, associationType="key"))
    assert topics.refused(both) == 42212
    topics.associate(wish("t", brought(frozen=True)))
    assert topics.refused(wish("t", brought(associationType="key"))) == 42212
    topics.associate(wish("t", brought(associationType="key", frozen=True)))


# ---------------------------------------------------------------- ids


def test_a_resource_that_was_made_anew_waits_for_the_old_one(topics: Topics) -> None:
    """A topic of the same name would take over what another had, without a word."""
    topics.associate(wish("t", brought("s")))
    told = wish("t", {"subject": "s"}, resource_id="id-new")
    assert topics.refused(told) == topics.refused(told, create=False) == 40903
    renamed = wish("other", {"subject": "s"}, resource_id="id-t")
    assert topics.refused(renamed, create=False) == 42212
    topics.delete("id-t")
    topics.associate(told)


# ---------------------------------------------------------------- batches


def test_a_batch_sees_what_its_first_resources_came_to(topics: Topics) -> None:
    """Two resources of one batch would get one id, or one STRONG subject."""
    create = {"opType": "CREATE"}
    results = topics.batch(
        wish("t", {**create, **brought("s", "a")}),
        wish("u", {**create, **brought("s", "a")}),
        wish("v", {**create, **brought("v", "b")}, {"opType": "DELETE", "associationType": "key"}),
        wish("w", {**create, **brought("w", "c")}),
    )
    codes = [result.get("error", {}).get("error_code", 0) for result in results]
    assert codes == [0, 40904, 40410, 0]
    assert topics.state.subjects() == ["s", "w"]
    assert topics.state.id_max(".") == 2


def test_a_batch_that_is_tried_changes_nothing(topics: Topics) -> None:
    """dryRun would do it."""
    results = topics.batch(wish("t", {"opType": "UPSERT", **brought("s")}), dry=True)
    assert results[0]["result"]["associations"][0]["subject"] == "s"
    assert not topics.log


@pytest.mark.parametrize("row", [{}, {"opType": "MERGE"}, {"opType": "DELETE", "frozen": True}])
def test_an_operation_that_is_none_is_told_in_its_place(topics: Topics, row: Json) -> None:
    """One bad row would spoil the answer for all."""
    results = topics.batch(wish("t", row), wish("u", {"opType": "UPSERT", **brought("s")}))
    assert results[0]["error"]["error_code"] in (42212, 40907)
    assert "result" in results[1]


def test_a_batch_is_bounded(topics: Topics) -> None:
    """One request could hold the registry for as long as it likes."""
    with pytest.raises(Refusal) as refused:
        topics.batch(*[wish(f"t{n}", {"opType": "DELETE"}) for n in range(101)])
    assert refused.value.code == 40902
