"""kafka-configs.sh: describe and alter configs of topics, brokers, groups and client metrics, and
the levels of loggers.

An entity is named by `--entity-type` and `--entity-name`, or by an option of its own (`--topic`,
`--broker`, ...); the empty name of a broker means the defaults of all. What the cluster refuses is
told on stderr in Apache's two lines. Users, clients and ips have quotas and passwords, which are
no configs and not served here.
"""

from __future__ import annotations

import re
import sys
from itertools import takewhile

from ottla.cli.connect import connect
from ottla.cli.exceptions import exception_text
from ottla.cli.options import (
    BOOTSTRAP,
    COMMAND_CONFIG,
    Command,
    Option,
    Parsed,
    UsageError,
    is_java_int,
)
from ottla.cli.properties import read_properties
from ottla.cli.run import Failed, run
from ottla.client.admin import configs, groups, topics
from ottla.client.client import Client
from ottla.client.errors import BrokerError
from ottla.metadata.topic_names import topic_name_problem
from ottla.wire.errors import ErrorCode

KINDS = {
    "topics": configs.TOPIC,
    "brokers": configs.BROKER,
    "client-metrics": configs.CLIENT_METRICS,
    "groups": configs.GROUP,
    "broker-loggers": configs.BROKER_LOGGER,
}
_OF_OPTION = {
    "--topic": "topics",
    "--broker": "brokers",
    "--client-metrics": "client-metrics",
    "--group": "groups",
    "--broker-logger": "broker-loggers",
}
_OWN_SOURCE = {
    "topics": "DYNAMIC_TOPIC_CONFIG",
    "brokers": "DYNAMIC_BROKER_CONFIG",
    "client-metrics": "DYNAMIC_CLIENT_METRICS_CONFIG",
    "groups": "DYNAMIC_GROUP_CONFIG",
}
_ALL_KINDS = (
    "topics, clients, users, brokers, ips, client-metrics, groups, broker-loggers with a "
    "--bootstrap-server or --bootstrap-controller argument"
)
_QUOTAS = "quotas and SCRAM credentials can't be told or changed by this tool yet"
_QUOTA_KINDS = ("users", "clients", "ips")
_OF_QUOTA_OPTION = {
    "--user": "users",
    "--user-defaults": "users",
    "--client": "clients",
    "--client-defaults": "clients",
    "--ip": "ips",
    "--ip-defaults": "ips",
}
_TELL_QUOTAS = (48, 50)
"""DescribeClientQuotas and DescribeUserScramCredentials: who serves neither has none to tell."""
_AT_THE_START = ("Cannot update these configs dynamically", "can't be changed while the node runs")
_OUTSIDE_BRACKETS = r"(?=[^\]]*(?:\[|$))"

COMMAND = Command(
    "kafka-configs.sh",
    "describe and alter configs of topics, brokers, groups and client metrics, and log levels",
    (
        BOOTSTRAP,
        COMMAND_CONFIG,
        Option("--bootstrap-controller", "", "host:port", refused="name a broker instead"),
        Option("--alter", "Set and delete configs."),
        Option("--describe", "Print the configs that were set."),
        Option("--all", "Print all configs, defaults too.", only_with=("--describe",)),
        Option(
            "--entity-type",
            "topics, brokers, groups, client-metrics or broker-loggers.",
            "type",
            many=True,
        ),
        Option("--entity-name", "The topic, broker id, group, ...", "name", many=True),
        Option("--entity-default", "The defaults of all brokers."),
        Option("--topic", "The topic.", "name"),
        Option("--broker", "The broker's id.", "id"),
        Option("--broker-defaults", "The defaults of all brokers."),
        Option("--broker-logger", "The id of the broker whose loggers are meant.", "id"),
        Option("--group", "The group.", "name"),
        Option("--client-metrics", "The client metrics subscription.", "name"),
        Option(
            "--add-config",
            "What to set: k1=v1,k2=[v1,v2]; brackets hold a value with commas.",
            "configs",
        ),
        Option("--add-config-file", "A properties file with what to set.", "file"),
        Option("--delete-config", "Keys to delete: k1,k2.", "keys", many=True),
        *(
            Option(
                name,
                f"With --describe: of {kind}, who have none here, as quotas and passwords are not "
                "built yet.",
                None if name.endswith("-defaults") else "name",
            )
            for name, kind in _OF_QUOTA_OPTION.items()
        ),
    ),
    (
        (
            "what was set for a topic",
            "kafka-configs.sh --describe --topic my-events --bootstrap-server localhost:9092",
        ),
        (
            "keep records for a day",
            "kafka-configs.sh --alter --topic my-events --add-config retention.ms=86400000 "
            "--bootstrap-server localhost:9092",
        ),
        (
            "everything that a broker goes by, and where each value is from",
            "kafka-configs.sh --describe --broker 1 --all --bootstrap-server localhost:9092",
        ),
        (
            "let a running broker tell more",
            "kafka-configs.sh --alter --broker-logger 1 --add-config root=DEBUG "
            "--bootstrap-server localhost:9092",
        ),
    ),
)


def main(parsed: Parsed) -> int:
    """Describe or alter."""
    if _describes_quotas(parsed):
        return _describe_quotas(parsed)
    kind, name = _entity(parsed)
    added, deleted = ({}, []) if parsed.has("--describe") else _changes(parsed)
    with connect(parsed) as client:
        try:
            if parsed.has("--describe"):
                _describe(client, kind, name, everything=parsed.has("--all"))
            else:
                _alter(client, kind, name or "", added, deleted)
        except BrokerError as error:
            print(
                "Error while executing config command with args "
                f"'{' '.join(sys.argv[1:])}'\n"
                f"java.util.concurrent.ExecutionException: {exception_text(error)}",
                file=sys.stderr,
            )
            raise Failed("", hint=error.hint or _way_out(kind, error)) from None
    return 0


def _way_out(kind: str, error: BrokerError) -> str | None:
    """What to do about a key that a running broker does not take."""
    if kind != "brokers" or error.code != ErrorCode.INVALID_REQUEST:
        return None
    if any(text in str(error) for text in _AT_THE_START):
        return "set it in the server's properties file, and start it again"
    if " can't be set" in str(error):
        return "docs/reference/broker-configs.md says of each key what becomes of a change"
    return None


def _describes_quotas(parsed: Parsed) -> bool:
    others = ("--alter", "--add-config", "--delete-config")
    if not parsed.has("--describe") or any(parsed.has(name) for name in others):
        return False
    kinds = {*parsed.all("--entity-type"), *_quota_kinds(parsed)}
    return bool(kinds) and kinds <= {*_QUOTA_KINDS}


def _quota_kinds(parsed: Parsed) -> list[str]:
    return [kind for name, kind in _OF_QUOTA_OPTION.items() if parsed.has(name)]


def _describe_quotas(parsed: Parsed) -> int:
    """Print nothing, as Apache's tool does of who has no quota, where nobody can have one.

    Raises:
        Failed: this cluster has quotas, which this tool can't ask for.
    """
    _require_node(parsed)
    with connect(parsed) as client:
        served = client.attempt(lambda: client.connection().api_versions.api_keys)
        if any(row.api_key in _TELL_QUOTAS for row in served):
            raise Failed(_QUOTAS, hint="this cluster may have some; Apache's tool tells them")
    return 0


def _entity(parsed: Parsed) -> tuple[str, str | None]:
    """The kind that is meant and the name; None where none is given, empty for the defaults.

    Raises:
        UsageError: the options do not go together; the words are Apache's.
    """
    if parsed.has("--alter") == parsed.has("--describe"):
        raise UsageError("Command must include exactly one action: --describe, --alter")
    for option in ("--add-config", "--delete-config"):
        if parsed.has("--describe") and parsed.has(option):
            raise UsageError(f'Option "[describe]" can\'t be used with option "[{option[2:]}]"')
    own = [option for option in _OF_OPTION if parsed.has(option)]
    kinds = parsed.all("--entity-type") + [_OF_OPTION[option] for option in own]
    kinds += ["brokers"] * parsed.has("--broker-defaults") + _quota_kinds(parsed)
    twice = sorted({kind for kind in kinds if kinds.count(kind) > 1})
    if twice:
        raise UsageError(f"Duplicate entity type(s) specified: {','.join(twice)}")
    for kind in kinds:
        if kind in _QUOTA_KINDS:
            raise UsageError(f"{kind} are not honoured: {_QUOTAS}")
        if kind not in KINDS:
            raise UsageError(
                f"Invalid entity type {kind}, the entity type must be one of {_ALL_KINDS}"
            )
    if not kinds:
        raise UsageError("At least one entity type must be specified")
    if len(kinds) > 1:
        raise UsageError("Only 'users' and 'clients' entity types may be specified together")
    if parsed.has("--broker-defaults") or own:
        for option in ("--entity-type", "--entity-name", "--entity-default"):
            if parsed.has(option):
                raise UsageError(
                    "--entity-{type,name,default} should not be used in conjunction with specific "
                    "entity flags"
                )
    _require_node(parsed)
    names = parsed.all("--entity-name") + parsed.all(own[0] if own else "")
    names += [""] * (parsed.has("--entity-default") or parsed.has("--broker-defaults"))
    name = names[0] if names else None
    _check_name(parsed, kinds[0], name)
    return kinds[0], name


def _require_node(parsed: Parsed) -> None:
    if not parsed.has("--bootstrap-server"):
        raise UsageError("Either --bootstrap-server or --bootstrap-controller must be specified.")


def _check_name(parsed: Parsed, kind: str, name: str | None) -> None:
    if name and kind in ("brokers", "broker-loggers") and not is_java_int(name):
        raise UsageError(
            f"The entity name for {kind} must be a valid integer broker id, but it is: {name}"
        )
    if parsed.has("--describe"):
        if parsed.has("--entity-default") and kind != "brokers":
            raise UsageError(f"--entity-default must not be specified with --describe of {kind}")
        if not name and kind == "broker-loggers":
            raise UsageError(f"An entity name must be specified with --describe of {kind}")
        return
    if kind == "brokers" and name is None:
        raise UsageError(
            "An entity-name or default entity must be specified with --alter of users, clients, "
            "brokers or ips"
        )
    if kind != "brokers" and not name:
        raise UsageError(f"An entity name must be specified with --alter of {kind}")
    if parsed.has("--add-config") and parsed.has("--add-config-file"):
        raise UsageError("Only one of --add-config or --add-config-file must be specified")
    if not any(parsed.has(o) for o in ("--add-config", "--add-config-file", "--delete-config")):
        raise UsageError(
            "At least one of --add-config, --add-config-file, or --delete-config must be specified "
            "with --alter"
        )


def _changes(parsed: Parsed) -> tuple[dict[str, str], list[str]]:
    """What to set and what to delete.

    Raises:
        UsageError: --add-config is not in its form.
    """
    added: dict[str, str] = {}
    path = parsed.text("--add-config-file")
    if path is not None:
        added.update(read_properties(path))
    given = parsed.text("--add-config")
    if given is not None:
        words = re.split("," + _OUTSIDE_BRACKETS, given.rstrip(","))
        for number, word in enumerate(words):
            pair = re.split(r"\s*=\s*" + _OUTSIDE_BRACKETS, word)
            if len(pair) != 2:
                raise UsageError(
                    "requirement failed: Invalid entity config: all configs to be added must be in "
                    'the format "key=val" or  "key=[val1,val2]" to group values which contain '
                    "commas.",
                    hint=_in_brackets(words, number),
                )
            added[pair[0].strip()] = re.sub(r"[\[\]]", "", pair[1]).strip()
    deleted = [k.strip() for word in parsed.all("--delete-config") for k in word.split(",")]
    return added, [key for key in deleted if key]


def _in_brackets(words: list[str], number: int) -> str | None:
    """What to type if the words from this one on are of the value before them."""
    more = list(takewhile(lambda word: "=" not in word, words[number:]))
    if number == 0 or not more:
        return None
    key, _, value = words[number - 1].partition("=")
    whole = ",".join([re.sub(r"[\[\]]", "", value), *more])
    return f"if {whole} is one value, it stands in brackets: --add-config '{key}=[{whole}]'"


def _alter(client: Client, kind: str, name: str, added: dict[str, str], deleted: list[str]) -> None:
    if kind in ("brokers", "broker-loggers") and name and not _is_there(client, "brokers", name):
        there = ", ".join(_brokers(client))
        raise Failed(f"The broker '{name}' doesn't exist", hint=f"brokers: {there}")
    if kind == "broker-loggers":
        known = {row.name for row in configs.describe(client, KINDS[kind], [name])[name]}
        if strange := [logger for logger in (*added, *deleted) if logger not in known]:
            raise Failed(
                f"Invalid broker logger(s): {','.join(strange)}",
                hint=f"kafka-configs.sh --describe --broker-logger {name} lists those that it has",
            )
    changes = [configs.Change(key, configs.SET, value) for key, value in added.items()]
    changes += [configs.Change(key, configs.DELETE, None) for key in deleted]
    configs.alter(client, KINDS[kind], {name: changes})
    if kind == "brokers":
        _tell_unknown(added)
    if name:
        print(f"Completed updating config for {_one(kind)} {name}.")
    else:
        print(f"Completed updating default config for {kind} in the cluster.")


def _brokers(client: Client) -> list[str]:
    return [str(node) for node in sorted(client.attempt(client.nodes))]


def _tell_unknown(added: dict[str, str]) -> None:
    """A broker keeps a key that it does not know, and nothing comes of it: most are slips."""
    from ottla.config.alteration import dynamic_rows, is_unknown
    from ottla.config.nearest import nearest

    for key in filter(is_unknown, added):
        if close := nearest(key, dynamic_rows()):
            print(f"WARN brokers have no {key}; did you mean {close}?", file=sys.stderr)


def _describe(client: Client, kind: str, name: str | None, *, everything: bool) -> None:
    if kind == "topics" and name is not None:
        problem = topic_name_problem(name)
        if problem:
            raise UsageError(f"Topic name is invalid: {problem}")
    if name is not None and not everything and not _is_there(client, kind, name):
        print(f"The {_one(kind)} '{name}' doesn't exist and doesn't have dynamic config.")
        return
    for one in _names(client, kind) if name is None else [name]:
        head = f"{'All' if everything else 'Dynamic'} configs for {_one(kind)} {one} are:"
        if not one and kind == "brokers":
            head = f"Default configs for {kind} in the cluster are:"
        print(head)
        rows = configs.describe(client, KINDS[kind], [one], synonyms=True)[one]
        own = _OWN_SOURCE.get(kind) if one else "DYNAMIC_DEFAULT_BROKER_CONFIG"
        for row in sorted(rows, key=lambda row: row.name):
            if everything or own is None or row.source == own:
                print(f"  {_line(row)}")


def _line(row: configs.Entry) -> str:
    synonyms = ", ".join(f"{s.source}:{s.name}={_text(s.value)}" for s in row.synonyms)
    return (
        f"{row.name}={_text(row.value)} sensitive={str(row.sensitive).lower()} "
        f"synonyms={{{synonyms}}}"
    )


def _text(value: str | None) -> str:
    return "null" if value is None else value


def _names(client: Client, kind: str) -> list[str]:
    """All that may have configs of this kind; brokers end with their defaults."""
    if kind == "topics":
        return topics.names(client)
    if kind == "brokers":
        return [*_brokers(client), ""]
    found = set(configs.resources(client, KINDS[kind]))
    if kind == "groups":
        found.update(group.group for group in groups.list_groups(client))
    return sorted(found)


def _is_there(client: Client, kind: str, name: str) -> bool:
    if kind == "broker-loggers":
        return bool(name) and name in _names(client, "brokers")
    return name in _names(client, kind)


def _one(kind: str) -> str:
    return kind[:-1]


def entry() -> int:
    """kafka-configs.sh."""
    return run(COMMAND, main)
