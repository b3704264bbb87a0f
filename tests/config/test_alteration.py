"""Every dynamic key of 4.3.1 is changed in a running node and its effect seen, or refused by name;
and what was changed holds after a restart.
"""

from __future__ import annotations

import os
from contextlib import nullcontext
from pathlib import Path

import pytest

import ottla
from config.probes import PROBES, Held, Probed, connections, probed
from ottla.client.admin import configs
from ottla.client.client import Client
from ottla.client.errors import BrokerError
from ottla.config.alteration import changes_while_running, dynamic_rows, why_without_effect
from ottla.config.row import Row
from ottla.wire.errors import ErrorCode
from servers import eventually

HONOURED = [name for name in dynamic_rows() if changes_while_running(name)]
REFUSED = [name for name in dynamic_rows() if not changes_while_running(name)]
OF_FILE = {
    "auto.create.topics.enable": "false",
    "log.flush.scheduler.interval.ms": "50",
    "log.retention.check.interval.ms": "300000",
}
FOR = pytest.mark.parametrize("name", ["1", ""], ids=["one", "all"])


def test_there_are_as_many_as_in_kafka() -> None:
    """If this failed, a dynamic key of 4.3.1 would be neither changed nor refused by name."""
    assert len(dynamic_rows()) == 102
    assert set(HONOURED) <= set(PROBES), "each key that changes while running needs a probe"


@FOR
@pytest.mark.parametrize("key", PROBES)
def test_a_change_takes_effect_in_a_running_node(key: str, name: str) -> None:
    """If this failed, a dynamic key would be stored and described, and the node would go by the
    old value.
    """
    on_disk = key == "log.preallocate"  # in memory no space is taken before it is used
    with (
        ottla.Broker(config=OF_FILE, in_memory=not on_disk) as broker,
        probed(broker, name) as node,
    ):
        PROBES[key](node)


def value_of(row: Row) -> str:
    """A value that 4.3.1 takes, other than the default."""
    of_keys = {
        "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT,A:PLAINTEXT",
        "listeners": "PLAINTEXT://127.0.0.1:9,CONTROLLER://127.0.0.1:10",
        "cordoned.log.dirs": "*",
        "log.cleaner.dedupe.buffer.size": "200000000",
        "ssl.client.auth": "required",
    }
    of_types = {"BOOLEAN": "true", "DOUBLE": "0.25"}
    numbers = ("INT", "LONG", "SHORT")
    number = "20" if "thread" in row.name else "30000" if row.type == "SHORT" else "700000"
    if row.name.endswith("assignment.interval.ms"):
        number = "2000"
    other = number if row.type in numbers else of_types.get(row.type, "given")
    return of_keys.get(row.name, other)


@pytest.mark.parametrize("name", ["1", ""], ids=["one", "all"])
def test_what_has_no_effect_is_refused_by_name(name: str) -> None:
    """If this failed, a change that nothing goes by would be taken in silence."""
    with ottla.Broker() as broker, Client(broker.bootstrap_servers) as client:
        for key in REFUSED:
            change = configs.Change(key, configs.SET, value_of(dynamic_rows()[key]))
            with pytest.raises(BrokerError) as refused:
                configs.alter(client, configs.BROKER, {name: [change]})
            assert key in str(refused.value), str(refused.value)
            reason = why_without_effect(key)
            assert reason is not None
            by_kafka = "broker id must be specified" in str(refused.value)
            by_kafka |= "only per-listener" in str(refused.value)
            assert by_kafka or reason in str(refused.value), str(refused.value)


def test_changes_hold_after_a_restart(tmp_path: Path) -> None:
    """If this failed, a node that is started again would go by its file alone."""
    changed = {
        "": {"message.max.bytes": "5000", "max.connections.per.ip": "900"},
        "1": {"compression.type": "gzip", "max.connections.per.ip": "4"},
    }
    broker = ottla.Broker(dir=tmp_path, config=OF_FILE)
    with broker, probed(broker, "1"), Client(broker.bootstrap_servers) as client:
        for name, keys in changed.items():
            rows = [configs.Change(key, configs.SET, value) for key, value in keys.items()]
            configs.alter(client, configs.BROKER, {name: rows})
    with broker:
        with Held(broker) as held:
            for _ in range(4):
                held.let_in()
            held.refused()
        eventually(lambda: connections(broker) == 0, "all have gone")
        node = Probed(broker, "1", make=False)
        node.wrote(b"v" * 4000)
        assert node.batches()[0].codec == "gzip"
        assert node.produce(os.urandom(6000)).error_code == ErrorCode.MESSAGE_TOO_LARGE
        with Client(broker.bootstrap_servers) as client:
            found = {row.name: row for row in configs.describe(client, configs.BROKER, ["1"])["1"]}
        sources = {name: found[name].source for keys in changed.values() for name in keys}
        assert sources == {
            "compression.type": "DYNAMIC_BROKER_CONFIG",
            "max.connections.per.ip": "DYNAMIC_BROKER_CONFIG",
            "message.max.bytes": "DYNAMIC_DEFAULT_BROKER_CONFIG",
        }


@pytest.mark.parametrize(
    ("key", "value", "refused"),
    [
        ("max.connections.per.ip.overrides", f"10.0.0.1:{1 << 31}", True),
        ("max.connections.per.ip.overrides", f"10.0.0.1:{1 << 64}", True),
        ("max.connections.per.ip.overrides", "10.0.0.1:" + "9" * 5000, True),
        ("max.connections.per.ip.overrides", "10.0.0.1:2147483647", False),
        ("replica.alter.log.dirs.io.max.bytes.per.second", "0" * 5000 + "5", False),
        ("log.cleaner.io.max.bytes.per.second", "NaN", True),
        ("log.cleaner.io.buffer.load.factor", "0", True),
    ],
    ids=lambda value: str(value)[:50],
)
def test_a_number_that_no_node_can_follow_is_refused(
    key: str, value: str, refused: bool, tmp_path: Path
) -> None:
    """If this failed, one change would end the node, and every start of it that comes after."""
    broker = ottla.Broker(dir=tmp_path)
    with broker, Client(broker.bootstrap_servers) as client:
        change = configs.Change(key, configs.SET, value)
        with pytest.raises(BrokerError) if refused else nullcontext():
            configs.alter(client, configs.BROKER, {"1": [change]})
        broker.create_topic("before")
    with broker:
        broker.create_topic("after")
