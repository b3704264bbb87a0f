"""The bytes of `_schemas`, and what is made of bytes that others wrote."""

from __future__ import annotations

import json
from typing import Any

import pytest

from ottla.registry import stored
from ottla.registry.contracts import Json, Reference, hash_of
from ottla.registry.stored import KEYS, Version

TEXT = '"int"'
BARE = Version("s", 1, 1, "AVRO", (), None, None, TEXT, False, hash_of(TEXT, (), None, None))


@pytest.mark.parametrize(
    ("key", "data"),
    [
        (
            stored.schema_key("a", 2),
            b'{"keytype":"SCHEMA","subject":"a","version":2,"magic":1}',
        ),
        (
            stored.subject_key("CONFIG", "a"),
            b'{"keytype":"CONFIG","subject":"a","magic":0}',
        ),
        (stored.subject_key("CONFIG", None), b'{"keytype":"CONFIG","magic":0}'),
        (stored.subject_key("MODE", ":.x:"), b'{"keytype":"MODE","subject":":.x:","magic":0}'),
        (stored.subject_key("MODE", None), b'{"keytype":"MODE","magic":0}'),
        (
            stored.subject_key("DELETE_SUBJECT", "é"),
            '{"keytype":"DELETE_SUBJECT","subject":"é","magic":0}'.encode(),
        ),
        (
            stored.subject_key("CLEAR_SUBJECT", 'a"b'),
            b'{"keytype":"CLEAR_SUBJECT","subject":"a\\"b","magic":0}',
        ),
        ({"keytype": "NOOP", "magic": 0}, b'{"keytype":"NOOP","magic":0}'),
        (
            {"keytype": "CONTEXT", "tenant": "default", "context": ".x", "magic": 0},
            b'{"keytype":"CONTEXT","tenant":"default","context":".x","magic":0}',
        ),
    ],
)
def test_a_key_has_its_bytes_and_is_read_again(key: Json, data: bytes) -> None:
    """Compaction would keep what another registry wrote beside what we write for the same."""
    assert stored.encoded(key) == data
    read = stored.read_key(data)
    assert read is not None
    assert {name: value for name, value in read.items() if value is not None} == key
    assert list(read) == list(KEYS[key["keytype"]][0])


def test_a_version_has_its_bytes() -> None:
    """Another registry on the topic would read another schema, or none."""
    assert stored.encoded(BARE.value()) == (
        b'{"subject":"s","version":1,"id":1,"md5":"71JOobkecxc9k4reNsHbMg==",'
        b'"schema":"\\"int\\"","deleted":false}'
    )
    references = (Reference("n", "r", 3),)
    metadata: Json = {"properties": {"a": "b"}}
    rules: Json = {"domainRules": [{"name": "r", "kind": "CONDITION", "disabled": False}]}
    full = BARE._replace(
        schema_type="JSON",
        references=references,
        metadata=metadata,
        rule_set=rules,
        deleted=True,
        hash=hash_of(TEXT, references, metadata, rules),
    )
    told = json.loads(stored.encoded(full.value()) or b"")
    assert list(told) == [
        "subject", "version", "id", "md5", "schemaType", "references", "metadata", "ruleSet",
        "schema", "deleted",
    ]  # fmt: skip
    assert told["references"] == [{"name": "n", "subject": "r", "version": 3}]
    assert stored.read_version(full.key(), told, 7) == full._replace(ts=7)


def test_a_version_without_its_hash_is_read_all_the_same() -> None:
    """What registries wrote before they wrote hashes would be lost."""
    value = {"subject": "s", "version": 1, "id": 1, "schema": TEXT, "deleted": False}
    assert stored.read_version(BARE.key(), value, -1) == BARE


@pytest.mark.parametrize(
    "value",
    [
        {},
        {"id": "1", "schema": TEXT},
        {"id": True, "schema": TEXT},
        {"id": 1, "schema": None},
        {"id": 1, "schema": TEXT, "references": 7},
        {"id": 1, "schema": TEXT, "references": [{"name": "n"}]},
        {"id": 1, "schema": TEXT, "references": [{"name": "n", "subject": "s", "version": "x"}]},
        {"id": 1, "schema": TEXT, "references": [{"name": "n", "subject": "s", "version": 1e30}]},
        {"id": 1, "schema": TEXT, "metadata": []},
        {"id": 1, "schema": TEXT, "metadata": "x"},
        {"id": 1, "schema": TEXT, "metadata": {"tags": 1}},
        {"id": 1, "schema": TEXT, "ruleSet": [1]},
        {"id": 1, "schema": TEXT, "ruleSet": {"domainRules": [1]}},
        {"id": 1, "schema": TEXT, "schemaType": 5},
        {"id": 1, "schema": TEXT, "schemaType": ["AVRO"]},
        {"id": -5, "schema": TEXT},
        {"id": 1 << 40, "schema": TEXT},
    ],
)
def test_a_version_that_makes_no_sense_is_none(value: Any) -> None:
    """One broken record would stop the registry from starting, or poison what it answers."""
    assert stored.read_version(BARE.key(), value, 0) is None


@pytest.mark.parametrize(
    "data",
    [
        None,
        b"",
        b"{",
        b"null",
        b"[]",
        b'"SCHEMA"',
        b"\xff\xfe",
        b"{}",
        b'{"keytype":"UNKNOWN","magic":0}',
        b'{"keytype":5}',
        b'{"keytype":["SCHEMA"]}',
        b'{"keytype":null}',
        b'{"keytype":"SCHEMA","subject":"s","magic":1}',
        b'{"keytype":"SCHEMA","subject":"s","version":0,"magic":1}',
        b'{"keytype":"SCHEMA","subject":"s","version":"1","magic":1}',
        b'{"keytype":"SCHEMA","subject":"s","version":true,"magic":1}',
        b'{"keytype":"SCHEMA","subject":5,"version":1,"magic":1}',
        b'{"keytype":"DELETE_SUBJECT","magic":0}',
        b'{"keytype":"CONFIG","subject":["s"],"magic":0}',
        b'{"keytype":"CONTEXT","tenant":"default","context":["x"],"magic":0}',
        b"[" * 200_000,
        b'{"a":' * 200_000,
    ],
)
def test_a_key_that_makes_no_sense_is_none(data: bytes | None) -> None:
    """A foreign record, or half of one, would stop the registry from reading on."""
    assert stored.read_key(data) is None


def test_old_keys_without_a_keytype_are_not_ours() -> None:
    """A record of who knows what would be taken for a schema."""
    assert stored.read_key(b'{"subject":"s","version":1,"magic":0}') is None


@pytest.mark.parametrize("data", [None, b"", b"{", b"5", b"[1]", b"[" * 200_000])
def test_a_value_that_makes_no_sense_is_none(data: bytes | None) -> None:
    """Half a value would break the reading of the topic."""
    assert stored.read_value(data) is None


def test_false_and_zero_are_not_empty() -> None:
    """A version would lose `deleted: false`, which other registries look for."""
    told = {"a": False, "b": 0, "c": None, "d": "", "e": [], "f": {}, "g": [0]}
    assert stored.without_empty(told) == {"a": False, "b": 0, "g": [0]}


def test_half_of_a_character_can_be_written() -> None:
    """A name that Python can hold, and UTF-8 can't, would break the writing of a record."""
    assert stored.encoded({"a": "\ud800"}) == b'{"a":"?"}'
