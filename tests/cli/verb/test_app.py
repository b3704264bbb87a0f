"""Which verbs there are, how they are found, and that each starts with no more than it needs."""

from __future__ import annotations

import os
import re
import subprocess
import sys

import pytest

from cli.commands import SOURCE, run
from cli.verb.terminal import Terminal, completions
from ottla.cli.verb import habits
from ottla.cli.verb.app import APP, HELP, VERBS
from ottla.cli.verb.grammar import Actions
from servers import OttlaServer


def test_every_verb_is_told_and_there() -> None:
    """If this failed, `ottla --help` would hide a verb, or promise one that is not there."""
    shown = run(["ottla", "--help"]).stdout
    assert shown == HELP
    assert {line.split()[1] for line in HELP.splitlines() if line.startswith("  ottla ")} == set(
        VERBS
    )
    for name in VERBS:
        command = APP.get_command(None, name)  # type: ignore[arg-type]
        assert command is not None
        assert command.name == name
    assert max(map(len, shown.splitlines())) <= 100


@pytest.mark.parametrize("words", [[], ["-h"], ["help"], ["--help"]])
def test_help_is_no_error(words: list[str]) -> None:
    """If this failed, asking for help would look like a failure."""
    assert run(["ottla", *words]) == (0, HELP, "")


@pytest.mark.parametrize("words", ["topics -h", "topics --help", "help topics"])
def test_every_way_to_ask_for_help_of_a_verb(words: str) -> None:
    """If this failed, two of three ways to ask for help would be errors, or show something else."""
    done = run(["ottla", *words.split()])
    assert (done.exit_code, done.stderr) == (0, "")
    assert done.stdout.startswith("ottla topics: ")


def test_versions_are_told_apart() -> None:
    """If this failed, Ottla's own version would pass for Kafka's, or the other way round."""
    from ottla import __version__

    for words in (["--version"], ["topics", "--version"], ["up", "--version"]):
        assert run(["ottla", *words]).stdout == f"ottla {__version__} (speaks Apache Kafka 4.3.1)\n"
    assert run(["kafka-topics.sh", "--version"]).stdout == "4.3.1\n"


@pytest.mark.parametrize(
    ("words", "said", "hint"),
    [
        ("xyz", "no verb 'xyz'", "ottla --help shows all"),
        ("topcis", "no verb 'topcis'", "did you mean ottla topics?"),
        ("ls", "no verb 'ls'", "ottla topics, ottla groups"),
        ("start", "no verb 'start'", "ottla up starts a node"),
        ("--at x:1 topics", "unknown option --at", "ottla topics --at"),
    ],
)
def test_a_verb_that_is_none(words: str, said: str, hint: str) -> None:
    """If this failed, who knows another tool would be sent to a list of verbs."""
    done = run(["ottla", *words.split()])
    assert done.exit_code == 2
    assert said in done.stderr
    assert hint in done.stderr.partition("hint: ")[2]


def test_habits_name_what_is_there() -> None:
    """If this failed, a hint would send people to a verb that there is not."""
    for hint in (*habits.VERBS.values(), *habits.OPTIONS.values()):
        for verb, action in re.findall(r"ottla ([a-z][a-z-]+)(?: ([a-z-]+))?", hint):
            assert verb in VERBS, hint
            command = APP.get_command(None, verb)  # type: ignore[arg-type]
            if isinstance(command, Actions) and action:
                assert action in command.commands or action in ("shows",), hint


@pytest.mark.parametrize("name", list(VERBS))
def test_verbs_start_with_little(name: str) -> None:
    """If this failed, each verb would load all others, or what draws tables, before it did
    anything.
    """
    program = (
        "import sys; sys.argv = ['ottla', *sys.argv[1:]]\n"
        "from ottla.cli.verb.app import run\n"
        "run(sys.argv[1:]); print(*sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, name, "--help"],
        env={**os.environ, "PYTHONPATH": str(SOURCE)},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    loaded = set(done.stdout.splitlines()[-1].split())
    heavy = {"rich", "asyncio", "ssl", "logging", "subprocess", "json", "argparse"}
    assert not heavy & loaded
    ours = {module for module in loaded if module.startswith("ottla.")}
    assert not [m for m in ours if m.startswith(("ottla.broker", "ottla.node", "ottla.client"))]
    others = {verb.replace("-", "_") for verb in VERBS} - {name.replace("-", "_")}
    allowed = {"groups": set(), "config": set(), "topics": set()}.get(name, set())
    found = {module.rpartition(".")[2] for module in ours if module.startswith("ottla.cli.verb.")}
    assert not (found & others) - allowed


def test_what_is_drawn_waits_for_a_terminal(ottla_server: OttlaServer) -> None:
    """If this failed, a command in a pipe would pay for what only a terminal shows."""
    program = (
        "import sys\nfrom ottla.cli.verb.app import run\n"
        "code = run(sys.argv[1:]); print('rich' in sys.modules, code)"
    )
    words = ["topics", "--long", "--at", ottla_server.bootstrap]
    done = subprocess.run(
        [sys.executable, "-c", program, *words],
        env={**os.environ, "PYTHONPATH": str(SOURCE)},
        capture_output=True,
        text=True,
    )
    assert done.stdout.splitlines()[-1] == "False 0", done


def test_colours_are_for_terminals() -> None:
    """If this failed, a log file would be full of escapes, or a terminal be grey."""
    assert "\x1b[" not in run(["ottla", "topics", "--help"]).stdout
    with Terminal(["ottla", "topics", "--help"]) as terminal:
        assert terminal.ended() == 0
        assert "\x1b[1m" in terminal.shown


@pytest.mark.parametrize(
    ("typed", "completed"),
    [
        ("ottla to", ["topics"]),
        ("ottla topics cr", ["create"]),
        ("ottla topics --lo", ["--long"]),
        ("ottla consume --for", ["--format"]),
        ("ottla config set orders retention.m", ["retention.ms"]),
        ("ottla config set --cluster log.retention.h", ["log.retention.hours"]),
        ("ottla completion f", ["fish"]),
    ],
)
def test_a_shell_completes(typed: str, completed: list[str]) -> None:
    """If this failed, TAB would beep."""
    assert completions(typed) == completed


def test_a_shell_completes_names_of_the_cluster(ottla_server: OttlaServer) -> None:
    """If this failed, long names of topics would have to be typed; or TAB would show errors."""
    at = ["--at", ottla_server.bootstrap]
    run(["ottla", "topics", "create", "completed-topic", *at])
    node = ottla_server.bootstrap
    assert completions("ottla consume compl", OTTLA_AT=node) == ["completed-topic"]
    assert completions("ottla consume compl", OTTLA_AT="127.0.0.1:1") == []


def test_a_shell_is_handed_no_more_than_names(ottla_server: OttlaServer) -> None:
    """If this failed, a group called `x;rm -r ~` would be run by who types TAB and Enter."""
    at = ["--at", ottla_server.bootstrap]
    run(["ottla", "topics", "create", "for-tab", *at])
    for group in ("tab-good.1", "tab-;touch x", "tab-$(touch x)", "tab-`x`", "tab- x", "tab-\nx"):
        words = ["ottla", "groups", "reset", group, "--to", "end", "--topic", "for-tab", "-y"]
        assert run([*words, *at]).exit_code == 0
    node = ottla_server.bootstrap
    assert completions("ottla groups describe tab-", OTTLA_AT=node) == ["tab-good.1"]


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_scripts_for_shells(shell: str) -> None:
    """If this failed, `eval "$(ottla completion bash)"` would break the shell that it is typed
    in.
    """
    done = run(["ottla", "completion", shell])
    assert done.exit_code == 0
    assert "_OTTLA_COMPLETE" in done.stdout
    if shell == "bash":
        assert subprocess.run(["bash", "-n"], input=done.stdout, text=True).returncode == 0
