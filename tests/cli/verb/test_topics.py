"""Topics made, looked at, grown and deleted, and where their partitions begin and end."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from cli.commands import run
from servers import Server

Name = Callable[[], str]


def told(words: list[str], node: Server) -> Any:
    """What a verb prints as JSON."""
    done = run([*words, "--json", "--at", node.bootstrap])
    assert done.exit_code == 0, done
    return json.loads(done.stdout)


def test_a_topic_from_making_to_deleting(either: Server, name: Name) -> None:
    """If this failed, the words of `ottla topics` would not do what they say, here or on Apache
    Kafka.
    """
    topic, at = name(), ["--at", either.bootstrap]
    made = ["ottla", "topics", "create", topic, "-p", "2", "-r", "1", "-c", "retention.ms=7d"]
    assert run([*made, *at]) == (0, f"created {topic}\n", "")
    done = run([*made, *at])
    assert (done.exit_code, "already exists" in done.stderr) == (1, True)
    assert run([*made, "--if-not-exists", *at]).stdout == f"{topic} was there already\n"
    assert topic in run(["ottla", "topics", "--names", *at]).stdout.split()
    row = next(row for row in told(["ottla", "topics"], either) if row["name"] == topic)
    assert row == {"name": topic, "partitions": 2, "replicas": 1, "internal": False}
    (shown,) = told(["ottla", "topics", "describe", topic], either)
    assert shown["configs"]["retention.ms"] == "604800000"
    assert [(p["partition"], p["start"], p["end"]) for p in shown["partitions"]] == [
        (0, 0, 0),
        (1, 0, 0),
    ]
    done = run(["ottla", "topics", "alter", topic, "-p", "3", *at])
    assert done.stdout == f"{topic} has 3 partitions now\n"
    assert run(["ottla", "topics", "alter", topic, "-p", "1", *at]).exit_code == 1
    assert run(["ottla", "produce", topic, "-p", "2", *at], "one\ntwo\n").exit_code == 0
    rows = told(["ottla", "offsets", topic], either)
    assert [(r["start"], r["stable"], r["end"], r["records"]) for r in rows] == [
        (0, 0, 0, 0),
        (0, 0, 0, 0),
        (0, 2, 2, 2),
    ]
    assert told(["ottla", "offsets", f"{topic}:2", "--time", "1"], either)[0]["offset"] == 1
    row = next(row for row in told(["ottla", "topics", "-l"], either) if row["name"] == topic)
    assert row["records"] == 2
    assert row["bytes"] > 0
    assert told(["ottla", "topics", "alter", topic, "-p", "4"], either)["had"] == 3
    assert told(["ottla", "topics", "delete", topic, "--yes"], either) == {"deleted": [topic]}
    done = run(["ottla", "topics", "delete", topic, "--yes", *at])
    assert (done.exit_code, f"topic {topic} does not exist" in done.stderr) == (1, True)


def test_a_name_that_is_typed_is_no_pattern(ottla_server: Server, name: Name) -> None:
    """If this failed, `ottla topics delete orders.v1` would take orders-v1 with it."""
    first, at = name(), ["--at", ottla_server.bootstrap]
    typed, other = f"{first}.v1", f"{first}-v1"
    run(["ottla", "topics", "create", typed, other, *at])
    run(["ottla", "topics", "delete", typed, "-y", *at])
    found = run(["ottla", "topics", "--names", *at]).stdout.split()
    assert (typed in found, other in found) == (False, True)


def test_several_are_made_and_one_that_fails_is_told(ottla_server: Server, name: Name) -> None:
    """If this failed, one wrong name of several would hide what became of the others."""
    good, at = name(), ["--at", ottla_server.bootstrap]
    done = run(["ottla", "topics", "create", good, "bad/name", *at])
    assert (done.exit_code, done.stdout) == (1, f"created {good}\n")
    assert "bad/name" in done.stderr
    done = run(["ottla", "topics", "create", name(), "--dry-run", *at])
    assert done.stdout.endswith(" would be created\n")


def test_internal_topics_are_left_out(ottla_server: Server, name: Name) -> None:
    """If this failed, Kafka's own topics would stand among one's own, or be nowhere."""
    topic, at = name(), ["--at", ottla_server.bootstrap]
    run(["ottla", "topics", "create", topic, *at])
    run(["ottla", "groups", "reset", name(), "--to", "end", "--topic", topic, "-y", *at])
    assert "__consumer_offsets" not in run(["ottla", "topics", "--names", *at]).stdout.split()
    assert "__consumer_offsets" in run(["ottla", "topics", "--all", "--names", *at]).stdout.split()
    assert (
        "__consumer_offsets"
        in run(["ottla", "topics", "describe", "__consumer_offsets", *at]).stdout
    )


def test_only_what_lacks_something(ottla_server: Server, name: Name) -> None:
    """If this failed, who looks for offline partitions would be shown all, or an error."""
    at = ["--at", ottla_server.bootstrap]
    run(["ottla", "topics", "create", name(), *at])
    for option in ("--offline", "--under-replicated"):
        assert run(["ottla", "topics", "describe", option, *at]) == (0, "", "there is none\n")
