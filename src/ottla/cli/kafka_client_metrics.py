"""kafka-client-metrics.sh: which of their own metrics clients are asked to push (KIP-714)."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from ottla.cli.connect import connect
from ottla.cli.options import (
    BOOTSTRAP,
    COMMAND_CONFIG,
    Command,
    Option,
    Parsed,
    UsageError,
    is_java_int,
)
from ottla.cli.run import Failed, run
from ottla.client.admin import configs
from ottla.client.client import Client
from ottla.errors import OttlaError

ACTIONS = ("--alter", "--delete", "--describe", "--list")
SETTINGS = {"--interval": "interval.ms", "--metrics": "metrics", "--match": "match"}
COMMAND = Command(
    "kafka-client-metrics.sh",
    "which of their own metrics clients are asked to push",
    (
        BOOTSTRAP,
        COMMAND_CONFIG,
        Option("--alter", "Make or change a subscription."),
        Option("--delete", "Delete a subscription."),
        Option("--describe", "Describe a subscription, or all."),
        Option("--list", "List the subscriptions."),
        Option("--name", "The subscription.", "name"),
        Option("--generate-name", "Take a new unique name."),
        Option("--interval", "How often to push, in milliseconds; '' for the default again.", "ms"),
        Option(
            "--match",
            "Which clients, all of it must be so: client_id=a.*,client_software_name=... The "
            "selectors are client_id, client_instance_id, client_software_name, "
            "client_software_version, client_source_address and client_source_port; each value is "
            "a regular expression.",
            "selector=value",
            many=True,
        ),
        Option(
            "--metrics",
            "Beginnings of the names of metrics, with commas between; * for all.",
            "prefixes",
            many=True,
        ),
        Option("--json", "Print JSON (Ottla only).", only_with=("--describe", "--list")),
    ),
    (
        (
            "all metrics of Java producers, every ten seconds",
            "kafka-client-metrics.sh --alter --name java-producers --metrics "
            "org.apache.kafka.producer. --interval 10000 --match "
            "client_software_name=apache-kafka-java --bootstrap-server localhost:9092",
        ),
        (
            "what is asked for",
            "kafka-client-metrics.sh --describe --bootstrap-server localhost:9092",
        ),
        (
            "no more of it",
            "kafka-client-metrics.sh --delete --name java-producers --bootstrap-server "
            "localhost:9092",
        ),
    ),
    bad_value="Error while executing client metrics command : ",
)


def main(parsed: Parsed) -> int:
    """Do the one action."""
    action = _checked(parsed)
    with connect(parsed) as client, _told():
        if action == "--alter":
            _alter(client, parsed)
        elif action == "--delete":
            _delete(client, parsed.required("--name"))
        elif action == "--describe":
            _describe(client, parsed)
        else:
            names = configs.resources(client, configs.CLIENT_METRICS)
            _print_json(names) if parsed.has("--json") else print("\n".join(names))
    return 0


def _checked(parsed: Parsed) -> str:
    given = [action for action in ACTIONS if parsed.has(action)]
    if len(given) != 1:
        raise UsageError(
            "Command must include exactly one action: --alter, --delete, --describe or --list."
        )
    if not parsed.has("--bootstrap-server"):
        raise UsageError("--bootstrap-server must be specified.")
    action = given[0]
    if action != "--alter":
        others = ["--generate-name", *SETTINGS]
        if action == "--list":
            others.insert(0, "--name")
        for other in others:
            if parsed.has(other):
                raise UsageError(
                    f'Option "[{action[2:]}]" can\'t be used with option "[{other[2:]}]"'
                )
        if action == "--delete" and not parsed.has("--name"):
            raise UsageError("A client metrics resource name must be specified with --delete.")
        return action
    if parsed.has("--name") == parsed.has("--generate-name"):
        raise UsageError("One of --name or --generate-name must be specified with --alter.")
    interval = parsed.text("--interval")
    if interval and not is_java_int(interval):
        raise UsageError("Invalid interval value. Enter an integer, or leave empty to reset.")
    return action


@contextmanager
def _told() -> Iterator[None]:
    """What goes wrong is told as Apache's tool does, on stdout.

    Raises:
        Failed: something did.
    """
    try:
        yield
    except OttlaError as error:
        print(f"Error while executing client metrics command : {error}")
        raise Failed("", hint=error.hint) from None


def _alter(client: Client, parsed: Parsed) -> None:
    values = {
        key: ",".join(parsed.all(option)) for option, key in SETTINGS.items() if parsed.has(option)
    }
    name = parsed.text("--name")
    if name is None:
        from ottla.node.entropy import SystemEntropy
        from ottla.wire.types import uuid_text

        name = uuid_text(SystemEntropy().uuid())
    changes = [
        configs.Change(key, configs.SET if value else configs.DELETE, value or None)
        for key, value in values.items()
    ]
    configs.alter(client, configs.CLIENT_METRICS, {name: changes})
    print(f"Altered client metrics config for {name}.")


def _delete(client: Client, name: str) -> None:
    known = configs.describe(client, configs.CLIENT_METRICS, [name])[name]
    changes = [configs.Change(row.name, configs.DELETE, None) for row in known]
    configs.alter(client, configs.CLIENT_METRICS, {name: changes})
    print(f"Deleted client metrics config for {name}.")


def _describe(client: Client, parsed: Parsed) -> None:
    names = configs.resources(client, configs.CLIENT_METRICS)
    name = parsed.text("--name")
    if name is not None and name not in names:
        if parsed.has("--json"):
            _print_json({})
            return
        print(f"The client metric resource {name} doesn't exist and doesn't have dynamic config.")
        return
    wanted = names if name is None else [name]
    found = configs.describe(client, configs.CLIENT_METRICS, wanted)
    if parsed.has("--json"):
        _print_json({one: {row.name: row.value for row in rows} for one, rows in found.items()})
        return
    for one in wanted:
        print(f"Client metrics configs for {one} are:")
        for row in found[one]:
            print(f"  {row.name}={row.value}")


def _print_json(value: object) -> None:
    import json

    print(json.dumps(value, indent=2))


def entry() -> int:
    """kafka-client-metrics.sh."""
    return run(COMMAND, main)
