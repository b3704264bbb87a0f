"""Every key of Apache Kafka 4.3.1 is a row of ours, and says the same."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from ottla.config.group import OWN, synonym
from ottla.config.row import (
    Row,
    broker_rows,
    client_metrics_rows,
    client_rows,
    group_rows,
    topic_rows,
)
from ottla.config.topic import SYNONYMS
from ottla.config.values import default_value, validate

COUNTS = {
    "broker": 360,
    "topic": 34,
    "group": 17,
    "client-metrics": 3,
    "producer": 113,
    "consumer": 116,
    "admin": 91,
}


def our_rows(kind: str) -> Mapping[str, Row]:
    """Our table of one kind, without our own keys."""
    tables = {
        "broker": broker_rows,
        "topic": topic_rows,
        "group": group_rows,
        "client-metrics": client_metrics_rows,
    }
    rows = tables[kind]() if kind in tables else client_rows(kind)
    return {name: row for name, row in rows.items() if not name.startswith("ottla.")}


def apache_rows(data_dir: Path, kind: str) -> dict[str, list[str]]:
    """What 4.3.1 said of every key of one kind."""
    lines = (data_dir / "config-rows.tsv").read_text(encoding="utf-8").splitlines()
    cells = [line.split("\t") for line in lines if not line.startswith("#")]
    return {c[1]: c for c in cells if c[0] == kind}


def as_ours(validator: str) -> str:
    """Apache's description of a validator as the word that our tables use."""
    name, _, shape = validator.partition(":")
    words = {
        "-": "",
        "LambdaValidator": "gzip-level",
        "NonNullValidator": "non-null",
        "NonEmptyString": "non-empty",
        "ControllerQuorumVotersValidator": "voters",
        "ControllerQuorumBootstrapServersValidator": "endpoints",
        "ThrottledReplicaListValidator": "throttled-replicas",
    }
    if shape.startswith("[latest"):
        return "offset-reset-or-none" if "none" in shape else "offset-reset"
    if name == "Validator":
        return f"in-any-case:{shape[1:-1].replace(', ', '|')}"
    if name in words:
        return words[name]
    if validator.startswith("list("):
        inside, _, flags = validator[5:].partition(")")
        return "list" + "".join(f"+{f}" for f in flags.split()) + (f":{inside}" if inside else "")
    for kind in ("in", "in-any-case"):
        if validator.startswith(f"{kind}("):
            return f"{kind}:{validator[len(kind) + 1 : -1]}"
    return validator


@pytest.mark.parametrize("kind", list(COUNTS))
def test_rows_equal_apaches(data_dir: Path, kind: str) -> None:
    """If this failed, a key would be missing, or have another type, default, rule or scope than
    Kafka's.
    """
    theirs = apache_rows(data_dir, kind)
    ours = our_rows(kind)
    assert len(theirs) == COUNTS[kind]
    assert sorted(ours) == sorted(theirs)
    scopes = {"read-only": "static", "per-broker": "broker", "cluster-wide": "cluster", "-": ""}
    for name, cells in theirs.items():
        row = ours[name]
        default = {"null": None, "''": ""}.get(cells[3], cells[3].replace("class ", ""))
        assert [row.type, row.default, row.validator, row.importance, row.internal] == [
            cells[2],
            default,
            as_ours(cells[4]),
            cells[5],
            cells[6] == "internal",
        ], name
        assert row.scope == scopes[cells[7]], name


def test_topic_synonyms_equal_apaches(data_dir: Path) -> None:
    """If this failed, a topic would get its default from another broker key than under Kafka."""
    theirs = apache_rows(data_dir, "topic")
    assert {name: ",".join(keys) or "-" for name, keys in SYNONYMS.items()} == {
        name: cells[8] for name, cells in theirs.items()
    }


def test_a_broker_describes_340_keys_and_102_can_change(data_dir: Path) -> None:
    """If this failed, DescribeConfigs would list other keys than 4.3.1, or allow other changes."""
    rows = our_rows("broker").values()
    assert sum(not row.internal for row in rows) == 340
    quotas = apache_rows(data_dir, "broker-quota")
    assert sum(row.dynamic for row in rows) + len(quotas) == 102


def test_every_default_passes_its_own_validator() -> None:
    """If this failed, a validator's word would be misread, as Kafka's defaults are valid values."""
    for kind in COUNTS:
        for name, row in our_rows(kind).items():
            if row.validator and row.default not in (None, "REQUIRED"):
                value = default_value(row)
                assert validate(name, row.validator, value) == value


def test_group_keys_have_a_broker_key_behind_them() -> None:
    """If this failed, a group that sets nothing would have no value for a key."""
    for name in our_rows("group"):
        assert name in OWN or synonym(name) in our_rows("broker")


def test_a_row_shows_itself() -> None:
    """If this failed, a failing test about a row would not say which one it is."""
    assert repr(broker_rows()["num.partitions"]) == "Row('num.partitions', INT, default='1')"
    assert broker_rows()["ssl.key.password"].sensitive


def test_what_is_honoured_is_read_somewhere() -> None:
    """If this failed, a key would be called honoured though nothing reads it."""
    source = Path(__file__).parent.parent.parent / "src" / "ottla"
    tables = {"documentation.py", "topic.py", "row.py"}
    code = "\n".join(
        path.read_text(encoding="utf-8")
        for path in source.rglob("*.py")
        if path.name not in tables and not path.name.startswith("broker_")
    )
    defaults = {key for synonyms in SYNONYMS.values() for key in synonyms}
    unread = [
        name
        for name, row in broker_rows().items()
        if row.honoured and name not in defaults and f'"{name}"' not in code
    ]
    assert not unread
