"""How rows are shown, what is asked before a loss, and who sees how far it is."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from cli.commands import run
from cli.verb.terminal import Terminal
from ottla.cli.verb import shown
from ottla.cli.verb.shown import Column, number
from servers import OttlaServer

COLUMNS = (
    Column("NAME", "name"),
    number("BYTES", "bytes", shown.size),
    Column("STATE", "state"),
)
ROWS = [
    {"name": "a", "bytes": 2048, "state": "offline"},
    {"name": "long name", "bytes": None, "state": None},
]


def test_a_pipe_gets_columns_and_numbers_without_units(capsys: pytest.CaptureFixture[str]) -> None:
    """If this failed, awk and sort would get `2.0 KiB`, or two columns where there is one."""
    shown.show(COLUMNS, ROWS, as_json=False)
    assert capsys.readouterr().out.splitlines() == [
        "NAME       BYTES  STATE",
        "a           2048  offline",
        "long name      -  -",
    ]


def test_json_is_the_rows(capsys: pytest.CaptureFixture[str]) -> None:
    """If this failed, a script would parse what was made for eyes; or nothing, of no rows."""
    shown.show(COLUMNS, ROWS, as_json=True)
    assert json.loads(capsys.readouterr().out) == ROWS
    shown.show(COLUMNS, [], as_json=True, none="there is none")
    assert capsys.readouterr() == ("[]\n", "")


def test_none_is_said_beside_the_output(capsys: pytest.CaptureFixture[str]) -> None:
    """If this failed, a list of nothing would leave open whether anything was looked at."""
    shown.show(COLUMNS, [], as_json=False, none="there is none")
    assert capsys.readouterr() == ("", "there is none\n")


@pytest.mark.parametrize(
    ("value", "text"),
    [(0, "0 B"), (1023, "1023 B"), (1536, "1.5 KiB"), (1 << 40, "1.0 TiB"), (None, "-"), (-1, "-")],
)
def test_sizes(value: int | None, text: str) -> None:
    """If this failed, a person would read a wrong size."""
    assert shown.size(value) == text


@pytest.mark.parametrize(
    ("ms", "text"),
    [(None, "-"), (7, "7ms"), (1000, "1s"), (90_000, "1m 30s"), (90_061_000, "1d 1h")],
)
def test_durations(ms: int | None, text: str) -> None:
    """If this failed, a person would read a wrong time."""
    assert shown.duration(ms) == text


def test_a_terminal_gets_a_table_in_colour(ottla_server: OttlaServer) -> None:
    """If this failed, tables would be plain where somebody looks, or coloured for who asked for no
    colour.
    """
    words = ["ottla", "disks", "--at", ottla_server.bootstrap]
    with Terminal(words) as terminal:
        assert terminal.ended() == 0
    assert "\x1b[32monline" in terminal.shown
    assert "─" in terminal.shown
    with Terminal(words, NO_COLOR="1") as terminal:
        assert terminal.ended() == 0
    assert "\x1b[32m" not in terminal.shown
    assert "online" in terminal.shown


@pytest.mark.parametrize(("answer", "code", "left"), [("n", 1, 1), ("y", 0, 0)])
def test_a_person_is_asked_before_a_loss(
    answer: str, code: int, left: int, ottla_server: OttlaServer
) -> None:
    """If this failed, `topics delete` would delete at once, or never."""
    topic, at = f"asked-{answer}", ["--at", ottla_server.bootstrap]
    run(["ottla", "topics", "create", topic, "-p", "1", *at])
    run(["ottla", "produce", topic, *at], "one\ntwo\n")
    with Terminal(["ottla", "topics", "delete", topic, *at]) as terminal:
        terminal.until(f"delete {topic} with 2 records? [y/N]: ")
        terminal.type(f"{answer}\n")
        assert terminal.ended() == code
    assert run(["ottla", "topics", "--names", *at]).stdout.split().count(topic) == left


def test_nobody_is_asked_who_is_not_there(ottla_server: OttlaServer) -> None:
    """If this failed, a script would hang at a question, or lose a topic that it did not mean."""
    at = ["--at", ottla_server.bootstrap]
    run(["ottla", "topics", "create", "unasked", *at])
    done = run(["ottla", "topics", "delete", "unasked", *at])
    assert (done.exit_code, done.stdout) == (2, "")
    assert "nobody is there to ask" in done.stderr
    assert "--yes" in done.stderr.partition("hint: ")[2]
    assert "unasked" in run(["ottla", "topics", "--names", *at]).stdout.split()
    assert run(["ottla", "topics", "delete", "unasked", "-y", *at]).stdout == "deleted unasked\n"


def test_who_waits_sees_how_far_it_is(ottla_server: OttlaServer, tmp_path: Path) -> None:
    """If this failed, long work would look like a hang; or a pipe be full of bars."""
    lines = tmp_path / "lines"
    lines.write_text("x\n" * 30)
    words = ["ottla", "produce", "slowly", str(lines), "--rate", "15"]
    with Terminal([*words, "--at", ottla_server.bootstrap]) as terminal:
        terminal.until("records to slowly")
        assert terminal.ended() == 0
    assert "30 record(s) written to slowly" in terminal.shown
    done = run([*words[:-1], "1000", "--at", ottla_server.bootstrap])
    assert done == (0, "", "")
