"""What a newcomer types by mistake, or too early: nothing is made and nothing waits without a
word, and what is refused leaves with 1.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from cli.commands import run
from servers import OttlaServer

ENVIRONMENT = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2] / "src")}
Name = Callable[[], str]


def topics_at(node: str) -> list[str]:
    return run(["ottla", "topics", "--names", "--at", node]).stdout.split()


@pytest.mark.parametrize("more", [[], ["--partition", "0"]], ids=str)
def test_the_name_of_apaches_makes_what_it_is_to_read(
    ottla_server: OttlaServer, name: Name, more: list[str]
) -> None:
    """If this failed, a script would wait for a topic that Apache's tool makes."""
    topic, node = name(), ottla_server.bootstrap
    words = ["kafka-console-consumer.sh", "--timeout-ms", "700", *more, "--bootstrap-server", node]
    run([*words, "--topic", topic])
    assert topic in topics_at(node)
    other = name()
    run([*words, "--topic", other, "--command-property", "allow.auto.create.topics=false"])
    assert other not in topics_at(node)


def test_a_group_that_finds_no_coordinator_is_told(tmp_path: Path) -> None:
    """If this failed, --timeout-ms would be made longer and longer where no time is enough."""
    server = OttlaServer(tmp_path / "data", {"offsets.topic.replication.factor": "3"})
    server.start()
    try:
        run(["ottla", "topics", "create", "t", "--at", server.bootstrap])
        words = ["kafka-console-consumer.sh", "--topic", "t", "--timeout-ms", "2500"]
        done = run([*words, "--group", "g", "--bootstrap-server", server.bootstrap])
        assert "no coordinator of the group was found" in done.stderr
        assert "the log of the server says why" in done.stderr
        assert "still forming" not in done.stderr
    finally:
        server.stop()


def test_a_port_in_use_leaves_no_folder(ottla_server: OttlaServer, tmp_path: Path) -> None:
    """If this failed, each failed `ottla up` would leave a folder that looks like a node's."""
    port = ottla_server.bootstrap.rpartition(":")[2]
    kept = tmp_path / "kept"
    kept.mkdir()
    for folder in (tmp_path / "other", kept):
        words = ["ottla", "up", "--port", port, "--dir", str(folder)]
        done = subprocess.run(
            [sys.executable, "-m", "ottla.cli", *words], env=ENVIRONMENT, capture_output=True
        )
        assert (done.returncode, b"--port names another port" in done.stderr) == (1, True), done
    assert [path.name for path in tmp_path.iterdir()] == ["kept"]


@pytest.mark.parametrize(
    "words",
    [
        "--entity-type clients",
        "--entity-type users --entity-name u --entity-type clients --entity-default",
        "--user u",
        "--client-defaults",
        "--ip 127.0.0.1",
    ],
)
def test_who_can_have_no_quota_has_none(ottla_server: OttlaServer, words: str) -> None:
    """If this failed, a script that looks at quotas would fail where Apache's hears nothing."""
    command = ["kafka-configs.sh", "--bootstrap-server", ottla_server.bootstrap, *words.split()]
    assert run([*command, "--describe"]) == (0, "", "")
    done = run([*command, "--alter", "--add-config", "producer_byte_rate=1"])
    assert (done.exit_code, "are not honoured" in done.stderr) == (1, True)


@pytest.mark.parametrize(
    "words", ["--partitions 0", "--replication-factor 0", "--config x", "--replica-assignment x"]
)
def test_what_the_tool_itself_refuses_is_where_apache_says_it(
    ottla_server: OttlaServer, words: str
) -> None:
    """If this failed, a script that reads why on stdout would read nothing."""
    command = ["kafka-topics.sh", "--bootstrap-server", ottla_server.bootstrap, "--create"]
    done = run([*command, "--topic", "refused", *words.split()])
    assert done.exit_code == 1
    assert done.stdout.startswith("Error while executing topic command : "), done
