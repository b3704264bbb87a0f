"""The friendly verb, the parser of options, and what every command must tell."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from cli.commands import run
from ottla.cli.launch import COMMANDS
from ottla.cli.offsets_reset import datetime_ms, duration_ms
from ottla.cli.options import Command, Option, UsageError, parse
from ottla.cli.topic_filter import topic_filter
from ottla.errors import OttlaError

SAMPLE = Command(
    "sample.sh",
    "a sample",
    (
        Option("--name", "A name.", "name"),
        Option("--many", "Many.", "x", many=True),
        Option("--count", "A number.", "n", number=True),
        Option("--maybe", "Perhaps a value.", "x", optional=True),
        Option("--flag", "A flag."),
        Option("--deep", "Only with the flag.", only_with=("--flag",)),
        Option("--gone", "", refused="it is gone"),
    ),
)


def test_words_are_read_as_apaches_parser_reads_them() -> None:
    """If this failed, a command line that works with Apache's tools would mean something else."""
    parsed = parse(
        SAMPLE, ["--name=a=b", "--many", "1", "--many", "-2", "--count", "-3", "--maybe"]
    )
    assert parsed.text("--name") == "a=b"
    assert parsed.all("--many") == ["1", "-2"]
    assert parsed.number("--count") == -3
    assert parsed.has("--maybe")
    assert parsed.text("--maybe", "other") == "other"
    assert parse(SAMPLE, ["--maybe", "x"]).text("--maybe") == "x"
    assert parse(SAMPLE, ["--maybe", "--flag"]).has("--flag")


@pytest.mark.parametrize(
    ("words", "text"),
    [
        (["--nam", "x"], "unknown option --nam"),
        (["--name"], "needs a value"),
        (["--name", "a", "--name", "b"], "given 2 times"),
        (["--count", "x"], "whole number"),
        (["--flag=1"], "takes no value"),
        (["--deep"], "only goes with --flag"),
        (["--gone"], "not honoured: it is gone"),
        (["word"], "is no option"),
    ],
)
def test_wrong_words_are_named(words: list[str], text: str) -> None:
    """If this failed, a typing error would be swallowed, or its message not say what is wrong."""
    with pytest.raises(UsageError, match=text):
        parse(SAMPLE, words)


@pytest.mark.parametrize("name", [name for name in COMMANDS if name != "ottla"])
def test_every_command_has_help_with_examples(name: str) -> None:
    """If this failed, a newcomer would get a list of options without a line to try."""
    done = run([f"{name}.sh", "--help"])
    assert "Examples:" in done.stdout or "xample" in done.stdout, done.stdout
    assert name in done.stdout
    assert not done.stderr


@pytest.mark.parametrize(
    "name", ["kafka-acls.sh", "kafka-run-class.sh", "zookeeper-server-start.sh", "no-such.sh"]
)
def test_what_is_not_here_is_refused_by_name(name: str) -> None:
    """If this failed, a script of Apache's that is not here would fail with a riddle."""
    done = run([name, "--list"])
    assert done.exit_code == 1
    assert name in done.stderr


@pytest.mark.parametrize(
    "command",
    [
        "kafka-topics.sh",
        "kafka-consumer-groups.sh",
        "kafka-console-consumer.sh",
        "kafka-producer-perf-test.sh",
        "kafka-consumer-perf-test.sh",
        "kafka-e2e-latency.sh",
        "kafka-verifiable-producer.sh",
        "kafka-verifiable-consumer.sh",
    ],
)
def test_commands_import_little(command: str) -> None:
    """If this failed, commands would grow slow by an import that nobody noticed."""
    heavy = {"asyncio", "argparse", "logging", "inspect", "dataclasses", "ssl", "subprocess"}
    program = (
        "import sys; from ottla.cli.launch import launch\n"
        "try: launch()\n"
        "finally: print(*sys.modules)"
    )
    source = str(Path(__file__).parents[2] / "src")
    done = subprocess.run(
        [sys.executable, "-c", program, command, "--version"],
        env={**os.environ, "PYTHONPATH": source},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    loaded = done.stdout.splitlines()[-1].split()
    assert "ottla.cli.options" in loaded
    assert not heavy & set(loaded)
    assert not [m for m in loaded if m.startswith(("ottla.broker", "ottla.node"))]
    assert len(loaded) < 220


def test_a_storage_verb_that_is_none() -> None:
    """If this failed, the options would be blamed for a mistyped verb."""
    done = run(["kafka-storage.sh", "frmat", "-c", "some.properties"])
    assert done.exit_code == 1
    assert "did you mean format?" in done.stderr


@pytest.mark.parametrize(
    ("text", "ms"),
    [
        ("PT0S", 0),
        ("PT1.5S", 1500),
        ("P1DT2H3M4S", 93_784_000),
        ("-PT1M", -60_000),
        ("pt1h", 3_600_000),
    ],
)
def test_durations(text: str, ms: int) -> None:
    """If this failed, --by-duration would move a group to a wrong place."""
    assert duration_ms(text) == ms


@pytest.mark.parametrize("text", ["", "P", "PT", "1H", "PT1H2", "P1M", "yesterday"])
def test_what_is_no_duration(text: str) -> None:
    """If this failed, nonsense would move a group somewhere."""
    with pytest.raises(OttlaError, match="is no duration"):
        duration_ms(text)


def test_times() -> None:
    """If this failed, --to-datetime would be off by the machine's time zone."""
    assert datetime_ms("2023-11-14T22:13:20.002") == 1_700_000_000_002
    assert datetime_ms("2023-11-14T23:13:20.002+01:00") == 1_700_000_000_002
    with pytest.raises(OttlaError, match="is no time"):
        datetime_ms("2023-11-14")


def test_topic_patterns() -> None:
    """If this failed, a pattern would act on topics that nobody meant."""
    assert topic_filter("a.b")("axb")
    assert not topic_filter("a")("ab")
    assert topic_filter("a,b")("b")
    assert topic_filter("'a|b*'")("bb")
    with pytest.raises(UsageError):
        topic_filter("a(")
