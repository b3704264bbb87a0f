"""kafka-configs.sh beside its recorded script: what it tells at once, and what the log says."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from cli.commands import run
from ottla.cli.kafka_configs import COMMAND, _changes
from ottla.cli.options import UsageError, parse
from servers import OttlaProcess, eventually


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OttlaProcess]:
    """A node of this file alone."""
    server = OttlaProcess(tmp_path_factory.mktemp("admin") / "data")
    server.start()
    yield server
    server.stop()


def test_a_key_that_no_broker_has_is_named_in_the_log(node: OttlaProcess) -> None:
    """If this failed, a typing error in a broker's key would be accepted and nobody would know."""
    for whose in (("--broker", "1"), ("--broker-defaults",)):
        words = ["kafka-configs.sh", "--alter", *whose, "--add-config", "log.retention.mss=1"]
        assert run([*words, "--bootstrap-server", node.bootstrap]).exit_code == 0
    text = " WARN log.retention.mss was set for broker 1, but no broker has such a key"
    eventually(lambda: text in node.log.read_text(), "the warning")
    eventually(lambda: "mss was set for all brokers" in node.log.read_text(), "the other")
    node.restart()
    assert run(
        ["kafka-configs.sh", "--describe", "--broker", "1", "--bootstrap-server", node.bootstrap]
    ).stdout.splitlines()[1:] == [
        "  log.retention.mss=null sensitive=true synonyms={DYNAMIC_BROKER_CONFIG:"
        "log.retention.mss=null, DYNAMIC_DEFAULT_BROKER_CONFIG:log.retention.mss=null}"
    ]


def test_a_broker_that_does_not_exist_is_told_at_once(node: OttlaProcess) -> None:
    """If this failed, a wrong id would look like a tool that hangs."""
    at = ("--bootstrap-server", node.bootstrap)
    alter = ["kafka-configs.sh", "--alter", "--broker", "7", "--add-config", "log.retention.ms=1"]
    ran = run([*alter, *at])
    assert (ran.exit_code, ran.stderr.splitlines()[0]) == (1, "The broker '7' doesn't exist")


def test_brackets_hold_values_with_commas() -> None:
    """If this failed, a list could not be set, or would be cut into configs of their own."""
    words = ["--alter", "--add-config", "a=1, b = [x,y] ,c=", "--delete-config", "d,e"]
    parsed = parse(COMMAND, words)
    assert _changes(parsed) == ({"a": "1", "b": "x,y", "c": ""}, ["d", "e"])
    with pytest.raises(UsageError):
        _changes(parse(COMMAND, ["--alter", "--add-config", "a=1,b"]))


def test_what_is_refused_is_not_announced(node: OttlaProcess) -> None:
    """If this failed, a heading without rows would look like a logger without levels."""
    at = ("--bootstrap-server", node.bootstrap)
    ran = run(["kafka-configs.sh", "--describe", "--broker-logger", "1", *at])
    assert ran.exit_code == 1
    assert not ran.stdout
