"""Reading: from where, until when, as what, and as whose member."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from cli.commands import run, start
from ottla.client import Consumer, Producer
from producing import end, producer_of, transact, write
from servers import OttlaServer, Server, eventually

Name = Callable[[], str]
BEGAN = 1_700_000_000_000
"""2023-11-14T22:13:20Z, in ms."""


def _topic(name: Name, node: Server, *values: str, partitions: int = 1) -> str:
    """A topic with a record of each value, by turns in its partitions, a minute apart."""
    topic, at = name(), ["--at", node.bootstrap]
    run(["ottla", "topics", "create", topic, "-p", str(partitions), "-r", "1", *at])
    lines = [
        json.dumps({"value": v, "partition": n % partitions, "timestamp_ms": BEGAN + n * 60_000})
        for n, v in enumerate(values)
    ]
    run(["ottla", "config", "set", topic, "retention.ms=-1", *at])
    done = run(["ottla", "produce", topic, "--json", *at], "".join(f"{one}\n" for one in lines))
    assert done.exit_code == 0, done
    return topic


@pytest.mark.parametrize(
    ("words", "printed"),
    [
        ("--exit", "a b c d"),
        ("-n 2", "a b"),
        ("-n 0", ""),
        ("--exit --from 2", "c d"),
        ("--exit --from -1", "d"),
        ("--exit --to 2", "a b"),
        ("--from 1 --to 3", "b c"),
        ("--exit --from 2023-11-14T22:15:20+00:00", "c d"),
        ("--to 2023-11-14T22:15:20+00:00", "a b"),
        ("--exit --last 3", "b c d"),
        ("--exit --last 99", "a b c d"),
        ("--exit --from end", ""),
        ("--idle 300ms", "a b c d"),
        ("--exit --committed", "a b c d"),
    ],
)
def test_from_where_and_until_when(words: str, printed: str, either: Server, name: Name) -> None:
    """If this failed, other records would be printed than those that were asked for; here or on
    Apache Kafka.
    """
    topic = _topic(name, either, "a", "b", "c", "d")
    done = run(["ottla", "consume", topic, *words.split(), "--at", either.bootstrap])
    assert (done.exit_code, done.stdout.split(), done.stderr) == (0, printed.split(), "")


def test_the_last_of_several_partitions(ottla_server: OttlaServer, name: Name) -> None:
    """If this failed, `--last 2` would print two of each partition, or the oldest."""
    topic = _topic(name, ottla_server, *"abcdef", partitions=3)
    at = ["--at", ottla_server.bootstrap]
    assert run(["ottla", "consume", topic, "--last", "2", "-e", *at]).stdout == "e\nf\n"
    with start(["ottla", "consume", topic, "--last", "1", "-n", "2", *at]) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"f\n"
        run(["ottla", "produce", topic, "-p", "0", *at], "g\n")
        assert process.communicate(timeout=30)[0] == b"g\n"
    assert process.returncode == 0
    assert run(["ottla", "consume", f"{topic}:1", "-e", *at]).stdout == "b\ne\n"


def test_several_topics(ottla_server: OttlaServer, name: Name) -> None:
    """If this failed, only the first of several would be read."""
    topics = [_topic(name, ottla_server, "a"), _topic(name, ottla_server, "b")]
    done = run(["ottla", "consume", *topics, "-e", "--at", ottla_server.bootstrap])
    assert sorted(done.stdout.split()) == ["a", "b"]


def test_as_what(ottla_server: OttlaServer, name: Name) -> None:
    """If this failed, keys would be missing, or a copy differ from what was copied."""
    topic, copy, at = name(), name(), ["--at", ottla_server.bootstrap]
    run(["ottla", "topics", "create", topic, copy, "-p", "2", *at])
    run(["ottla", "produce", topic, "-K", ":", "-H", "h=1", "-p", "1", *at], "k:v\n")
    assert run(["ottla", "consume", topic, "-e", "-k", *at]).stdout == "k\tv\n"
    form = ["-f", r"%t %p %o %k=%s %h\n"]
    assert run(["ottla", "consume", topic, "-e", *form, *at]).stdout == f"{topic} 1 0 k=v h=1\n"
    lines = run(["ottla", "consume", topic, "-e", "--json", *at]).stdout
    assert run(["ottla", "produce", copy, "--json", *at], lines).exit_code == 0
    assert run(["ottla", "consume", copy, "-e", "--json", *at]).stdout == lines.replace(topic, copy)


def test_as_a_member_of_a_group(either: Server, name: Name) -> None:
    """If this failed, a group would read twice, or skip; here or on Apache Kafka."""
    topic, group = _topic(name, either, "a", "b", "c"), name()
    words = ["ottla", "consume", topic, "--group", group, "--at", either.bootstrap]
    assert run([*words, "--from", "beginning", "-n", "2"]).stdout == "a\nb\n"
    assert run([*words, "--exit"]).stdout == "c\n"
    assert run([*words, "--exit"]).stdout == ""
    run(["ottla", "produce", topic, "--at", either.bootstrap], "d\n")
    assert run([*words, "-n", "1"]).stdout == "d\n"


def test_where_a_new_group_begins_is_said(ottla_server: OttlaServer, name: Name) -> None:
    """If this failed, `ottla consume --group` would print nothing, and not say why."""
    topic, group, at = _topic(name, ottla_server, "a"), name(), ["--at", ottla_server.bootstrap]
    words, says = ["ottla", "consume", topic, "--group", group, *at], "begins at their end"
    done = run([*words, "--idle", "3s"])
    assert (done.stdout, says in done.stderr) == ("", True)
    run(["ottla", "produce", topic, *at], "b\n")
    done = run([*words, "-n", "1"])
    assert (done.stdout, says in done.stderr) == ("b\n", False)


def test_a_group_that_is_still_forming_is_told(tmp_path: Path, name: Name) -> None:
    """If this failed, too short an --idle would look like an empty topic."""
    server = OttlaServer(tmp_path / "data", {"group.initial.rebalance.delay.ms": "5000"})
    server.start()
    try:
        topic, at = _topic(name, server, "a"), ["--at", server.bootstrap]
        words = ["ottla", "consume", topic, "--group", name(), "--from", "beginning"]
        done = run([*words, "--idle", "500ms", *at])
        assert (done.exit_code, done.stdout) == (0, "")
        assert "still forming" in done.stderr
    finally:
        server.stop()


def test_a_topic_that_is_not_there_is_waited_for(ottla_server: OttlaServer, name: Name) -> None:
    """If this failed, a slip would make a topic, and wait for it for ever in silence."""
    topic, at = name(), ["--at", ottla_server.bootstrap]
    for more in ([], ["--group", name()]):
        done = run(["ottla", "consume", topic, "--idle", "400ms", *more, *at])
        assert done.exit_code == 1
        assert done.stderr.count(f"no topic {topic}; waiting for it\n") == 1, done
        assert f"topic {topic} does not exist" in done.stderr
    done = run(["ottla", "consume", topic, "--exit", *at])
    assert (done.exit_code, f"topic {topic} does not exist" in done.stderr) == (1, True)
    assert topic not in run(["ottla", "topics", "--names", *at]).stdout.split()
    with start(["ottla", "consume", topic, "-n", "1", *at]) as process:
        try:
            assert process.stderr is not None
            assert process.stderr.readline() == f"no topic {topic}; waiting for it\n".encode()
            done = run(["ottla", "produce", topic, *at], "late\n")
            assert done.stderr == f"there was no topic {topic}: made it\n"
            assert process.communicate(timeout=30)[0] == b"late\n"
        finally:
            process.kill()
    assert run(["ottla", "produce", topic, *at], "more\n").stderr == ""
    done = run(["ottla", "consume", topic[:-1], "--idle", "100ms", *at])
    assert "did you mean " in done.stderr


def test_who_has_enough_ends_it(ottla_server: OttlaServer, name: Name) -> None:
    """If this failed, `... | head -1` would go on until the next record comes."""
    topic = _topic(name, ottla_server, "a", "b")
    with start(["ottla", "consume", topic, "--at", ottla_server.bootstrap]) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"a\n"
        process.stdout.close()
        assert process.wait(timeout=20) == 1


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("t --last 1 --from end", "say different things"),
        ("t --keys --json", "do not go together"),
        ("t --group g --last 2", "begins and ends where its group is"),
        ("t --group g --from 5", "a group begins where it is"),
        ("t:0 --group g", "name topics alone"),
        ("t --idle soon", "takes a duration"),
        ("t --from nowhere", "--from does not take 'nowhere'"),
        ("t -f %z", "--format has no %z"),
    ],
)
def test_what_makes_no_sense_together(words: str, said: str) -> None:
    """If this failed, one of two options would be ignored."""
    done = run(["ottla", "consume", *words.split(), "--at", "127.0.0.1:1"])
    assert (done.exit_code, done.stdout) == (2, "")
    assert said in done.stderr


def test_nobody_to_read_from(name: Name) -> None:
    """If this failed, `ottla consume` with a wrong port would run for ever."""
    done = run(["ottla", "consume", "t", "--at", "127.0.0.1:1"])
    assert done.exit_code == 1
    assert "nobody answers after 3000 ms" in done.stderr
    assert done.stderr.count("is a node running there?") == 1


def test_a_partition_that_there_is_not(ottla_server: OttlaServer, name: Name) -> None:
    """If this failed, a wrong partition would be waited for."""
    topic = _topic(name, ottla_server, "a")
    done = run(["ottla", "consume", f"{topic}:7", "--at", ottla_server.bootstrap])
    assert (done.exit_code, f"topic {topic} has no partition 7" in done.stderr) == (1, True)
    assert "it has 1, numbered from 0" in done.stderr


@contextmanager
def _written(topic: str, node: Server, count: int) -> Iterator[None]:
    """Numbers are written to partition 0 by another thread meanwhile."""
    over = threading.Event()

    def write() -> None:
        with Producer(node.bootstrap, linger_ms=0) as producer:
            for number in range(count):
                producer.send(topic, str(number), partition=0).result(30)
        over.set()

    thread = threading.Thread(target=write)
    thread.start()
    yield
    thread.join()
    assert over.is_set()


def test_a_group_that_leaves_at_the_end_skips_nothing(
    ottla_server: OttlaServer, name: Name
) -> None:
    """If this failed, what comes while a member with --exit reads would be committed unprinted."""
    topic, group, at = name(), name(), ["--at", ottla_server.bootstrap]
    run(["ottla", "topics", "create", topic, "-p", "2", *at])
    filler = "".join(f"f{number}\n" for number in range(3000))
    run(["ottla", "produce", topic, "-p", "1", *at], filler)
    words = ["ottla", "consume", topic, "--group", group, "--from", "beginning", "--exit", *at]
    printed: list[str] = []
    with _written(topic, ottla_server, 2000):
        for _ in range(4):
            printed += run(words).stdout.split()
    printed += run(words).stdout.split()
    numbers = [int(one) for one in printed if not one.startswith("f")]
    assert numbers == list(range(2000)), "each once, and in order"
    assert len(printed) == 5000


def test_the_last_and_then_what_comes_skips_nothing(ottla_server: OttlaServer, name: Name) -> None:
    """If this failed, records would be lost where `the last` meets `what comes`."""
    topic, at = name(), ["--at", ottla_server.bootstrap]
    run(["ottla", "topics", "create", topic, "-p", "1", *at])
    with _written(topic, ottla_server, 2000):
        eventually(lambda: run(["ottla", "consume", topic, "-e", "-n", "1", *at]).stdout, "begun")
        done = run(["ottla", "consume", topic, "--last", "300", "--idle", "1s", *at])
    numbers = [int(one) for one in done.stdout.split()]
    assert numbers == list(range(numbers[0], numbers[0] + len(numbers)))
    assert len(numbers) >= 300 or numbers[0] == 0


def test_the_last_are_records(ottla_server: OttlaServer, name: Name) -> None:
    """If this failed, marks of transactions would be counted for records."""
    topic, at = name(), ["--at", ottla_server.bootstrap]
    run(["ottla", "topics", "create", topic, "-p", "1", *at])
    producer = producer_of(ottla_server.bootstrap, name())
    for value in "abcde":
        transact(producer, topic, value)
    words = ["ottla", "consume", topic, "--exit", "--last"]
    assert run([*words, "3", *at]).stdout == "c\nd\ne\n"
    assert run([*words, "99", *at]).stdout == "a\nb\nc\nd\ne\n"
    assert run([*words, "4", "-n", "2", *at]).stdout == "b\nc\n"


def test_committed_reading_from_the_end_waits_for_what_is_open(
    ottla_server: OttlaServer, name: Name
) -> None:
    """If this failed, a transaction that commits after the reader has begun would be skipped."""
    topic, at = name(), ["--at", ottla_server.bootstrap]
    run(["ottla", "topics", "create", topic, "-p", "1", *at])
    producer = producer_of(ottla_server.bootstrap, name())
    producer.begin_transaction()
    write(producer, topic, "one", "two")
    words = ["ottla", "consume", topic, "--committed", "--from", "end", "-n", "2", *at]
    with start(words) as process:
        assert process.stderr is not None
        assert b"holds back 2 offset(s)" in process.stderr.readline()
        end(producer, commit=True)
        assert process.communicate(timeout=30)[0] == b"one\ntwo\n"


def test_a_member_too_many_leaves(ottla_server: OttlaServer, name: Name) -> None:
    """If this failed, --exit would wait for ever where another member has all partitions."""
    topic, group = _topic(name, ottla_server, "a"), name()
    settings = {"bootstrap.servers": ottla_server.bootstrap, "group.id": group}
    over = threading.Event()
    with Consumer(settings) as other:
        other.subscribe([topic])
        while not other.assignment:
            other.poll(0.1)

        def poll() -> None:
            while not over.is_set():
                other.poll(0.1)

        thread = threading.Thread(target=poll)
        thread.start()
        words = ["ottla", "consume", topic, "--group", group, "--exit"]
        done = run([*words, "--at", ottla_server.bootstrap])
        over.set()
        thread.join()
    assert done.exit_code == 0, "whoever of both has the partition"
