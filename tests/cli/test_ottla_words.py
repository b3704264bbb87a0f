"""What somebody types who knows other releases, other tools, or nothing yet; pipes that close."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from cli.commands import run
from ottla.cli.launch import COMMANDS
from ottla.cli.ottla import EXAMPLES
from servers import OttlaServer

SOURCE = Path(__file__).parents[2] / "src"


@pytest.mark.parametrize("both", [False, True])
@pytest.mark.parametrize(
    "words", [*([name, "--help"] for name in COMMANDS), ["ottla", "topics", "--help"]], ids=str
)
def test_who_stops_reading_hears_nothing(words: list[str], both: bool) -> None:
    """If this failed, `... --help | head -1` would end in a complaint of the interpreter's."""
    read_end, write_end = os.pipe()
    os.close(read_end)
    done = subprocess.run(
        [sys.executable, "-m", "ottla.cli", *words],
        env={**os.environ, "PYTHONPATH": str(SOURCE)},
        stdin=subprocess.DEVNULL,
        stdout=write_end,
        stderr=write_end if both else subprocess.PIPE,
        timeout=60,
    )
    os.close(write_end)
    assert done.returncode == 1
    assert not done.stderr


@pytest.mark.parametrize(
    ("words", "said", "hint"),
    [
        ("ottla topics create", "NAME is missing", "ottla topics create NAME"),
        ("ottla groups describe", "NAME is missing", "ottla groups describe NAME"),
        ("ottla produce", "TOPIC is missing", "ottla produce TOPIC"),
        ("ottla consume --max-messages 1", "TOPIC is missing", "ottla consume TOPIC"),
        ("ottla groups create x", "is no action of ottla groups", "there are list, describe, re"),
        ("ottla status", "no verb 'status'", "ottla --help shows all verbs"),
        ("ottla topcis", "no verb 'topcis'", "did you mean ottla topics?"),
        ("kafka-topics.sh --list --zookeeper a:2181", "unknown option", "--bootstrap-server host:"),
        ("kafka-console-producer.sh --broker-list a:1", "unknown", "called --bootstrap-server now"),
        ("kafka-topics.sh --xyz", "unknown option --xyz", "--help shows all options"),
        ("kafka-topics.sh --lst", "unknown option --lst", "did you mean --list?"),
        ("kafka-topics.sh --create --topic \udcff", "not written in UTF-8", "--help shows"),
        ("kafka-console-producer.sh --topic \udcff", "not written in UTF-8", "--help shows"),
    ],
)
def test_a_slip_gets_the_word_that_was_meant(words: str, said: str, hint: str) -> None:
    """If this failed, the answer would name options that nobody typed, or suggest nonsense."""
    done = run([*shlex.split(words)])
    assert done.exit_code == 1
    assert said in done.stderr
    assert hint in done.stderr.partition("hint: ")[2]


def test_help_of_a_verb_is_of_the_verb() -> None:
    """If this failed, its examples would be of another command, and `--at` be nowhere."""
    for verb in EXAMPLES:
        shown = run(["ottla", verb, "--help"]).stdout
        lines = shown.partition("Examples:\n")[2].partition("\n\n")[0].splitlines()
        assert len(lines) == 2 * len(EXAMPLES[verb]), shown
        assert all(f"ottla {verb}" in line for line in lines[1::2]), shown
        assert "--at <host:port>" in shown


def test_examples_of_verbs_work(ottla_server: OttlaServer, name: Callable[[], str]) -> None:
    """If this failed, the lines that `ottla VERB --help` shows would not do what it says."""
    topic, group = name(), name()
    at = ["--at", ottla_server.bootstrap]
    order = [EXAMPLES["topics"][0], *EXAMPLES["topics"][1:3], *EXAMPLES["produce"]]
    order += [*EXAMPLES["consume"], *EXAMPLES["offsets"], *EXAMPLES["groups"]]
    order += [*EXAMPLES["api-versions"], EXAMPLES["topics"][-1]]
    assert len(order) == sum(map(len, EXAMPLES.values()))
    for _, line in order:
        stdin, _, command = line.rpartition(" | ")
        words = shlex.split(command.replace("my-events", topic).replace("my-group", group))
        if words[1] == "consume":
            words += ["--timeout-ms", "1000"]
        done = run([*words, *at], stdin.removeprefix("echo ") + "\n" if stdin else "line\n")
        assert done.exit_code == 0, (line, done)
        assert "Error" not in done.stdout, (line, done)
