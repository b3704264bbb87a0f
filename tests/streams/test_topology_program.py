"""The program that runs a topology of the oracle by name: what it prints, and what it refuses."""

from __future__ import annotations

import json
import subprocess
import sys
from base64 import b64encode
from pathlib import Path

import pytest

from streams.topologies import TOPOLOGIES, defaults

PROGRAM = Path(__file__).with_name("run_topology.py")
GOOD = '{"topic": "a", "key": "k", "value": "v", "ts": 5}'


def run(*arguments: str, lines: str = "") -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, str(PROGRAM), *arguments],
        input=lines,
        capture_output=True,
        text=True,
        errors="surrogateescape",
        timeout=60,
    )


def refused(said: subprocess.CompletedProcess[str]) -> str:
    """The one line that says what is wrong; a usage may stand before it."""
    assert said.returncode == 2
    assert said.stdout == ""
    assert "Traceback" not in said.stderr
    line = said.stderr.splitlines()[-1]
    assert line.startswith("run_topology.py: error: ")
    return line.removeprefix("run_topology.py: error: ")


@pytest.mark.parametrize("executor", ["python", "rust"])
@pytest.mark.parametrize("batch", ["1", "10"])
def test_lines_of_records_and_stores(executor: str, batch: str) -> None:
    """If this failed, what others compare with the oracle would be other lines, or of other inputs
    than they name.
    """
    said = run("--executor", executor, "--batch", batch, "count", lines=f"{GOOD}\n\n{GOOD}\n")
    lines = [json.loads(line) for line in said.stdout.splitlines()]
    assert (said.returncode, said.stderr) == (0, "")
    key, one = b64encode(b"k").decode(), b64encode(bytes(7) + b"\x01").decode()
    changelog = {"topic": "app-agg-changelog", "key": key, "value": one, "ts": 5, "headers": {}}
    assert lines[0] == {"i": 0, **changelog}
    assert [line["i"] for line in lines[:-1]] == [0, 0, 1, 1]
    assert lines[-1] == {"store": "agg", "key": "k", "value": "2@5"}


@pytest.mark.parametrize(
    ("arguments", "what"),
    [
        ((), "name a topology; --list says which there are"),
        (("nope",), "there is no topology nope; --list says which there are"),
        (("--batch", "0", "count"), "argument --batch: '0': give a number of 1 or more"),
        (("--batch", "x", "count"), "argument --batch: 'x': give a number of 1 or more"),
        (("window-count", "size=x"), "parameter 'size=x': give size=NUMBER"),
        (("window-count", "size"), "parameter 'size': give size=NUMBER"),
        (("window-count", "sise=3"), "window-count has no parameter sise; it has ['advance', "),
        (("window-count", "size=-1"), "parameters of window-count: size of windows: -1 is no "),
    ],
)
def test_wrong_arguments_are_named(arguments: tuple[str, ...], what: str) -> None:
    """If this failed, who mistypes would see a trace of the program, or results of other
    parameters than were meant.
    """
    assert what in refused(run(*arguments, lines=GOOD))


@pytest.mark.parametrize(
    ("line", "what"),
    [
        ("{", "no JSON"),
        ("[" * 100_000, "too deep"),
        ("1" * 10_000, "too long"),
        ("\udcff", "not UTF-8"),
        ("[1]", "no object, but [1]"),
        (GOOD.replace('"a"', '"z"'), "does not read the topic 'z'"),
        (GOOD.replace('"a"', "[]"), "does not read the topic []"),
        (GOOD.replace('"key": "k", ', ""), 'no "key"'),
        (GOOD.replace('"k"', "1"), "its 'key' is neither a text nor null"),
        (GOOD.replace('"v"', "{}"), "its 'value' is neither a text nor null"),
        (GOOD.replace('"v"', '"\\ud800"'), "half of a surrogate pair"),
        (GOOD.replace("5", "true"), 'its "ts" is no whole number'),
        (GOOD.replace("5", str(2**63)), 'its "ts" is no whole number'),
        (GOOD.replace("}", ', "headers": [1]}'), 'its "headers" are no object'),
        (GOOD.replace("}", ', "headers": {"h": 1}}'), "its 'h' is neither a text nor null"),
        ('{"advance": "1s"}', 'its "advance" is no whole number'),
    ],
)
def test_a_wrong_line_is_named(line: str, what: str) -> None:
    """If this failed, a mistake in a long input would have to be looked for, or would be taken for
    a record.
    """
    text = refused(run("--batch", "10", "count", lines=f"{GOOD}\n\n{line}\n"))
    assert text.startswith("line 3 of the input: ")
    assert what in text


@pytest.mark.parametrize("executor", ["python", "rust"])
@pytest.mark.parametrize("batch", ["1", "10"])
def test_a_failure_keeps_the_lines_before_it(executor: str, batch: str) -> None:
    """If this failed, what came before a record that fails would depend on the size of batches."""
    bad = GOOD.replace("5", "-5")
    said = run("--executor", executor, "--batch", batch, "count", lines=f"{GOOD}\n{bad}\n")
    assert said.returncode == 1
    assert [json.loads(line)["i"] for line in said.stdout.splitlines()] == [0, 0]
    assert len(said.stderr.splitlines()) == 1
    assert "negative time -5" in said.stderr


def test_nobody_reads_to_the_end() -> None:
    """If this failed, `--list | head` would end in a trace of the program."""
    program = subprocess.Popen(
        [sys.executable, str(PROGRAM), "--list"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert program.stdout is not None
    program.stdout.close()
    assert program.stderr is not None
    assert program.stderr.read() == ""
    program.stderr.close()
    assert program.wait(60) == 1


def test_the_help_has_every_parameter() -> None:
    """If this failed, who wants other windows would have to read the twins' sources."""
    shown = run("--help").stdout.splitlines()
    assert "  window-count advance=(none) grace=500 size=1000" in shown
    for name in TOPOLOGIES:
        found = [line.split()[1:] for line in shown if line.split()[:1] == [name]]
        assert [{word.partition("=")[0] for word in each} for each in found] == [defaults(name)[0]]
