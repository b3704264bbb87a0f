"""DescribeConfigs: the same entries that a running 4.3.1 gives for the same file and the same
changes.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from ottla.config import BrokerConfig, describe
from ottla.config.alteration import DYNAMIC_ALONE
from ottla.config.documentation import BROKER, documentation
from ottla.config.row import broker_rows, group_rows, topic_rows

FILE = {
    "process.roles": "broker,controller",
    "node.id": "1",
    "listeners": "PLAINTEXT://127.0.0.1:9092,CONTROLLER://127.0.0.1:9093",
    "controller.listener.names": "CONTROLLER",
    "controller.quorum.voters": "1@127.0.0.1:9093",
    "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT",
    "log.dirs": "/tmp/kafka",
    "log.retention.hours": "24",
    "log.roll.hours": "48",
    "offsets.topic.replication.factor": "1",
    "zzz.unknown.key": "7",
    "my.password.thing": "xyzzy",
    "ssl.keystore.password": "hunter2",
}
TOPIC = {"retention.ms": "1000", "cleanup.policy": "compact,delete"}
SOURCES = {
    "DYNAMIC_TOPIC_CONFIG": describe.TOPIC,
    "DYNAMIC_BROKER_CONFIG": describe.BROKER,
    "DYNAMIC_DEFAULT_BROKER_CONFIG": describe.CLUSTER,
    "STATIC_BROKER_CONFIG": describe.STATIC,
    "DEFAULT_CONFIG": describe.DEFAULT,
}


def node() -> BrokerConfig:
    """The broker that the recorded answers are from."""
    return BrokerConfig(FILE).with_dynamic(
        cluster={"min.insync.replicas": "1"}, broker={"message.max.bytes": "2000000"}
    )


def entries(kind: str) -> list[describe.Entry]:
    """What we say of the recorded resource of one kind."""
    if kind == "broker":
        return describe.describe_broker(node())
    if kind == "topic":
        return describe.describe_topic(node(), TOPIC)
    return describe.describe_group(node(), {})


def as_recorded(entry: describe.Entry) -> dict[str, Any]:
    """One of our entries in the shape of the recorded ones."""
    names = {number: name for name, number in SOURCES.items()}
    types = {number: name for name, number in describe.TYPES.items()}
    return {
        "name": entry.name,
        "value": entry.value,
        "source": names[entry.source],
        "read_only": entry.read_only,
        "sensitive": entry.sensitive,
        "type": types[entry.type],
        "synonyms": [
            f"{s.name}={'null' if s.value is None else s.value} {names[s.source]}"
            for s in entry.synonyms
        ],
    }


@pytest.mark.parametrize(("kind", "count"), [("broker", 342), ("topic", 33), ("group", 17)])
def test_entries_equal_apaches(data_dir: Path, kind: str, count: int) -> None:
    """If this failed, tools would see other values, sources or synonyms than of Apache Kafka."""
    theirs = {}
    for line in (data_dir / "config-described.jsonl").read_text(encoding="utf-8").splitlines():
        entry = json.loads(line)
        if entry.pop("kind") == kind:
            theirs[entry["name"]] = entry
    ours = {e.name: as_recorded(e) for e in entries(kind) if not e.name.startswith("ottla.")}
    assert len(theirs) == count
    assert ours == theirs


def test_secrets_stay_in_the_node() -> None:
    """If this failed, a password in the file could be read by any client."""
    assert "hunter2" not in repr(describe.describe_broker(node()))
    assert "xyzzy" not in repr(describe.describe_broker(node(), documentation=True))


def test_cluster_default_lists_only_what_was_set() -> None:
    """If this failed, `kafka-configs --entity-default` would show keys that nobody set."""
    (entry,) = describe.describe_cluster_default(node())
    assert (entry.name, entry.value, entry.source) == ("min.insync.replicas", "1", describe.CLUSTER)
    assert not describe.describe_cluster_default(node(), names=["retention.ms"])


def test_only_the_names_that_were_asked_for() -> None:
    """If this failed, a client that asks for one key would get all of them."""
    (entry,) = describe.describe_broker(node(), names=["node.id"])
    assert entry.value == "1"
    (entry,) = describe.describe_topic(node(), {}, names=["retention.ms"])
    assert entry.value == "86400000"
    assert entry.is_default
    (entry,) = describe.describe_group(
        node(), {"share.isolation.level": "read_committed"}, names=["share.isolation.level"]
    )
    assert entry.source == describe.GROUP
    (entry,) = describe.describe_client_metrics({"interval.ms": "500"}, names=["interval.ms"])
    assert (entry.value, entry.source) == ("500", describe.CLIENT_METRICS)


def test_documentation_covers_every_honoured_key() -> None:
    """If this failed, a key would be described without a word, or words would stand for no key."""
    for name, row in broker_rows().items():
        sentence = documentation("broker", name)
        assert sentence
        assert row.honoured != sentence.startswith("Not honoured"), name
    known = {*broker_rows(), *(key for key, row in DYNAMIC_ALONE.items() if row.honoured)}
    assert not [n for n in BROKER.split("\n") if n and n.split(":")[0] not in known]
    for kind, rows in (("topic", topic_rows()), ("group", group_rows())):
        for name, row in rows.items():
            assert row.internal or documentation(kind, name), name
    (entry,) = describe.describe_broker(node(), names=["listeners"], documentation=True)
    assert entry.documentation == documentation("broker", "listeners")
