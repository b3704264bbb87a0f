"""`ottla`: which verbs there are, and how a run of one begins and ends."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Sequence

import click

from ottla.cli.options import UsageError, WrongWords
from ottla.cli.run import APACHE_KAFKA_VERSION, quietly, tell, told_as_exit_code
from ottla.cli.verb import habits
from ottla.cli.verb.grammar import Actions, Lazy, Verb, told

WRONG_WORDS = 2

VERBS = {
    "up": "start a node here",
    "status": "what runs here, and how the cluster is",
    "stop": "stop what runs here",
    "logs": "what a node in the background says",
    "topics": "list, create, describe, alter, delete topics",
    "produce": "lines, JSON or files become records",
    "consume": "print records",
    "offsets": "where each partition begins and ends",
    "records": "delete the oldest records of a topic",
    "groups": "consumer groups: lag, reset, delete",
    "transactions": "who has one open; abort what hangs",
    "config": "show and change configs",
    "disks": "where partitions lie; move them to another folder",
    "quorum": "the metadata quorum",
    "api-versions": "what a node speaks",
    "registry": "serve a schema registry",
    "schemas": "list, show, register, check, copy schemas",
    "doctor": "why can this client not connect or read?",
    "completion": "TAB for bash, zsh and fish",
}
"""In the order of `ottla --help`; a verb's file is called as it is."""

HELP = """\
ottla: Kafka, without the JVM

  ottla up                       start a node at localhost:9092, data in ./ottla-data
  ottla up --dev                 ... that leaves nothing behind; -d: in the background
  ottla status                   what runs here, and how the cluster is
  ottla logs                     what a node in the background says
  ottla stop                     stop it

  ottla topics                   list topics (create, describe, alter, delete)
  ottla produce TOPIC            lines you type become records
  ottla consume TOPIC            print records, from the first one on
  ottla groups                   consumer groups (describe, lag, reset, delete)
  ottla offsets TOPIC            where each partition begins and ends
  ottla records delete TOPIC     drop its oldest records

  ottla config TOPIC             show configs (set, unset)
  ottla transactions             who has one open (hanging, abort)
  ottla disks                    where partitions lie (move)
  ottla quorum                   the metadata quorum
  ottla api-versions             what a node speaks
  ottla registry                 serve a schema registry at localhost:8081
  ottla schemas                  its schemas (show, register, check, diff, delete, export, import)
  ottla doctor HOST:PORT         why can this client not connect or read?
  ottla completion bash          TAB for your shell

All but `up`, `stop` and `logs` go to localhost:9092; `--at host:port`, or OTTLA_AT in the
environment, names another node, Ottla or Apache Kafka. `ottla VERB --help` shows examples.
In Python: `with ottla.Broker() as broker: ...`
Apache's own command names are here too: kafka-topics.sh, kafka-console-producer.sh, ...
"""

APP = Lazy("ottla", "ottla.cli.verb", VERBS, habits.VERBS, lambda: HELP)


def every_verb() -> Iterator[tuple[str, Verb]]:
    """Each verb, or each action of one, by the words that call it; all files are imported."""
    for name in VERBS:
        command = APP.get_command(click.Context(APP), name)
        several = command.commands if isinstance(command, Actions) else {"": command}
        for action, one in several.items():
            assert isinstance(one, Verb)
            yield f"ottla {name} {action}".strip(), one


def help_of(words: str, command: Verb) -> str:
    """What `--help` prints, without colours."""
    ctx = click.Context(command, info_name=words, **command.context_settings)
    return click.unstyle(command.get_help(ctx))


COMPLETE = "_OTTLA_COMPLETE"
"""In the environment of a run that is a shell's question, and no command."""


def entry() -> int:
    """ottla."""
    return quietly(lambda: run(sys.argv[1:]))


def run(words: Sequence[str]) -> int:
    """Run one verb; the exit code."""
    words = list(words)
    if COMPLETE in os.environ:
        from click.shell_completion import shell_complete

        return shell_complete(APP, {}, "ottla", COMPLETE, os.environ[COMPLETE])
    if not words or words == ["help"]:
        words = ["--help"]
    elif words[0] == "help":
        words = [*words[1:], "--help"]
    if words[0] == "--version" or (words[0] in VERBS and words[1:] == ["--version"]):
        from ottla import __version__

        print(f"ottla {__version__} (speaks Apache Kafka {APACHE_KAFKA_VERSION})")
        return 0
    return told_as_exit_code(lambda: _run(words))


def _run(words: list[str]) -> int:
    try:
        with APP.make_context("ottla", list(words)) as ctx:
            return APP.invoke(ctx) or 0
    except click.exceptions.Exit as end:
        return end.exit_code
    except click.exceptions.NoArgsIsHelpError as error:
        click.echo(error.message, err=True)
        return WRONG_WORDS
    except click.Abort:
        tell(WrongWords("nothing was done"))
        return 1
    except (click.ClickException, UsageError) as error:
        wrong = told(error) if isinstance(error, click.ClickException) else error
        tell(wrong, fallback_hint=f"ottla {words[0]} --help shows all options, with examples")
        return WRONG_WORDS
