"""kafka-verifiable-consumer.sh among others, and where it may not commit."""

from __future__ import annotations

import json
import signal
from collections.abc import Callable, Mapping
from typing import Any

import pytest

from cli.commands import run, start
from oracle import Oracle
from ottla.cli.kafka_verifiable_consumer import Member
from ottla.cli.run import Failed
from ottla.client.places import TopicPartition
from servers import OttlaServer, Server

TOOL = "kafka-verifiable-consumer.sh"


def test_a_second_member_takes_its_part(server: Server, name: Callable[[], str]) -> None:
    """If this failed, tests of rebalances would wait for events that never come."""
    topic, group, node = name(), name(), ["--bootstrap-server", server.bootstrap]
    run(["kafka-topics.sh", "--create", "--topic", topic, "--partitions", "2", *node])
    words = [TOOL, "--topic", topic, "--group-id", group, *node]
    with start(words) as first, start(words) as second:
        try:
            for process in (first, second):
                assert process.stdout is not None
                for line in process.stdout:
                    event = json.loads(line)
                    if event["name"] == "partitions_assigned" and len(event["partitions"]) == 1:
                        break
        finally:
            for process in (second, first):
                process.send_signal(signal.SIGTERM)
        ends = [process.communicate(timeout=20)[0].splitlines() for process in (second, first)]
    for lines in ends:
        names = [json.loads(line)["name"] for line in lines]
        assert names[0] in ("shutdown_requested", "partitions_revoked")
        assert names[-1] == "shutdown_complete"
    assert (first.returncode, second.returncode) == (143, 143)


@pytest.mark.long
@pytest.mark.jvm
def test_the_new_protocol_where_it_is_spoken(oracle: Oracle, name: Callable[[], str]) -> None:
    """If this failed, --group-protocol consumer would be taken, and not gone by."""
    topic, group, node = name(), name(), ["--bootstrap-server", oracle.bootstrap]
    send = ["kafka-verifiable-producer.sh", "--topic", topic, "--max-messages", "3", *node]
    assert run(send).exit_code == 0
    words = ["--group-protocol", "CONSUMER", "--group-remote-assignor", "range"]
    done = run([TOOL, "--topic", topic, "--group-id", group, "--max-messages", "3", *words, *node])
    assert [json.loads(line)["name"] for line in done.stdout.splitlines()] == [
        "startup_complete",
        "partitions_assigned",
        "records_consumed",
        "offsets_committed",
        "partitions_revoked",
        "shutdown_complete",
        "shutdown_requested",
    ]
    shown = run(["kafka-consumer-groups.sh", "--list", *node, "--type", "consumer"]).stdout
    assert group in shown.split()


class _Refusing:
    """A consumer whose group takes no offsets."""

    def poll(self, wait_s: float) -> list[Any]:
        return [_Record(offset) for offset in (4, 5, 6)]

    def commit(self, offsets: Mapping[TopicPartition, int]) -> None:
        assert offsets == {("t", 1): 6}
        raise Failed("the group has moved on")


class _Record:
    topic, partition = "t", 1

    def __init__(self, offset: int) -> None:
        self.offset = offset


def test_a_commit_that_is_refused_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    """If this failed, what was not committed would be taken for committed."""
    member = Member(2, verbose=False)
    member.turn(_Refusing())  # type: ignore[arg-type]
    read, committed = (json.loads(line) for line in capsys.readouterr().out.splitlines())
    summary = {"topic": "t", "partition": 1, "count": 2, "minOffset": 4, "maxOffset": 5}
    assert (read["count"], read["partitions"]) == (3, [summary])
    assert list(committed) == ["timestamp", "name", "offsets", "error", "success"]
    assert (committed["success"], committed["error"]) == (False, "the group has moved on")
    assert member.is_finished


def test_a_protocol_that_the_node_does_not_speak(
    ottla_server: OttlaServer, name: Callable[[], str]
) -> None:
    """If this failed, a member of the new protocol would wait for ever, without a word."""
    words = [TOOL, "--topic", name(), "--group-id", name(), "--group-protocol", "consumer"]
    done = run([*words, "--bootstrap-server", ottla_server.bootstrap])
    assert done.exit_code == 0, "as Apache's against a cluster without it"
    assert "does not support the new CONSUMER group protocol" in done.stderr
    names = [json.loads(line)["name"] for line in done.stdout.splitlines()]
    assert names == ["startup_complete", "shutdown_complete", "shutdown_requested"]
