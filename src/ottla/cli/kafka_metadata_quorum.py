"""kafka-metadata-quorum.sh describe: who leads the metadata quorum, and how far each replica is.

`--status` tells the quorum in one block, `--replication` a row for each replica. Adding and
removing controllers is refused by name. As Apache's it takes the beginning of an option's name for
the whole, if it is that of no other.
"""

from __future__ import annotations

import sys
from typing import Any

from ottla.cli.connect import connect
from ottla.cli.options import (
    BOOTSTRAP,
    COMMAND_CONFIG,
    Command,
    Option,
    Parsed,
    UsageError,
    whole,
)
from ottla.cli.run import Failed, run
from ottla.cli.table import print_table
from ottla.client.admin import cluster
from ottla.client.client import Client
from ottla.wire.types import ZERO_UUID, uuid_text

COMMAND = Command(
    "kafka-metadata-quorum.sh",
    "describe the metadata quorum",
    (
        BOOTSTRAP,
        COMMAND_CONFIG,
        Option("--bootstrap-controller", "", "host:port", refused="name a broker instead"),
        Option("--status", "The leader, its epoch, how far it is, and who else there is."),
        Option("--replication", "How far each replica is."),
        Option("--human-readable", "Times as how long ago they were."),
    ),
    (
        (
            "who leads",
            "kafka-metadata-quorum.sh --bootstrap-server localhost:9092 describe --status",
        ),
        (
            "how far is everybody",
            "kafka-metadata-quorum.sh --bootstrap-server localhost:9092 describe --replication "
            "--human-readable",
        ),
    ),
    words="describe",
    help_exit_code=0,
)
HEADS = (
    "NodeId",
    "DirectoryId",
    "LogEndOffset",
    "Lag",
    "LastFetchTimestamp",
    "LastCaughtUpTimestamp",
    "Status",
)


def main(parsed: Parsed) -> int:
    """Describe in the one way that was asked for."""
    _check(parsed)
    with connect(parsed) as client:
        if parsed.has("--status"):
            _print_status(client)
        else:
            _print_replication(client, human=parsed.has("--human-readable"))
    return 0


def _check(parsed: Parsed) -> None:
    if not parsed.has("--bootstrap-server"):
        raise UsageError(
            "one of the arguments --bootstrap-server --bootstrap-controller is required"
        )
    if not parsed.words:
        raise UsageError("too few arguments", hint="what can be done is `describe`")
    if parsed.words[0] in ("add-controller", "remove-controller"):
        raise UsageError(f"{parsed.words[0]} is not honoured: a quorum of one can't change yet")
    if parsed.words != ["describe"]:
        wrong = next(word for word in (*parsed.words[1:], *parsed.words) if word != "describe")
        raise UsageError(f"invalid choice: '{wrong}' (choose from 'describe')")
    status, replication = parsed.has("--status"), parsed.has("--replication")
    if status and replication:
        raise UsageError(
            "Only one of --status or --replication should be specified with describe sub-command"
        )
    if not status and not replication:
        raise UsageError(
            "One of --status or --replication must be specified with describe sub-command"
        )
    if parsed.has("--human-readable") and not replication:
        raise UsageError("The option --human-readable is only supported along with --replication")


def _print_status(client: Client) -> None:
    cluster_id = cluster.describe(client).id
    found, nodes = cluster.quorum_and_nodes(client)
    leader = _leader(found)
    last = min(found.current_voters, key=lambda row: int(row.log_end_offset), default=leader)
    behind_ms = 0
    if last is not leader:
        behind_ms = -1
        if min(leader.last_caught_up_timestamp, last.last_caught_up_timestamp) >= 0:
            behind_ms = leader.last_caught_up_timestamp - last.last_caught_up_timestamp
    where = {row.node_id: row.listeners for row in nodes}
    rows = (
        ("ClusterId:", cluster_id),
        ("LeaderId:", found.leader_id),
        ("LeaderEpoch:", found.leader_epoch),
        ("HighWatermark:", found.high_watermark),
        ("MaxFollowerLag:", leader.log_end_offset - last.log_end_offset),
        ("MaxFollowerLagTimeMs:", behind_ms),
        ("CurrentVoters:", _replicas(found.current_voters, where)),
        ("CurrentObservers:", _replicas(found.observers, {})),
    )
    for name, value in rows:
        print(f"{name:24}{value}")


def _leader(found: Any) -> Any:
    for row in found.current_voters:
        if row.replica_id == found.leader_id:
            return row
    raise Failed(
        f"the leader {found.leader_id} is none of the voters", hint="ask again in a moment"
    )


def _replicas(replicas: list[Any], where: dict[int, Any]) -> str:
    """As the tool writes them: JSON, though no program made it."""
    texts = []
    for row in replicas:
        parts = [f'"id": {row.replica_id}']
        if row.replica_directory_id != ZERO_UUID:
            parts.append(f'"directoryId": "{uuid_text(row.replica_directory_id)}"')
        listeners = where.get(row.replica_id, ())
        if listeners:
            shown = ", ".join(f'"{at.name}://{at.host}:{at.port}"' for at in listeners)
            parts.append(f'"endpoints": [{shown}]')
        texts.append("{" + ", ".join(parts) + "}")
    return f"[{', '.join(texts)}]"


def _print_replication(client: Client, *, human: bool) -> None:
    import time

    found = cluster.quorum(client)
    now_ms = int(time.time() * 1000)
    leader = _leader(found)

    def when(ms: int) -> str:
        return f"{now_ms - ms} ms ago" if human and ms >= 0 else str(ms)

    def row(replica: Any, status: str) -> tuple[str, ...]:
        return (
            str(replica.replica_id),
            uuid_text(replica.replica_directory_id),
            str(replica.log_end_offset),
            str(leader.log_end_offset - replica.log_end_offset),
            when(replica.last_fetch_timestamp),
            when(replica.last_caught_up_timestamp),
            status,
        )

    rows = [row(leader, "Leader")]
    rows += [row(voter, "Follower") for voter in found.current_voters if voter is not leader]
    rows += [row(observer, "Observer") for observer in found.observers]
    print_table(HEADS, rows)


def entry() -> int:
    """kafka-metadata-quorum.sh."""
    return run(COMMAND, main, whole(COMMAND, sys.argv[1:]))
