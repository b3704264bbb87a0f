"""The console tools where nothing goes as it should: names, addresses and protocols that are not
there, and what a group commits of partitions that had nothing to read.
"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import ottla
from cli.commands import run, run_patiently
from ottla.cli import kafka_verifiable_consumer
from servers import OttlaServer

SOURCE = Path(__file__).parents[2] / "src"
TOOLS = ["kafka-console-producer.sh", "kafka-console-consumer.sh"]


@pytest.fixture
def nobody() -> Iterator[str]:
    """An address that refuses every connection, and that no other process can take meanwhile."""
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        yield f"127.0.0.1:{held.getsockname()[1]}"


@pytest.mark.parametrize("tool", TOOLS)
def test_a_name_that_no_topic_can_have(tool: str, ottla_server: OttlaServer) -> None:
    """If this failed, a slip in a name would end in a traceback, or in waiting for ever."""
    done = run([tool, "--topic", "bad topic", "--bootstrap-server", ottla_server.bootstrap], "x\n")
    assert done.exit_code == 1
    assert done.stderr.splitlines()[0] == "Invalid topics: [bad topic]"
    assert "hint: " in done.stderr
    done = run([tool, "--topic", "", "--bootstrap-server", ottla_server.bootstrap], "x\n")
    assert (done.exit_code, "--topic is empty" in done.stderr) == (1, True)


def test_what_the_client_refuses_is_told_in_words(ottla_server: OttlaServer) -> None:
    """If this failed, its exceptions would reach the user as tracebacks."""
    words = ["kafka-console-consumer.sh", "--bootstrap-server", ottla_server.bootstrap]
    done = run([*words, "--include", "["])
    assert (done.exit_code, "is no regular expression" in done.stderr) == (1, True)
    done = run([*words, "--topic", "t", "--command-property", "auto.offset.reset=x"])
    assert (done.exit_code, "for configuration auto.offset.reset" in done.stderr) == (1, True)
    done = run([*words, "--topic", "t", "--partition", "-5", "--timeout-ms", "100"])
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("tool", "option"), [(TOOLS[0], "--max-block-ms"), (TOOLS[1], "--timeout-ms")]
)
def test_that_nobody_answers_is_said(tool: str, option: str, nobody: str) -> None:
    """If this failed, a wrong port would be a minute of silence."""
    words = [tool, "--topic", "t", "--bootstrap-server", nobody, option]
    done = run_patiently(lambda: words, lambda done: "still trying" in done.stderr, stdin="x\n")
    said = [line for line in done.stderr.splitlines() if "still trying" in line]
    assert len(said) == 1, done.stderr
    assert nobody in said[0]
    assert "refused; still trying, Ctrl-C to stop" in said[0]
    assert "`ottla up` starts one" in done.stderr


def test_a_protocol_that_the_node_does_not_speak(ottla_server: OttlaServer) -> None:
    """If this failed, a consumer of the new protocol would wait for ever, without a word."""
    words = ["--topic", "t", "--consumer-property", "group.protocol=consumer"]
    node = ["--bootstrap-server", ottla_server.bootstrap]
    done = run(["kafka-console-consumer.sh", *words, *node])
    assert done.exit_code == 1
    assert "The cluster does not support the new CONSUMER group protocol" in done.stderr
    assert "group.protocol=classic" in done.stderr.partition("hint: ")[2]


def test_empty_partitions_are_committed(ottla_server: OttlaServer, name: Callable[[], str]) -> None:
    """If this failed, --describe would not show those partitions of a group that have no records,
    and the next member would begin in them wherever auto.offset.reset says.
    """
    topic, node = name(), ["--bootstrap-server", ottla_server.bootstrap]
    run(["kafka-topics.sh", "--create", "--topic", topic, "--partitions", "3", *node])
    run(["kafka-console-producer.sh", "--topic", topic, *node], "one\ntwo\n")
    begin = ["--topic", topic, "--from-beginning"]
    for way in (["--timeout-ms"], ["--max-messages", "1", "--timeout-ms"]):
        groups: list[str] = []

        def words(way: list[str] = way, groups: list[str] = groups) -> list[str]:
            groups.append(name())  # one that left without a word may have committed before
            return ["kafka-console-consumer.sh", *node, *begin, "--group", groups[-1], *way]

        done = run_patiently(words, lambda done: done.stdout)
        assert done.exit_code == 0, done.stderr
        found = _committed(groups[-1], node)
        assert (len(found), sum(found)) == (3, len(done.stdout.split()))


def test_what_was_not_printed_is_not_committed(
    ottla_server: OttlaServer, name: Callable[[], str]
) -> None:
    """If this failed, a record that can't be printed would take all with it that came along, or
    stop its group for ever.
    """
    topic, group = name(), name()
    words = ["--topic", topic, "--bootstrap-server", ottla_server.bootstrap]
    lines = [*["12345678"] * 10, "xyz", *["12345678"] * 89]
    assert run(["kafka-console-producer.sh", *words], "\n".join(lines) + "\n").exit_code == 0
    read = ["kafka-console-consumer.sh", *words, "--group", group, "--from-beginning"]
    longs = ["--value-deserializer", "org.apache.kafka.common.serialization.LongDeserializer"]
    done = run([*read, *longs, "--timeout-ms", "20000"])
    assert (done.exit_code, len(done.stdout.splitlines())) == (1, 10), done.stderr
    done = run([*read, *longs, "--max-messages", "89", "--timeout-ms", "20000"])
    assert (done.exit_code, len(done.stdout.splitlines())) == (0, 89), done.stderr


def test_a_group_that_found_nothing_misses_nothing(
    ottla_server: OttlaServer, name: Callable[[], str]
) -> None:
    """If this failed, what comes while a new group is away would never be read by it."""
    topic, group, node = name(), name(), ["--bootstrap-server", ottla_server.bootstrap]
    run(["kafka-topics.sh", "--create", "--topic", topic, "--partitions", "2", *node])
    read = ["kafka-console-consumer.sh", "--topic", topic, "--group", group, *node]
    done = run_patiently(lambda: [*read, "--timeout-ms"], lambda _: _committed(group, node))
    assert (done.stdout, _committed(group, node)) == ("", [0, 0])
    run(["kafka-console-producer.sh", "--topic", topic, *node], "one\n")
    done = run([*read, "--max-messages", "1", "--timeout-ms", "20000"])
    assert done.stdout == "one\n"
    assert sorted(_committed(group, node)) == [0, 1]


def test_where_a_group_begins_is_committed_before_anything_is_read(
    ottla_server: OttlaServer, name: Callable[[], str]
) -> None:
    """If this failed, a group that leaves with its first record would skip, in the partitions that
    it had not come to, all that is written until it is back.
    """
    topic, group, node = name(), name(), ["--bootstrap-server", ottla_server.bootstrap]
    run(["kafka-topics.sh", "--create", "--topic", topic, "--partitions", "5", *node])
    run(["kafka-console-producer.sh", "--topic", topic, "--sync", *node], "one\ntwo\n")
    words = ["--topic", topic, "--group", group, "--from-beginning", "--max-messages", "1"]
    sticky = "org.apache.kafka.clients.consumer.CooperativeStickyAssignor"
    property = ["--command-property", f"partition.assignment.strategy={sticky}"]
    assert run(["kafka-console-consumer.sh", *words, *property, *node]).exit_code == 0
    assert sorted(_committed(group, node)) == [0, 0, 0, 0, 1]


def test_what_closes_a_transaction_is_behind_the_group(
    ottla_server: OttlaServer, name: Callable[[], str]
) -> None:
    """If this failed, a group that has read all would seem to lag by one."""
    from producing import producer_of, transact

    topic, group, node = name(), name(), ["--bootstrap-server", ottla_server.bootstrap]
    run(["kafka-topics.sh", "--create", "--topic", topic, "--partitions", "1", *node])
    transact(producer_of(ottla_server.bootstrap, name()), topic, "one")
    read = ["kafka-console-consumer.sh", "--topic", topic, "--group", group, "--from-beginning"]
    run_patiently(lambda: [*read, *node, "--timeout-ms"], lambda _: _committed(group, node) == [2])
    assert _committed(group, node) == [2]


def _committed(group: str, node: list[str]) -> list[int]:
    """The group's offsets, by partition."""
    shown = run(["kafka-consumer-groups.sh", "--describe", "--group", group, *node]).stdout
    return [int(line.split()[3]) for line in shown.splitlines() if line.startswith(group)]


def test_a_lone_carriage_return_ends_a_line(
    ottla_server: OttlaServer, name: Callable[[], str]
) -> None:
    """If this failed, lines as old Macs end them would be one record; to Java they are not."""
    topic, node = name(), ["--bootstrap-server", ottla_server.bootstrap]
    text = "a\rb\r\nc\r\rd\n\ne\r"
    done = run(["kafka-console-producer.sh", "--topic", topic, *node], text)
    assert done.exit_code == 0, done.stderr
    read = ["--topic", topic, "--from-beginning", "--max-messages", "7", "--timeout-ms", "20000"]
    done = run(["kafka-console-consumer.sh", *read, *node])
    assert done.stdout == "a\nb\nc\n\nd\n\ne\n"


def test_a_record_that_is_too_large_is_told(
    ottla_server: OttlaServer, name: Callable[[], str]
) -> None:
    """If this failed, a long line would take all lines after it along, without a word."""
    topic, node = name(), ["--bootstrap-server", ottla_server.bootstrap]
    words = ["kafka-console-producer.sh", "--topic", topic, *node]
    done = run(words, "x" * 1_048_600 + "\n\nb1\nb2\n")
    assert done.exit_code == 1
    assert done.stderr.startswith("ERROR a record was not written: "), done.stderr
    assert "too large" in done.stderr
    read = ["--topic", topic, "--from-beginning", "--max-messages", "3", "--timeout-ms", "20000"]
    assert run(["kafka-console-consumer.sh", *read, *node]).stdout == "\nb1\nb2\n"


def test_a_topic_that_nobody_makes() -> None:
    """If this failed, records for a topic that does not exist would wait, without a word, until
    they are given up.
    """
    with ottla.Broker(config={"auto.create.topics.enable": "false"}) as node:
        at = ["--bootstrap-server", node.bootstrap_servers]
        words = ["kafka-console-producer.sh", "--topic", "nope", *at, "--max-block-ms"]
        done = run_patiently(lambda: words, lambda done: "create NAME" in done.stderr, stdin="x\n")
        assert done.exit_code == 1
        assert "topic nope is not known after " in done.stderr
        assert "ottla topics create NAME" in done.stderr.partition("hint: ")[2]


def test_the_end_is_told_who_asks_for_it(
    ottla_server: OttlaServer, name: Callable[[], str]
) -> None:
    """If this failed, system tests that wait for this line would wait for ever."""
    topic, node = name(), ["--bootstrap-server", ottla_server.bootstrap]
    run(["kafka-console-producer.sh", "--topic", topic, *node], "one\n")
    words = ["--topic", topic, "--from-beginning", "--max-messages", "1", "--enable-systest-events"]
    done = run(["kafka-console-consumer.sh", *words, *node])
    assert done.stdout == "one\nshutdown_complete\n"


def _start(words: list[str], **streams: Any) -> subprocess.Popen[bytes]:
    environment = {**os.environ, "PYTHONPATH": str(SOURCE)}
    return subprocess.Popen([sys.executable, "-m", "ottla.cli", *words], env=environment, **streams)


@pytest.mark.parametrize(
    "words",
    [
        ["kafka-console-producer.sh", "--topic", "t", "--bootstrap-server"],
        ["kafka-console-consumer.sh", "--topic", "t", "--bootstrap-server"],
        ["ottla", "consume", "t", "--at"],
    ],
    ids=str,
)
def test_ctrl_c_ends_the_wait_for_a_node(words: list[str], nobody: str) -> None:
    """If this failed, a wrong port could only be left by closing the terminal."""
    pipe = subprocess.PIPE
    with _start([*words, nobody], stdin=pipe, stdout=pipe, stderr=pipe) as process:
        assert process.stderr is not None
        said = process.stderr.readline()
        assert b"still trying, Ctrl-C to stop" in said
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=20)
    # What a shell calls 130, either way.
    assert process.returncode in (130, -signal.SIGINT)


def test_who_has_read_enough_is_not_waited_for(
    ottla_server: OttlaServer, name: Callable[[], str]
) -> None:
    """If this failed, `... | head -2` would hang until a third record comes."""
    topic, node = name(), ["--bootstrap-server", ottla_server.bootstrap]
    run(["kafka-console-producer.sh", "--topic", topic, *node], "one\ntwo\n")
    words = ["kafka-console-consumer.sh", "--topic", topic, "--from-beginning", *node]
    with _start(words, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"one\n"
        process.stdout.close()
        assert process.wait(timeout=20) == 1


def test_a_consumer_without_a_place_to_begin_at(
    ottla_server: OttlaServer, name: Callable[[], str]
) -> None:
    """If this failed, `none` would begin somewhere unasked, or a duration be taken for nothing."""
    topic, at = name(), ["--bootstrap-server", ottla_server.bootstrap]
    assert run(["kafka-console-producer.sh", "--topic", topic, *at], "one\n").exit_code == 0
    words = ["kafka-console-consumer.sh", "--topic", topic, "--group", name(), *at]
    ran = run([*words, "--command-property", "auto.offset.reset=none", "--timeout-ms", "20000"])
    assert (ran.exit_code, ran.stdout) == (1, "")
    assert "has no committed offset" in ran.stderr
    words += ["--max-messages", "1", "--timeout-ms", "20000"]
    ran = run([*words, "--command-property", "auto.offset.reset=by_duration:P1D"])
    assert (ran.exit_code, ran.stdout) == (0, "one\n")


@pytest.mark.parametrize(
    "words",
    [
        ["kafka-console-producer.sh"],
        ["kafka-producer-perf-test.sh", "--num-records=1", "--record-size=9", "--throughput=-1"],
        ["kafka-e2e-latency.sh", "--num-records=1", "--record-size=9", "--producer-acks=1"],
        ["kafka-verifiable-producer.sh", "--max-messages=1"],
    ],
    ids=lambda words: words[0],
)
def test_why_a_compacted_topic_takes_a_record_not(
    words: list[str], ottla_server: OttlaServer
) -> None:
    """If this failed, whoever forgot the key would be told that "validation failed"."""
    node = ("--bootstrap-server", ottla_server.bootstrap)
    create = ["kafka-topics.sh", "--create", "--if-not-exists", "--topic", "compacted"]
    assert run([*create, "--config", "cleanup.policy=compact", *node]).exit_code == 0
    done = run([*words, "--topic", "compacted", *node], "x\n")
    assert "Compacted topic cannot accept message without key" in done.stderr + done.stdout


def test_a_consumer_that_has_nothing_to_read_says_so(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """If this failed, a tool that waits would look like one that hangs; and it says it once."""
    monkeypatch.setattr(kafka_verifiable_consumer, "QUIET_S", 0.0)

    class Nothing:
        def poll(self, wait_s: float) -> list[Any]:
            return []

    member = kafka_verifiable_consumer.Member(1, verbose=False)
    for _ in range(3):
        member.turn(Nothing())  # type: ignore[arg-type]
    assert capsys.readouterr().err.count("waiting for records") == 1
