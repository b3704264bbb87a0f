"""What happens around a rule: which ones run, and what is done when they fail."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from ottla.client import Consumer, Producer
from ottla.schemas.language import JSON
from ottla.serdes import (
    BadData,
    Contract,
    JsonDeserializer,
    JsonSerializer,
    RuleFailed,
    Rules,
    SchemaRegistry,
)
from ottla.serdes.rules import jsonata
from ottla.serdes.rules.rule import Call, matches

SCHEMA = json.dumps(
    {
        "title": "Person",
        "type": "object",
        "properties": {
            "name": {"type": "string", "confluent:tags": ["PII"]},
            "age": {"type": "integer"},
            "town": {"type": "string"},
        },
    }
)
PERSON = {"name": "alice", "age": 30, "town": "Rome"}


def rule(**told: Any) -> dict[str, Any]:
    """A rule with what a test does not care for."""
    return {"name": "r", "kind": "CONDITION", "type": "CEL", "mode": "WRITE", "expr": "false"} | (
        told
    )


Register = Callable[..., str]


@pytest.fixture
def contract(registry: SchemaRegistry, topic: Callable[[], str]) -> Register:
    """Registers rules for the values of a new topic, and says its name."""

    def register(*rules: dict[str, Any], phase: str = "domainRules", **more: Any) -> str:
        name = topic()
        metadata = more.pop("metadata", None)
        rule_set = {phase: list(rules), **more}
        registry.register(f"{name}-value", Contract(SCHEMA, JSON, (), metadata, rule_set))
        return name

    return register


def test_a_condition_that_does_not_hold_says_which(
    registry: SchemaRegistry, contract: Register
) -> None:
    """If this failed, a producer would not learn what the contract wants."""
    name = contract(rule(expr="message.age > 99"))
    with pytest.raises(RuleFailed, match=r"'r' \(CEL\) says no: message.age > 99") as caught:
        JsonSerializer(registry)(name, PERSON)
    assert caught.value.rule == "r"
    told = contract(rule(doc="only the very old"))
    with pytest.raises(RuleFailed, match="only the very old"):
        JsonSerializer(registry)(told, PERSON)
    field = contract(rule(type="CEL_FIELD", expr="name != 'age'"))
    with pytest.raises(RuleFailed, match=r"\$\.age"):
        JsonSerializer(registry)(field, PERSON)


def test_rules_run_in_order_and_back_in_reverse(
    registry: SchemaRegistry, contract: Register
) -> None:
    """If this failed, what is done on the way to a topic would not be undone on the way back."""
    one = rule(name="a", kind="TRANSFORM", type="CEL_FIELD", mode="WRITEREAD", tags=["PII"])
    name = contract(
        one | {"expr": "value + '1'"},
        one | {"name": "b", "expr": "value + '2'", "tags": ["PII", "X"]},
    )
    data = JsonSerializer(registry)(name, PERSON)
    assert data is not None
    assert json.loads(data[5:])["name"] == "alice12"
    assert JsonDeserializer(registry).deserialize(name, data)["name"] == "alice1221"


def test_of_rules_that_change_the_same_tags_one_runs(
    registry: SchemaRegistry, contract: Register
) -> None:
    """If this failed, a field would be changed twice where the field's clients change it once."""
    one = rule(kind="TRANSFORM", type="CEL_FIELD", mode="WRITEREAD", tags=["PII"])
    name = contract(
        one | {"name": "a", "expr": "value + '1'"}, one | {"name": "b", "expr": "value + '2'"}
    )
    data = JsonSerializer(registry)(name, PERSON)
    assert data is not None
    assert json.loads(data[5:])["name"] == "alice1"
    assert JsonDeserializer(registry).deserialize(name, data)["name"] == "alice11"


def test_tags_of_metadata_count(registry: SchemaRegistry, contract: Register) -> None:
    """If this failed, fields that are tagged outside of the schema's text would not be hidden."""
    name = contract(
        rule(kind="TRANSFORM", type="CEL_FIELD", tags=["PLACE"], expr="'hidden'"),
        metadata={"tags": {"**.town": ["PLACE"]}},
    )
    data = JsonSerializer(registry)(name, PERSON)
    assert data is not None
    assert json.loads(data[5:]) == PERSON | {"town": "hidden"}


@pytest.mark.parametrize(
    ("more", "runs"),
    [({}, True), ({"enableAt": "CLIENT"}, True), ({"enableAt": "SERVER"}, False)],
)
def test_rules_that_are_for_others_are_left_out(
    registry: SchemaRegistry, contract: Register, more: dict[str, str], runs: bool
) -> None:
    """If this failed, a rule of a gateway would run in every client as well."""
    name = contract(rule(), **more)
    write = JsonSerializer(registry)
    if runs:
        with pytest.raises(RuleFailed):
            write(name, PERSON)
    else:
        assert write(name, PERSON)
    ignoring = Rules(is_ignored=lambda kind: kind == "CEL")
    assert JsonSerializer(registry, rules=ignoring)(name, PERSON)


def test_types_and_actions_that_nobody_knows_are_refused_by_name(
    registry: SchemaRegistry, contract: Register
) -> None:
    """If this failed, a rule that was to encrypt could pass unseen."""
    name = contract(rule(type="ROT13", onFailure="NONE"))
    with pytest.raises(RuleFailed, match="'ROT13', which nobody here knows") as caught:
        JsonSerializer(registry)(name, PERSON)
    assert "CEL_FIELD" in str(caught.value.hint)
    name = contract(rule(onFailure="SHOUT"))
    with pytest.raises(RuleFailed, match="action 'SHOUT'"):
        JsonSerializer(registry)(name, PERSON)
    name = contract(rule(expr="true", onSuccess="ERROR"))
    with pytest.raises(RuleFailed, match="after its success"):
        JsonSerializer(registry)(name, PERSON)


def test_a_type_may_be_brought(registry: SchemaRegistry, contract: Register) -> None:
    """If this failed, a team's own rules could not be run."""

    class Upper:
        def run(self, call: Call, value: Any) -> Any:
            return call.change_fields(value, lambda field, of: of.upper())

    name = contract(rule(type="UPPER", kind="TRANSFORM", tags=["PII"]))
    data = JsonSerializer(registry, rules=Rules(types={"UPPER": Upper()}))(name, PERSON)
    assert data is not None
    assert json.loads(data[5:]) == PERSON | {"name": "ALICE"}


@pytest.mark.parametrize(
    "one",
    [
        rule(expr="message.nope == 1"),
        rule(expr="(((("),
        rule(kind="TRANSFORM", type="JSONATA", expr="$nope("),
        rule(kind="TRANSFORM", type="JSONATA", expr="nothing"),
        rule(kind="TRANSFORM", type="JSONATA", expr="($f := function($x) {$f($x)}; $f(1))"),
        rule(kind="TRANSFORM", type="ENCRYPT", tags=["PII"]),
        rule(
            kind="TRANSFORM", type="ENCRYPT", tags=["PII"],
            params={"encrypt.kek.name": "k", "encrypt.dek.algorithm": "ROT13"},
        ),
        rule(
            kind="TRANSFORM", type="ENCRYPT", tags=["PII"],
            params={"encrypt.kek.name": "k", "encrypt.dek.expiry.days": "soon"},
        ),
        rule(kind="TRANSFORM", type="ENCRYPT", params={"encrypt.kek.name": "k"}),
    ],
)  # fmt: skip
def test_rules_that_can_not_run_say_so(
    registry: SchemaRegistry,
    contract: Register,
    monkeypatch: pytest.MonkeyPatch,
    one: dict[str, Any],
) -> None:
    """If this failed, a wrong rule would end a program with an error of some other package, or
    keep it for ever.
    """
    monkeypatch.setattr(jsonata, "TIME_MAX_MS", 50)
    name = contract(one)
    with pytest.raises(RuleFailed) as caught:
        JsonSerializer(registry)(name, PERSON)
    assert caught.value.rule == "r"
    passing = contract(one | {"onFailure": "NONE"})
    assert JsonSerializer(registry)(passing, PERSON)


def test_what_rules_make_must_be_valid_in_the_end(
    registry: SchemaRegistry, contract: Register
) -> None:
    """If this failed, a rule could write what the schema forbids."""
    name = contract(rule(kind="TRANSFORM", type="JSONATA", expr='{"age": "old"}'))
    with pytest.raises(BadData, match="not valid"):
        JsonSerializer(registry)(name, PERSON)


def letters(bootstrap: str, topic: str, count: int) -> list[Any]:
    """The dead letters of a topic."""
    found: list[Any] = []
    with Consumer(bootstrap) as consumer:
        consumer.assign([(topic, 0, 0)])
        while len(found) < count:
            found += consumer.poll(10)
    return found


def test_dead_letters(
    bootstrap: str, registry: SchemaRegistry, contract: Register, topic: Callable[[], str]
) -> None:
    """If this failed, records that a contract refuses would be lost, or read with what it hides."""
    dead = topic()
    hides = rule(name="hides", kind="TRANSFORM", type="ENCRYPT", mode="WRITEREAD", tags=["PII"])
    wants = rule(name="wants", mode="WRITEREAD", onFailure="DLQ,DLQ", params={"dlq.topic": dead})
    name = contract(wants, hides)
    with pytest.raises(RuleFailed, match="no producer for dead letters"):
        JsonSerializer(registry)(name, PERSON)
    with Producer(bootstrap) as producer:
        rules = Rules(producer=producer)
        with pytest.raises(RuleFailed, match="says no"):
            JsonSerializer(registry, rules=rules)(name, PERSON, [("a", b"b")])
        plain = JsonSerializer(
            registry, rules=Rules(is_ignored=lambda kind: kind in ("CEL", "ENCRYPT"))
        )(name, PERSON)
        ignoring = Rules(producer=producer, is_ignored=lambda kind: kind == "ENCRYPT")
        read = JsonDeserializer(registry, rules=ignoring)
        with pytest.raises(RuleFailed, match="says no"):
            read.deserialize(name, plain)
        producer.flush(10)
    written, was_read = letters(bootstrap, dead, 2)
    assert json.loads(written.value) == PERSON | {"name": "<REDACTED>"}
    assert dict(written.headers) | {"__rule.exception": b""} == {
        "a": b"b",
        "__rule.name": b"wants",
        "__rule.mode": b"WRITE",
        "__rule.subject": f"{name}-value".encode(),
        "__rule.topic": name.encode(),
        "__rule.exception": b"",
    }
    assert b"says no" in dict(written.headers)["__rule.exception"]
    assert was_read.value == plain
    assert dict(was_read.headers)["__rule.mode"] == b"READ"
    again = read.deserialize(name, was_read.value, was_read.headers)
    assert again == PERSON


@pytest.mark.parametrize(
    ("pattern", "name", "is_meant"),
    [
        ("a.b", "a.b", True),
        ("a.b", "axb", False),
        ("*.b", "a.b", True),
        ("*.b", "x.a.b", False),
        ("**.b", "x.a.b", True),
        ("a?c", "abc", True),
        ("a?c", "a.c", False),
        ("$.a", "$.a", True),
        ("(a", "(a", True),
        ("a**", "a.b.c", True),
    ],
)
def test_patterns_of_names(pattern: str, name: str, is_meant: bool) -> None:
    """If this failed, tags would be of other fields than the contract says."""
    from confluent_kafka.schema_registry.wildcard_matcher import wildcard_match

    assert matches(pattern, name) is is_meant
    assert wildcard_match(name, pattern) is is_meant
