"""What a newcomer types by mistake, or too early: nothing is made and nothing waits without a
word, and what is refused leaves with 1.
"""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from cli.commands import run
from cli.script import Stage
from servers import OttlaServer

ENVIRONMENT = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2] / "src")}
Name = Callable[[], str]


def topics_at(node: str) -> list[str]:
    return run(["ottla", "topics", "--at", node]).stdout.split()


@pytest.mark.parametrize("more", [[], ["--partition", "0"], ["--group", "slip"]], ids=str)
def test_a_slip_of_consume_is_told_and_makes_nothing(
    ottla_server: OttlaServer, name: Name, more: list[str]
) -> None:
    """If this failed, a typing error would make a topic, and wait for it for ever in silence."""
    topic, node = name(), ottla_server.bootstrap
    done = run(["ottla", "consume", topic, "--timeout-ms", "700", *more, "--at", node])
    assert done.stderr.count(f"no topic {topic}; waiting for it\n") == 1, done
    assert "still trying" not in done.stderr
    assert topic not in topics_at(node)


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


def test_a_topic_that_is_made_later_is_read(ottla_server: OttlaServer, name: Name) -> None:
    """If this failed, `waiting for it` would be untrue, or take five minutes."""
    topic, node = name(), ottla_server.bootstrap
    words = ["ottla", "consume", topic, "--max-messages", "1", "--at", node]
    with subprocess.Popen(
        [sys.executable, "-m", "ottla.cli", *words],
        env=ENVIRONMENT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            assert process.stderr is not None
            assert process.stderr.readline() == f"no topic {topic}; waiting for it\n"
            done = run(["ottla", "produce", topic, "--at", node], "late\n")
            assert done.stderr == f"there was no topic {topic}: made it\n"
            assert process.communicate(timeout=30)[0] == "late\n"
        finally:
            process.kill()
    assert run(["ottla", "produce", topic, "--at", node], "more\n").stderr == ""


def test_a_group_that_is_still_forming_is_told(tmp_path: Path, name: Name) -> None:
    """If this failed, too short a --timeout-ms would look like an empty topic."""
    server = OttlaServer(tmp_path / "data", {"group.initial.rebalance.delay.ms": "5000"})
    server.start()
    try:
        node = server.bootstrap
        assert run(["ottla", "topics", "--at", node]) == (0, "", _NO_TOPICS)
        assert run(["ottla", "groups", "--at", node]).stdout == ""
        node_words = ["--bootstrap-server", node]
        assert run(["kafka-topics.sh", "--list", *node_words]).stdout == "\n"
        run(["ottla", "topics", "create", "t", "--at", node])
        words = ["ottla", "consume", "t", "--timeout-ms", "1000", "--at", node]
        done = run([*words, "--group", "new"])
        assert done.exit_code == 0
        assert "still forming" in done.stderr
        assert "begins at the end; --from-beginning" in done.stderr
        plain = run(words)
        assert ("still forming" in plain.stderr, "at the end" in plain.stderr) == (True, False)
        formatter = "org.apache.kafka.tools.consumer.OffsetsMessageFormatter"
        words = [
            "kafka-console-consumer.sh",
            "--topic",
            "__consumer_offsets",
            "--timeout-ms",
            "1000",
        ]
        done = run([*words, "--formatter", formatter, "--from-beginning", *node_words])
        assert "still forming" in done.stderr
    finally:
        server.stop()


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


_NO_TOPICS = "no topics; `ottla topics create NAME` makes one\n"


def test_a_group_with_members_is_not_moved(ottla_server: OttlaServer, name: Name) -> None:
    """If this failed, `ottla groups reset x && ...` would go on though nothing was moved."""
    topic, live, idle, node = name(), name(), name(), ottla_server.bootstrap
    stage = Stage(node)
    run(["ottla", "topics", "create", topic, "--at", node])
    stage.play(f"@produce {topic} 0 3")
    stage.play(f"@commit {idle} {topic} 0 2")
    stage.play(f"@join member {live} {topic}")
    try:
        to = ["--topic", topic, "--to-earliest", "--execute"]
        done = run(["ottla", "groups", "reset", idle, "--group", live, *to, "--at", node])
        assert (done.exit_code, done.stdout) == (1, "")
        assert f"group {live} has members" in done.stderr
        assert "stop its members first" in done.stderr
        shown = run(["ottla", "groups", "describe", idle, "--at", node]).stdout
        assert shown.splitlines()[-1].split()[3] == "2", "of several groups none is moved"
        done = run(["ottla", "groups", "delete", live, "--at", node])
        assert (done.exit_code, "stop its members first" in done.stderr) == (1, True)
        words = ["kafka-consumer-groups.sh", "--reset-offsets", "--group", live, *to]
        done = run([*words, "--bootstrap-server", node])
        assert done.exit_code == 0, "as Apache's"
        assert "Error: Assignments can only be reset" in done.stdout
        assert "NEW-OFFSET" in done.stdout
    finally:
        stage.close()


@pytest.mark.parametrize(
    ("words", "said", "hint"),
    [
        ("topics config x", "'config' is no action", "kafka-configs.sh --describe --topic"),
        ("groups lag x", "'lag' is no action", "ottla groups describe NAME"),
        ("config", "no verb 'config'", "kafka-configs.sh"),
        ("status", "no verb 'status'", "ottla api-versions"),
        ("stop", "no verb 'stop'", "Ctrl-C"),
        ("list", "no verb 'list'", "ottla topics"),
        ("delete x", "no verb 'delete'", "ottla topics delete NAME"),
        ("lag", "no verb 'lag'", "ottla groups describe NAME"),
        ("version", "no verb 'version'", "ottla --version"),
        ("groups reset g", "not said where to", "--all-topics --to-earliest"),
        ("groups reset g --to-latest", "not said of which topics", "--all-topics"),
        ("groups reset g --to-beginning", "unknown option", "did you mean --to-earliest?"),
        ("consume t --from-start", "unknown option", "did you mean --from-beginning?"),
        ("topics create a b", "'b' is a word too many", "one topic at a time"),
        ("produce t 'hello you'", "'hello you' is", "echo 'hello you' | ottla produce t"),
        ("groups describe a b", "'b' is a word too many", "--group b"),
        ("api-versions a b", "'b' is a word too many", "one node"),
    ],
)
def test_the_command_that_does_it_is_named(words: str, said: str, hint: str) -> None:
    """If this failed, who knows another tool would be sent to a list of verbs."""
    done = run(["ottla", *shlex.split(words)])
    assert done.exit_code == 1
    assert said in done.stderr
    assert hint in done.stderr.partition("hint: ")[2], done.stderr


def test_help_says_what_is_true() -> None:
    """If this failed, `--help` would promise patterns to who types names, or deny what is here."""
    shown = run(["ottla", "topics", "--help"]).stdout
    assert ("regular expression" in shown, "not built yet" in shown) == (False, False)
    assert "regular expression" in run(["kafka-topics.sh", "--help"]).stdout
    shown = run(["ottla", "groups", "--help"]).stdout.partition("Exit codes:")[2]
    assert "  0  done\n" in shown
    assert "refused" in run(["kafka-consumer-groups.sh", "--help"]).stdout


def test_a_record_that_is_too_large(ottla_server: OttlaServer, name: Name) -> None:
    """If this failed, nobody would learn which limit it is, and lines after it would be lost."""
    topic, at = name(), ["--at", ottla_server.bootstrap]
    run(["ottla", "topics", "create", topic, *at])
    done = run(["ottla", "produce", topic, *at], "x" * 2_000_000 + "\nsmall\n")
    assert done.exit_code == 1
    assert "bytes is too large: max.request.size is 1048576" in done.stderr
    assert "max.request.size=BYTES" in done.stderr.partition("hint: ")[2]
    assert run(["ottla", "offsets", topic, *at]).stdout == f"{topic}:0:1\n"
    larger = ["--command-property", "max.request.size=5000000"]
    done = run(["ottla", "produce", topic, *larger, *at], "x" * 2_000_000 + "\n")
    assert done.exit_code == 1
    assert "max.message.bytes=BYTES" in done.stderr.partition("hint: ")[2]


def test_what_is_there_already_is_said(ottla_server: OttlaServer, name: Name) -> None:
    """If this failed, `--if-not-exists` would leave open whether it made the topic."""
    topic, node = name(), ottla_server.bootstrap
    words = ["ottla", "topics", "create", topic, "--if-not-exists", "--at", node]
    assert run(words).stdout == f"Created topic {topic}.\n"
    assert run(words).stdout == f"Topic {topic} was there already.\n"
    apache = ["kafka-topics.sh", "--create", "--topic", topic, "--if-not-exists"]
    assert run([*apache, "--bootstrap-server", node]) == (0, "", "")


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


def test_a_hint_is_given_once() -> None:
    """If this failed, the answer to a wrong address would say the same thing twice."""
    done = run(["ottla", "topics", "--at", "127.0.0.1:1"])
    assert (done.exit_code, done.stderr.count("is a node running there?")) == (1, 1), done.stderr


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
