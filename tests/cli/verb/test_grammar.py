"""What every verb tells of itself, and what a slip is answered with."""

from __future__ import annotations

import re
import shlex

import click
import pytest

from cli.commands import run
from ottla.cli.verb.app import APP, every_verb
from ottla.cli.verb.grammar import Verb

ALL = [(words.split()[1:], verb) for words, verb in every_verb()]
IDS = [" ".join(words) for words, _ in ALL]


@pytest.mark.parametrize(("words", "verb"), ALL, ids=IDS)
def test_help_has_examples_options_and_exit_codes(words: list[str], verb: Verb) -> None:
    """If this failed, a newcomer would get a list of options without a line to try."""
    done = run(["ottla", *words, "--help"])
    assert (done.exit_code, done.stderr) == (0, "")
    assert done.stdout.startswith(f"ottla {' '.join(words)}: {verb.about}")
    for part in ("Examples:", "Options:", "Exit codes:"):
        assert part in done.stdout
    assert verb.examples
    for option in verb.params:
        if isinstance(option, click.Option):
            assert option.help, option
    if any(opt == "--at" for one in verb.params for opt in one.opts):
        assert "OTTLA_AT" in done.stdout


@pytest.mark.parametrize(("words", "verb"), ALL, ids=IDS)
def test_examples_are_lines_that_it_takes(words: list[str], verb: Verb) -> None:
    """If this failed, the lines that `--help` shows would be refused."""
    for _, line in verb.examples:
        for part in re.split(r" \| | > | >> |; ", line):
            typed = shlex.split(part.strip().removeprefix('eval "$(').removesuffix(')"'))
            if typed[:1] != ["ottla"]:
                continue
            _parsed(typed[1:])


def _parsed(words: list[str]) -> None:
    """Parse a command line down to its verb, and do nothing."""
    command: click.Command | None = APP
    name, rest = "ottla", words
    parent: click.Context | None = None
    while isinstance(command, click.Group):
        parent = command.make_context(name, rest, parent=parent)
        rest = [*parent._protected_args, *parent.args]
        named, command, rest = command.resolve_command(parent, rest)
        name = named or ""
    assert command is not None
    command.make_context(name, rest, parent=parent)


@pytest.mark.parametrize(
    ("words", "said", "hint"),
    [
        ("topics create", "NAME is missing", "ottla topics create NAME"),
        ("groups describe", "NAME is missing", "ottla groups describe NAME"),
        ("groups reset g", "--to is missing", "ottla groups reset my-group --to beginning"),
        ("consume --topic t", "unknown option --topic", "a word of its own"),
        ("produce", "TOPIC is missing", "ottla produce TOPIC"),
        ("consume -n 1", "TOPIC is missing", "ottla consume TOPIC"),
        ("groups xyz x", "'xyz' is no action of ottla groups", "there are list, describe"),
        ("topics creat x", "'creat' is no action", "did you mean create?"),
        ("topics config x", "'config' is no action", "ottla config NAME"),
        ("topics rm x", "'rm' is no action", "did you mean delete?"),
        ("topics list a", "'a' is a word too many", "ottla topics describe a"),
        ("api-versions a", "'a' is a word too many", "ottla api-versions --at a"),
        ("topics alter a b --partitions 1", "'b' is a word too many", "one topic at a time"),
        ("topics --lng", "unknown option --lng", "did you mean --long?"),
        ("topics --xyz", "unknown option --xyz", "ottla topics list --help shows all options"),
        ("topics --zookeeper a:2181", "unknown option --zookeeper", "--at host:port"),
        ("produce t --broker-list a:1", "unknown option --broker-list", "--at host:port"),
        ("config set t a=1 --execute", "unknown option --execute", "ottla config set --help"),
        ("stop --zookeeper a:1", "unknown option --zookeeper", "ottla stop --help"),
        ("--foo", "unknown option --foo", "ottla topics --foo"),
        ("--dev", "unknown option --dev", "ottla topics --dev"),
        ("produce ''", "TOPIC is empty", "--help"),
        ("consume t --from-beginning", "unknown option --from-beginning", "--from beginning"),
        ("groups reset g --to-earliest", "unknown option --to-earliest", "--to beginning"),
        ("up --port 99999", "99999 is not in the range", "ottla up --help"),
        ("up --port x", "'x' is not a valid integer", "ottla up --help"),
        ("topics --at a:1 --at b:1", "--at and --bootstrap-server: one value, not 2", "--help"),
        ("topics --at=a:1 -b b:1", "--at and --bootstrap-server: one value, not 2", "--help"),
        ("topics create \udcff", "not written in UTF-8", "--help"),
        ("up --advertise http://here", "not 'http://here'", "brackets"),
        ("stop --all localhost:1", "--all and localhost:1 say different things", "--help"),
        ("groups lag g --every 2", "--every only goes with --watch or --until", "--help"),
        ("doctor --watch 2", "--watch only goes with --group", "--help"),
        ("produce t --json -Z", "--json lines say all of a record", "--help"),
        ("up --dev --dir x", "do not go together", "--dev keeps nothing"),
        ("up -c log.dirs=x", "log.dirs is not set so", "--dir says it"),
        ("up -c num.partitionz=3", "no broker config num.partitionz", "num.partitions?"),
        ("up -c x", "takes key=value, not 'x'", "--help"),
    ],
)
def test_a_slip_gets_the_word_that_was_meant(words: str, said: str, hint: str) -> None:
    """If this failed, the answer would name options that nobody typed, or suggest nonsense."""
    done = run(["ottla", *shlex.split(words)])
    assert (done.exit_code, done.stdout) == (2, "")
    assert said in done.stderr
    assert hint in done.stderr.partition("hint: ")[2], done.stderr


def test_a_noun_that_needs_an_action_shows_them() -> None:
    """If this failed, `ottla records` would end in a riddle."""
    done = run(["ottla", "records"])
    assert (done.exit_code, done.stdout) == (2, "")
    assert "Actions:\n  delete" in done.stderr
    assert "\x1b[" not in done.stderr
