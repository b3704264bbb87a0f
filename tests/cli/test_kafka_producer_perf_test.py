"""What kafka-producer-perf-test.sh writes, and what it says where it can't."""

from __future__ import annotations

import re
import signal
from collections.abc import Callable

import pytest

import ottla
from cli.commands import run, start
from ottla.cli.kafka_producer_perf_test import parts_between
from servers import Server

TOOL = "kafka-producer-perf-test.sh"
AWAY = "127.0.0.1:1"


def _read(topic: str, server: Server, count: int, *words: str) -> list[str]:
    read = ["kafka-console-consumer.sh", "--topic", topic, "--from-beginning", *words]
    most = ["--max-messages", str(count), "--timeout-ms", "20000"]
    return run([*read, *most, "--bootstrap-server", server.bootstrap]).stdout.split("\n")[:-1]


def _words(topic: str, count: int, at: str, *more: str) -> list[str]:
    sized = [TOOL, "--topic", topic, "--num-records", str(count), "--throughput", "-1"]
    return [*sized, "--bootstrap-server", at, *more]


def test_what_was_asked_for_is_written(server: Server, name: Callable[[], str]) -> None:
    """If this failed, a rate would be told of records that are fewer, or smaller."""
    topic = name()
    assert run(_words(topic, 30, server.bootstrap, "--payload-monotonic")).exit_code == 0
    assert _read(topic, server, 30) == [str(number) for number in range(30)]
    topic = name()
    assert run(_words(topic, 3, server.bootstrap, "--record-size", "40")).exit_code == 0
    found = _read(topic, server, 3)
    assert len(found) == len(set(found)) == 3
    assert all(re.fullmatch("[A-Z]{40}", one) for one in found)


def test_transactions_are_committed(server: Server, name: Callable[[], str]) -> None:
    """If this failed, records would be counted that nobody may read."""
    topic, who = name(), name()
    words = ["--payload-monotonic", "--transactional-id", who, "--transaction-duration-ms", "1"]
    done = run(_words(topic, 30, server.bootstrap, *words))
    assert (done.exit_code, done.stdout[:16]) == (0, "30 records sent,"), done.stderr
    assert len(_read(topic, server, 30, "--isolation-level", "read_committed")) == 30
    listed = run(["kafka-transactions.sh", "--bootstrap-server", server.bootstrap, "list"]).stdout
    (row,) = (line for line in listed.splitlines() if line.startswith(who))
    assert row.split()[3] == "CompleteCommit"


def test_metrics_are_those_of_this_run(server: Server, name: Callable[[], str]) -> None:
    """If this failed, --print-metrics would tell of something else, or of nothing."""
    topic = name()
    words = ["--record-size", "10", "--print-metrics", "--command-property", "client.id=me"]
    lines = run(_words(topic, 30, server.bootstrap, *words)).stdout.splitlines()
    assert lines[1] == ""
    assert lines[2].split() == ["Metric", "Name", "Value"]
    rows = dict(re.split(" +: ", line) for line in lines[3:])
    tags = f"{{client-id=me, topic={topic}}}"
    assert rows[f"producer-topic-metrics:record-send-total:{tags}"] == "30.000"
    assert rows["producer-metrics:record-send-total:{client-id=me}"] == "30.000"


@pytest.mark.parametrize(
    ("setting", "said"),
    [
        ("partitioner.class=x.Y", "partitioner.class is not honoured here"),
        ("linger.msec=5", "did you mean linger.ms?"),
        ("linger.ms=soon", "Invalid value soon for configuration linger.ms: Not a number"),
        ("max.in.flight.requests.per.connection=x", "per.connection: Not a number"),
        ("transactional.id=x transaction.timeout.ms=", "transaction.timeout.ms: Not a number"),
        ("max.block.ms=x", "configuration max.block.ms: Not a number"),
        ("security.protocol=SASSL", "security.protocol=SASSL"),
        ("acks=2000000", "Invalid value 2000000 for configuration acks"),
        ("nonsense", "takes key=value, not 'nonsense'"),
    ],
)
def test_what_is_not_honoured_is_refused_by_name(setting: str, said: str) -> None:
    """If this failed, figures would be told of settings that nobody went by."""
    words = _words("t", 1, "127.0.0.1:9", "--record-size", "1", "--command-property", "retries=5")
    done = run([*words, *setting.split()])
    assert (done.exit_code, done.stdout) == (1, "")
    assert said in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("older", ["--producer-props", "--command-property"])
def test_several_settings_follow_one_option(older: str) -> None:
    """If this failed, lines that work with Apache's tool would be refused here."""
    words = _words("t", 1, AWAY, "--record-size", "1", older, "acks=1", "max.block.ms=0")
    done = run([*words, "batch.size=-1"])
    assert (done.exit_code, done.stdout) == (1, "")
    assert "batch.size" in done.stderr, "the last of them was read"


def test_nobody_there_is_told_once(name: Callable[[], str]) -> None:
    """If this failed, a wrong port would be a minute of silence for each record."""
    words = ["--record-size", "1", "--command-property", "max.block.ms=2500"]
    done = run(_words(name(), 1000, AWAY, *words))
    assert done.exit_code == 0, "as Apache's"
    assert done.stderr.count("after 2500 ms") == 1
    assert done.stderr.count("hint: ") == 1
    assert "1000 records were not written" in done.stderr
    assert done.stdout.startswith("0 records sent, 0.000000 records/sec (0.00 MB/sec), NaN ms avg")


def test_a_topic_that_nobody_makes(name: Callable[[], str]) -> None:
    """If this failed, a slip in the topic's name would look like a slow server."""
    with ottla.Broker(config={"auto.create.topics.enable": "false"}) as node:
        words = ["--record-size", "1", "--command-property", "max.block.ms=300"]
        done = run(_words("nope", 2, node.bootstrap_servers, *words))
    assert done.exit_code == 0, "as Apache's"
    assert "topic nope is not known after 300 ms" in done.stderr
    assert "ottla topics create NAME" in done.stderr


def test_a_signal_ends_it(server: Server, name: Callable[[], str]) -> None:
    """If this failed, a test that was to run for hours could only be killed."""
    words = _words(name(), 10**9, server.bootstrap, "--record-size", "10")
    words += ["--reporting-interval", "1"]
    with start(words) as process:
        assert process.stdout is not None
        assert b" records sent, " in process.stdout.readline()
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=20)
    assert process.returncode == 130, said
    assert b"Traceback" not in said


@pytest.mark.parametrize(
    ("text", "delimiter", "parts"),
    [
        ("a\nb\n", "\n", ["a", "b"]),
        ("\na\n\nb", "\n", ["a", "", "b"]),
        ("\n\na", "\n", ["", "a"]),
        ("ab", "x*", ["a", "b"]),
        ("aXXb", "X*", ["a", "b"]),
        ("\n", "\n", []),
        ("a,b;c", "[,;]", ["a", "b", "c"]),
    ],
)
def test_a_file_is_cut_as_java_cuts_it(text: str, delimiter: str, parts: list[str]) -> None:
    """If this failed, a payload file would hold other records than for Apache's tool."""
    assert list(parts_between(text, re.compile(delimiter))) == parts
