"""Faults of topics and groups: what is not there, not led, deleted, held back, or stands still."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

import ottla
from cli.commands import run
from cli.diagnosis.doctor import doctor
from cli.script import Stage
from ottla.client import Consumer
from producing import end, producer_of, write
from servers import Server

Name = Callable[[], str]


def _topic(name: Name, node: Server, *values: str) -> str:
    topic, at = name(), ["--at", node.bootstrap]
    run(["ottla", "topics", "create", topic, "-p", "1", "-r", "1", *at])
    if values:
        assert run(["ottla", "produce", topic, *at], "\n".join(values)).exit_code == 0
    return topic


def test_a_topic_that_can_be_read(either: Server, name: Name) -> None:
    """If this failed, a topic that is well would be called broken; here or on Apache Kafka."""
    found = doctor(either.bootstrap, "--topic", _topic(name, either, "a", "b"))
    assert found.kind is None, found
    assert found.well[-1].endswith("holds 2 offset(s) that can be read")


def test_a_topic_that_is_not_there(either: Server, name: Name) -> None:
    """If this failed, a slip would be looked for in the consumer."""
    topic = _topic(name, either)
    found = doctor(either.bootstrap, "--topic", f"{topic}s")
    assert (found.kind, found.do) == ("unknown-topic", f"did you mean {topic}?")


def test_a_topic_that_nobody_has_written_to(ottla_server: Server, name: Name) -> None:
    """If this failed, a consumer that gets nothing would be blamed."""
    topic = _topic(name, ottla_server)
    found = doctor(ottla_server.bootstrap, "--topic", topic)
    assert (found.kind, found.do) == ("empty", f"echo hello | ottla produce {topic}")


def test_records_that_retention_ate(ottla_server: Server, name: Name) -> None:
    """If this failed, records that are gone would be looked for in the consumer."""
    topic, at = _topic(name, ottla_server, "a", "b"), ["--at", ottla_server.bootstrap]
    run(["ottla", "records", "delete", topic, "--before", "end", "-y", *at])
    found = doctor(ottla_server.bootstrap, "--topic", topic)
    assert (found.kind, "its 2 record(s) are deleted" in found.cause) == ("retention", True)
    assert "retention.ms=604800000" in found.cause


def test_an_open_transaction(either: Server, name: Name) -> None:
    """If this failed, read_committed consumers would be called stuck; here or on Apache Kafka."""
    topic = _topic(name, either, "a")
    producer = producer_of(either.bootstrap, name())
    producer.begin_transaction()
    write(producer, topic, "b")
    found = doctor(either.bootstrap, "--topic", topic)
    assert (found.kind, "at offset 1 of 2" in found.cause) == ("open-transaction", True), found
    end(producer, commit=True)


def test_a_partition_without_a_leader(tmp_path: Path) -> None:
    """If this failed, a failed disk would look like a slow consumer."""
    folders = [tmp_path / "one", tmp_path / "two"]
    config = {"log.dirs": ",".join(map(str, folders))}
    with ottla.Broker(dir=folders[0], config=config) as broker:
        at = ["--at", broker.bootstrap_servers]
        run(["ottla", "topics", "create", "led", "-p", "8", *at])
        rows = json.loads(run(["ottla", "disks", "list", "led", "--json", *at]).stdout)
        there = [str(r["partition"]) for r in rows if r["path"] == str(folders[1])]
        broker.faults.fail_disk("write", "two/*")
        soon = ["-X", "delivery.timeout.ms=1500", "-X", "request.timeout.ms=1000"]
        done = run(["ottla", "produce", "led", "-p", there[0], *soon, *at], "x\n")
        assert done.exit_code == 1
        found = doctor(broker.bootstrap_servers)
        assert found.kind == "offline", found
        assert f"{len(there)} partition(s) have no leader, the first is led-" in found.cause
        assert doctor(broker.bootstrap_servers, "--topic", "led").kind == "offline"


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
