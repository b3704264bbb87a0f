"""`ottla`: the friendly verb. `ottla up` runs a node; the other verbs are Apache's tools, shorter.

    ottla topics                      kafka-topics.sh --list
    ottla topics create NAME          kafka-topics.sh --create --topic NAME
    ottla produce TOPIC               kafka-console-producer.sh --topic TOPIC
    ottla consume TOPIC               kafka-console-consumer.sh --topic TOPIC --from-beginning
    ottla groups                      kafka-consumer-groups.sh --list
    ottla groups reset NAME           kafka-consumer-groups.sh --reset-offsets --group NAME

They connect to localhost:9092 unless `--at host:port` (or --bootstrap-server) says otherwise, and
take every option of the tool behind them.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

from ottla.cli.options import Option, Parsed, UsageError, nearest
from ottla.cli.run import print_version, quietly, run, tell

AT = "localhost:9092"

HELP = f"""\
ottla: Kafka, without the JVM

  ottla up                       start a node at {AT}, data in ./ottla-data
  ottla up --dev                 start a node that leaves nothing behind

  ottla topics                   list topics (--all: internal ones as well)
  ottla topics create NAME       make one (--partitions 3)
  ottla topics describe NAME     its partitions and configs
  ottla topics delete NAME       gone, with its records
  ottla produce TOPIC            lines you type become records
  ottla consume TOPIC            print records, from the first one on
  ottla consume TOPIC --group NAME   ... from where the group is; a new one begins at the end
  ottla groups                   list consumer groups
  ottla groups describe NAME     how far behind is it
  ottla groups reset NAME        move it: --topic my-events --to-earliest --execute
  ottla offsets TOPIC            where each partition ends
  ottla api-versions             what a node speaks

All but `up` connect to {AT}; `--at host:port`, or OTTLA_AT in the environment, names another
node, Ottla or Apache Kafka.
`ottla VERB --help` shows more. In Python: `with ottla.Broker() as broker: ...`
Apache's own command names are here too: kafka-topics.sh, kafka-console-producer.sh, ...
"""

_TOPIC_ACTIONS = {
    "list": "--list",
    "describe": "--describe",
    "create": "--create",
    "alter": "--alter",
    "delete": "--delete",
}
_GROUP_ACTIONS = {
    "list": "--list",
    "describe": "--describe",
    "reset": "--reset-offsets",
    "delete": "--delete",
}
_NEED_A_NAME = {
    "topics": ("create", "alter", "delete"),
    "groups": ("describe", "reset", "delete"),
}
_ELSEWHERE = {
    "config": "kafka-configs.sh shows and changes configs",
    "configs": "kafka-configs.sh shows and changes configs",
    "status": "ottla api-versions shows whether a node answers; ottla topics and ottla groups, "
    "what is in it",
    "stop": "Ctrl-C stops `ottla up`, kafka-server-stop.sh what kafka-server-start.sh started",
    "start": "ottla up starts a node",
    "run": "ottla up starts a node",
    "server": "ottla up starts a node",
    "list": "ottla topics, ottla groups",
    "ls": "ottla topics, ottla groups",
    "create": "ottla topics create NAME",
    "describe": "ottla topics describe NAME, ottla groups describe NAME",
    "delete": "ottla topics delete NAME, ottla groups delete NAME",
    "lag": "ottla groups describe NAME",
    "reset": "ottla groups reset NAME",
    "version": "ottla --version",
    "topics config": "kafka-configs.sh --describe --topic NAME --bootstrap-server {at}",
    "topics configs": "kafka-configs.sh --describe --topic NAME --bootstrap-server {at}",
    "topics offsets": "ottla offsets TOPIC",
    "groups lag": "ottla groups describe NAME",
    "groups offsets": "ottla groups describe NAME",
    "groups members": "ottla groups describe NAME --members",
    "groups create": "a group comes to be when its first member does: "
    "ottla consume TOPIC --group NAME",
}
"""What people look for under another name than ours."""

_ONE_WORD = {
    "topics": "one topic at a time",
    "groups": "one group at a time; --group {word} takes in one more",
    "produce": "lines are read from what is typed or piped: echo {word} | ottla produce {topic}",
    "consume": "one topic at a time; --include 'a|b' reads several",
    "offsets": "one topic at a time; --topic-partitions a,b shows several",
    "api-versions": "one node at a time",
}
"""What to do with a word too many, by the verb."""

_LITERAL = {"--topic": "The topic.", "--list": "Print the names of all topics."}
"""What is said otherwise of options that take a regular expression where Apache's tool has them."""

_EXIT_CODES = ((0, "done"), (1, "not done; the reason is printed"))
_TAKE_ALL = ("topics", "groups", "offsets")
_AT = Option("--at", "Short for --bootstrap-server.", "host:port")
_ALL = Option(
    "--all", "Also what clusters and tools make for themselves: internal topics, console groups."
)

EXAMPLES = {
    "topics": (
        ("a topic with three partitions", "ottla topics create my-events --partitions 3"),
        ("which topics are there", "ottla topics"),
        ("where its partitions are, and its configs", "ottla topics describe my-events"),
        ("gone", "ottla topics delete my-events"),
    ),
    "groups": (
        ("which groups are there", "ottla groups"),
        ("how far behind is it", "ottla groups describe my-group"),
        (
            "read everything again",
            "ottla groups reset my-group --topic my-events --to-earliest --execute",
        ),
        ("gone, with its offsets", "ottla groups delete my-group"),
    ),
    "produce": (
        ("type lines, end with Ctrl-D", "ottla produce my-events"),
        (
            "lines with keys",
            "echo key:value | ottla produce my-events --reader-property parse.key=true "
            "--reader-property key.separator=:",
        ),
    ),
    "consume": (
        ("everything, then what comes (end with Ctrl-C)", "ottla consume my-events"),
        (
            "ten records with their keys",
            "ottla consume my-events --max-messages 10 --formatter-property print.key=true",
        ),
        (
            "as a member of a group, which goes on where it was; a new one begins at the end "
            "without --from-beginning",
            "ottla consume my-events --group my-group --from-beginning",
        ),
    ),
    "offsets": (
        ("where each partition ends", "ottla offsets my-events"),
        ("where it begins", "ottla offsets my-events --time earliest"),
    ),
    "api-versions": (("what a node speaks", "ottla api-versions"),),
}


def entry() -> int:
    """ottla."""
    return quietly(lambda: verb(sys.argv[1:]))


def verb(words: Sequence[str]) -> int:
    """Run one verb; the exit code."""
    if not words or words[0] in ("--help", "-h") or words == ["help"]:
        print(HELP, end="")
        return 0
    if words[0] == "--version":
        return print_version(of_verb=True)
    if words[0] == "help":
        words = [words[1], "--help"]
    name, rest = words[0], ["--help" if word == "-h" else word for word in words[1:]]
    if name == "up":
        from ottla.cli import up

        return run(up.COMMAND, up.main, rest or ["--port", str(up.PORT)])
    translate = _VERBS.get(name)
    if translate is None:
        close = nearest(name, ("up", *_VERBS))
        guess = close.replace("mean ", "mean ottla ") if close else "ottla --help shows all verbs"
        hint = _ELSEWHERE.get(name) or guess
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
    literal = _LITERAL if name in ("topics", "offsets") else {}
    shown = [row._replace(help=literal.get(row.name, row.help)) for row in tool.COMMAND.options]
    command = tool.COMMAND._replace(
        name=f"ottla {name}",
        options=(*shown, _AT, *([_ALL] if name in _TAKE_ALL else [])),
        examples=EXAMPLES[name],
        exit_codes=_EXIT_CODES if name == "groups" else tool.COMMAND.exit_codes,
        words="",
        help_exit_code=0,
    )

    def main(parsed: Parsed) -> int:
        if parsed.words:
            raise _word_too_many(name, parsed)
        code: int = tool.main(_settled(name, parsed))
        return code

    return run(command, main, arguments)


def _word_too_many(name: str, parsed: Parsed) -> UsageError:
    import shlex

    topic = (parsed.all("--topic") or ["TOPIC"])[0]
    hint = _ONE_WORD[name].format(word=shlex.join(parsed.words), topic=topic)
    return UsageError(f"'{parsed.words[0]}' is a word too many", hint=hint)


def _settled(name: str, parsed: Parsed) -> Parsed:
    """A verb's own options, and what it takes for granted, in terms of the tool behind it: by what
    was parsed, for one option has several spellings, and may be another one's value.

    Raises:
        UsageError: two nodes are named.
    """
    parsed.not_together("--at", "--bootstrap-server")
    at = parsed.values.pop("--at", [os.environ.get("OTTLA_AT") or AT])
    parsed.values.setdefault("--bootstrap-server", at)
    named = any(map(parsed.has, ("--topic", "--topic-id", "--all", "--exclude-internal")))
    if name == "topics" and not named and (parsed.has("--list") or parsed.has("--describe")):
        parsed.values["--exclude-internal"] = [None]
    return parsed


def _named(rest: list[str], option: str) -> list[str]:
    """The first word is the name."""
    if rest and not rest[0].startswith("-"):
        return [option, *rest]
    return rest


def _require_name(arguments: list[str], usage: str, *options: str) -> None:
    """Miss a name in the words of the verb, not as the option of the tool behind it.

    Raises:
        UsageError: none of the options that name something is there.
    """
    said = {word.partition("=")[0] for word in arguments}
    if not said & {*options, "--help", "--version"}:
        raise UsageError(f"{usage.rpartition(' ')[2]} is missing", hint=usage)


def _with_action(
    verb: str, rest: list[str], actions: dict[str, str], option: str, *others: str
) -> list[str]:
    """`create NAME ...` as `--create --topic NAME ...`; without an action, --list."""
    if rest and rest[0] in actions:
        arguments = _named(rest[1:], option)
        if rest[0] in _NEED_A_NAME[verb]:
            _require_name(arguments, f"ottla {verb} {rest[0]} NAME", option, *others)
        return [actions[rest[0]], *arguments]
    if "--help" in rest or "--version" in rest:
        return ["--help" if "--help" in rest else "--version"]
    if rest and not rest[0].startswith("-"):
        elsewhere = _ELSEWHERE.get(f"{verb} {rest[0]}", "").format(at=AT)
        hint = elsewhere or nearest(rest[0], actions) or f"there are {', '.join(actions)}"
        raise UsageError(f"'{rest[0]}' is no action of ottla {verb}", hint=hint)
    return ["--list", *_named(rest, option)]


def _topics(rest: list[str]) -> tuple[str, list[str]]:
    arguments = _with_action("topics", rest, _TOPIC_ACTIONS, "--topic", "--topic-id")
    return "kafka_topics", arguments


def _groups(rest: list[str]) -> tuple[str, list[str]]:
    arguments = _with_action("groups", rest, _GROUP_ACTIONS, "--group", "--all-groups")
    return "kafka_consumer_groups", arguments


def _produce(rest: list[str]) -> tuple[str, list[str]]:
    arguments = _named(rest, "--topic")
    _require_name(arguments, "ottla produce TOPIC", "--topic")
    return "kafka_console_producer", arguments


def _consume(rest: list[str]) -> tuple[str, list[str]]:
    arguments = _named(rest, "--topic")
    _require_name(arguments, "ottla consume TOPIC", "--topic", "--include")
    return "kafka_console_consumer", arguments


def _offsets(rest: list[str]) -> tuple[str, list[str]]:
    arguments = _named(rest, "--topic")
    named = {"--topic", "--topic-partitions", "--all", "--exclude-internal-topics"}
    if not named & {word.partition("=")[0] for word in arguments}:
        arguments.append("--exclude-internal-topics")
    return "kafka_get_offsets", arguments


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
