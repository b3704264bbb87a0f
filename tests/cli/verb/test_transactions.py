"""Transactions: what is open, what hangs, and ending it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from cli.commands import run
from cli.script import Stage
from cli.verb.test_topics import told
from producing import end, producer_of, write
from servers import OttlaServer, Server, eventually

Name = Callable[[], str]


def test_an_open_transaction_is_seen_and_ended(either: Server, name: Name) -> None:
    """If this failed, what holds readers back could neither be found nor ended by a verb; here or
    on Apache Kafka.
    """
    topic, job, at = name(), name(), ["--at", either.bootstrap]
    run(["ottla", "topics", "create", topic, "-p", "1", "-r", "1", *at])
    producer = producer_of(either.bootstrap, job)
    producer.begin_transaction()
    write(producer, topic, "one")
    (row,) = [r for r in told(["ottla", "transactions"], either) if r["transactional_id"] == job]
    assert (row["state"], row["partitions"]) == ("Ongoing", [f"{topic}-0"])
    assert row["open_ms"] >= 0
    done = run(["ottla", "offsets", topic, *at])
    assert done.stdout.split()[-4:] == ["0", "0", "1", "1"], "it is stable up to 0"
    assert "ottla transactions shows them" in done.stderr
    shown = run(["ottla", "transactions", "describe", job, *at]).stdout
    assert f"partitions        {topic}-0" in shown
    done = run(["ottla", "transactions", "abort", job, *at])
    assert (done.exit_code, "--yes" in done.stderr) == (2, True)
    done = run(["ottla", "transactions", "abort", job, "-y", *at])
    assert done.stdout == f"aborted the transaction of {job}\n"
    eventually(lambda: not run(["ottla", "offsets", topic, *at]).stderr, "its markers are written")
    done = run(["ottla", "transactions", "abort", job, "-y", *at])
    assert done.stderr == f"{job} has nothing open\n"
    assert job not in run(["ottla", "transactions", *at]).stdout.split()
    assert job in run(["ottla", "transactions", "--all", *at]).stdout.split()
    done = run(["ottla", "transactions", "describe", "nosuch", *at])
    assert (done.exit_code, "has the transactional id nosuch" in done.stderr) == (1, True)


@pytest.fixture
def lax(tmp_path: Path) -> Iterator[OttlaServer]:
    """A node that takes records of transactions that nobody began: so one can hang."""
    node = OttlaServer(tmp_path / "data", {"transaction.partition.verification.enable": "false"})
    node.start()
    yield node
    node.stop()


def test_one_that_hangs_is_found_and_ended(lax: OttlaServer, name: Name) -> None:
    """If this failed, read_committed consumers would stand for ever before what nobody ends."""
    topic, at = name(), ["--at", lax.bootstrap]
    run(["ottla", "topics", "create", topic, "-p", "1", *at])
    stage = Stage(lax.bootstrap)
    stage.play(f"@hang gone {topic} 0 10")
    words = ["ottla", "transactions", "hanging", topic]
    assert run([*words, *at]) == (0, "", "no transaction hangs\n"), "not for 15 minutes"
    (row,) = told([*words, "--silent", "5m"], lax)
    place = f"{topic}:0:{row['start_offset']}"
    assert place in run([*words, "--silent", "5m", *at]).stderr
    done = run(["ottla", "transactions", "abort", "--at-offset", f"{topic}:0:77", "-y", *at])
    assert (done.exit_code, "no transaction begins at" in done.stderr) == (1, True)
    done = run(["ottla", "transactions", "abort", "--at-offset", place, "-y", *at])
    assert done.stdout == f"aborted the transaction at {place}\n"
    assert told([*words, "--silent", "5m"], lax) == []


def test_a_reader_is_told_what_holds_it_back(ottla_server: OttlaServer, name: Name) -> None:
    """If this failed, `consume --committed` would be silent, and look as if there were nothing."""
    topic, job, at = name(), name(), ["--at", ottla_server.bootstrap]
    run(["ottla", "topics", "create", topic, "-p", "1", *at])
    producer = producer_of(ottla_server.bootstrap, job)
    producer.begin_transaction()
    write(producer, topic, "one")
    done = run(["ottla", "consume", topic, "--committed", "--idle", "3s", *at])
    assert (done.exit_code, done.stdout) == (0, "")
    assert f"an open transaction holds back 1 offset(s) of {topic}-0" in done.stderr
    end(producer, commit=True)
    assert run(["ottla", "consume", topic, "--committed", "-n", "1", *at]).stdout == "one\n"
