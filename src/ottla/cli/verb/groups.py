"""`ottla groups`: what groups there are, how far behind they are, and moving or deleting them."""

from __future__ import annotations

import re
import time
from typing import TYPE_CHECKING

import click

from ottla.cli import places
from ottla.cli.group_places import described, total_lag, where_it_is
from ottla.cli.options import WrongWords
from ottla.cli.reach import Where
from ottla.cli.run import Failed, printable
from ottla.cli.verb.grammar import Actions, verb
from ottla.cli.verb.reach import complete_group, complete_topic, reaches
from ottla.cli.verb.shown import (
    Column,
    Row,
    confirm,
    is_terminal,
    json_option,
    note,
    number,
    print_json,
    show,
    show_facts,
    yes_option,
)

if TYPE_CHECKING:
    from ottla.client.client import Client
    from ottla.client.places import TopicPartition

VERB = Actions(
    "groups",
    "consumer groups: lag, reset, delete",
    "list",
    {
        "offsets": "ottla groups describe NAME",
        "members": "ottla groups describe NAME",
        "show": "did you mean describe?",
        "rm": "did you mean delete?",
        "seek": "ottla groups reset NAME --to beginning",
        "create": "a group comes to be with its first member: ottla consume TOPIC --group NAME",
    },
)
EVERY_S = 1.0
CONSOLE_GROUP = re.compile(r"console-consumer-\d+")
_LIST = (Column("GROUP", "group"), Column("STATE", "state"), Column("TYPE", "type"))
_LONG = (*_LIST, number("MEMBERS", "members"), number("LAG", "lag", warn=True))
_PLACES = (
    Column("TOPIC", "topic"),
    number("PARTITION", "partition"),
    number("OFFSET", "offset"),
    number("END", "end"),
    number("LAG", "lag", warn=True),
    Column("MEMBER", "member"),
    Column("HOST", "host"),
)
_FACTS = {
    "group": "group",
    "state": "state",
    "type": "type",
    "assignor": "assignor",
    "members": "members",
    "lag": "lag",
}
_LAGS = (
    Column("TOPIC", "topic"),
    number("PARTITIONS", "partitions"),
    number("LAG", "lag", warn=True),
)
_MOVES = (
    Column("TOPIC", "topic"),
    number("PARTITION", "partition"),
    number("IS AT", "was"),
    number("GOES TO", "to"),
    number("BY", "by"),
)


@VERB.add
@verb(
    "list",
    "which groups are there",
    ("which groups are there", "ottla groups"),
    ("with members and lag", "ottla groups --long"),
    too_many="ottla groups describe {word}",
)
@reaches
@click.option("-l", "--long", "is_long", is_flag=True, help="Count members and lag, too.")
@click.option("--all", "with_console", is_flag=True, help="Those of console consumers as well.")
@json_option
def _list(where: Where, is_long: bool, with_console: bool, as_json: bool) -> None:
    from ottla.client.admin import groups

    with where.client() as client:
        rows: list[Row] = [
            {"group": row.group, "state": row.state, "type": row.type.capitalize()}
            for row in groups.list_groups(client)
            if with_console or not CONSOLE_GROUP.fullmatch(row.group)
        ]
        for row in rows if is_long else ():
            found = groups.describe(client, row["group"])
            row["members"] = len(found.members)
            row["lag"] = total_lag(where_it_is(client, found))
    none = "no groups; one comes to be with its first member: ottla consume TOPIC --group NAME"
    show(_LONG if is_long else _LIST, rows, as_json=as_json, none=none)


@VERB.add
@verb(
    "describe",
    "where groups are, and who reads what",
    ("one group", "ottla groups describe my-group"),
    ("several, for a script", "ottla groups describe one other --json"),
)
@click.argument("names", metavar="NAME...", nargs=-1, required=True, shell_complete=complete_group)
@reaches
@json_option
def _describe(where: Where, names: tuple[str, ...], as_json: bool) -> None:
    shown: list[Row] = []
    with where.client() as client:
        for name in dict.fromkeys(names):
            group = described(client, name)
            found = where_it_is(client, group)
            idle = [m for m in group.members if not m.partitions]
            shown.append(
                {
                    "group": group.group,
                    "state": group.state,
                    "type": group.type,
                    "assignor": group.assignor or None,
                    "members": len(group.members),
                    "lag": total_lag(found),
                    "uncommitted": sum(place.is_unknown for place in found),
                    "idle": [m.instance_id or m.id for m in idle],
                    "partitions": [place.row() for place in found],
                }
            )
    if as_json:
        print_json(shown)
        return
    for at, row in enumerate(shown):
        if at:
            print()
        show_facts(row, _FACTS, as_json=False)
        print()
        show(_PLACES, row["partitions"], as_json=False, none="it has no partition")
        if row["uncommitted"]:
            note(
                f"in {row['uncommitted']} partition(s) with records it has committed nothing: how "
                "far it is there, nobody knows"
            )
        if row["idle"]:
            note(f"{len(row['idle'])} member(s) have no partition: there are more than partitions")


@VERB.add
@verb(
    "lag",
    "how many records a group has not read yet",
    ("by topic", "ottla groups lag my-group"),
    ("anew every second, until Ctrl-C", "ottla groups lag my-group --watch"),
    ("wait until it has read all", "ottla groups lag my-group --until 0"),
    ("a number for a script", "ottla groups lag my-group --json | jq .lag"),
    too_many="one group at a time",
)
@click.argument("name", metavar="NAME", shell_complete=complete_group)
@click.option("-w", "--watch", is_flag=True, help="Show it anew, again and again.")
@click.option(
    "--every",
    type=click.FloatRange(0.1),
    metavar="SECONDS",
    help="How often --watch and --until look; 1.",
)
@click.option(
    "--until",
    type=click.IntRange(0),
    metavar="LAG",
    help="Wait until the lag is no more than that.",
)
@click.option(
    "--timeout", type=click.FloatRange(0), metavar="SECONDS", help="How long --until waits at most."
)
@reaches
@json_option
def _lag(
    where: Where,
    name: str,
    watch: bool,
    every: float | None,
    until: int | None,
    timeout: float | None,
    as_json: bool,
) -> None:
    if timeout is not None and until is None:
        raise WrongWords("--timeout only goes with --until")
    if every is not None and until is None and not watch:
        raise WrongWords("--every only goes with --watch or --until")
    every = EVERY_S if every is None else every
    with where.client() as client:
        if until is None and not watch:
            _print_lag(_lag_row(client, name), as_json)
            return
        began = time.monotonic()
        if is_terminal() and not as_json:  # who waits there sees how far it is
            until_s = None if timeout is None else began + timeout
            _watch(client, name, every, until, until_s)
            return
        while True:
            row = _lag_row(client, name)
            if watch:
                print_json(row) if as_json else print(f"{row['group']} {row['lag']}", flush=True)
            if until is not None and _is_down_to(row, until):
                if not watch:
                    _print_lag(row, as_json)
                return
            if timeout is not None and time.monotonic() - began >= timeout:
                raise _still_lags(row)
            time.sleep(every)


def _is_down_to(row: Row, until: int) -> bool:
    """Whether it has read all but so many; what it has not committed it may not have read."""
    return not row["uncommitted"] and (row["lag"] or 0) <= until


def _still_lags(row: Row) -> Failed:
    return Failed(f"group {row['group']} still lags by {row['lag']}, and the time is over")


def _lag_row(client: Client, name: str) -> Row:
    found = where_it_is(client, described(client, name))
    topics: dict[str, Row] = {}
    for topic in dict.fromkeys(place.topic for place in found):
        here = [place for place in found if place.topic == topic]
        topics[topic] = {"topic": topic, "partitions": len(here), "lag": total_lag(here)}
    return {
        "group": name,
        "lag": total_lag(found),
        "uncommitted": sum(place.is_unknown for place in found),
        "topics": list(topics.values()),
    }


def _print_lag(row: Row, as_json: bool) -> None:
    if as_json:
        print_json(row)
        return
    show(_LAGS, row["topics"], as_json=False, none="it has no offsets yet")
    known = "an unknown number of records" if row["lag"] is None else row["lag"]
    beside = f", and committed nothing in {row['uncommitted']} partition(s) with records"
    note(f"{row['group']} lags by {known}{beside if row['uncommitted'] else ''}")


def _watch(
    client: Client, name: str, every: float, until: int | None, until_s: float | None
) -> None:
    """A table that is drawn anew in its place, with how fast the lag falls.

    Raises:
        Failed: the time is over.
    """
    from rich.live import Live
    from rich.table import Table
    from rich.text import Text

    from ottla.cli.verb.shown import console

    def drawn(row: Row, before: Row | None) -> Table:
        table = Table(
            title=Text(printable(f"{name}: lag {row['lag']}")), box=None, header_style="bold"
        )
        for head in ("TOPIC", "PARTITIONS", "LAG", "A SECOND"):
            table.add_column(head, justify="left" if head == "TOPIC" else "right")
        was = {} if before is None else {one["topic"]: one["lag"] for one in before["topics"]}
        for one in row["topics"]:
            lag = one["lag"] or 0
            by = (lag - (was.get(one["topic"], lag) or 0)) / every
            style = "red" if by > 0 else "green"
            table.add_row(
                Text(one["topic"]),
                str(one["partitions"]),
                "-" if one["lag"] is None else str(one["lag"]),
                f"[{style}]{by:+.0f}[/]" if by else "",
            )
        return table

    row = _lag_row(client, name)
    with Live(drawn(row, None), console=console(), auto_refresh=False) as live:
        while until is None or not _is_down_to(row, until):
            if until_s is not None and time.monotonic() >= until_s:
                raise _still_lags(row)
            time.sleep(every)
            before, row = row, _lag_row(client, name)
            live.update(drawn(row, before), refresh=True)


@VERB.add
@verb(
    "reset",
    "move a group that has no members; what would change is shown first",
    ("read everything again", "ottla groups reset my-group --to beginning"),
    ("skip what there is", "ottla groups reset my-group --to end --yes"),
    ("two hours back, in one topic", "ottla groups reset my-group --to 2h --topic my-events"),
    ("ten records back in a partition", "ottla groups reset my-group --to=-10 --topic my-events:0"),
    ("only look", "ottla groups reset my-group --to beginning --dry-run"),
    too_many="one group at a time",
)
@click.argument("name", metavar="NAME", shell_complete=complete_group)
@click.option(
    "--to",
    "target",
    required=True,
    metavar="PLACE",
    help=f"Where to: {places.TAKES}, or +10, -10 from where it is.",
)
@click.option(
    "-t",
    "--topic",
    "topics",
    multiple=True,
    metavar="TOPIC[:PARTITIONS]",
    shell_complete=complete_topic,
    help="Only these; all that it has offsets for if left out. Repeatable.",
)
@click.option("--dry-run", is_flag=True, help="Only show what would change.")
@yes_option
@reaches
@json_option
def _reset(
    where: Where,
    name: str,
    target: str,
    topics: tuple[str, ...],
    dry_run: bool,
    yes: bool,
    as_json: bool,
) -> None:
    from ottla.client.admin import groups

    wanted = places.spot("--to", target)
    with where.client() as client:
        _require_inactive(client, name, is_new=bool(topics))
        committed = {place: row.offset for place, row in groups.committed(client, name).items()}
        found = places.partitions_of(client, topics) if topics else sorted(committed)
        if not found:
            raise Failed(
                f"group {name} has no offsets", hint="--topic names the topics that it is to read"
            )
        plan = _plan(client, found, committed, wanted)
        rows: list[Row] = []
        for place, to in plan.items():
            was = committed.get(place)
            by = None if was is None else to - was
            rows.append({"topic": place[0], "partition": place[1], "was": was, "to": to, "by": by})
        moved = {place: to for place, to in plan.items() if committed.get(place) != to}
        if not as_json or dry_run or not moved:
            show(_MOVES, rows, as_json=as_json)
        if dry_run or not moved:
            note("nothing was moved" if dry_run else f"group {name} is there already")
            return
        confirm(f"move {name} in {len(moved)} partition(s)", yes=yes)
        for place, error in groups.commit(client, name, moved).items():
            if error is not None:
                raise Failed(f"{place[0]}-{place[1]}: {error}", hint=error.hint)
    if as_json:
        show(_MOVES, rows, as_json=True)
    note(f"moved {name} in {len(moved)} partition(s)")


def _plan(
    client: Client,
    found: list[TopicPartition],
    committed: dict[TopicPartition, int],
    wanted: places.Spot,
) -> dict[TopicPartition, int]:
    if wanted.kind != places.SHIFT:
        return places.resolve(client, found, wanted, moved=_tell_moved)
    unknown = [place for place in found if place not in committed]
    if unknown:
        raise Failed(
            f"the group has no offset in {unknown[0][0]}-{unknown[0][1]} to move from",
            hint="--to beginning, end, or an offset",
        )
    first, last = places.log_ends(client, found)
    moved = {place: committed[place] + wanted.value for place in found}
    return places.within(moved, first, last, _tell_moved)


def _tell_moved(place: TopicPartition, said: int, is_at: int) -> None:
    note(f"{place[0]}-{place[1]} has no offset {said}; it goes to {is_at}")


def _require_inactive(client: Client, name: str, *, is_new: bool) -> None:
    """Miss the members of a group before any of it is moved.

    Raises:
        Failed: it has members, or does not exist.
    """
    from ottla.client.admin import groups
    from ottla.client.errors import BrokerError

    try:
        found = groups.describe(client, name)
    except BrokerError as error:
        if error.code != groups.GROUP_ID_NOT_FOUND:
            raise
        state, members = "Dead", 0
    else:
        state, members = found.state, len(found.members)
    if state == "Dead" and not is_new:
        described(client, name)
    if state not in groups.INACTIVE:
        raise Failed(
            f"group {name} has {members} member(s) (it is {state}); nothing was moved",
            hint=f"stop its members first; `ottla groups describe {name}` shows them",
        )


@VERB.add
@verb(
    "delete",
    "delete groups without members, with their offsets",
    ("gone, after a question", "ottla groups delete my-group"),
    ("its offsets of one topic alone", "ottla groups delete my-group --topic my-events --yes"),
)
@click.argument("names", metavar="NAME...", nargs=-1, required=True, shell_complete=complete_group)
@click.option(
    "-t",
    "--topic",
    "topics",
    multiple=True,
    metavar="TOPIC[:PARTITIONS]",
    shell_complete=complete_topic,
    help="Only its offsets there; repeatable.",
)
@yes_option
@reaches
@json_option
def _delete(
    where: Where, names: tuple[str, ...], topics: tuple[str, ...], yes: bool, as_json: bool
) -> None:
    from ottla.client.admin import groups
    from ottla.client.errors import BrokerError
    from ottla.wire.errors import ErrorCode

    wanted = list(dict.fromkeys(names))
    with where.client() as client:
        for name in wanted:
            described(client, name)
        found = places.partitions_of(client, topics)
        what = "with their offsets" if not topics else f"offsets in {', '.join(topics)}"
        confirm(f"delete {', '.join(wanted)}: {what}", yes=yes)
        for name in wanted:
            try:
                if not topics:
                    groups.delete(client, name)
                for place, error in (
                    groups.delete_offsets(client, name, found) if topics else {}
                ).items():
                    if error is not None:
                        raise Failed(f"{place[0]}-{place[1]}: {error}", hint=error.hint)
            except BrokerError as error:
                if error.code != ErrorCode.NON_EMPTY_GROUP:
                    raise
                raise Failed(
                    f"group {name} has members",
                    hint=f"stop its members first; `ottla groups describe {name}` shows them",
                ) from None
            if not as_json:
                print(printable(f"deleted {'offsets of ' if topics else ''}{name}"))
    if as_json:
        print_json({"deleted": wanted, "topics": list(topics)})
