"""kafka-consumer-groups.sh --describe: a group's offsets, members or state, in Apache's columns."""

from __future__ import annotations

import sys
from typing import NamedTuple

from ottla.cli.options import Parsed
from ottla.client.admin import groups, offsets
from ottla.client.admin.offsets import TopicPartition
from ottla.client.client import Client
from ottla.client.errors import address_text

WIDTH = 15


class Place(NamedTuple):
    """Where a group is in one partition; None where nobody knows."""

    topic: str
    partition: int
    committed: int | None
    leader_epoch: int | None
    end: int | None
    member: groups.Member | None

    @property
    def lag(self) -> int | None:
        """Records that the group has not read yet."""
        if self.committed is None or self.end is None:
            return None
        return self.end - self.committed


def describe(parsed: Parsed, client: Client, wanted: list[str]) -> None:
    """Print each group, in the order of their names."""
    found = [groups.describe(client, name) for name in sorted(wanted)]
    if parsed.has("--json"):
        import json

        print(json.dumps([_json(client, group) for group in found], indent=2))
        return
    verbose = parsed.has("--verbose")
    for group in found:
        if parsed.has("--state"):
            _print_state(client, group, verbose)
        elif parsed.has("--members"):
            if _has_something(group, len(group.members)):
                _print_members(group, verbose)
        else:
            places = _places(client, group)
            if _has_something(group, len(places)):
                _print_places(group, places, verbose)


def _has_something(group: groups.Described, rows: int) -> bool:
    """Tell on stderr what is special about the group's state; whether there is a table to print."""
    if group.state == "Dead":
        print(f"\nError: Consumer group '{group.group}' does not exist.")
        return False
    if group.state == "Empty":
        print(f"\nConsumer group '{group.group}' has no active members.", file=sys.stderr)
        sys.stderr.flush()
        return rows > 0 or not group.members
    if group.state in groups.REBALANCING:
        print(f"\nWarning: Consumer group '{group.group}' is rebalancing.", file=sys.stderr)
    return rows > 0


def _places(client: Client, group: groups.Described) -> list[Place]:
    """Partitions of members first, those with most partitions before others; then what is left."""
    committed = groups.committed(client, group.group)
    owners: dict[TopicPartition, groups.Member] = {}
    for member in sorted(group.members, key=lambda member: -len(member.partitions)):
        for place in sorted(member.partitions):
            owners[place] = member
    order = [*owners, *sorted(place for place in committed if place not in owners)]
    ends = offsets.list_offsets(client, dict.fromkeys(order, offsets.LATEST)) if order else {}
    found = []
    for place in order:
        end, at = ends.get(place), committed.get(place)
        epoch = at.leader_epoch if at is not None and at.leader_epoch >= 0 else None
        found.append(
            Place(
                *place,
                at.offset if at is not None else None,
                epoch,
                end.offset if isinstance(end, offsets.Found) else None,
                owners.get(place),
            )
        )
    return found


def _print_places(group: groups.Described, places: list[Place], verbose: bool) -> None:
    if not places:
        return
    members = [place.member for place in places if place.member is not None]
    widths = (
        max(WIDTH, len(group.group)),
        max(WIDTH, *(len(place.topic) for place in places)),
        max([WIDTH, *(len(member.id) for member in members)]),
        max([WIDTH, *(len(member.host) for member in members)]),
    )

    def line(name: str, topic: str, partition: str, epoch: str, rest: tuple[str, ...]) -> str:
        committed, end, lag, consumer, host, client_id = rest
        shown = f"{epoch:15} " if verbose else ""
        return (
            f"{name:{widths[0]}} {topic:{widths[1]}} {partition:10} {shown}{committed:15} {end:15} "
            f"{lag:15} {consumer:{widths[2]}} {host:{widths[3]}} {client_id}"
        )

    heads = ("CURRENT-OFFSET", "LOG-END-OFFSET", "LAG", "CONSUMER-ID", "HOST", "CLIENT-ID")
    print("\n" + line("GROUP", "TOPIC", "PARTITION", "LEADER-EPOCH", heads))
    for place in places:
        member = place.member
        who = (member.id, member.host, member.client_id) if member else ("-", "-", "-")
        numbers = (_text(place.committed), _text(place.end), _text(place.lag))
        epoch = _text(place.leader_epoch)
        print(line(group.group, place.topic, str(place.partition), epoch, (*numbers, *who)))


def _print_members(group: groups.Described, verbose: bool) -> None:
    members = sorted(group.members, key=lambda member: -len(member.partitions))
    has_instances = any(member.instance_id for member in members)
    current = [_assignment(member.partitions) for member in members]
    target = [_assignment(member.target) for member in members]
    widths = (
        max(WIDTH, len(group.group)),
        max([WIDTH, *(len(member.id) for member in members)]),
        max([17, *(len(member.instance_id or "") for member in members)]),
        max([WIDTH, *(len(member.host) for member in members)]),
        max([WIDTH, *(len(member.client_id) for member in members)]),
        max([20, *(len(text) for text in current)]),
        max([20, *(len(text) for text in target)]),
    )

    def line(cells: tuple[str, ...], details: tuple[str, ...]) -> str:
        name, member, instance, host, client_id, count = cells
        shown = f"{instance:{widths[2]}} " if has_instances else ""
        text = (
            f"{name:{widths[0]}} {member:{widths[1]}} {shown}{host:{widths[3]}} "
            f"{client_id:{widths[4]}} {count:15} "
        )
        if verbose:
            epoch, owned, target_epoch, wanted = details
            text += f"{epoch:15} {owned:{widths[5]}} {target_epoch:15} {wanted:{widths[6]}}"
        return text

    heads = ("GROUP", "CONSUMER-ID", "GROUP-INSTANCE-ID", "HOST", "CLIENT-ID", "#PARTITIONS")
    more = ("CURRENT-EPOCH", "CURRENT-ASSIGNMENT", "TARGET-EPOCH", "TARGET-ASSIGNMENT")
    print("\n" + line(heads, more))
    for member, owned, wanted in zip(members, current, target, strict=True):
        cells = (
            group.group,
            member.id,
            member.instance_id or "",
            member.host,
            member.client_id,
            str(len(member.partitions)),
        )
        print(line(cells, (_text(member.epoch), owned, _text(group.target_epoch), wanted)))


def _print_state(client: Client, group: groups.Described, verbose: bool) -> None:
    if not _has_something(group, 1):
        return
    node = client.nodes()[group.coordinator]
    where = f"{address_text(node.host, node.port)}  ({node.id})"
    widths = (max(WIDTH, len(group.group)), max(25, len(where)))

    def line(cells: tuple[str, ...], epochs: tuple[str, str]) -> str:
        name, coordinator, assignor, state, members = cells
        shown = f"{epochs[0]:15} {epochs[1]:25} " if verbose else ""
        head = f"{name:{widths[0]}} {coordinator:{widths[1]}} {assignor:20} {state:20}"
        return f"{head} {shown}{members}"

    heads = ("GROUP", "COORDINATOR (ID)", "ASSIGNMENT-STRATEGY", "STATE", "#MEMBERS")
    print("\n" + line(heads, ("GROUP-EPOCH", "TARGET-ASSIGNMENT-EPOCH")))
    cells = (group.group, where, group.assignor or "-", group.state, str(len(group.members)))
    print(line(cells, (_text(group.epoch), _text(group.target_epoch))))


def _assignment(places: list[TopicPartition] | None) -> str:
    """`topic:0,1;other:2`."""
    if not places:
        return "-"
    by_topic = offsets.by_topic(sorted(places))
    return ";".join(f"{name}:{','.join(map(str, rows))}" for name, rows in by_topic.items())


def _text(number: int | None) -> str:
    return "-" if number is None else str(number)


def _json(client: Client, group: groups.Described) -> dict[str, object]:
    return {
        "group": group.group,
        "state": group.state,
        "type": group.type,
        "coordinator": group.coordinator,
        "assignor": group.assignor or None,
        "members": [
            {
                "id": member.id,
                "instance_id": member.instance_id,
                "client_id": member.client_id,
                "host": member.host,
                "partitions": [list(place) for place in member.partitions],
            }
            for member in group.members
        ],
        "offsets": [
            {
                "topic": place.topic,
                "partition": place.partition,
                "committed": place.committed,
                "log_end": place.end,
                "lag": place.lag,
                "member": place.member.id if place.member else None,
            }
            for place in _places(client, group)
        ],
    }
