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
        ran = run([*words, "--bootstrap-server", node.bootstrap])
        assert ran.exit_code == 0
        assert "did you mean log.retention.ms?" in ran.stderr
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
    assert "hint: brokers: 1\n" in ran.stderr


def test_brackets_hold_values_with_commas() -> None:
    """If this failed, a list could not be set, or would be cut into configs of their own."""
    words = ["--alter", "--add-config", "a=1, b = [x,y] ,c=", "--delete-config", "d,e"]
    parsed = parse(COMMAND, words)
    assert _changes(parsed) == ({"a": "1", "b": "x,y", "c": ""}, ["d", "e"])


@pytest.mark.parametrize(
    ("given", "value"),
    [
        ("a=1,b", "a=[1,b]"),
        ("z=0,a=1,2,3,c=4", "a=[1,2,3]"),
        ("a=[x,y],b", "a=[x,y,b]"),
        ("b", None),
    ],
)
def test_what_stands_without_brackets_is_shown_with_them(given: str, value: str | None) -> None:
    """If this failed, whoever pastes the hint would lose a part of the value."""
    with pytest.raises(UsageError) as caught:
        _changes(parse(COMMAND, ["--alter", "--add-config", given]))
    if value is None:
        assert "stands in brackets" not in (caught.value.hint or "")
    else:
        assert f"--add-config '{value}'" in (caught.value.hint or "")


LOGGERS = [
    *(f"ottla.node.{name}" for name in ("cluster", "coordinators", "desk", "engine")),
    *(f"ottla.node.{name}" for name in ("membership", "publisher", "quorum")),
    "root",
]


def test_levels_of_loggers_hold_until_the_node_ends(node: OttlaProcess) -> None:
    """If this failed, a level would be described that the log does not go by, one logger's would be
    another's, or a level that was set to look for a fault would fill the log for ever.
    """
    at = ("--broker-logger", "1", "--bootstrap-server", node.bootstrap)
    alter = ["kafka-configs.sh", "--alter", *at]
    desk = "ottla.node.desk"

    def levels() -> dict[str, str]:
        told = run(["kafka-configs.sh", "--describe", *at])
        assert told.exit_code == 0, told.stderr
        rows = [line.split(" sensitive=") for line in told.stdout.splitlines()[1:]]
        return dict(row[0].strip().split("=") for row in rows)

    def told(text: str) -> bool:
        return text in node.log.read_text()

    assert levels() == dict.fromkeys(LOGGERS, "INFO")
    assert not told(" TRACE ")
    assert run([*alter, "--add-config", f"{desk}=TRACE"]).exit_code == 0
    assert levels() == {**dict.fromkeys(LOGGERS, "INFO"), desk: "TRACE"}
    eventually(lambda: told(" TRACE DescribeConfigs v4 of 127.0.0.1"), "the request in the log")
    assert run([*alter, "--delete-config", desk]).exit_code == 0
    assert run([*alter, "--add-config", "root=WARN"]).exit_code == 0
    assert levels() == dict.fromkeys(LOGGERS, "WARN")
    create = ["kafka-topics.sh", "--create", "--bootstrap-server", node.bootstrap, "--topic"]
    assert run([*create, "untold"]).exit_code == 0
    assert run([*alter, "--add-config", "ottla.node.publisher=INFO"]).exit_code == 0
    assert run([*create, "told"]).exit_code == 0
    eventually(lambda: told("topic told is created"), "what comes after it")
    assert not told("topic untold is created")
    node.restart()
    assert levels() == dict.fromkeys(LOGGERS, "INFO")
