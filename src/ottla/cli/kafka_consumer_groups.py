"""kafka-consumer-groups.sh: list, describe, delete groups; move or delete their offsets.

Describing lives in `groups_described.py`, moving offsets in `offsets_reset.py`. As with Apache's
tool, a command line that makes no sense leaves with 1; what the cluster refuses is told in a line
that opens with `Error:` on stdout, and leaves with 0.
"""

from __future__ import annotations

import sys

from ottla.cli import groups_described, offsets_reset
from ottla.cli.connect import connect
from ottla.cli.exceptions import exception_text
from ottla.cli.options import BOOTSTRAP, COMMAND_CONFIG, Command, Option, Parsed, UsageError
from ottla.cli.places import split_topic
from ottla.cli.run import run
from ottla.client.admin import groups, topics
from ottla.client.client import Client
from ottla.client.errors import BrokerError
from ottla.errors import OttlaError

ACTIONS = (
    "--list",
    "--describe",
    "--delete",
    "--reset-offsets",
    "--delete-offsets",
    "--validate-regex",
)
TYPES = ("Classic", "Consumer")
"""Of groups of consumers, which are those that this command is for."""
GROUP_WIDTH_IN_LIST = 25

_RESET = ("--reset-offsets",)

COMMAND = Command(
    "kafka-consumer-groups.sh",
    "list and describe consumer groups, move their offsets, delete them",
    (
        BOOTSTRAP,
        COMMAND_CONFIG,
        Option("--list", "Print the names of all consumer groups."),
        Option("--describe", "Print where groups are in each partition, and how far behind."),
        Option("--delete", "Delete groups that have no members, with their offsets."),
        Option("--reset-offsets", "Move the offsets of a group that has no members."),
        Option("--delete-offsets", "Forget the offsets of a group in some topics."),
        Option("--validate-regex", "Say whether a regular expression is valid.", "regex"),
        Option("--group", "The group.", "name", many=True),
        Option(
            "--all-groups",
            "All groups.",
            only_with=("--describe", "--delete", "--reset-offsets"),
        ),
        Option(
            "--topic",
            "The topic; `topic:0,1` means only these partitions.",
            "name",
            many=True,
            only_with=("--reset-offsets", "--delete-offsets"),
        ),
        Option("--all-topics", "All topics that the group has offsets in.", only_with=_RESET),
        Option("--offsets", "Describe offsets; the default.", only_with=("--describe",)),
        Option("--members", "Describe members.", only_with=("--describe",)),
        Option(
            "--state",
            "With --describe: the group's state. With --list: show states, or only these.",
            "states",
            optional=True,
            only_with=("--describe", "--list"),
        ),
        Option(
            "--type",
            "Show types, or only groups of these: classic, consumer.",
            "types",
            optional=True,
            only_with=("--list",),
        ),
        Option("--verbose", "Describe more.", only_with=("--describe",)),
        Option("--timeout", "How long to try, in ms; 30000 if left out.", "ms", number=True),
        Option("--dry-run", "Only show what would be done; the default.", only_with=_RESET),
        Option("--execute", "Do it.", only_with=_RESET),
        Option("--export", "Print the plan as CSV, for --from-file.", only_with=_RESET),
        Option("--to-earliest", "To the first record.", only_with=_RESET),
        Option("--to-latest", "Behind the last record.", only_with=_RESET),
        Option("--to-current", "To where it is (to check, or to export).", only_with=_RESET),
        Option("--to-offset", "To this offset.", "offset", number=True, only_with=_RESET),
        Option(
            "--shift-by",
            "By so many records, back if negative.",
            "n",
            number=True,
            only_with=_RESET,
        ),
        Option(
            "--to-datetime",
            "To the first record at or after YYYY-MM-DDThh:mm:ss.sss, UTC unless it says +hh:mm.",
            "time",
            only_with=_RESET,
        ),
        Option(
            "--by-duration",
            "To the first record this long ago: P1DT2H.",
            "PnDTnHnMnS",
            only_with=_RESET,
        ),
        Option("--from-file", "To the offsets in a CSV file.", "file", only_with=_RESET),
        Option("--json", "Print JSON (Ottla only).", only_with=("--list", "--describe")),
    ),
    (
        (
            "how far behind is it",
            "kafka-consumer-groups.sh --describe --group my-group "
            "--bootstrap-server localhost:9092",
        ),
        (
            "read everything again",
            "kafka-consumer-groups.sh --reset-offsets --group my-group --topic my-events "
            "--to-earliest --execute --bootstrap-server localhost:9092",
        ),
        (
            "which groups are there",
            "kafka-consumer-groups.sh --list --bootstrap-server localhost:9092",
        ),
    ),
    (
        (0, "done, or the cluster refused: a line that opens with Error: says what"),
        (1, "the command line is wrong, or nobody could be reached"),
    ),
)


def main(parsed: Parsed) -> int:
    """Do the one action that was asked for."""
    action = parsed.exactly_one(*ACTIONS)
    if action == "--validate-regex":
        return _validate(parsed)
    parsed.required("--bootstrap-server")
    _check(parsed, action)
    timeout_ms = parsed.number("--timeout", 30_000)
    with connect(parsed, timeout_ms=timeout_ms) as client:
        try:
            if timeout_ms is not None and timeout_ms <= 0:
                raise OttlaError(f"--timeout {timeout_ms} leaves no time to ask anybody")
            _DO[action](parsed, client)
        except UsageError:
            raise
        except OttlaError as error:
            print(f"\nError: {error}")
            if error.hint:
                print(f"\nhint: {error.hint}", file=sys.stderr)
    return 0


def _check(parsed: Parsed, action: str) -> None:
    if action == "--list":
        if parsed.has("--group"):
            raise UsageError("--list shows all groups; --describe --group shows one")
        _names(parsed.text("--state"), groups.STATES, "state")
        _names(parsed.text("--type"), TYPES, "type")
        return
    if action == "--delete-offsets":
        parsed.required("--group")
        if not parsed.has("--topic"):
            raise UsageError("--delete-offsets needs --topic")
        return
    parsed.exactly_one("--group", "--all-groups")
    if action == "--describe":
        parsed.not_together("--offsets", "--members", "--state")
        if parsed.text("--state"):
            raise UsageError("--describe --state takes no value")
    elif action == "--reset-offsets":
        offsets_reset.check(parsed)


def _list(parsed: Parsed, client: Client) -> None:
    states = _names(parsed.text("--state"), groups.STATES, "state")
    types = _names(parsed.text("--type"), TYPES, "type")
    found = [
        group
        for group in groups.list_groups(client, states=states, types=types)
        if group.protocol_type in ("", "consumer")
        and group.type.lower() not in ("share", "streams")
    ]
    if parsed.has("--json"):
        import json

        print(json.dumps([{"group": g.group, "state": g.state, "type": g.type} for g in found]))
        return
    show_type, show_state = parsed.has("--type"), parsed.has("--state")
    if not show_type and not show_state:
        print("\n".join(group.group for group in found))
        return
    width = max([GROUP_WIDTH_IN_LIST, *(len(group.group) for group in found)])
    for row in [groups.Listed("GROUP", "", "STATE", "TYPE"), *found]:
        line = f"{row.group:{width}}"
        if show_type:
            line += f" {_title(row.type):20}"
        if show_state:
            line += f" {row.state:20}"
        print(line)


def _delete(parsed: Parsed, client: Client) -> None:
    wanted = list(dict.fromkeys(parsed.all("--group")))
    if parsed.has("--all-groups"):
        wanted = [group.group for group in groups.list_groups(client)]
    deleted, failed = [], []
    for group in wanted:
        try:
            groups.delete(client, group)
            deleted.append(group)
        except BrokerError as error:
            failed.append((group, error))
    quoted = ", ".join(f"'{group}'" for group in deleted)
    if not failed:
        print(f"Deletion of requested consumer groups ({quoted}) was successful.")
        return
    print("\nError: Deletion of some consumer groups failed:")
    for group, failure in failed:
        print(f"* Group '{group}' could not be deleted due to: {exception_text(failure)}")
    if deleted:
        print(f"\nThese consumer groups were deleted successfully: {quoted}")


def _delete_offsets(parsed: Parsed, client: Client) -> None:
    group = parsed.required("--group")
    rows: dict[tuple[str, str], str] = {}
    places: list[tuple[str, int]] = []
    for word in parsed.all("--topic"):
        topic, numbers = split_topic(word)
        try:
            found = numbers
            if found is None:
                found = [p.number for p in topics.describe(client, [topic])[0].partitions]
            places += [(topic, number) for number in found]
        except BrokerError as error:
            rows[(topic, "-")] = f"Error: {exception_text(error)}"
    head = f"Request succeeded for deleting offsets from group {group}."
    results: dict[tuple[str, int], BrokerError | None]
    try:  # without a partition too: whether there is such a group is asked in any case
        results = groups.delete_offsets(client, group, places)
    except BrokerError as error:
        head = f"\nError: {error}"
        results = dict.fromkeys(places, error)
    else:
        if any(results.values()):
            head = "\nError: some partitions were refused, see the rows that follow."
    for (topic, number), failure in results.items():
        status = f"Error: {exception_text(failure)}" if failure else "Successful"
        rows[(topic, str(number))] = status
    print(head)
    width = max([15, *(len(topic) for topic, _ in rows)])
    print(f"\n{'TOPIC':{width}} {'PARTITION':10} {'STATUS':15}")
    for (topic, text), status in sorted(rows.items()):
        print(f"{topic:{width}} {text:10} {status:15}")


def _describe(parsed: Parsed, client: Client) -> None:
    wanted = parsed.all("--group")
    if parsed.has("--all-groups"):
        wanted = [group.group for group in groups.list_groups(client)]
    groups_described.describe(parsed, client, wanted)


def _validate(parsed: Parsed) -> int:
    from ottla.regex.re2_syntax import re2_problem

    text = parsed.required("--validate-regex")
    problem = re2_problem(text)
    if problem is None:
        print(f"The regular expression `{text}` is valid.")
    else:
        print(f"The regular expression `{text}` is invalid: {problem}.")
    return 0


def _names(text: str | None, known: tuple[str, ...], what: str) -> list[str]:
    """`stable,empty` as Kafka writes them.

    Raises:
        UsageError: one of them is unknown.
    """
    if not text:
        return []
    by_lower = {name.lower(): name for name in known}
    found = []
    for part in text.split(","):
        name = by_lower.get(part.strip().lower())
        if name is None:
            raise UsageError(f"'{part}' is no {what} of a group; there are {', '.join(known)}")
        found.append(name)
    return found


def _title(text: str) -> str:
    """Nodes tell types in lower case."""
    return text if text.isupper() else text.capitalize()


_DO = {
    "--list": _list,
    "--describe": _describe,
    "--delete": _delete,
    "--reset-offsets": offsets_reset.reset,
    "--delete-offsets": _delete_offsets,
}


def entry() -> int:
    """kafka-consumer-groups.sh."""
    return run(COMMAND, main)
