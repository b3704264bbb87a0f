"""Groups: their lag, moving them with a look before, and deleting them."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator

import pytest

from cli.commands import run, start
from cli.script import Stage
from cli.verb.terminal import Terminal
from cli.verb.test_topics import told
from ottla.client import Consumer
from servers import OttlaServer, Server

Name = Callable[[], str]


def _read_by(group: str, topic: str, node: Server, count: int) -> None:
    """Make a topic of three records, of which a group reads some."""
    at = ["--at", node.bootstrap]
    run(["ottla", "topics", "create", topic, "-p", "1", "-r", "1", *at])
    run(["ottla", "produce", topic, *at], "one\ntwo\nthree\n")
    read = ["ottla", "consume", topic, "--group", group, "--from", "beginning"]
    assert run([*read, "-n", str(count), *at]).exit_code == 0


def test_a_group_from_lag_to_end(either: Server, name: Name) -> None:
    """If this failed, `ottla groups` would not do what it says, here or on Apache Kafka."""
    topic, group, at = name(), name(), ["--at", either.bootstrap]
    _read_by(group, topic, either, 2)
    (shown,) = told(["ottla", "groups", "describe", group], either)
    assert (shown["state"], shown["members"], shown["lag"]) == ("Empty", 0, 1)
    assert shown["partitions"] == [
        {
            "topic": topic,
            "partition": 0,
            "offset": 2,
            "end": 3,
            "lag": 1,
            "member": None,
            "host": None,
        }
    ]
    lag = told(["ottla", "groups", "lag", group], either)
    assert (lag["lag"], lag["topics"][0]["topic"]) == (1, topic)
    (row,) = [r for r in told(["ottla", "groups", "--long"], either) if r["group"] == group]
    assert (row["state"], row["lag"], row["members"]) == ("Empty", 1, 0)

    reset = ["ottla", "groups", "reset", group, "--to"]
    done = run([*reset, "beginning", "--dry-run", *at])
    assert (done.exit_code, done.stderr) == (0, "nothing was moved\n")
    assert done.stdout.split()[-5:] == [topic, "0", "2", "0", "-2"]
    assert told(["ottla", "groups", "lag", group], either)["lag"] == 1
    done = run([*reset, "beginning", *at])
    assert (done.exit_code, "--yes" in done.stderr) == (2, True)
    assert told([*reset, "+1", "-y"], either)[0]["to"] == 3
    assert run([*reset, "99", "--dry-run", *at]).stderr.startswith(
        f"{topic}-0 has no offset 99; it goes to 3\n"
    )
    assert told([*reset, "-2", "-y", "--topic", f"{topic}:0"], either)[0]["to"] == 1
    assert told(["ottla", "groups", "lag", group], either)["lag"] == 2
    assert run([*reset, "1", "-y", *at]).stderr == f"group {group} is there already\n"
    assert told([*reset, "-99", "--dry-run"], either)[0]["to"] == 0

    assert run(["ottla", "groups", "delete", group, "-y", *at]).stdout == f"deleted {group}\n"
    done = run(["ottla", "groups", "delete", group, "-y", *at])
    assert (done.exit_code, f"group {group} does not exist" in done.stderr) == (1, True)


def test_offsets_alone_are_deleted(ottla_server: OttlaServer, name: Name) -> None:
    """If this failed, a topic could not be taken out of a group."""
    group, at = name(), ["--at", ottla_server.bootstrap]
    topics = [name(), name()]
    for topic in topics:
        _read_by(group, topic, ottla_server, 1)
    done = run(["ottla", "groups", "delete", group, "--topic", topics[0], "-y", *at])
    assert done.stdout == f"deleted offsets of {group}\n"
    (shown,) = told(["ottla", "groups", "describe", group], ottla_server)
    assert [row["topic"] for row in shown["partitions"]] == topics[1:]


@pytest.fixture
def member(ottla_server: OttlaServer, name: Name) -> Iterator[tuple[str, str]]:
    """A topic and a group that has a member."""
    topic, group = name(), name()
    run(["ottla", "topics", "create", topic, "-p", "1", "--at", ottla_server.bootstrap])
    stage = Stage(ottla_server.bootstrap)
    stage.play(f"@join member {group} {topic}")
    yield topic, group
    stage.play("@leave member")


def test_a_group_with_members_is_not_touched(
    member: tuple[str, str], ottla_server: OttlaServer
) -> None:
    """If this failed, `ottla groups reset x && ...` would go on though nothing was moved."""
    topic, group = member
    at = ["--at", ottla_server.bootstrap]
    for words in (["reset", group, "--to", "end", "--topic", topic], ["delete", group]):
        done = run(["ottla", "groups", *words, "-y", *at])
        assert (done.exit_code, done.stdout) == (1, "")
        assert f"group {group} has" in done.stderr
        assert "stop its members first" in done.stderr.partition("hint: ")[2]
    (shown,) = told(["ottla", "groups", "describe", group], ottla_server)
    assert (shown["members"], shown["partitions"][0]["member"] is not None) == (1, True)


def test_waiting_for_the_lag(ottla_server: OttlaServer, name: Name) -> None:
    """If this failed, a script would go on before its group has read, or wait for ever."""
    topic, group, node = name(), name(), ottla_server
    _read_by(group, topic, node, 1)
    words = ["ottla", "groups", "lag", group, "--at", node.bootstrap, "--every", "0.1", "--until"]
    assert run([*words, "2"]).exit_code == 0
    done = run([*words, "0", "--timeout", "0.3"])
    assert (done.exit_code, "still lags by 2" in done.stderr) == (1, True)
    with start([*words, "0", "--json"]) as process:
        read = ["ottla", "consume", topic, "--group", group, "-n", "2", "--at", node.bootstrap]
        assert run(read).exit_code == 0
        out, _ = process.communicate(timeout=30)
    assert (process.returncode, json.loads(out)["lag"]) == (0, 0)


def test_a_lag_that_is_watched(ottla_server: OttlaServer, name: Name) -> None:
    """If this failed, `--watch` would show the first moment for ever, or leave lines in a pipe
    unsaid.
    """
    topic, group, node = name(), name(), ottla_server
    _read_by(group, topic, node, 1)
    words = ["ottla", "groups", "lag", group, "--watch", "--every", "0.1", "--at", node.bootstrap]
    with Terminal([*words, "--until", "0"]) as terminal:
        terminal.until("lag 2")
        read = ["ottla", "consume", topic, "--group", group, "-n", "2", "--at", node.bootstrap]
        assert run(read).exit_code == 0
        assert terminal.ended() == 0
        assert "lag 0" in terminal.shown
    assert run([*words, "--until", "0"]).stdout == f"{group} 0\n"
    run(["ottla", "produce", topic, "--at", node.bootstrap], "four\n")
    with Terminal([*words, "--until", "0", "--timeout", "0.3"]) as terminal:
        assert terminal.ended() == 1
        assert "still lags by 1" in terminal.shown


def test_console_groups_are_left_out(ottla_server: OttlaServer, name: Name) -> None:
    """If this failed, past groups of nameless consumers would flood the list."""
    topic, at = name(), ["--at", ottla_server.bootstrap]
    for group in ("console-consumer-12345", "named-group"):
        _read_by(group, topic, ottla_server, 1)
    found = run(["ottla", "groups", *at]).stdout.split()
    assert ("named-group" in found, "console-consumer-12345" in found) == (True, False)
    assert "console-consumer-12345" in run(["ottla", "groups", "--all", *at]).stdout.split()


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        ("reset {group} --to beginning", 1, "group {group} does not exist"),
        ("reset {group} --to +1 --topic {topic}", 1, "no offset in {topic}-0 to move from"),
        ("reset {group} --to nowhere", 2, "--to does not take 'nowhere'"),
        ("describe {group}", 1, "group {group} does not exist"),
        ("lag {group} --timeout 1", 2, "only goes with --until"),
    ],
)
def test_what_can_not_be_done_is_told(
    words: str, code: int, said: str, ottla_server: OttlaServer, name: Name
) -> None:
    """If this failed, a slip would move a group, or end in silence."""
    topic, group, at = name(), name(), ["--at", ottla_server.bootstrap]
    run(["ottla", "topics", "create", topic, "-p", "1", *at])
    done = run(["ottla", "groups", *words.format(group=group, topic=topic).split(), *at])
    assert (done.exit_code, done.stdout) == (code, "")
    assert said.format(group=group, topic=topic) in done.stderr


def test_what_is_not_committed_is_no_lag_of_0(ottla_server: OttlaServer, name: Name) -> None:
    """If this failed, a group that has committed nothing would pass for one that has read all."""
    topic, group, at = name(), name(), ["--at", ottla_server.bootstrap]
    run(["ottla", "topics", "create", topic, "-p", "1", *at])
    run(["ottla", "produce", topic, *at], "one\ntwo\n")
    settings = {
        "bootstrap.servers": ottla_server.bootstrap,
        "group.id": group,
        "auto.offset.reset": "earliest",
        "enable.auto.commit": "false",
    }
    with Consumer(settings) as consumer:
        consumer.subscribe([topic])
        while not consumer.poll(1):
            pass
        lag = told(["ottla", "groups", "lag", group], ottla_server)
        assert (lag["lag"], lag["uncommitted"]) == (None, 1)
        assert "nobody knows" in run(["ottla", "groups", "describe", group, *at]).stderr
        words = ["ottla", "groups", "lag", group, "--until", "0", "--timeout", "0.2", *at]
        assert run(words).exit_code == 1


def test_a_name_moves_no_cursor(ottla_server: OttlaServer, name: Name) -> None:
    """If this failed, whoever may name a group could write what they like on an operator's
    terminal, or break a row in a pipe.
    """
    topic, at = name(), ["--at", ottla_server.bootstrap]
    run(["ottla", "topics", "create", topic, *at])
    evil = f"{name()}\x1b]0;owned\x07\n[red]x[/y]"
    run(["ottla", "groups", "reset", evil, "--to", "end", "--topic", topic, "-y", *at])
    shown = "\\x1b]0;owned\\x07\\n[red]x[/y]"
    assert shown in run(["ottla", "groups", *at]).stdout
    assert shown in run(["ottla", "groups", "describe", evil, *at]).stdout
    assert shown in run(["ottla", "groups", "describe", f"{evil}?", *at]).stderr
    watch = ["ottla", "groups", "lag", evil, "--watch", "--until", "0", *at]
    for words in (["ottla", "groups", *at], ["ottla", "groups", "describe", evil, *at], watch):
        with Terminal(words) as terminal:
            assert terminal.ended() == 0
        assert "\x1b]0;" not in terminal.shown
        assert "\x07" not in terminal.shown
    found = told(["ottla", "groups"], ottla_server)
    assert evil in [row["group"] for row in found], "JSON has it as it is"
