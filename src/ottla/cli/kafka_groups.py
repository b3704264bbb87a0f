"""kafka-groups.sh: list the groups of a cluster, of every type."""

from __future__ import annotations

from ottla.cli.connect import connect
from ottla.cli.options import BOOTSTRAP, COMMAND_CONFIG, Command, Option, Parsed, UsageError
from ottla.cli.run import Failed, run
from ottla.client.admin import groups
from ottla.client.admin.groups import Listed
from ottla.errors import OttlaError

FILTERS = ("--consumer", "--group-type", "--protocol", "--share", "--streams")
COMMAND = Command(
    "kafka-groups.sh",
    "list the groups of a cluster, of every type",
    (
        BOOTSTRAP,
        COMMAND_CONFIG,
        Option("--list", "List the groups; must be there."),
        Option("--group-type", "Only of this type: classic, consumer, share, streams.", "type"),
        Option("--protocol", "Only with members of this protocol.", "protocol"),
        Option("--consumer", "Only groups of consumers, of either protocol, and without members."),
        Option("--share", "Only share groups."),
        Option("--streams", "Only streams groups."),
        Option("--json", "Print JSON (Ottla only)."),
    ),
    (
        ("every group", "kafka-groups.sh --list --bootstrap-server localhost:9092"),
        (
            "groups that Connect made",
            "kafka-groups.sh --list --protocol connect --bootstrap-server localhost:9092",
        ),
    ),
)
WIDTH_MIN = 20


def main(parsed: Parsed) -> int:
    """List what passes the filters."""
    if not parsed.has("--bootstrap-server"):
        raise UsageError("Missing required option(s) [bootstrap-server]")
    if not parsed.has("--list"):
        raise UsageError("Command must include exactly one action: --list.")
    kind = parsed.text("--group-type")
    if kind is not None and kind.capitalize() not in groups.TYPES:
        raise UsageError("--group-type must be a valid group type.")
    for one in ("--consumer", "--share", "--streams"):
        for other in FILTERS:
            if one != other and parsed.has(one) and parsed.has(other):
                raise UsageError(f'Option "[{one[2:]}]" can\'t be used with option "[{other[2:]}]"')
    with connect(parsed) as client:
        try:
            listed = groups.list_groups(client)
        except OttlaError as error:
            print(f"Error while executing groups command : {error}")
            raise Failed("", hint=error.hint) from None
    found = [row._replace(type=row.type.capitalize()) for row in listed]
    _print([row for row in found if _passes(row, parsed)], as_json=parsed.has("--json"))
    return 0


def _passes(row: Listed, parsed: Parsed) -> bool:
    kind, protocol = parsed.text("--group-type"), parsed.text("--protocol")
    if kind is not None and row.type != kind.capitalize():
        return False
    if protocol is not None and row.protocol_type != protocol:
        return False
    if parsed.has("--consumer"):
        return row.protocol_type in ("consumer", "") or row.type == "Consumer"
    if parsed.has("--share"):
        return row.type == "Share"
    return not parsed.has("--streams") or row.type == "Streams"


def _print(rows: list[Listed], *, as_json: bool) -> None:
    if as_json:
        import json

        told = [
            {"group": row.group, "type": row.type, "protocol": row.protocol_type} for row in rows
        ]
        print(json.dumps(told, indent=2))
        return
    cells = [(row.group, row.type, row.protocol_type) for row in rows]
    width = max((len(cell) for row in cells for cell in row), default=0)
    width = max(width, WIDTH_MIN)
    print(" ".join(f"{head:{width}}" for head in ("GROUP", "TYPE", "PROTOCOL")))
    for row in cells:
        print("".join(f"{cell:{width}} " for cell in row))


def entry() -> int:
    """kafka-groups.sh."""
    return run(COMMAND, main)
