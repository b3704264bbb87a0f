"""Servers in terminals that are closed, in scripts' background, and beside each other; and what
their logs say of topics, of groups, and of who speaks something else than Kafka.
"""

from __future__ import annotations

import os
import pty
import signal
import socket
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from attack.line import Line
from cli.commands import run
from cli.test_server import BIN, Place
from oracle import answers_api_versions
from ottla.wire.errors import ErrorCode
from ottla.wire.messages.join_group import (
    JoinGroupRequest,
    JoinGroupRequestProtocol,
    JoinGroupResponse,
)
from servers import eventually


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    """A place whose servers are gone afterwards."""
    found = Place(tmp_path)
    yield found
    found.run("kafka-server-stop.sh")
    eventually(lambda: not answers_api_versions(found.port), "the server has stopped")


@pytest.fixture
def log(place: Place) -> tuple[str, Callable[[], str]]:
    """The address of a server, and its log so far."""
    with place.properties.open("a") as file:
        file.write("offsets.topic.replication.factor=1\ngroup.initial.rebalance.delay.ms=0\n")
    place.format()
    done = place.run("kafka-server-start.sh", "-daemon", "server.properties")
    assert done.returncode == 0, done.stderr
    path = place.folder / "logs" / "kafkaServer.out"
    return f"127.0.0.1:{place.port}", path.read_text


@pytest.mark.parametrize("number", [signal.SIGHUP, signal.SIGTERM])
def test_a_closed_terminal_leaves_nothing_behind(place: Place, number: int) -> None:
    """If this failed, closing a window would crash the node, and leave its folder for ever."""
    terminal, line = pty.openpty()
    temporary = place.folder / "temporary"
    temporary.mkdir()
    environment = {**place.environment, "TMPDIR": str(temporary)}
    with subprocess.Popen(
        [BIN / "ottla", "up", "--dev", "--verbose", "--port", str(place.port)],
        env=environment,
        stdin=line,
        stdout=line,
        stderr=line,
    ) as process:
        os.close(line)
        eventually(lambda: answers_api_versions(place.port), "the server answers")
        assert list(temporary.glob("ottla-*"))
        os.close(terminal)  # what it prints from now on fails
        process.send_signal(number)
        assert process.wait(timeout=30) == 0
    assert not list(temporary.glob("ottla-*"))


def test_nohup_keeps_a_server(place: Place) -> None:
    """If this failed, `nohup ottla up &` would end with its terminal after all."""
    with subprocess.Popen(
        ["nohup", BIN / "ottla", "up", "--dev", "--port", str(place.port)],
        env=place.environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    ) as process:
        eventually(lambda: answers_api_versions(place.port), "the server answers")
        ignored = Path(f"/proc/{process.pid}/status").read_text().partition("SigIgn:")[2].split()[0]
        assert int(ignored, 16) & (1 << (signal.SIGHUP - 1))
        process.terminate()
        assert process.wait(timeout=30) == 0


def test_a_second_daemon_tells_its_own_failure(
    place: Place, log: tuple[str, Callable[[], str]]
) -> None:
    """If this failed, why it can't start would be lost among the lines of the server that runs."""
    node, text = log
    run(["kafka-topics.sh", "--create", "--topic", "noise", "--bootstrap-server", node])
    done = place.run("kafka-server-start.sh", "-daemon", "server.properties")
    assert done.returncode == 1
    said = done.stderr.partition("has:\n")[2]
    assert "in use" in said
    assert "noise" not in done.stderr
    assert "Kafka Server started" not in done.stderr
    assert "in use" in text()


def test_a_daemon_takes_another_name(place: Place) -> None:
    """If this failed, two servers of one user would have to share a log."""
    place.format()
    done = place.run("kafka-server-start.sh", "-daemon", "-name", "second", "server.properties")
    assert done.returncode == 0, done.stderr
    assert "Kafka Server started" in (place.folder / "logs" / "second.out").read_text()


def test_the_log_tells_what_happens_to_topics(log: tuple[str, Callable[[], str]]) -> None:
    """If this failed, nobody could find out when a topic came, went, or why it did not come."""
    node, text = log
    at = ["--bootstrap-server", node]
    words = ["--topic", "told", "--partitions", "2", "--config", "retention.ms=5000"]
    run(["kafka-topics.sh", "--create", *words, *at])
    run(["kafka-topics.sh", "--create", "--topic", "told", *at])
    run(["kafka-topics.sh", "--create", "--topic", "big", "--replication-factor", "3", *at])
    run(["kafka-topics.sh", "--alter", "--topic", "told", "--partitions", "3", *at])
    run(["kafka-topics.sh", "--alter", "--topic", "told", "--partitions", "1", *at])
    run(["kafka-topics.sh", "--delete", "--topic", "told", *at])
    for line in (
        "INFO topic told is created: partitions 2, replication factor 1",
        "INFO the configs of topic told changed: retention.ms=5000",
        "INFO the creation of topic 'told' is refused: TOPIC_ALREADY_EXISTS",
        "INFO the creation of topic 'big' is refused: INVALID_REPLICATION_FACTOR",
        "INFO topic told has 3 partitions, 2 before",
        "INFO more partitions for topic 'told' is refused: INVALID_PARTITIONS",
        "INFO topic told is deleted",
    ):
        eventually(lambda line=line: line in text(), line)  # type: ignore[misc]


def test_the_log_tells_what_happens_to_groups(log: tuple[str, Callable[[], str]]) -> None:
    """If this failed, nobody could find out why a group rebalanced, or who left it."""
    node, text = log
    at = ["--bootstrap-server", node]
    run(["kafka-console-producer.sh", "--topic", "told", *at], "one\n")
    words = ["--topic", "told", "--group", "readers", "--from-beginning", "--max-messages", "1"]
    run(["kafka-console-consumer.sh", *words, *at])
    for _ in range(2):
        run(["kafka-consumer-groups.sh", "--delete", "--group", "readers", *at])
    for line in (
        " joins, from ",
        "group readers: begins a rebalance after generation 0",
        "group readers: generation 1, 1 member\n",
        " leaves\n",
        "group readers: generation 2, no members\n",
        "group readers: is deleted\n",
        "group readers: is not deleted: GROUP_ID_NOT_FOUND",
    ):
        eventually(lambda line=line: line in text(), line)  # type: ignore[misc]


def test_the_log_tells_what_changes_of_configs(log: tuple[str, Callable[[], str]]) -> None:
    """If this failed, setting and deleting would look alike, or nobody could find out what was."""
    node, text = log
    for words in (
        ["--broker", "7", "--add-config", "log.retention.ms=5000"],
        ["--broker", "7", "--delete-config", "log.retention.ms"],
        ["--broker-defaults", "--add-config", "log.retention.ms=nonsense"],
        ["--group", "readers", "--add-config", "consumer.session.timeout.ms=50000"],
        ["--broker", "7", "--add-config", "of.nobody=secret"],
    ):
        run(["kafka-configs.sh", "--alter", *words, "--bootstrap-server", node])
    for line in (
        "INFO the configs of broker 7 changed: log.retention.ms=5000\n",
        "INFO the configs of broker 7 changed: log.retention.ms as by default\n",
        "INFO a change of the configs of all brokers is refused: INVALID_REQUEST: Invalid value",
        "INFO the configs of group readers changed: consumer.session.timeout.ms=50000\n",
        "INFO the configs of broker 7 changed: of.nobody is set\n",
    ):
        eventually(lambda line=line: line in text(), line)  # type: ignore[misc]
    assert "secret" not in text()


def test_the_log_tells_who_may_not_join(log: tuple[str, Callable[[], str]]) -> None:
    """If this failed, a group that a setting keeps out would be a riddle to who runs the node."""
    node, text = log
    port = int(node.rpartition(":")[2])

    def join(line: Line, **said: Any) -> JoinGroupResponse:
        request = JoinGroupRequest(
            group_id="strict", session_timeout_ms=10_000, rebalance_timeout_ms=10_000
        )
        request.protocol_type = "consumer"
        request.protocols = [JoinGroupRequestProtocol(name="range")]
        for name, value in said.items():
            setattr(request, name, value)
        answer: JoinGroupResponse = line.ask(request, 5)
        return answer

    run(["kafka-consumer-groups.sh", "--describe", "--group", "strict", "--bootstrap-server", node])
    first, second = Line(port, "first"), Line(port, "second")
    eventually(
        lambda: join(first, session_timeout_ms=1).error_code == ErrorCode.INVALID_SESSION_TIMEOUT,
        "the group's coordinator",
    )
    eventually(lambda: not join(first, group_instance_id="one").error_code, "it is in")
    other = [JoinGroupRequestProtocol(name="sticky")]
    refused = join(second, protocols=other)
    assert refused.error_code == ErrorCode.INCONSISTENT_GROUP_PROTOCOL
    # The group waits for the assignment now; who takes the place begins a round of its own.
    assert not join(second, group_instance_id="one").error_code
    for told in (
        "group strict: first from /127.0.0.1 may not join: INVALID_SESSION_TIMEOUT: session",
        "group strict: second from /127.0.0.1 may not join: INCONSISTENT_GROUP_PROTOCOL\n",
        "its members speak consumer (range), who is refused consumer (sticky)\n",
        ", which is fenced: both are the instance one\n",
    ):
        eventually(lambda told=told: told in text(), told)  # type: ignore[misc]


def test_the_log_tells_of_offsets_that_others_set(log: tuple[str, Callable[[], str]]) -> None:
    """If this failed, nobody could find out who moved a group, or when."""
    node, text = log
    at = ["--bootstrap-server", node]
    words = ["--topic", "moved", "--partitions", "2"]
    run(["kafka-topics.sh", "--create", *words, *at])
    run(["kafka-console-producer.sh", "--topic", "moved", *at], "one\ntwo\n")
    group = ["--group", "readers", "--topic", "moved"]
    read = [*group, "--from-beginning", "--max-messages", "2"]
    run(["kafka-console-consumer.sh", *read, *at])
    assert "sets its offsets" not in text()
    tool = ["kafka-consumer-groups.sh", *at]
    run([*tool, "--reset-offsets", *group, "--to-earliest", "--execute"])
    run([*tool, "--delete-offsets", *group])
    who = "group readers: kafka-consumer-groups from /127.0.0.1"
    for line in (
        f"{who} sets its offsets from outside: moved-0=0, moved-1=0\n",
        f"{who} deletes its offsets: moved-0, moved-1\n",
    ):
        eventually(lambda line=line: line in text(), line)  # type: ignore[misc]


@pytest.mark.parametrize(
    ("first", "name"),
    [
        (b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", "HTTP"),
        (bytes.fromhex("16030102000100"), "TLS"),
        (b"SSH-2.0-OpenSSH_9.9\r\n", "SSH"),
    ],
)
def test_another_protocol_is_called_by_its_name(
    log: tuple[str, Callable[[], str]], first: bytes, name: str
) -> None:
    """If this failed, a client with TLS would be called a frame of 369295618 bytes."""
    node, text = log
    host, _, port = node.rpartition(":")
    with socket.create_connection((host, int(port))) as connection:
        connection.sendall(first)
        assert connection.recv(1) == b""
        mine = "{}:{}".format(*connection.getsockname())
    line = f"closed the connection from {mine}: this looks like {name}, spoken to a port"
    eventually(lambda: line in text(), line)
