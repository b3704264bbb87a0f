"""Where a group is in the partitions that it has to do with, and how far behind."""

from __future__ import annotations

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


def places(client: Client, group: str) -> list[Place]:
    """All partitions of the topics that a group has committed to or is reading; none while one of
    them is going.

    Raises:
        OttlaError: nobody could be asked.
    """
    from ottla.client import groups, offsets, records
    from ottla.client.errors import BrokerError

    committed = groups.committed(client, group)
    topics = {topic for topic, _ in committed}
    try:
        for member in groups.describe(client, group).members:
            topics.update(topic for topic, _ in member.partitions)
    except BrokerError as error:
        if error.code != groups.GROUP_ID_NOT_FOUND:
            raise
    try:
        wanted = [(t, p) for t in sorted(topics) for p in records.partitions(client, t)]
    except BrokerError:  # one of them is gone, or goes
        return []
    first = offsets.list_offsets(client, dict.fromkeys(wanted, offsets.EARLIEST))
    last = offsets.list_offsets(client, dict.fromkeys(wanted, offsets.LATEST))
    found = []
    for place in wanted:
        begin, end, commit = first[place], last[place], committed.get(place)
        if isinstance(begin, BrokerError) or isinstance(end, BrokerError):
            return []
        name = f"{place[0]}-{place[1]}"
        at = None if commit is None else commit.offset
        found.append(Place(name, at, begin.offset, end.offset))
    return found


def where(places: list[Place]) -> str:
    """In words for who waited in vain."""
    if not places:
        return "it has neither members nor commits"
    return ", ".join(
        f"{p.name} {'has no commit' if p.committed is None else f'is at {p.committed}'} of {p.end}"
        for p in places
    )
