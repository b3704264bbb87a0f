"""`ottla disks`: in which folders partitions lie, how full those are, and moving partitions to
another folder of the same broker.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import click

from ottla.cli import places
from ottla.cli.reach import Where
from ottla.cli.run import Failed
from ottla.cli.verb.grammar import Actions, verb
from ottla.cli.verb.reach import complete_topic, reaches
from ottla.cli.verb.shown import Column, Row, done, json_option, note, number, progress, show, size

if TYPE_CHECKING:
    from ottla.client.admin.cluster import LogDir
    from ottla.client.client import Client
    from ottla.client.places import TopicPartition

VERB = Actions(
    "disks",
    "where partitions lie; move them to another folder",
    "list",
    {"describe": "ottla disks list TOPIC", "show": "did you mean list?"},
)
_FOLDERS = (
    number("BROKER", "broker"),
    Column("FOLDER", "path"),
    Column("STATE", "state"),
    number("PARTITIONS", "partitions"),
    number("HELD", "bytes", size),
    number("FREE", "free", size),
    number("OF", "total", size),
)
_PARTITIONS = (
    Column("TOPIC", "topic"),
    number("PARTITION", "partition"),
    number("BROKER", "broker"),
    Column("FOLDER", "path"),
    number("SIZE", "bytes", size),
    number("BEHIND", "behind", warn=True),
    Column("MOVES", "moves", lambda value: "here" if value else ""),
)
LOOK_AGAIN_S = 0.05


@VERB.add
@verb(
    "list",
    "folders, or the partitions of topics",
    ("how full are the disks", "ottla disks"),
    ("where does a topic lie", "ottla disks list my-events"),
)
@click.argument(
    "topics", metavar="[TOPIC[:PARTITIONS]]...", nargs=-1, shell_complete=complete_topic
)
@reaches
@json_option
def _list(where: Where, topics: tuple[str, ...], as_json: bool) -> None:
    from ottla.client.admin import cluster

    with where.client() as client:
        found = places.partitions_of(client, topics)
        folders = cluster.log_dirs(client)
    if topics:
        show(_PARTITIONS, _lying(folders, found), as_json=as_json, none="nowhere")
        return
    rows: list[Row] = [
        {
            "broker": one.broker,
            "path": one.path,
            "state": "offline" if one.error_code else "online",
            "partitions": len(one.rows),
            "bytes": sum(row.size for row in one.rows),
            "free": one.usable_bytes if one.usable_bytes >= 0 else None,
            "total": one.total_bytes if one.total_bytes >= 0 else None,
        }
        for one in folders
    ]
    show(_FOLDERS, rows, as_json=as_json)


def _lying(folders: list[LogDir], found: list[TopicPartition]) -> list[Row]:
    wanted = set(found)
    rows: list[Row] = [
        {
            "topic": row.topic,
            "partition": row.partition,
            "broker": one.broker,
            "path": one.path,
            "bytes": row.size,
            "behind": row.lag,
            "moves": row.future,
        }
        for one in folders
        for row in one.rows
        if (row.topic, row.partition) in wanted
    ]
    return sorted(rows, key=lambda row: (row["topic"], row["partition"], row["broker"]))


@VERB.add
@verb(
    "move",
    "let a broker keep partitions in another of its folders; they are served meanwhile",
    ("a topic", "ottla disks move my-events /disk2/kafka"),
    (
        "two partitions, and wait until they lie there",
        "ottla disks move my-events:0,1 /disk2/kafka --wait",
    ),
)
@click.argument("topic", metavar="TOPIC[:PARTITIONS]", shell_complete=complete_topic)
@click.argument("folder", metavar="FOLDER")
@click.option(
    "--broker", type=int, metavar="ID", help="Which broker; needed where there are several."
)
@click.option("--wait", is_flag=True, help="Return when they lie there.")
@reaches
@json_option
def _move(
    where: Where, topic: str, folder: str, broker: int | None, wait: bool, as_json: bool
) -> None:
    from ottla.client.admin import cluster
    from ottla.client.errors import BrokerError

    with where.client() as client:
        found = places.partitions_of(client, [topic])
        brokers = sorted(client.attempt(client.nodes))
        if broker is None and len(brokers) > 1:
            raise Failed("there are several brokers", hint=f"--broker {brokers[0]}")
        node = brokers[0] if broker is None else broker
        if node not in brokers:
            raise Failed(f"there is no broker {node}", hint=f"there is {brokers}")
        folders = [one for one in cluster.log_dirs(client, [node]) if not one.error_code]
        path = folder.rstrip("/") or "/"
        if path not in {one.path for one in folders}:
            raise Failed(
                f"{path} is no folder of broker {node}",
                hint=f"there is {', '.join(one.path for one in folders)}",
            )
        for place, code in zip(found, cluster.move(client, node, path, found), strict=True):
            if code:
                error = BrokerError(code)
                raise Failed(f"{place[0]}-{place[1]}: {error}", hint=error.hint)
        if wait:
            _wait(client, node, path, found)
    facts: Row = {"topic": topic, "folder": path, "broker": node, "moved": wait}
    done(f"{topic} {'lies in' if wait else 'is moving to'} {path}", facts, as_json=as_json)
    if not wait:
        note(f"ottla disks list {topic} shows how far it is")


def _wait(client: Client, node: int, path: str, found: list[TopicPartition]) -> None:
    from ottla.client.admin import cluster

    done = 0
    with progress("moving partitions", len(found)) as advance:
        while done < len(found):
            folders = cluster.log_dirs(client, [node])
            if any(one.path == path and one.error_code for one in folders):
                raise Failed(f"{path} has failed meanwhile", hint="the log of the broker says why")
            rows = _lying(folders, found)
            there = sum(row["path"] == path and not row["moves"] for row in rows)
            advance(there - done)
            done = there
            if done < len(found):
                time.sleep(LOOK_AGAIN_S)
