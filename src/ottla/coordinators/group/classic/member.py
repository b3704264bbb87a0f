"""One member of a classic group, and what members say that they can do."""

from __future__ import annotations

from collections.abc import Iterable

from ottla.wire.java import java_hash

Protocols = tuple[tuple[str, bytes], ...]
"""What a member can do, best first: (name, metadata)."""


class Member:
    """One member of a classic group as it is now, which is soft. Its `assignment` is what is
    settled, or nothing while a round goes on.
    """

    __slots__ = (
        "assignment",
        "client_host",
        "client_id",
        "deadline_ms",
        "heard_on",
        "instance_id",
        "is_new",
        "join_token",
        "member_id",
        "protocols",
        "rebalance_timeout_ms",
        "session_timeout_ms",
        "sync_token",
        "timer_at_ms",
    )

    def __init__(
        self,
        member_id: str,
        *,
        instance_id: str | None,
        client_id: str,
        client_host: str,
        rebalance_timeout_ms: int,
        session_timeout_ms: int,
        protocols: Protocols,
        assignment: bytes = b"",
    ) -> None:
        self.member_id = member_id
        self.instance_id = instance_id
        self.client_id = client_id
        self.client_host = client_host
        self.rebalance_timeout_ms = rebalance_timeout_ms
        self.session_timeout_ms = session_timeout_ms
        self.protocols = protocols
        self.assignment = assignment
        self.join_token: int | None = None
        """The parked JoinGroup, and below the parked SyncGroup."""
        self.sync_token: int | None = None
        self.is_new = False
        """Whether it waits in its first join, which may last longer than its session."""
        self.deadline_ms = 0
        """When its session ends."""
        self.heard_on: int | None = None
        """The connection of its last word; None if that was to another node, or another life."""
        self.timer_at_ms: int | None = None
        """When its timer fires: at the deadline or before it, then it is set again."""

    def metadata(self, protocol: str | None) -> bytes:
        """What the member said with this protocol."""
        for name, metadata in self.protocols:
            if name == protocol:
                return metadata
        return b""


def in_hash_map_order(names: Iterable[str]) -> list[str]:
    """The order in which Java's HashMap, which these names were put into, gives them out."""
    keys = list(names)
    buckets = 16
    while len(keys) > buckets * 3 // 4:
        buckets *= 2

    def bucket(name: str) -> int:
        value = java_hash(name) & 0xFFFFFFFF
        return (value ^ (value >> 16)) & (buckets - 1)

    return sorted(keys, key=bucket)
