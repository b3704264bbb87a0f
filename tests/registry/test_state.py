"""What records of `_schemas` come to, in whatever order and form they come."""

from __future__ import annotations

import random
from typing import Any

import pytest

from ottla.registry.contracts import Json, Reference, hash_of
from ottla.registry.state import State
from ottla.registry.stored import Version, encoded, schema_key, subject_key
from ottla.registry.subjects import GLOBAL


def version(
    subject: str,
    number: int,
    schema_id: int,
    text: str = '"int"',
    *,
    deleted: bool = False,
    references: tuple[Reference, ...] = (),
) -> Version:
    """A version, as its record tells of it."""
    known = hash_of(text, references, None, None)
    return Version(
        subject, number, schema_id, "AVRO", references, None, None, text, deleted, known, 0
    )


def put(state: State, *versions: Version) -> None:
    """Apply the records of versions."""
    for each in versions:
        assert state.apply(encoded(each.key()), encoded(each.value()), 0)


def take(state: State, key: Json, value: Json | None) -> bool:
    """Apply a record."""
    return state.apply(encoded(key), encoded(value), 0)


def numbers(state: State, subject: str, *, deleted: bool = False) -> list[int]:
    """The versions of a subject, by number."""
    return [each.version for each in state.versions(subject, deleted=deleted)]


def test_a_version_is_found_by_subject_by_id_and_by_hash() -> None:
    """A reader of a record would not find its schema."""
    state = State()
    one, two = version("a", 1, 7), version(":.x:b", 3, 7, '"long"')
    put(state, one, two)
    assert state.subjects() == [":.x:b", "a"]
    assert state.versions("a") == [one]
    assert state.with_id(".", 7) == [one]
    assert state.with_id(".x", 7) == [two]
    assert state.id_of(".", one.hash.digest) == 7
    assert state.contexts_of(two.hash.digest) == [".x"]
    assert state.contexts() == [".", ".x"]
    assert (state.id_max("."), state.id_max(".x"), state.id_max(".y")) == (7, 7, 0)
    assert (state.last_number("a"), state.last_number(":.x:b"), state.last_number("c")) == (1, 3, 0)


def test_a_soft_deletion_hides_and_keeps() -> None:
    """Old records could not be read, or new ones be written with what was deleted."""
    state = State()
    put(state, version("a", 1, 1), version("a", 2, 2, '"long"'))
    put(state, version("a", 1, 1, deleted=True))
    assert numbers(state, "a") == [2]
    assert numbers(state, "a", deleted=True) == [1, 2]
    assert take(state, subject_key("DELETE_SUBJECT", "a"), {"subject": "a", "version": 2})
    assert numbers(state, "a") == []
    assert state.latest("a") is None
    assert state.latest("a", deleted=True) is not None
    assert [each.version for each in state.with_id(".", 2)] == [2]
    put(state, version("a", 3, 3, '"string"'))
    assert numbers(state, "a") == [3]


def test_a_deletion_of_a_subject_reaches_as_far_as_it_says() -> None:
    """What was registered while the subject was deleted would be deleted with it."""
    state = State()
    put(state, version("a", 1, 1), version("a", 2, 2, '"long"'))
    assert take(state, subject_key("DELETE_SUBJECT", "a"), {"subject": "a", "version": 1})
    assert numbers(state, "a") == [2]
    assert take(state, subject_key("DELETE_SUBJECT", "b"), {"subject": "b", "version": 1})
    assert take(state, subject_key("DELETE_SUBJECT", "a"), {"subject": "a"})
    assert numbers(state, "a") == []


def test_a_cleared_subject_loses_what_was_softly_deleted() -> None:
    """What another registry deleted for good would still be answered."""
    state = State()
    put(state, version("a", 1, 1, deleted=True), version("a", 2, 2, '"long"'))
    assert take(state, subject_key("CLEAR_SUBJECT", "a"), {"subject": "a"})
    assert numbers(state, "a", deleted=True) == [2]
    assert not state.with_id(".", 1)


def test_tombstones_forget_all_but_the_highest_id() -> None:
    """An id that was given once would be given to another schema, and old records be misread."""
    state = State()
    one = version("a", 1, 9)
    put(state, one)
    for _ in range(2):
        assert take(state, schema_key("a", 1), None)
    assert state.subjects() == []
    assert not state.with_id(".", 9)
    assert state.id_of(".", one.hash.digest) is None
    assert state.contexts_of(one.hash.digest) == []
    assert state.id_max(".") == 9
    assert state.contexts() == ["."]


def test_one_id_under_two_subjects_lasts_as_long_as_one_of_them() -> None:
    """Deleting a subject for good would take the schema of another."""
    state = State()
    put(state, version("a", 1, 1), version("b", 1, 1))
    take(state, schema_key("a", 1), None)
    assert [each.subject for each in state.with_id(".", 1)] == ["b"]
    assert state.id_of(".", version("b", 1, 1).hash.digest) == 1


def test_a_version_that_is_written_again_with_another_schema_takes_its_place() -> None:
    """A schema that was replaced by force would be found under its old id still."""
    state = State()
    put(state, version("a", 1, 1), version("a", 1, 2, '"long"'))
    assert not state.with_id(".", 1)
    assert [each.text for each in state.with_id(".", 2)] == ['"long"']
    assert state.id_of(".", version("a", 1, 1).hash.digest) is None


def test_the_same_record_again_changes_nothing() -> None:
    """A log that is read twice would come to something else."""
    state = State()
    base = version("r", 1, 1)
    user = version("a", 1, 2, '"long"', references=(Reference("r", "r", 1),))
    for _ in range(3):
        put(state, base, user)
    assert state.with_id(".", 2) == [user]
    assert state.referrers("r", 1) == [user]


def test_referrers_are_known_until_they_go() -> None:
    """What others need could be deleted, or what nobody needs any more could not."""
    state = State()
    refers = (Reference("r", "r", 1),)
    put(state, version("a", 1, 2, '"long"', references=refers), version("r", 1, 1))
    assert [each.subject for each in state.referrers("r", 1)] == ["a"]
    put(state, version("a", 1, 2, '"long"', references=refers, deleted=True))
    assert state.referrers("r", 1) == []
    assert [each.subject for each in state.referrers("r", 1, deleted=True)] == ["a"]
    take(state, schema_key("a", 1), None)
    assert state.referrers("r", 1, deleted=True) == []


def test_a_reference_within_a_context_is_to_a_subject_of_that_context() -> None:
    """What others in its context refer to could be deleted under them."""
    state = State()
    refers = (Reference("r", "r", 1),)
    put(state, version(":.x:r", 1, 1), version(":.x:a", 1, 2, '"long"', references=refers))
    assert [each.subject for each in state.referrers(":.x:r", 1)] == [":.x:a"]
    assert state.referrers("r", 1) == []


def test_settings_come_and_go() -> None:
    """A level that was set, or taken back, would not count."""
    state = State()
    for scope in (None, "a", ":.x:", GLOBAL):
        assert take(state, subject_key("CONFIG", scope), {"compatibilityLevel": "FULL"})
        assert take(state, subject_key("MODE", scope), {"mode": "READONLY"})
        assert state.config(scope) == {"compatibilityLevel": "FULL"}
        assert state.mode(scope) == "READONLY"
        assert take(state, subject_key("CONFIG", scope), None)
        assert take(state, subject_key("MODE", scope), None)
        assert (state.config(scope), state.mode(scope)) == (None, None)
    assert take(state, {"keytype": "CONFIG", "subject": None, "magic": 0}, {"normalize": True})
    assert state.config(None) == {"normalize": True}


def test_a_context_is_known_until_it_is_deleted() -> None:
    """A context that was deleted would be listed for ever."""
    state = State()
    key = {"keytype": "CONTEXT", "tenant": "default", "context": ".x", "magic": 0}
    assert take(state, key, {"tenant": "default", "context": ".x"})
    assert state.contexts() == [".", ".x"]
    assert take(state, key, None)
    assert state.contexts() == ["."]


@pytest.mark.parametrize(
    ("key", "value"),
    [
        (subject_key("CONFIG", "a"), {"compatibilityLevel": 5}),
        (subject_key("CONFIG", "a"), {"normalize": "yes"}),
        (subject_key("CONFIG", "a"), {"defaultMetadata": {"properties": []}}),
        (subject_key("CONFIG", "a"), {"overrideRuleSet": {"domainRules": [{}]}}),
        (subject_key("MODE", "a"), {"mode": 5}),
        (subject_key("MODE", "a"), {}),
        (schema_key("a", 1), {"schema": "x"}),
    ],
)
def test_a_record_that_makes_no_sense_is_counted_and_changes_nothing(key: Json, value: Any) -> None:
    """One bad record would break every request that meets what it told."""
    state = State()
    assert not take(state, key, value)
    assert state.unread == 1
    assert (state.config("a"), state.mode("a"), state.subjects()) == (None, None, [])


def test_bytes_that_are_no_record_are_counted() -> None:
    """A topic with something else in it would stop the registry."""
    state = State()
    good = encoded(version("a", 1, 1).value())
    for key, value in ((None, None), (b"x", None), (b"{}", b"{}"), (None, good)):
        assert not state.apply(key, value, 0)
    key = encoded(schema_key("a", 1))
    assert not state.apply(key, b"{", 0)
    assert not state.apply(key, b"", 0)
    assert state.unread == 6
    assert state.apply(encoded({"keytype": "NOOP", "magic": 0}), None, 0)
    assert state.apply(encoded({"keytype": "NOOP", "magic": 0}), b"{}", 0)


def test_holds_tells_who_was_first() -> None:
    """Of two instances that wrote at once both would answer that they did."""
    state = State()
    mine, other = version("a", 1, 1), version("a", 1, 1, '"long"')
    put(state, mine)
    assert state.holds(mine.key(), mine.value())
    put(state, other)
    assert not state.holds(mine.key(), mine.value())
    twice = version("b", 1, 1)
    put(state, twice)
    assert not state.holds(twice.key(), twice.value())
    assert state.holds(subject_key("MODE", "a"), {"mode": "READONLY"})
    assert state.holds(mine.key(), None)


def test_a_copy_is_changed_alone() -> None:
    """What a request only tries would be there."""
    state = State()
    put(state, version("a", 1, 1), version("b", 1, 2, '"long"'))
    copied = state.copy()
    put(copied, version("a", 2, 3, '"string"'), version("b", 1, 2, '"long"', deleted=True))
    take(copied, subject_key("CONFIG", None), {"normalize": True})
    take(copied, schema_key("a", 1), None)
    assert numbers(state, "a") == numbers(state, "b") == [1]
    assert (state.id_max("."), state.config(None)) == (2, None)
    assert len(state.with_id(".", 1)) == 1
    assert numbers(copied, "a") == [2]


def test_compaction_changes_nothing() -> None:
    """A registry that starts on a compacted topic would know another world."""
    random.seed(7)
    log: list[tuple[bytes | None, bytes | None]] = []
    for _ in range(400):
        subject = random.choice(["a", "b", ":.x:a"])
        number = random.randint(1, 4)
        text = f'"{random.choice(["int", "long", "string"])}"'
        record = version(subject, number, len(text), text, deleted=random.random() < 0.3)
        if random.random() < 0.2:
            log.append((encoded(record.key()), None))
        elif random.random() < 0.2:
            key = subject_key(random.choice(["CONFIG", "MODE"]), subject)
            value = {"mode": "READONLY"} if key["keytype"] == "MODE" else {"normalize": True}
            log.append((encoded(key), encoded(random.choice([None, value]))))
        else:
            log.append((encoded(record.key()), encoded(record.value())))
    whole, compacted = State(), State()
    last = {key: at for at, (key, _) in enumerate(log)}
    for at, (key, value) in enumerate(log):
        whole.apply(key, value, 0)
        if last[key] == at:
            compacted.apply(key, value, 0)
    for state in (whole, compacted):
        assert state.unread == 0
    assert whole.subjects() == compacted.subjects()
    for subject in whole.subjects():
        assert whole.versions(subject, deleted=True) == compacted.versions(subject, deleted=True)
        assert (whole.config(subject), whole.mode(subject)) == (
            compacted.config(subject),
            compacted.mode(subject),
        )
    for context in (".", ".x"):
        for schema_id in range(10):
            known, other = (state.with_id(context, schema_id) for state in (whole, compacted))
            assert sorted(known) == sorted(other)
            for each in known:
                assert whole.id_of(context, each.hash.digest) == compacted.id_of(
                    context, each.hash.digest
                )
