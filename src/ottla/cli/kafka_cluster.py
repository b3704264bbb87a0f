"""kafka-cluster.sh: the cluster's id, where its nodes listen, and to have it forget a broker."""

from __future__ import annotations

import sys
from typing import Final

from ottla.cli.connect import connect
from ottla.cli.options import (
    BOOTSTRAP,
    BOOTSTRAP_CONTROLLER,
    COMMAND_CONFIG,
    Command,
    Option,
    Parsed,
    UsageError,
    is_java_int,
    whole,
)
from ottla.cli.run import run
from ottla.client.admin import cluster
from ottla.client.client import Client
from ottla.client.errors import ApiNotSupported

VERBS: Final = (
    ("cluster-id", "print the id of the cluster"),
    ("list-endpoints", "print where the brokers listen, or the controllers"),
    ("unregister", "have the cluster forget a broker that will not come back"),
)
SHORT: Final = {
    "-b": "--bootstrap-server",
    "-C": "--bootstrap-controller",
    "-c": "--command-config",
    "-i": "--id",
}
COMMAND = Command(
    "kafka-cluster.sh",
    "print a cluster's id and where its nodes listen; unregister a broker",
    (
        BOOTSTRAP._replace(help=BOOTSTRAP.help + " Short: -b."),
        BOOTSTRAP_CONTROLLER._replace(help=BOOTSTRAP_CONTROLLER.help + " Short: -C."),
        COMMAND_CONFIG._replace(help=COMMAND_CONFIG.help + " Short: -c."),
        Option("--config", "", "file", deprecated_for="--command-config"),
        Option("--id", "The broker to unregister. Short: -i.", "id", only_with=("unregister",)),
        Option(
            "--include-fenced-brokers",
            "Brokers that may not serve as well.",
            only_with=("list-endpoints",),
        ),
        Option(
            "--json",
            "Print JSON (Ottla only).",
            only_with=("cluster-id", "list-endpoints"),
        ),
    ),
    (
        ("the cluster's id", "kafka-cluster.sh cluster-id --bootstrap-server localhost:9092"),
        (
            "all brokers, those that are away too",
            "kafka-cluster.sh list-endpoints --bootstrap-server localhost:9092 "
            "--include-fenced-brokers",
        ),
        (
            "where controllers listen",
            "kafka-cluster.sh list-endpoints --bootstrap-controller localhost:9093",
        ),
    ),
    words="verb",
    verbs=VERBS,
)
RACK_WIDTH: Final = 10


def main(parsed: Parsed) -> int:
    """Do what the verb says."""
    verb = parsed.verb()
    if parsed.has("--bootstrap-server") == parsed.has("--bootstrap-controller"):
        raise UsageError("give one of --bootstrap-server and --bootstrap-controller")
    if parsed.has("--config"):
        if parsed.has("--command-config"):
            raise UsageError("--config and --command-config cannot be specified together.")
        parsed.values["--command-config"] = parsed.values.pop("--config")
    broker_id = _broker_id(parsed) if verb == "unregister" else -1
    of_controllers = parsed.has("--bootstrap-controller")
    fenced = parsed.has("--include-fenced-brokers")
    if fenced and of_controllers:
        raise UsageError(
            "The option --include-fenced-brokers is only supported with --bootstrap-server option"
        )
    kind = cluster.CONTROLLERS if of_controllers else cluster.BROKERS
    with connect(parsed) as client:
        if verb == "unregister":
            _unregister(client, broker_id)
            return 0
        found = cluster.describe(client, fenced=fenced, kind=kind)
    if parsed.has("--json"):
        _print_json(found, verb, of_controllers=of_controllers)
    elif verb == "cluster-id":
        print(f"Cluster ID: {found.id}")
    else:
        _print_endpoints(found.brokers, of_controllers=of_controllers)
    return 0


def _broker_id(parsed: Parsed) -> int:
    text = parsed.text("--id")
    if text is None:
        raise UsageError("argument --id/-i is required")
    if not is_java_int(text):
        raise UsageError(f"--id takes a whole number, not '{text}'")
    return int(text)


def _unregister(client: Client, broker_id: int) -> None:
    try:
        cluster.unregister(client, broker_id)
    except ApiNotSupported:
        # As Apache's, which leaves with 0 then.
        print("The target cluster does not support the broker unregistration API.")
        return
    print(f"Broker {broker_id} is no longer registered.")


def _print_endpoints(nodes: list[cluster.Broker], *, of_controllers: bool) -> None:
    host_width = max((len(node.host) for node in nodes), default=0)
    racks = [len(node.rack) for node in nodes if node.rack]
    rack_width = max(racks, default=RACK_WIDTH)

    def line(number: str, host: str, port: str, rack: str, state: str, kind: str) -> None:
        shown = "" if of_controllers else f"{state:10} "
        print(f"{number:10} {host:{host_width}} {port:10} {rack:{rack_width}} {shown}{kind:15}")

    line("ID", "HOST", "PORT", "RACK", "STATE", "ENDPOINT_TYPE")
    for node in sorted(nodes):
        state = "fenced" if node.fenced else "unfenced"
        kind = "controller" if of_controllers else "broker"
        line(str(node.id), node.host, str(node.port), node.rack or "null", state, kind)


def _print_json(found: cluster.Cluster, verb: str, *, of_controllers: bool) -> None:
    import json

    value: dict[str, object] = {"cluster_id": found.id}
    if verb == "list-endpoints":
        value["controllers" if of_controllers else "brokers"] = [
            node._asdict() for node in sorted(found.brokers)
        ]
    print(json.dumps(value, indent=2))


def entry() -> int:
    """kafka-cluster.sh."""
    words = [SHORT.get(word, word) for word in sys.argv[1:]]
    return run(COMMAND, main, whole(COMMAND, words))
