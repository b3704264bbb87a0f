"""What somebody types who knows other releases, other tools, or nothing yet; pipes that close."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from ottla.cli.ottla import EXAMPLES

from cli.commands import run, run_patiently
from ottla.cli.launch import COMMANDS
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
        ("ottla groups xyz x", "is no action of ottla groups", "there are list, describe, re"),
        ("ottla xyz", "no verb 'xyz'", "ottla --help shows all verbs"),
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
    printed = []
    for _, line in order:
        stdin, _, command = line.rpartition(" | ")
        words = shlex.split(command.replace("my-events", topic).replace("my-group", group))
        if words[1] == "consume":
            if "--max-messages" in words:
                at_count = words.index("--max-messages")
                del words[at_count : at_count + 2]
            words += ["--max-messages", "2", "--timeout-ms", "20000"]  # there are no more
        done = run([*words, *at], stdin.removeprefix("echo ") + "\n" if stdin else "line\n")
        assert done.exit_code == 0, (line, done)
        assert "Error" not in done.stdout, (line, done)
        if words[1] == "consume":
            printed.append(sorted(done.stdout.splitlines()))
    assert printed == [["line", "value"], ["key\tvalue", "null\tline"], ["line", "value"]]


def test_a_name_that_is_typed_is_no_pattern(
    ottla_server: OttlaServer, name: Callable[[], str]
) -> None:
    """If this failed, `ottla topics delete orders.v1` would take orders-v1 with it."""
    first, at = name(), ["--at", ottla_server.bootstrap]
    typed, other = f"{first}.v1", f"{first}-v1"
    for topic in (typed, other):
        run(["ottla", "topics", "create", topic, *at])
    done = run(["ottla", "topics", "alter", typed, "--partitions", "2", *at])
    assert done.stdout == f"Topic {typed} has 2 partitions now.\n"
    assert run(["ottla", "offsets", typed, *at]).stdout == f"{typed}:0:0\n{typed}:1:0\n"
    assert other not in run(["ottla", "topics", "describe", typed, *at]).stdout
    done = run(["ottla", "topics", "delete", typed, *at])
    assert (done.exit_code, done.stdout) == (0, f"Deleted topic {typed}.\n")
    found = run(["ottla", "topics", *at]).stdout.split()
    assert (typed in found, other in found) == (False, True)
    done = run(["ottla", "topics", "delete", typed, *at])
    assert (done.exit_code, "does not exist" in done.stderr) == (1, True)


def test_lists_show_what_is_the_users_own(
    ottla_server: OttlaServer, name: Callable[[], str]
) -> None:
    """If this failed, internal topics and past console groups would flood the lists."""
    topic, group, at = name(), name(), ["--at", ottla_server.bootstrap]
    run(["ottla", "produce", topic, *at], "one\n")
    for one in ("console-consumer-12345", group):
        read = ["ottla", "consume", topic, "--group", one, "--from-beginning"]
        assert run([*read, "--max-messages", "1", *at]).stdout == "one\n"
    for verb in (["topics"], ["topics", "list"], ["topics", "describe"]):
        assert "__consumer_offsets" not in run(["ottla", *verb, *at]).stdout
    assert "__consumer_offsets" in run(["ottla", "topics", "--all", *at]).stdout.split()
    assert "__consumer_offsets" not in run(["ottla", "offsets", *at]).stdout
    assert "__consumer_offsets:0:" in run(["ottla", "offsets", "--all", *at]).stdout
    found = run(["ottla", "groups", *at]).stdout.split()
    assert (group in found, "console-consumer-12345" in found) == (True, False)
    assert "console-consumer-12345" in run(["ottla", "groups", "--all", *at]).stdout.split()
    node = ["--bootstrap-server", ottla_server.bootstrap]
    assert "console-consumer-12345" in run(["kafka-consumer-groups.sh", "--list", *node]).stdout


def test_where_a_new_group_begins_is_said(
    ottla_server: OttlaServer, name: Callable[[], str]
) -> None:
    """If this failed, `ottla consume --group` would print nothing, and not say why."""
    topic, group, at = name(), name(), ["--at", ottla_server.bootstrap]
    run(["ottla", "produce", topic, *at], "one\n")
    words, says = ["ottla", "consume", topic, "--group", group, *at], "begins at their end"
    done = run_patiently(lambda: [*words, "--timeout-ms"], lambda done: says in done.stderr)
    assert "begins at their end; --from-beginning" in done.stderr
    run(["ottla", "produce", topic, *at], "two\n")
    done = run([*words, "--max-messages", "1"])
    assert (done.stdout, says in done.stderr) == ("two\n", False)
    other = ["ottla", "consume", topic, "--group", name(), "--from-beginning"]
    done = run([*other, "--max-messages", "1", *at])
    assert (done.stdout, says in done.stderr) == ("one\n", False)


def test_what_a_verb_can_not_do_fails(ottla_server: OttlaServer, name: Callable[[], str]) -> None:
    """If this failed, `ottla groups delete x && ...` would go on after a refusal."""
    group = name()
    at, node = ["--at", ottla_server.bootstrap], ["--bootstrap-server", ottla_server.bootstrap]
    done = run(["ottla", "groups", "delete", group, *at])
    assert (done.exit_code, "GroupIdNotFoundException" in done.stdout) == (1, True)
    # Apache's tool tells it, and leaves with 0.
    assert run(["kafka-consumer-groups.sh", "--delete", "--group", group, *node]).exit_code == 0


@pytest.mark.parametrize("words", ["topics -h", "help topics", "topics create -h", "help up"])
def test_every_way_to_ask_for_help(words: str) -> None:
    """If this failed, two of three ways to ask for help would be errors, or show something else."""
    done = run(["ottla", *words.split()])
    verb = "up" if "up" in words else "topics"
    assert (done.exit_code, done.stderr) == (0, "")
    assert done.stdout.startswith(f"ottla {verb}: ")


def test_versions_are_told_apart() -> None:
    """If this failed, Ottla's own version would pass for Kafka's, or the other way round."""
    from ottla import __version__

    for words in (["--version"], ["topics", "--version"], ["up", "--version"]):
        assert run(["ottla", *words]).stdout == f"ottla {__version__} (speaks Apache Kafka 4.3.1)\n"
    assert run(["kafka-topics.sh", "--version"]).stdout == "4.3.1\n"


def test_hints_of_verbs_speak_of_verbs(ottla_server: OttlaServer) -> None:
    """If this failed, a person would be sent to options of a tool that they did not call."""
    at = ["--at", ottla_server.bootstrap]
    assert "ottla groups describe NAME" in run(["ottla", "groups", "list", "x", *at]).stderr
    assert "ottla topics shows" in run(["ottla", "offsets", "of-nothing", *at]).stderr
