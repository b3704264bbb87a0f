"""Faults of topics: what is not there, not led, empty, deleted, or held back."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import ottla
from cli.commands import run
from cli.diagnosis.doctor import doctor
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
        run(["ottla", "topics", "create", "led", "-p", "8", "-c", "flush.messages=1", *at])
        rows = json.loads(run(["ottla", "disks", "list", "led", "--json", *at]).stdout)
        there = [str(r["partition"]) for r in rows if r["path"] == str(folders[1])]
        broker.faults.fail_disk("sync", "two/*")
        soon = ["-X", "delivery.timeout.ms=1500", "-X", "request.timeout.ms=1000"]
        done = run(["ottla", "produce", "led", "-p", there[0], *soon, *at], "x\n")
        assert done.exit_code == 1
        found = doctor(broker.bootstrap_servers)
        assert found.kind == "offline", found
        assert f"{len(there)} partition(s) have no leader, the first is led-" in found.cause
        assert doctor(broker.bootstrap_servers, "--topic", "led").kind == "offline"
