"""Where a group is in the partitions that it has to do with, and how far behind.

That is a number of records, not of offsets: marks of transactions lie between records and are none,
and what was aborted is nobody's work. What a transaction holds that is still open may become work,
so it counts, together with what lies behind its beginning.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import islice
from typing import TYPE_CHECKING, NamedTuple

from ottla.errors import OttlaError

if TYPE_CHECKING:
    from ottla.client.client import Client
    from ottla.client.places import TopicPartition


class Place(NamedTuple):
    """A partition that a group has to do with."""

    topic: str
    partition: int
    committed: int | None
    stable: int
    """Where the first open transaction begins; the end if none is."""
    end: int
    lag: int
    """Records that it has not committed; one more than it may have, if they are more."""


class Standing(NamedTuple):
    """Where a group is."""

    places: Sequence[Place] = ()
    """All partitions of the topics that it has committed to or is reading; none while one of them
    is going.
    """
    unsettled: str | None = None
    """Why nobody can say yet what it is reading."""

    @property
    def lag(self) -> int | None:
        """How many records it is behind; None if that can't be said."""
        if self.unsettled is not None or not self.places:
            return None
        return sum(place.lag for place in self.places)

    def __str__(self) -> str:
        said = [self.unsettled] if self.unsettled else []
        for p in self.places:
            at = "has no commit" if p.committed is None else f"is at {p.committed}"
            open_from = "" if p.stable >= p.end else f" (open transactions begin at {p.stable})"
            said.append(f"{p.topic}-{p.partition} {at} of {p.end}{open_from}")
        return ", ".join(said) or "it has neither members nor commits"


_SETTLED = ("Stable", "Empty", "Dead")


_LOOK_BYTES = 64 * 1024
"""So much is read at once of what a group has not committed: it may be far behind."""


def standing(client: Client, group: str, most: int) -> Standing:
    """Where a group is now; nobody counts much beyond so many records.

    Raises:
        OttlaError: nobody could be asked.
    """
    from ottla.client import records
    from ottla.client.admin import groups, offsets
    from ottla.client.errors import BrokerError

    committed = groups.committed(client, group)
    topics = {topic for topic, _ in committed}
    unsettled = None
    try:
        described = groups.describe(client, group)
        if described.state not in _SETTLED:
            # Partitions that it is about to get are those of nobody yet.
            unsettled = f"it rebalances ({described.state}, {len(described.members)} members)"
        for member in described.members:
            topics.update(topic for topic, _ in member.partitions)
    except BrokerError as error:
        if error.code != groups.GROUP_ID_NOT_FOUND:
            raise
    try:
        wanted = [(t, p) for t in sorted(topics) for p in records.partitions(client, t)]
    except BrokerError:  # one of them is gone, or goes
        return Standing([], unsettled)
    first = offsets.list_offsets(client, dict.fromkeys(wanted, offsets.EARLIEST))
    last = offsets.list_offsets(client, dict.fromkeys(wanted, offsets.LATEST))
    stable = offsets.list_offsets(
        client, dict.fromkeys(wanted, offsets.LATEST), read_committed=True
    )
    found = []
    for place in wanted:
        begin, end, lso = first[place], last[place], stable[place]
        for one in (begin, end, lso):
            if isinstance(one, BrokerError):
                return Standing([], unsettled)
        assert not isinstance(begin, BrokerError)
        assert not isinstance(end, BrokerError)
        assert not isinstance(lso, BrokerError)
        commit = committed.get(place)
        at = None if commit is None else commit.offset
        bounds = max(at or 0, begin.offset), min(lso.offset, end.offset), end.offset
        lag = _lag(client, place, *bounds, most=most)
        found.append(Place(*place, at, bounds[1], end.offset, lag))
    return Standing(found, unsettled)


def pending(client: Client, group: str, places: Sequence[Place]) -> str | None:
    """What a group has not committed because the transaction that does it is open still, in words;
    None if nothing is.
    """
    from ottla.client.admin import groups

    try:
        found = sorted(groups.pending(client, group, [(p.topic, p.partition) for p in places]))
        holders = _open_transactions(client, group)
    except OttlaError:
        return None  # it would only explain
    if found:
        whose = " or ".join(map(repr, holders)) or "somebody's that has ended meanwhile"
        where = ", ".join(f"{topic}-{partition}" for topic, partition in found)
        return f"its offsets of {where} are pending in the open transaction of {whose}"
    if holders and not places:
        return f"they may be pending in the open transaction of {' or '.join(map(repr, holders))}"
    return None


def _open_transactions(client: Client, group: str) -> list[str]:
    """The transactional ids whose transactions hold offsets, of this group or of one that lives in
    the same partition.
    """
    from ottla.client import records
    from ottla.client.admin import transactions
    from ottla.client.errors import BrokerError
    from ottla.coordinators.key_partition import partition_for
    from ottla.wire.stored.frame import CONSUMER_OFFSETS

    count = len(records.partitions(client, CONSUMER_OFFSETS))
    home: TopicPartition = (CONSUMER_OFFSETS, partition_for(group, count))
    states = ("Ongoing", "PrepareCommit", "PrepareAbort")
    listed = transactions.list_transactions(client, states=states)
    known = transactions.describe_transactions(client, [one.transactional_id for one in listed])
    return sorted(
        transactional_id
        for transactional_id, one in known.items()
        if not isinstance(one, BrokerError) and home in one.partitions
    )


def _lag(
    client: Client, place: tuple[str, int], offset: int, stable: int, end: int, *, most: int
) -> int:
    """Records from an offset on."""
    from ottla.client import records

    unread = records.committed(client, place, offset, stable, _LOOK_BYTES)
    return sum(1 for _ in islice(unread, most + 1)) + max(0, end - max(stable, offset))
