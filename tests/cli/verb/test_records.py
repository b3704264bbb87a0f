"""Deleting the oldest records."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from cli.commands import run
from cli.verb.test_topics import told
from servers import Server

Name = Callable[[], str]


def test_records_are_deleted_after_a_look(either: Server, name: Name) -> None:
    """If this failed, more, or less, would be deleted than was shown; here or on Apache Kafka."""
    topic, at = name(), ["--at", either.bootstrap]
    run(["ottla", "topics", "create", topic, "-p", "2", "-r", "1", *at])
    run(["ottla", "produce", topic, "-p", "1", *at], "one\ntwo\nthree\n")
    words = ["ottla", "records", "delete", topic, "--before"]
    rows = told([*words, "end", "--dry-run"], either)
    assert [(r["partition"], r["start"], r["before"], r["deleted"]) for r in rows] == [
        (0, 0, 0, 0),
        (1, 0, 3, 3),
    ]
    done = run([*words, "end", *at])
    assert (done.exit_code, "delete 3 records for good" in done.stderr) == (2, True)
    assert told(["ottla", "offsets", f"{topic}:1"], either)[0]["start"] == 0, "nothing yet"
    words[3] = f"{topic}:1"
    done = run([*words, "2", "--yes", *at])
    assert (done.exit_code, done.stderr) == (0, "deleted 2 records\n")
    assert run(["ottla", "consume", topic, "--exit", *at]).stdout == "three\n"
    assert "nothing before that place" in run([*words, "2", "--yes", *at]).stderr


@pytest.mark.parametrize(
    ("before", "code", "said"),
    [("99", 1, "-1 ends at 3, before offset 99"), ("+1", 2, "lies behind the end")],
)
def test_what_lies_behind_the_end_deletes_nothing(
    before: str, code: int, said: str, ottla_server: Server, name: Name
) -> None:
    """If this failed, a digit too many would delete all that there is."""
    topic, at = name(), ["--at", ottla_server.bootstrap]
    run(["ottla", "topics", "create", topic, "-p", "2", *at])
    run(["ottla", "produce", topic, "-p", "1", *at], "one\ntwo\nthree\n")
    words = ["ottla", "records", "delete", f"{topic}:1", "--yes", "--before"]
    done = run([*words, before, *at])
    assert (done.exit_code, done.stdout) == (code, "")
    assert said in done.stderr
    assert told(["ottla", "offsets", f"{topic}:1"], ottla_server)[0]["records"] == 3
    rows = told([*words, "-1"], ottla_server)
    assert rows[0]["deleted"] == 2, "the JSON is of what was done"
