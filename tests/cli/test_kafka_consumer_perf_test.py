"""What kafka-consumer-perf-test.sh reads, counts and leaves behind."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest

from cli.commands import run, run_patiently
from producing import producer_of, transact
from servers import Server

TOOL = "kafka-consumer-perf-test.sh"


def _fill(topic: str, server: Server, count: int) -> None:
    words = ["kafka-producer-perf-test.sh", "--topic", topic, "--num-records", str(count)]
    words += ["--record-size", "100", "--throughput", "-1", "--bootstrap-server", server.bootstrap]
    assert run(words).exit_code == 0


def test_all_is_read_and_committed(server: Server, name: Callable[[], str]) -> None:
    """If this failed, the next run with the group would read again what this one has read."""
    topic, group, node = name(), name(), ["--bootstrap-server", server.bootstrap]
    _fill(topic, server, 1300)
    words = [TOOL, "--topic", topic, "--group", group, "--num-records", "1300", *node]
    row = run([*words, "--hide-header"]).stdout.strip().split(", ")
    assert (row[2], row[4]) == ("0.1240", "1300")
    shown = run(["kafka-consumer-groups.sh", "--describe", "--group", group, *node]).stdout
    (line,) = (line for line in shown.splitlines() if line.startswith(group))
    assert line.split()[3:6] == ["1300", "1300", "0"]


def test_a_setting_is_gone_by(server: Server, name: Callable[[], str]) -> None:
    """If this failed, figures would be told of settings that nobody went by."""
    topic, node = name(), ["--bootstrap-server", server.bootstrap]
    producer = producer_of(server.bootstrap, name())
    transact(producer, topic, "one")
    transact(producer, topic, "two", commit=False)
    words = [TOOL, "--topic", topic, "--num-records", "9", "--hide-header", *node]
    read = {}
    for level in ("read_committed", "read_uncommitted"):
        line = [*words, "--command-property", f"isolation.level={level}", "--timeout"]
        done = run_patiently(lambda line=line: line, lambda done: _count(done.stdout) != "0")
        read[level] = _count(done.stdout)
    assert read == {"read_committed": "1", "read_uncommitted": "2"}


def _count(printed: str) -> str:
    return printed.strip().split(", ")[-6]


def test_metrics_are_those_of_this_run(server: Server, name: Callable[[], str]) -> None:
    """If this failed, --print-metrics would tell of something else, or of nothing."""
    topic, node = name(), ["--bootstrap-server", server.bootstrap]
    _fill(topic, server, 100)
    done = run([TOOL, "--topic", topic, "--num-records", "100", "--print-metrics", *node])
    rows = dict(re.split(" +: ", line) for line in done.stdout.splitlines()[4:])
    tags = "{client-id=perf-consumer-client}"
    assert rows[f"consumer-coordinator-metrics:assigned-partitions:{tags}"] == "1.000"
    assert rows[f"consumer-fetch-manager-metrics:records-consumed-total:{tags}"] == "100.000"


@pytest.mark.parametrize(
    ("setting", "said"),
    [
        ("interceptor.classes=x.Y", "interceptor.classes is not honoured here"),
        ("fetch.min.byte=5", "did you mean fetch.min.bytes?"),
        ("max.poll.records=0", "Invalid value 0 for configuration max.poll.records"),
        ("nonsense", "takes key=value, not 'nonsense'"),
    ],
)
def test_what_is_not_honoured_is_refused_by_name(setting: str, said: str) -> None:
    """If this failed, figures would be told of settings that nobody went by."""
    words = [TOOL, "--topic", "t", "--num-records", "1", "--bootstrap-server", "127.0.0.1:9"]
    done = run([*words, "--command-property", setting])
    assert done.exit_code == 1
    assert said in done.stderr
    assert "Traceback" not in done.stderr
