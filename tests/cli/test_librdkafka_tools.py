"""The console tools where nothing goes as it should: names, addresses and protocols that are not
there, and what a group commits of partitions that had nothing to read.
"""

from __future__ import annotations

from collections.abc import Callable

import pytest

from cli.commands import run
from oracle import free_port
from servers import OttlaServer

TOOLS = ["kafka-console-producer.sh", "kafka-console-consumer.sh"]


@pytest.mark.parametrize("tool", TOOLS)
def test_a_name_that_no_topic_can_have(tool: str, ottla_server: OttlaServer) -> None:
    """If this failed, a slip in a name would end in a traceback, or in waiting for ever."""
    done = run([tool, "--topic", "bad topic", "--bootstrap-server", ottla_server.bootstrap], "x\n")
    assert done.exit_code == 1
    assert done.stderr.splitlines()[0] == "Invalid topics: [bad topic]"
    assert "hint: " in done.stderr
    done = run([tool, "--topic", "", "--bootstrap-server", ottla_server.bootstrap], "x\n")
    assert (done.exit_code, "--topic is empty" in done.stderr) == (1, True)


def test_what_librdkafka_refuses_is_told_in_words(ottla_server: OttlaServer) -> None:
    """If this failed, its exceptions would reach the user as tracebacks."""
    words = ["kafka-console-consumer.sh", "--bootstrap-server", ottla_server.bootstrap]
    done = run([*words, "--include", "["])
    assert (done.exit_code, "is no regular expression" in done.stderr) == (1, True)
    done = run([*words, "--topic", "t", "--command-property", "fetch.min.bytes=x"])
    assert (done.exit_code, "settings are refused" in done.stderr) == (1, True)
    done = run([*words, "--topic", "t", "--partition", "-5", "--timeout-ms", "100"])
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("tool", "option"), [(TOOLS[0], "--max-block-ms"), (TOOLS[1], "--timeout-ms")]
)
def test_that_nobody_answers_is_said(tool: str, option: str) -> None:
    """If this failed, a wrong port would be a minute of silence."""
    node = f"127.0.0.1:{free_port()}"
    done = run([tool, "--topic", "t", "--bootstrap-server", node, option, "1500"], "x\n")
    said = [line for line in done.stderr.splitlines() if "still trying" in line]
    assert len(said) == 1, done.stderr
    assert node in said[0]
    assert "refused; still trying, Ctrl-C to stop" in said[0]
    assert "`ottla up` starts one" in done.stderr


def test_a_verb_gives_up_soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """If this failed, `ottla produce` with a wrong port would wait a minute, as a script may."""
    monkeypatch.setattr("ottla.cli.kafka_console_producer.MAX_BLOCK_MS", 3_600_000)
    done = run(["ottla", "produce", "t", "--at", f"127.0.0.1:{free_port()}"], "x\n")
    assert done.exit_code == 1
    assert "topic t is not known after 3000 ms" in done.stderr


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
    for way in (["--timeout-ms", "1000"], ["--max-messages", "1"]):
        group = name()
        words = ["--topic", topic, "--group", group, "--from-beginning", *way]
        done = run(["kafka-console-consumer.sh", *words, *node])
        assert done.exit_code == 0, done.stderr
        shown = run(["kafka-consumer-groups.sh", "--describe", "--group", group, *node]).stdout
        rows = [line.split() for line in shown.splitlines() if line.startswith(group)]
        assert [row[2] for row in rows] == ["0", "1", "2"], shown
        read = len(done.stdout.split())
        assert sum(int(row[3]) for row in rows) == read, shown


def test_what_was_not_printed_is_not_committed(
    ottla_server: OttlaServer, name: Callable[[], str]
) -> None:
    """If this failed, a record that can't be printed would take all with it that came along."""
    topic, group = name(), name()
    words = ["--topic", topic, "--bootstrap-server", ottla_server.bootstrap]
    lines = [*["12345678"] * 10, "xyz", *["12345678"] * 89]
    assert run(["kafka-console-producer.sh", *words], "\n".join(lines) + "\n").exit_code == 0
    read = ["kafka-console-consumer.sh", *words, "--group", group, "--from-beginning"]
    longs = ["--value-deserializer", "org.apache.kafka.common.serialization.LongDeserializer"]
    done = run([*read, *longs, "--timeout-ms", "20000"])
    assert (done.exit_code, len(done.stdout.splitlines())) == (1, 10), done.stderr
    done = run([*read, "--max-messages", "90"])
    assert done.stdout.splitlines()[0] == "xyz"
    assert len(done.stdout.splitlines()) == 90
