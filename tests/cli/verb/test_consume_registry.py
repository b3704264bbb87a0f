"""Records of a schema registry, printed as JSON."""

from __future__ import annotations

import json
from typing import Any

import pytest

import ottla
from cli.commands import run
from ottla.client import Producer
from ottla.serdes import AvroSerializer, JsonSerializer, SchemaRegistry

ORDER = """{"type": "record", "name": "Order", "fields": [
    {"name": "what", "type": "string"},
    {"name": "raw", "type": "bytes"},
    {"name": "day", "type": {"type": "int", "logicalType": "date"}}]}"""
VALUE = {"what": "bicyclé", "raw": b"\xff", "day": 19_000}
SHOWN = {"what": "bicyclé", "raw": "\xff", "day": "2022-01-08"}


def written(broker: ottla.Broker, topic: str) -> None:
    """Records of Avro and of JSON, one of neither, and one of a schema that is not there."""
    with (
        SchemaRegistry(broker.schema_registry_url) as registry,
        Producer(broker.bootstrap_servers) as producer,
    ):
        avro = AvroSerializer(registry, ORDER, subject=lambda *_: f"{topic}-avro")
        text = JsonSerializer(registry, '{"type": "integer"}', subject=lambda *_: f"{topic}-json")
        for key, value in (
            (b"k", avro(topic, VALUE)),
            (text.key(topic, 7), text(topic, 8)),
            (b"k", b"plain"),
            (b"k", b"\0\0\0\x19\x19?"),
            (None, None),
        ):
            producer.send(topic, value, key=key, partition=0).result(30)


def test_what_names_a_schema_is_shown_as_json(
    registry_broker: ottla.Broker, monkeypatch: pytest.MonkeyPatch
) -> None:
    """If this failed, `ottla consume` would print bytes where a registry says what they mean, or
    lose those of which it says nothing.
    """
    monkeypatch.setenv("OTTLA_REGISTRY", registry_broker.schema_registry_url)
    monkeypatch.setenv("OTTLA_AT", registry_broker.bootstrap_servers)
    written(registry_broker, "shown")
    done = run(["ottla", "consume", "shown", "--exit", "--registry"])
    assert done.exit_code == 0, done
    lines = done.stdout.splitlines()
    assert json.loads(lines[0]) == SHOWN
    assert [lines[1], lines[2], lines[-1]] == ["8", "plain", "null"]
    assert done.stderr.count("is printed as it is") == 1
    assert "shown-0 offset 2" in done.stderr
    done = run(["ottla", "consume", "shown", "--exit", "-n", "2", "--json", "--registry"])
    rows: list[Any] = [json.loads(line) for line in done.stdout.splitlines()]
    assert [row["key"] for row in rows] == ["k", "7"]
    assert json.loads(rows[0]["value"]) == SHOWN
    nobody = "http://127.0.0.1:1"
    done = run(["ottla", "consume", "shown", "--exit", "--registry", nobody])
    assert (done.exit_code, "no schema registry answers" in done.stderr) == (1, True)
