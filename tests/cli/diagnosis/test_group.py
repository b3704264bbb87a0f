"""Faults of groups: nobody in it, nothing left to read, no rest, or no way on."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable

import pytest

from cli.commands import run
from cli.diagnosis.doctor import doctor
from cli.script import Stage
from ottla.client import Consumer
from servers import Server

Name = Callable[[], str]


def _topic(name: Name, node: Server, *values: str) -> str:
    topic, at = name(), ["--at", node.bootstrap]
    run(["ottla", "topics", "create", topic, "-p", "1", "-r", "1", *at])
    if values:
        assert run(["ottla", "produce", topic, *at], "\n".join(values)).exit_code == 0
    return topic


def test_a_group_that_nobody_knows(either: Server, name: Name) -> None:
    """If this failed, a wrong group.id would be a group that does not get on."""
    found = doctor(either.bootstrap, "--group", name())
    assert (found.kind, "has ever come to this cluster" in found.cause) == ("unknown-group", True)


def _read(topic: str, group: str, node: Server, count: int) -> None:
    words = ["ottla", "consume", topic, "--group", group, "--from", "beginning", "-n", str(count)]
    assert run([*words, "--at", node.bootstrap]).exit_code == 0


def test_a_group_without_members(either: Server, name: Name) -> None:
    """If this failed, a consumer that has died would be called slow; here or on Apache Kafka."""
    topic, group = _topic(name, either, "a", "b"), name()
    _read(topic, group, either, 1)
    found = doctor(either.bootstrap, "--group", group, "--topic", topic)
    assert (found.kind, "nobody reads (1 record(s) behind)" in found.cause) == ("no-members", True)


def test_a_slip_in_the_topic_is_no_fault_of_the_group(ottla_server: Server, name: Name) -> None:
    """If this failed, the group would be blamed for a name that was typed wrong."""
    topic, group = _topic(name, ottla_server, "a"), name()
    _read(topic, group, ottla_server, 1)
    found = doctor(ottla_server.bootstrap, "--group", group, "--topic", f"{topic}x")
    assert found.kind == "unknown-topic"


def test_a_group_that_reads_another_topic(ottla_server: Server, name: Name) -> None:
    """If this failed, a consumer of the wrong topic would be well."""
    topic, group = _topic(name, ottla_server, "a"), name()
    _read(topic, group, ottla_server, 1)
    found = doctor(ottla_server.bootstrap, "--group", group, "--topic", _topic(name, ottla_server))
    assert found.kind == "not-subscribed"


def test_a_group_whose_records_were_deleted(ottla_server: Server, name: Name) -> None:
    """If this failed, a gap in what was read would be nobody's fault."""
    topic, group = _topic(name, ottla_server, "a", "b", "c"), name()
    _read(topic, group, ottla_server, 1)
    at = ["--at", ottla_server.bootstrap]
    run(["ottla", "records", "delete", topic, "--before", "end", "-y", *at])
    found = doctor(ottla_server.bootstrap, "--group", group)
    assert (found.kind, "2 record(s) were deleted before it read them" in found.cause) == (
        "retention",
        True,
    )


def test_a_group_behind_a_topic_that_was_made_anew(ottla_server: Server, name: Name) -> None:
    """If this failed, a group would wait for offsets that come in a year."""
    topic, group, at = _topic(name, ottla_server), name(), ["--at", ottla_server.bootstrap]
    from ottla.client.admin import groups
    from ottla.client.client import Client

    with Client(ottla_server.bootstrap) as client:
        groups.commit(client, group, {(topic, 0): 7})
    found = doctor(*at[1:], "--group", group)
    assert (found.kind, "which ends at 0" in found.cause) == ("beyond-end", True)
    assert found.do == f"ottla groups reset {group} --to beginning --topic {topic}"


@pytest.fixture
def stage(ottla_server: Server) -> Stage:
    """Plays members."""
    return Stage(ottla_server.bootstrap)


def test_a_group_that_does_not_settle(stage: Stage, ottla_server: Server, name: Name) -> None:
    """If this failed, a member that never comes back would be called slow."""
    topic, group = _topic(name, ottla_server, "a"), name()
    stage.play(f"@join first {group} {topic}")
    settings = {"bootstrap.servers": ottla_server.bootstrap, "group.id": group}
    with Consumer(settings) as second:
        second.subscribe([topic])
        second.poll(0.5)  # it joins; the first, which does not poll, is waited for
        found = doctor(ottla_server.bootstrap, "--group", group, "--watch", "0.3")
    stage.play("@leave first")
    assert (found.kind, "has been rebalancing" in found.cause) == ("rebalancing", True), found
    assert "max.poll.interval.ms" in found.do


def test_a_group_that_stands_still(ottla_server: Server, name: Name) -> None:
    """If this failed, a consumer that hangs in a record would be well."""
    topic, group = _topic(name, ottla_server, "a", "b"), name()
    settings = {
        "bootstrap.servers": ottla_server.bootstrap,
        "group.id": group,
        "auto.offset.reset": "earliest",
        "enable.auto.commit": "false",
    }
    with Consumer(settings) as consumer:
        consumer.subscribe([topic])
        while not consumer.poll(1, max_records=1):
            pass
        consumer.commit({(topic, 0): 1})
        found = doctor(ottla_server.bootstrap, "--group", group, "--watch", "0.3")
        assert (found.kind, "has committed nothing for 0.3 s" in found.cause) == (
            "standing-still",
            True,
        ), found
        consumer.commit({(topic, 0): 2})
        found = doctor(ottla_server.bootstrap, "--group", group, "--watch", "0.3")
        assert (found.kind, found.well[-1]) == (None, f"group {group} has read all there is")


def _two_partitions(name: Name, node: Server) -> tuple[str, dict[str, str]]:
    """A topic with records in both of its partitions, and how a member of a group reads it."""
    topic, at = name(), ["--at", node.bootstrap]
    run(["ottla", "topics", "create", topic, "-p", "2", *at])
    for partition in "01":
        run(["ottla", "produce", topic, "-p", partition, *at], "a\nb\nc\n")
    return topic, {
        "bootstrap.servers": node.bootstrap,
        "group.id": name(),
        "auto.offset.reset": "earliest",
        "enable.auto.commit": "false",
    }


def test_one_partition_that_stands_still(ottla_server: Server, name: Name) -> None:
    """If this failed, a record that nobody gets past would be hidden by the other partitions."""
    topic, settings = _two_partitions(name, ottla_server)
    over = threading.Event()
    with Consumer(settings) as consumer:
        consumer.subscribe([topic])
        while not consumer.assignment:
            consumer.poll(0.1)

        def go_on() -> None:
            for number in itertools.cycle((1, 2)):
                consumer.commit({(topic, 1): number})
                if over.wait(0.01):
                    return

        consumer.commit({(topic, 0): 1, (topic, 1): 1})
        thread = threading.Thread(target=go_on)
        thread.start()
        found = doctor(ottla_server.bootstrap, "-g", settings["group.id"], "--watch", "1")
        over.set()
        thread.join()
    assert found.kind == "partition-standing-still", found
    assert f"committed nothing in {topic}-0 for 1 s" in found.cause


def test_a_group_that_has_committed_nothing(ottla_server: Server, name: Name) -> None:
    """If this failed, a group that reads and never commits would have read all there is."""
    topic, settings = _two_partitions(name, ottla_server)
    with Consumer(settings) as consumer:
        consumer.subscribe([topic])
        while not consumer.poll(0.1):
            pass
        found = doctor(ottla_server.bootstrap, "-g", settings["group.id"], "--watch", "0.3")
    assert found.kind == "standing-still", found


def test_records_that_were_deleted_in_any_partition(ottla_server: Server, name: Name) -> None:
    """If this failed, only the first partition of a topic would be looked at."""
    topic, settings = _two_partitions(name, ottla_server)
    at = ["--at", ottla_server.bootstrap]
    reset = ["ottla", "groups", "reset", settings["group.id"], "--to", "beginning"]
    run([*reset, "--topic", topic, "-y", *at])
    run(["ottla", "records", "delete", f"{topic}:1", "--before", "2", "-y", *at])
    found = doctor(ottla_server.bootstrap, "-g", settings["group.id"])
    assert (found.kind, f"of {topic}-1, which begins at 2" in found.cause) == ("retention", True)
