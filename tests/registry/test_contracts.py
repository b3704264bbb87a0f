"""Hashes, references, metadata and rules."""

from __future__ import annotations

import base64
import hashlib
from typing import Any

import pytest

from ottla.registry.contracts import (
    Json,
    Reference,
    hash_of,
    merged_metadata,
    merged_rule_set,
    metadata_of,
    references_of,
    rule_set_of,
)
from ottla.web.operation import Refusal

RULE: Json = {"name": "r", "type": "CEL"}
KEPT: Json = {
    "name": "r",
    "kind": "TRANSFORM",
    "mode": "WRITEREAD",
    "type": "CEL",
    "disabled": False,
}


@pytest.mark.parametrize(
    ("told", "data"),
    [
        (('"int"', (), None, None), b'"int"'),
        (("é", (), None, None), b"\xc3\xa9"),
        (("x", (Reference("n", "s", 258),), None, None), b"xns\x00\x00\x01\x02"),
        (("x", (Reference("n", "s", -1),), None, None), b"xns\xff\xff\xff\xff"),
        (("x", (), {}, None), b"x\x01"),
        (
            (
                "x",
                (),
                {
                    "tags": {"b": ["2"], "a": ["1", "0"]},
                    "properties": {"p": "v"},
                    "sensitive": ["s"],
                },
                None,
            ),
            b"x\x01a10b2pvs",
        ),
        (("x", (), None, {}), b"x\x01"),
        (
            (
                "x",
                (),
                None,
                {
                    "domainRules": [
                        {
                            "name": "n",
                            "doc": "d",
                            "kind": "CONDITION",
                            "mode": "WRITE",
                            "type": "CEL",
                            "tags": ["t"],
                            "params": {"p": "v"},
                            "expr": "e",
                            "onSuccess": "NONE",
                            "onFailure": "DLQ",
                            "disabled": True,
                        }
                    ],
                    "migrationRules": [{"name": "m"}],
                    "enableAt": "ALL",
                },
            ),
            b"x\x01mndCONDITIONWRITECELtpveNONEDLQ\x01ALL",
        ),
        (("x", (), {}, {}), b"x\x01\x01"),
    ],
)
def test_the_hash_is_that_of_these_bytes(told: Any, data: bytes) -> None:
    """A schema would have another GUID here than in every other registry."""
    digest = hashlib.md5(data, usedforsecurity=False).digest()
    known = hash_of(*told)
    assert known.digest == digest
    assert known.stored == base64.b64encode(digest).decode()
    assert known.guid.replace("-", "") == digest.hex()


def test_a_hash_that_another_registry_gave() -> None:
    """Both sides of the test above could be wrong in the same way."""
    known = hash_of('"int"', (), None, None)
    assert known.guid == "ef524ea1-b91e-7317-3d93-8ade36c1db32"
    assert known.stored == "71JOobkecxc9k4reNsHbMg=="


def test_references_as_they_are_told() -> None:
    """A schema would be read with other parts than its author named."""
    assert references_of(None) == references_of([]) == ()
    told = [
        {"name": "n", "subject": "s", "version": 2},
        {"name": "m", "subject": "t", "version": -1},
    ]
    assert references_of(told) == (Reference("n", "s", 2), Reference("m", "t", -1))
    assert [reference.json() for reference in references_of(told)] == told


@pytest.mark.parametrize(
    "told",
    [
        {},
        "x",
        [1],
        [{}],
        [{"name": "n", "subject": "s"}],
        [{"name": "", "subject": "s", "version": 1}],
        [{"name": "n", "subject": "s", "version": 0}],
        [{"name": "n", "subject": "s", "version": True}],
        [{"name": "n", "subject": "s", "version": "1"}],
        [{"name": "n", "subject": "s", "version": 1 << 31}],
        [{"name": "n", "subject": "s", "version": 1, "more": 1}],
    ],
)
def test_references_that_can_not_be(told: Any) -> None:
    """A reference that means nothing would be kept."""
    with pytest.raises(Refusal) as refused:
        references_of(told)
    assert refused.value.code == 42201


def test_metadata_is_kept_in_one_order() -> None:
    """The same metadata would have another hash, and be another version."""
    told = {
        "properties": {"b": "2", "a": "1"},
        "tags": {"y": ["2", "1", "2"], "x": []},
        "sensitive": ["b", "a", "b"],
    }
    assert metadata_of(told) == {
        "tags": {"x": [], "y": ["1", "2"]},
        "properties": {"a": "1", "b": "2"},
        "sensitive": ["a", "b"],
    }
    assert str(metadata_of(told)).index("'a': '1'") < str(metadata_of(told)).index("'b': '2'")
    assert metadata_of(None) is None
    assert metadata_of({}) == {}
    assert metadata_of({"tags": None, "sensitive": []}) == {}


@pytest.mark.parametrize(
    "told",
    [
        5,
        [],
        {"more": 1},
        {"tags": []},
        {"tags": {"a": "b"}},
        {"tags": {"a": [1]}},
        {"properties": {"a": 1}},
        {"properties": {"a": None}},
        {"sensitive": "a"},
        {"sensitive": [1]},
    ],
)
def test_metadata_that_can_not_be(told: Any) -> None:
    """Metadata that no client can read would be kept."""
    with pytest.raises(Refusal) as refused:
        metadata_of(told)
    assert refused.value.code == 42201


def test_rules_are_kept_complete_and_in_one_order() -> None:
    """A rule would run in another way than its author took for granted."""
    assert rule_set_of(None) is None
    assert rule_set_of({}) == {}
    assert rule_set_of({"domainRules": [RULE]}) == {"domainRules": [KEPT]}
    assert rule_set_of({"migrationRules": [RULE]}) == {
        "migrationRules": [{**KEPT, "mode": "UPDOWN"}]
    }
    full = {
        **RULE,
        "doc": "d",
        "kind": "CONDITION",
        "mode": "READ",
        "tags": ["b", "a", "a"],
        "params": {"y": "2", "x": "1"},
        "expr": "e",
        "onSuccess": "NONE",
        "onFailure": "DLQ",
        "disabled": True,
    }
    rules = rule_set_of({"encodingRules": [full], "enableAt": "CLIENT"})
    assert rules is not None
    assert list(rules["encodingRules"][0]) == [
        "name", "doc", "kind", "mode", "type", "tags", "params", "expr", "onSuccess", "onFailure",
        "disabled",
    ]  # fmt: skip
    assert rules["encodingRules"][0]["tags"] == ["a", "b"]
    assert list(rules["encodingRules"][0]["params"]) == ["x", "y"]
    assert rules["enableAt"] == "CLIENT"


@pytest.mark.parametrize(
    "told",
    [
        5,
        {"rules": []},
        {"domainRules": {}},
        {"domainRules": [5]},
        {"domainRules": [{}]},
        {"domainRules": [{"type": "CEL"}]},
        {"domainRules": [{"name": "r"}]},
        {"domainRules": [{**RULE, "name": "9r"}]},
        {"domainRules": [{**RULE, "name": "r" * 65}]},
        {"domainRules": [{**RULE, "name": "r\n"}]},
        {"domainRules": [{**RULE, "name": ["r"]}]},
        {"domainRules": [{**RULE, "mode": "UPGRADE"}]},
        {"domainRules": [{**RULE, "mode": ["READ"]}]},
        {"migrationRules": [{**RULE, "mode": "READ"}]},
        {"domainRules": [{**RULE, "kind": "CHECK"}]},
        {"domainRules": [{**RULE, "kind": {}}]},
        {"domainRules": [{**RULE, "expr": 5}]},
        {"domainRules": [{**RULE, "tags": "PII"}]},
        {"domainRules": [{**RULE, "params": []}]},
        {"domainRules": [{**RULE, "params": {"a": 1}}]},
        {"domainRules": [{**RULE, "disabled": "no"}]},
        {"domainRules": [{**RULE, "mode": "READ", "onFailure": "DLQ,NONE"}]},
        {"domainRules": [{**RULE, "colour": "red"}]},
        {"domainRules": [RULE, RULE]},
        {"enableAt": "HERE"},
        {"enableAt": ["ALL"]},
    ],
)
def test_rules_that_can_not_be(told: Any) -> None:
    """A rule that no client can run would be kept, and records be written without it."""
    with pytest.raises(Refusal) as refused:
        rule_set_of(told)
    assert refused.value.code == 42210


def test_two_actions_for_a_rule_that_works_both_ways() -> None:
    """A rule that may do one thing when it writes, and another when it reads, could not be kept."""
    rule = {**RULE, "onFailure": "DLQ,NONE"}
    assert rule_set_of({"domainRules": [rule]}) == {
        "domainRules": [{**KEPT, "onFailure": "DLQ,NONE", "disabled": False}]
    }


def test_metadata_merged() -> None:
    """What a config sets for all schemas would not count, or take away what they have."""
    assert merged_metadata(None, None) is None
    assert merged_metadata(None, {}, None) == {}
    merged = merged_metadata(
        {"properties": {"a": "default", "b": "default"}, "tags": {"t": ["1"]}},
        {"properties": {"b": "own", "c": "own"}, "tags": {"t": ["2"]}, "sensitive": ["x"]},
        {"properties": {"c": "override"}},
    )
    assert merged == {
        "tags": {"t": ["1", "2"]},
        "properties": {"a": "default", "b": "own", "c": "override"},
        "sensitive": ["x"],
    }


def test_rules_merged() -> None:
    """A rule that a config sets for all would stand beside the one that it replaces."""
    assert merged_rule_set(None, None) is None
    assert merged_rule_set({}, None) == {}
    named = [{**KEPT, "name": name, "expr": who} for name, who in (("a", "1"), ("b", "1"))]
    later = [{**KEPT, "name": name, "expr": who} for name, who in (("b", "2"), ("c", "2"))]
    merged = merged_rule_set(
        {"domainRules": named, "enableAt": "ALL"}, {"domainRules": later, "enableAt": "NONE"}
    )
    assert merged is not None
    told = [(rule["name"], rule["expr"]) for rule in merged["domainRules"]]
    assert told == [("a", "1"), ("b", "2"), ("c", "2")]
    assert merged["enableAt"] == "NONE"
