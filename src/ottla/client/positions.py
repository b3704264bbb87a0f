"""What a member of a group commits: its position in every partition that it has.

Also in those that it read nothing of: a group that came back to none of them would begin there
wherever `auto.offset.reset` says, and miss, or read again, what was written meanwhile. It knows no
connection and no library; what a client keeps of its partitions comes in.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from ottla.client.places import TopicPartition


class Position(NamedTuple):
    """Where reading goes on, and the epoch of the leader that said so, if one did."""

    offset: int
    leader_epoch: int | None = None


class Passed(NamedTuple):
    """What a member is done with: a record, or the end of a partition, where there is none yet."""

    place: TopicPartition
    offset: int
    leader_epoch: int | None
    is_record: bool


def to_commit(
    assigned: Iterable[TopicPartition],
    begun: Mapping[TopicPartition, Position],
    passed: Iterable[Passed],
) -> dict[TopicPartition, Position]:
    """The positions to commit, by partition.

    Each is behind the last thing that was passed there, and before anything was, where reading
    began. An end lies behind what closes a transaction, which is no record. What is another
    member's by now is left out, and so is a beginning that nobody knows as a number yet.
    """
    found = dict(begun)
    for place, offset, leader_epoch, is_record in passed:
        found[place] = Position(offset + is_record, leader_epoch)
    ours = set(assigned)
    return {place: at for place, at in found.items() if place in ours and at.offset >= 0}
