"""`ottla`: the friendly verb. `ottla up` runs a node; the other verbs are Apache's tools, shorter.

    ottla topics                      kafka-topics.sh --list
    ottla topics create NAME          kafka-topics.sh --create --topic NAME
    ottla produce TOPIC               kafka-console-producer.sh --topic TOPIC
    ottla consume TOPIC               kafka-console-consumer.sh --topic TOPIC --from-beginning
    ottla groups                      kafka-consumer-groups.sh --list

They connect to localhost:9092 unless `--at host:port` (or --bootstrap-server) says otherwise, and
take every option of the tool behind them.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

from ottla.cli.options import UsageError, nearest
from ottla.cli.run import print_version, run, tell

AT = "localhost:9092"

HELP = f"""\
ottla: Kafka, without the JVM

  ottla up                       start a node at {AT}, data in ./ottla-data
  ottla up --dev                 start a node that leaves nothing behind

  ottla topics                   list topics
  ottla topics create NAME       make one (--partitions 3)
  ottla topics describe NAME     its partitions and configs
  ottla topics delete NAME       gone, with its records
  ottla produce TOPIC            lines you type become records
  ottla consume TOPIC            print records, from the first one on
  ottla groups                   list consumer groups
  ottla groups describe NAME     how far behind is it
  ottla offsets TOPIC            where each partition ends
  ottla api-versions             what a node speaks

All but `up` connect to {AT}; `--at host:port`, or OTTLA_AT in the environment, names another
node, Ottla or Apache Kafka.
`ottla VERB --help` shows more. In Python: `with ottla.Broker() as broker: ...`
Apache's own command names are here too: kafka-topics.sh, kafka-console-producer.sh, ...
"""

_ACTIONS = ("create", "describe", "delete", "alter", "list")


def entry() -> int:
    """ottla."""
    return verb(sys.argv[1:])


def verb(words: Sequence[str]) -> int:
    """Run one verb; the exit code."""
    if not words or words[0] in ("--help", "-h", "help"):
        print(HELP, end="")
        return 0
    if words[0] == "--version":
        return print_version()
    name, rest = words[0], list(words[1:])
    if name == "up":
        from ottla.cli import up

        return run(up.COMMAND, up.main, rest or ["--port", str(up.PORT)])
    translate = _VERBS.get(name)
    if translate is None:
        hint = nearest(f"ottla {name}", [f"ottla {verb}" for verb in ("up", *_VERBS)])
        hint = hint or "ottla --help shows all verbs"
        tell(UsageError(f"ottla has no verb '{name}'", hint=hint))
        return 1
    try:
        module, arguments = translate(rest)
    except UsageError as error:
        tell(error)
        return 1
    return _run(name, module, arguments)


def _run(name: str, module: str, arguments: list[str]) -> int:
    """Run an Apache tool's code with our own default of where to connect."""
    from importlib import import_module

    tool = import_module(f"ottla.cli.{module}")
    said = [word.partition("=")[0] for word in arguments]
    if "--bootstrap-server" not in said:
        arguments = [*arguments, "--bootstrap-server", os.environ.get("OTTLA_AT") or AT]
    command = tool.COMMAND._replace(name=f"ottla {name}", help_exit_code=0)
    return run(command, tool.main, arguments)


def _named(rest: list[str], option: str) -> list[str]:
    """The first word is the name; --at is short for --bootstrap-server."""
    arguments = ["--bootstrap-server" if word == "--at" else word for word in rest]
    if arguments and not arguments[0].startswith("-"):
        return [option, *arguments]
    return arguments


def _with_action(rest: list[str], option: str) -> list[str]:
    """`create NAME ...` as `--create --topic NAME ...`; without an action, --list."""
    if rest and rest[0] in _ACTIONS:
        return [f"--{rest[0]}", *_named(rest[1:], option)]
    if "--help" in rest:
        return ["--help"]
    if rest and not rest[0].startswith("-"):
        hint = nearest(rest[0], _ACTIONS) or f"there are {', '.join(_ACTIONS)}"
        raise UsageError(f"'{rest[0]}' is no action", hint=hint)
    return ["--list", *_named(rest, option)]


def _topics(rest: list[str]) -> tuple[str, list[str]]:
    return "kafka_topics", _with_action(rest, "--topic")


def _groups(rest: list[str]) -> tuple[str, list[str]]:
    return "kafka_consumer_groups", _with_action(rest, "--group")


def _produce(rest: list[str]) -> tuple[str, list[str]]:
    return "kafka_console_producer", _named(rest, "--topic")


def _consume(rest: list[str]) -> tuple[str, list[str]]:
    arguments = _named(rest, "--topic")
    if not {"--group", "--offset", "--from-beginning", "--help"} & set(arguments):
        arguments.append("--from-beginning")
    return "kafka_console_consumer", arguments


def _offsets(rest: list[str]) -> tuple[str, list[str]]:
    return "kafka_get_offsets", _named(rest, "--topic")


def _api_versions(rest: list[str]) -> tuple[str, list[str]]:
    return "kafka_broker_api_versions", _named(rest, "--bootstrap-server")


_VERBS = {
    "topics": _topics,
    "groups": _groups,
    "produce": _produce,
    "consume": _consume,
    "offsets": _offsets,
    "api-versions": _api_versions,
}
