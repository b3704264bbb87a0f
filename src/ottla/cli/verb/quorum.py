"""`ottla quorum`: who keeps the cluster's metadata, and how far behind each of them is."""

from __future__ import annotations

import time
from typing import Any

from ottla.cli.reach import Where
from ottla.cli.run import Failed
from ottla.cli.verb.grammar import verb
from ottla.cli.verb.reach import reaches
from ottla.cli.verb.shown import (
    Column,
    Row,
    duration,
    json_option,
    number,
    print_json,
    show,
    show_facts,
)

_COLUMNS = (
    Column("NODE", "id"),
    Column("ROLE", "role", style=lambda value: "green" if value == "leader" else ""),
    number("END", "end"),
    number("LAG", "lag", warn=True),
    number("FETCHED", "fetched_ms_ago", duration),
    Column("AT", "address"),
)
_FACTS = {"leader": "leader", "epoch": "epoch", "high_watermark": "high watermark"}


@verb(
    "quorum",
    "the metadata quorum: leader, voters, observers",
    ("who leads, and who lags", "ottla quorum"),
    ("for a script", "ottla quorum --json"),
    too_many="ottla quorum shows all of it",
)
@reaches
@json_option
def VERB(where: Where, as_json: bool) -> None:
    """Ask any node."""
    from ottla.client.admin import cluster

    with where.client() as client:
        found, nodes = cluster.quorum_and_nodes(client)
    listeners = {row.node_id: row.listeners for row in nodes}
    ends = {row.replica_id: int(row.log_end_offset) for row in found.current_voters}
    if found.leader_id not in ends:
        raise Failed(
            f"the leader {found.leader_id} is none of the voters", hint="ask again in a moment"
        )
    now_ms = time.time() * 1000

    def row(replica: Any, role: str) -> Row:
        fetched = replica.last_fetch_timestamp
        at = listeners.get(replica.replica_id, ())
        return {
            "id": replica.replica_id,
            "role": "leader" if replica.replica_id == found.leader_id else role,
            "end": replica.log_end_offset,
            "lag": ends[found.leader_id] - replica.log_end_offset,
            "fetched_ms_ago": max(0, int(now_ms - fetched)) if fetched >= 0 else None,
            "address": ", ".join(f"{one.host}:{one.port}" for one in at) or None,
        }

    rows = [row(voter, "voter") for voter in found.current_voters]
    rows += [row(observer, "observer") for observer in found.observers]
    facts: Row = {
        "leader": found.leader_id,
        "epoch": found.leader_epoch,
        "high_watermark": found.high_watermark,
    }
    if as_json:
        print_json({**facts, "replicas": rows})
        return
    show_facts(facts, _FACTS, as_json=False)
    print()
    show(_COLUMNS, rows, as_json=False)
