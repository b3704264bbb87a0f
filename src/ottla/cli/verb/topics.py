"""`ottla topics`: what topics there are; make, look at, grow and delete them.

What is typed is a name, never a pattern, and several may be named. Internal topics are left out
unless they are named or `--all` is said.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

import click

from ottla.cli import places
from ottla.cli.options import WrongWords
from ottla.cli.reach import Where
from ottla.cli.verb.grammar import Actions, verb
from ottla.cli.verb.reach import complete_topic, reaches
from ottla.cli.verb.shown import (
    Column,
    Row,
    confirm,
    done,
    joined,
    json_option,
    note,
    number,
    print_json,
    show,
    show_facts,
    size,
    yes_option,
)

if TYPE_CHECKING:
    from ottla.client.admin.topics import Topic
    from ottla.client.client import Client

VERB = Actions(
    "topics",
    "list, create, describe, alter, delete topics",
    "list",
    {
        "config": "ottla config NAME",
        "configs": "ottla config NAME",
        "offsets": "ottla offsets TOPIC",
        "add": "did you mean create?",
        "new": "did you mean create?",
        "rm": "did you mean delete?",
        "remove": "did you mean delete?",
        "show": "did you mean describe?",
        "consume": "ottla consume TOPIC",
    },
)
_LIST = (Column("NAME", "name"), number("PARTITIONS", "partitions"), number("REPLICAS", "replicas"))
_LONG = (*_LIST, number("RECORDS", "records"), number("SIZE", "bytes", size))
_PARTITIONS = (
    number("PARTITION", "partition"),
    Column("LEADER", "leader", lambda value: "none" if value < 0 else str(value)),
    Column("REPLICAS", "replicas", joined),
    Column("IN SYNC", "isr", joined),
    number("START", "start"),
    number("END", "end"),
)


@VERB.add
@verb(
    "list",
    "which topics are there",
    ("which topics are there", "ottla topics"),
    ("with records and bytes", "ottla topics --long"),
    ("names alone, for a script", "ottla topics --names"),
    too_many="ottla topics describe {word}",
)
@reaches
@click.option("-l", "--long", "is_long", is_flag=True, help="Count records and bytes, too.")
@click.option("--names", "names_only", is_flag=True, help="Names alone, one a line.")
@click.option("--all", "with_internal", is_flag=True, help="Kafka's own topics as well.")
@json_option
def _list(
    where: Where, is_long: bool, names_only: bool, with_internal: bool, as_json: bool
) -> None:
    from ottla.client.admin import topics

    with where.client() as client:
        names = topics.names(client, internal=with_internal)
        if names_only and not as_json:
            print("".join(f"{name}\n" for name in names), end="")
            return
        found = topics.describe(client, names)
        rows = [_row(topic) for topic in found]
        if is_long:
            _count(client, found, rows)
    none = "no topics; `ottla topics create NAME` makes one"
    show(_LONG if is_long else _LIST, rows, as_json=as_json, none=none)


def _row(topic: Topic) -> Row:
    return {
        "name": topic.name,
        "partitions": len(topic.partitions),
        "replicas": max((len(one.replicas) for one in topic.partitions), default=0),
        "internal": topic.internal,
    }


def _count(client: Client, found: list[Topic], rows: list[Row]) -> None:
    from ottla.client.admin import cluster

    led = [(one.name, p.number) for one in found for p in one.partitions if p.leader >= 0]
    first, last = places.log_ends(client, led)
    sizes: dict[str, int] = {}
    for folder in cluster.log_dirs(client):
        for row in folder.rows:
            sizes[row.topic] = sizes.get(row.topic, 0) + row.size
    records: dict[str, int] = {}
    for place in led:
        records[place[0]] = records.get(place[0], 0) + last[place] - first[place]
    dark = {one.name for one in found for p in one.partitions if p.leader < 0}
    for shown in rows:
        name = shown["name"]
        shown["records"] = None if name in dark else records.get(name, 0)
        shown["bytes"] = sizes.get(shown["name"], 0)


@VERB.add
@verb(
    "create",
    "make topics",
    ("one with three partitions", "ottla topics create my-events --partitions 3"),
    ("that keeps the latest of each key", "ottla topics create stock -c cleanup.policy=compact"),
    ("if it is not there yet", "ottla topics create my-events --if-not-exists"),
)
@click.argument("names", metavar="NAME...", nargs=-1, required=True)
@click.option(
    "-p",
    "--partitions",
    type=click.IntRange(1),
    metavar="N",
    help="How many; the cluster's num.partitions if left out.",
)
@click.option(
    "-r",
    "--replicas",
    type=click.IntRange(1, 32767),
    metavar="N",
    help="Copies of each; the cluster's default if left out.",
)
@click.option(
    "-c", "--config", metavar="KEY=VALUE", multiple=True, help="A config of the topic; repeatable."
)
@click.option("--if-not-exists", is_flag=True, help="A topic that is there already is no error.")
@click.option("--dry-run", is_flag=True, help="Only ask the cluster whether it would do it.")
@reaches
@json_option
def _create(
    where: Where,
    names: tuple[str, ...],
    partitions: int | None,
    replicas: int | None,
    config: tuple[str, ...],
    if_not_exists: bool,
    dry_run: bool,
    as_json: bool,
) -> int:
    from ottla.cli.verb.config import pairs
    from ottla.client.admin import topics
    from ottla.wire.errors import ErrorCode

    configs = pairs("--config", config)
    wanted = [
        topics.NewTopic(name, partitions or -1, replicas or -1, {}, configs)
        for name in dict.fromkeys(names)
    ]
    with where.client() as client:
        outcomes = topics.create(client, wanted, validate_only=dry_run)
    rows: list[Row] = []
    for name, error in outcomes.items():
        was_there = error is not None and error.code == ErrorCode.TOPIC_ALREADY_EXISTS
        if error is None or (was_there and if_not_exists):
            rows.append({"name": name, "created": error is None and not dry_run})
    failed = {name: error for name, error in outcomes.items() if error is not None}
    if if_not_exists:
        failed = {n: e for n, e in failed.items() if e.code != ErrorCode.TOPIC_ALREADY_EXISTS}
    if as_json:
        print_json(rows)
    else:
        for row in rows:
            said = "would be created" if dry_run else "was there already"
            print(f"created {row['name']}" if row["created"] else f"{row['name']} {said}")
        _warn_of_metrics(row["name"] for row in rows if row["created"])
    for error in failed.values():
        raise error
    return 0


def _warn_of_metrics(names: Iterable[str]) -> None:
    """Metrics have one letter for both."""
    for name in names:
        if "." in name and "_" in name:
            note(f"{name}: in names of metrics '.' and '_' are the same")


@VERB.add
@verb(
    "describe",
    "partitions of topics, who leads them, and configs that were set",
    ("one topic", "ottla topics describe my-events"),
    ("partitions without a leader", "ottla topics describe --offline"),
    ("partitions with replicas that lag", "ottla topics describe --under-replicated"),
)
@click.argument("names", metavar="[NAME]...", nargs=-1, shell_complete=complete_topic)
@click.option("--offline", is_flag=True, help="Only partitions without a leader.")
@click.option("--under-replicated", is_flag=True, help="Only those with replicas not in sync.")
@reaches
@json_option
def _describe(
    where: Where, names: tuple[str, ...], offline: bool, under_replicated: bool, as_json: bool
) -> None:
    from ottla.client.admin import configs, topics

    with where.client() as client:
        wanted = list(dict.fromkeys(names)) or topics.names(client, internal=offline)
        found = places.described(client, wanted)
        settings = configs.describe(client, configs.TOPIC, wanted)
        led = [(one.name, p.number) for one in found for p in one.partitions if p.leader >= 0]
        first, last = places.log_ends(client, led)
    shown: list[Row] = []
    for topic in found:
        set_here = {
            entry.name: entry.value for entry in settings[topic.name] if not entry.is_default
        }
        partitions: list[Row] = [
            {
                "partition": one.number,
                "leader": one.leader,
                "replicas": one.replicas,
                "isr": one.isr,
                "start": first.get((topic.name, one.number)),
                "end": last.get((topic.name, one.number)),
            }
            for one in topic.partitions
            if not (offline and one.leader >= 0)
            and not (under_replicated and len(one.isr) >= len(one.replicas))
        ]
        if partitions or not (offline or under_replicated):
            row = {**_row(topic), "id": _id_text(topic.id), "configs": set_here}
            shown.append({**row, "partitions": partitions})
    if as_json:
        print_json(shown)
        return
    if not shown:
        note("no topics" if not (offline or under_replicated) else "there is none")
    for at, row in enumerate(shown):
        if at:
            print()
        written = "  ".join(f"{key}={value}" for key, value in row["configs"].items())
        facts = {"name": row["name"], "id": row["id"], "configs": written or "all as by default"}
        show_facts(facts, {"name": "topic", "id": "id", "configs": "configs"}, as_json=False)
        print()
        show(_PARTITIONS, row["partitions"], as_json=False)


def _id_text(topic_id: bytes) -> str:
    from ottla.wire.types import uuid_text

    return uuid_text(topic_id)


@VERB.add
@verb(
    "alter",
    "give a topic more partitions",
    ("it has six from now on", "ottla topics alter my-events --partitions 6"),
    too_many="one topic at a time",
)
@click.argument("name", metavar="NAME", shell_complete=complete_topic)
@click.option(
    "-p",
    "--partitions",
    type=click.IntRange(1),
    metavar="N",
    required=True,
    help="How many there are to be; never fewer than there are.",
)
@reaches
@json_option
def _alter(where: Where, name: str, partitions: int, as_json: bool) -> None:
    from ottla.client.admin import topics

    with where.client() as client:
        (topic,) = places.described(client, [name])
        had = len(topic.partitions)
        topics.create_partitions(client, name, partitions)
    facts: Row = {"name": name, "partitions": partitions, "had": had}
    done(f"{name} has {partitions} partitions now", facts, as_json=as_json)
    note(f"records with a key may go to another partition than before: it had {had}")


@VERB.add
@verb(
    "delete",
    "delete topics, with all their records",
    ("gone, after a question", "ottla topics delete my-events"),
    ("without a question", "ottla topics delete my-events --yes"),
)
@click.argument("names", metavar="NAME...", nargs=-1, required=True, shell_complete=complete_topic)
@yes_option
@reaches
@json_option
def _delete(where: Where, names: tuple[str, ...], yes: bool, as_json: bool) -> None:
    from ottla.client.admin import topics

    wanted = list(dict.fromkeys(names))
    if any(not name for name in wanted):
        raise WrongWords("NAME is empty")
    with where.client() as client:
        found = places.described(client, wanted)
        led = [(one.name, p.number) for one in found for p in one.partitions if p.leader >= 0]
        if not yes:
            first, last = places.log_ends(client, led)
            records = sum(last[place] - first[place] for place in led)
            confirm(f"delete {joined(wanted)} with {records} records", yes=False)
        outcomes = topics.delete(client, wanted)
    deleted = [name for name, error in outcomes.items() if error is None]
    text = "\n".join(f"deleted {name}" for name in deleted)
    if deleted or as_json:
        done(text, {"deleted": deleted}, as_json=as_json)
    for error in outcomes.values():
        if error is not None:
            raise error
