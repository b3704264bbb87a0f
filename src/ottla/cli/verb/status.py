"""`ottla status`: what runs on this machine, and how the cluster is that one would talk to."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from ottla.cli.reach import Where
from ottla.cli.running_servers import Server, running_servers
from ottla.cli.verb.grammar import verb
from ottla.cli.verb.reach import reaches
from ottla.cli.verb.shown import (
    Column,
    Row,
    duration,
    joined,
    json_option,
    note,
    print_json,
    show,
    show_facts,
    size,
)
from ottla.errors import OttlaError

if TYPE_CHECKING:
    from ottla.client.admin.topics import Topic
    from ottla.client.client import Client

_HERE = (
    Column("HERE", "bootstrap"),
    Column("NODE", "node_id"),
    Column("PID", "pid"),
    Column("UP", "up_ms", duration),
    Column("DATA", "folders", joined),
    Column("LOG", "log"),
    Column("HTTP", "http"),
    Column("REGISTRY", "registry"),
)
_NODES = (
    Column("NODE", "id"),
    Column("ADDRESS", "address"),
    Column("ROLE", "role"),
    Column("RACK", "rack"),
    Column("DATA", "bytes", size, True),
)
_FACTS = {
    "cluster_id": "cluster",
    "version": "version",
    "topics": "topics",
    "partitions": "partitions",
    "offline": "offline",
    "under_replicated": "not in sync",
    "groups": "groups",
}


@verb(
    "status",
    "what runs here, and how the cluster is",
    ("this machine and localhost:9092", "ottla status"),
    ("another cluster", "ottla status --at kafka.example.com:9092"),
    ("is every partition led? for a script", "ottla status --json | jq -e '.cluster.offline == 0'"),
    exit_codes=(
        (0, "the cluster answers, and every partition has a leader"),
        (1, "nobody answers, or a partition is offline"),
        (2, "the command line is wrong"),
    ),
)
@reaches
@json_option
def VERB(where: Where, as_json: bool) -> int:
    """Look at both."""
    now_ms = time.time() * 1000
    here = [_row(server, now_ms) for server in running_servers()]
    cluster: Row | None = None
    failure: OttlaError | None = None
    try:
        with where.client() as client:
            cluster = look(client)
    except OttlaError as error:
        failure = error
    if as_json:
        why = None if failure is None else str(failure)
        print_json({"here": here, "at": where.at, "cluster": cluster, "failure": why})
    else:
        _print(here, where.at, cluster)
    if failure is not None:
        raise failure
    return 1 if cluster is None or cluster["offline"] else 0


def _row(server: Server, now_ms: float) -> Row:
    return {**server._asdict(), "up_ms": int(max(0, now_ms - server.started_ms))}


def _print(here: list[Row], at: str, cluster: Row | None) -> None:
    show(_HERE, here, as_json=False, none="no node of yours runs on this machine")
    if cluster is None:
        return
    if here:
        print()
    show_facts(cluster, _FACTS, as_json=False)
    print()
    show(_NODES, cluster["nodes"], as_json=False)
    if cluster["offline"]:
        note(
            f"{cluster['offline']} partition(s) have no leader: ottla topics describe --offline "
            "shows them"
        )


def look(client: Client) -> Row:
    """What there is to say of a cluster.

    Raises:
        OttlaError: nobody answers, or it may not be asked.
    """
    from ottla.client.admin import cluster, groups, topics

    found = cluster.describe(client)
    described = topics.describe(client, topics.names(client))
    sizes: dict[int, int] = {}
    for folder in cluster.log_dirs(client):
        held = sum(row.size for row in folder.rows)
        sizes[folder.broker] = sizes.get(folder.broker, 0) + held
    controllers, levels = _controllers(client), _features(client)
    return {
        "cluster_id": found.id,
        "version": _version(levels),
        "features": levels,
        "topics": sum(not topic.internal for topic in described),
        **health(described),
        "groups": len(groups.list_groups(client)),
        "nodes": [
            {
                "id": broker.id,
                "address": f"{broker.host}:{broker.port}",
                "role": "broker, controller" if broker.id in controllers else "broker",
                "rack": broker.rack,
                "bytes": sizes.get(broker.id),
            }
            for broker in found.brokers
        ],
    }


def health(described: list[Topic]) -> dict[str, int]:
    """How many partitions there are beside Kafka's own, and how many of all lack something."""
    partitions = [one for topic in described for one in topic.partitions]
    return {
        "partitions": sum(len(one.partitions) for one in described if not one.internal),
        "offline": sum(one.leader < 0 for one in partitions),
        "under_replicated": sum(len(one.isr) < len(one.replicas) for one in partitions),
    }


def _controllers(client: Client) -> set[int]:
    from ottla.client.admin import cluster
    from ottla.client.errors import ApiNotSupported, BrokerError

    try:
        found: Any = cluster.quorum(client)
    except (ApiNotSupported, BrokerError):
        return set()
    return {voter.replica_id for voter in found.current_voters}


def _features(client: Client) -> dict[str, int]:
    """The levels that are final; none where the nodes are too old to tell."""
    from ottla.client.admin import cluster
    from ottla.client.errors import ApiNotSupported

    try:
        return cluster.features(client)
    except ApiNotSupported:
        return {}


def _version(levels: dict[str, int]) -> str | None:
    """The release that the cluster's metadata is of: 4.3-IV0."""
    from ottla.metadata.features import METADATA_VERSION, METADATA_VERSION_NAMES

    level = levels.get(METADATA_VERSION)
    if level is None:
        return None
    return METADATA_VERSION_NAMES.get(level, f"{METADATA_VERSION} {level}")
