"""Where a group is in the partitions that it has to do with, and how far behind."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from ottla.client.client import Client


class Place(NamedTuple):
    """A partition that a group has to do with."""

    name: str
    committed: int | None
    begin: int
    end: int

    @property
    def lag(self) -> int:
        """Records between what was committed and the end."""
        return max(0, self.end - max(self.committed or 0, self.begin))


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
            said.append(f"{p.name} {at} of {p.end}")
        return ", ".join(said) or "it has neither members nor commits"


_SETTLED = ("Stable", "Empty", "Dead")


def standing(client: Client, group: str) -> Standing:
    """Where a group is now.

    Raises:
        OttlaError: nobody could be asked.
    """
    from ottla.client import groups, offsets, records
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
    found = []
    for place in wanted:
        begin, end, commit = first[place], last[place], committed.get(place)
        if isinstance(begin, BrokerError) or isinstance(end, BrokerError):
            return Standing([], unsettled)
        name = f"{place[0]}-{place[1]}"
        at = None if commit is None else commit.offset
        found.append(Place(name, at, begin.offset, end.offset))
    return Standing(found, unsettled)
