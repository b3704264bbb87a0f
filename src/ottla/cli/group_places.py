"""Where a group is in its partitions, and who reads them: for persons, and their doctor."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, NamedTuple

from ottla.cli.run import Failed, printable

if TYPE_CHECKING:
    from ottla.client.admin.groups import Described, Member
    from ottla.client.client import Client


class Place(NamedTuple):
    """Where a group is in one partition; None where nobody knows."""

    topic: str
    partition: int
    offset: int | None
    end: int | None
    member: Member | None

    @property
    def lag(self) -> int | None:
        """Records that it has not read yet."""
        if self.offset is None or self.end is None:
            return None
        return max(0, self.end - self.offset)

    @property
    def is_unknown(self) -> bool:
        """Whether there are, or were, records that it has said nothing of."""
        return self.offset is None and self.end != 0

    def row(self) -> dict[str, Any]:
        """As it is shown."""
        member = self.member
        return {
            "topic": self.topic,
            "partition": self.partition,
            "offset": self.offset,
            "end": self.end,
            "lag": self.lag,
            "member": None if member is None else member.instance_id or member.id,
            "host": None if member is None else member.host.removeprefix("/"),
        }


def total_lag(found: Iterable[Place]) -> int | None:
    """Of several partitions, as far as it is known; None if it is of none, and there are some."""
    found = list(found)
    known = [place.lag for place in found if place.lag is not None]
    return sum(known) if known or not found else None


def where_it_is(client: Client, group: Described) -> list[Place]:
    """A group's partitions, those of members and those with offsets, by name and number."""
    from ottla.client.admin import groups, offsets

    committed = groups.committed(client, group.group)
    owners = {place: member for member in group.members for place in member.partitions}
    order = sorted({*owners, *committed})
    ends = offsets.list_offsets(client, dict.fromkeys(order, offsets.LATEST)) if order else {}
    found = []
    for place in order:
        at, end = committed.get(place), ends.get(place)
        found.append(
            Place(
                *place,
                None if at is None else at.offset,
                end.offset if isinstance(end, offsets.Found) else None,
                owners.get(place),
            )
        )
    return found


def described(client: Client, name: str) -> Described:
    """A group that is there.

    Raises:
        Failed: it is not; the hint has the name that was meant.
    """
    from ottla.cli.options import nearest
    from ottla.client.admin import groups
    from ottla.client.errors import BrokerError

    try:
        found = groups.describe(client, name)
    except BrokerError as error:
        if error.code != groups.GROUP_ID_NOT_FOUND:
            raise
    else:
        if found.state != "Dead":
            return found
    there = [row.group for row in groups.list_groups(client)]
    close = nearest(name, there) or "ottla groups shows those that do"
    raise Failed(f"group {printable(name)} does not exist", hint=printable(close))
