"""What somebody types who knows other releases, other tools, or nothing yet; pipes that close."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from cli.commands import run
from ottla.cli.launch import COMMANDS

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
        (
            "kafka-topics.sh --list --zookeeper a:2181",
            "unknown option --zookeeper",
            "asked: kafka-topics.sh --list --bootstrap-server localhost:9092\n",
        ),
        (
            "kafka-console-producer.sh --broker-list=a:1 --topic 'a b'",
            "unknown option --broker-list",
            "now: kafka-console-producer.sh --topic 'a b' --bootstrap-server a:1\n",
        ),
        (
            "kafka-server-start.sh config/zookeeper.properties",
            "config/zookeeper.properties is not there",
            "leave this step out",
        ),
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
