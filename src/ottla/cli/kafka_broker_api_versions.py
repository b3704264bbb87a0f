"""kafka-broker-api-versions.sh: the versions of each API that each broker serves."""

from __future__ import annotations

from typing import NamedTuple

from ottla.cli.connect import connect
from ottla.cli.options import BOOTSTRAP, COMMAND_CONFIG, Command, Option, Parsed
from ottla.cli.run import run
from ottla.client.admin import cluster
from ottla.client.client import Client
from ottla.client.errors import ApiNotSupported, address_text
from ottla.errors import OttlaError
from ottla.wire import api

COMMAND = Command(
    "kafka-broker-api-versions.sh",
    "print the API versions that each broker serves, and which of them a client here would use",
    (
        BOOTSTRAP,
        COMMAND_CONFIG,
        Option("--json", "Print JSON (Ottla only)."),
    ),
    (("what a node speaks", "kafka-broker-api-versions.sh --bootstrap-server localhost:9092"),),
)


class Line(NamedTuple):
    """One API of one broker; versions are None when the broker does not serve it."""

    key: int
    name: str
    versions: tuple[int, int] | None
    usable: int | None


def main(parsed: Parsed) -> int:
    """Print every broker with its APIs."""
    with connect(parsed) as client:
        try:
            brokers = cluster.describe(client).brokers
        except ApiNotSupported:
            brokers = [cluster.Broker(*node, False) for node in client.nodes().values()]
        found: list[tuple[cluster.Broker, list[Line] | OttlaError]] = []
        for broker in sorted(brokers):
            try:
                found.append((broker, _lines(client, broker.id)))
            except OttlaError as error:
                found.append((broker, error))
    if parsed.has("--json"):
        _print_json(found)
    else:
        for broker, lines in found:
            _print(broker, lines)
    return 0


def _lines(client: Client, node_id: int) -> list[Line]:
    """What the broker serves, and what it could but does not."""
    served = {
        row.key: Line(row.key, row.name, (row.min_version, row.max_version), row.usable)
        for row in client.attempt(lambda: cluster.api_ranges(client, node_id))
    }
    for row in api.apis():
        if "broker" in row.listeners and row.key not in served:
            served[row.key] = Line(row.key, row.name, None, None)
    return [served[key] for key in sorted(served)]


def _print(broker: cluster.Broker, lines: list[Line] | OttlaError) -> None:
    where = address_text(broker.host, broker.port)
    head = f"{where} (id: {broker.id} rack: {broker.rack or 'null'} isFenced: "
    head += f"{str(broker.fenced).lower()}) -> "
    if isinstance(lines, OttlaError):
        print(f"{head}ERROR: {lines}")
        return
    print(head + "(\n\t" + ",\n\t".join(_text(line) for line in lines) + "\n)")


def _text(line: Line) -> str:
    name = f"{line.name}({line.key})" if not line.name.startswith("UNKNOWN") else line.name
    if line.versions is None:
        return f"{name}: UNSUPPORTED"
    low, high = line.versions
    shown = str(low) if low == high else f"{low} to {high}"
    usable = "unusable" if line.usable is None else f"usable: {line.usable}"
    return f"{name}: {shown} [{usable}]"


def _print_json(found: list[tuple[cluster.Broker, list[Line] | OttlaError]]) -> None:
    import json

    rows = []
    for broker, lines in found:
        row: dict[str, object] = {"id": broker.id, "host": broker.host, "port": broker.port}
        if isinstance(lines, OttlaError):
            row["error"] = str(lines)
        else:
            row["apis"] = [
                {
                    "key": line.key,
                    "name": line.name,
                    "min_version": line.versions[0],
                    "max_version": line.versions[1],
                    "usable": line.usable,
                }
                for line in lines
                if line.versions is not None
            ]
        rows.append(row)
    print(json.dumps(rows, indent=2))


def entry() -> int:
    """kafka-broker-api-versions.sh."""
    return run(COMMAND, main)
