"""How one request becomes one for each shard that it concerns, and their answers become one.

Such a request names several groups, or all of them, or partitions of the topic itself. What a shard
is asked is a body of the request's own type. A group that is named by its name alone is answered
once; where a request says more of a group than its name, each time is a question of its own. Each
`Split` answers for all that the request names, in its order, whatever is named how often.
"""

from __future__ import annotations

from collections.abc import Callable
from copy import copy
from typing import Any, NamedTuple, Protocol

from ottla.coordinators.questions import MarkersWritten, WriteMarkers
from ottla.errors import BrokenInvariant
from ottla.wire.errors import ErrorCode
from ottla.wire.messages.list_groups import ListGroupsRequest, ListGroupsResponse
from ottla.wire.stored.frame import CONSUMER_OFFSETS


class Shards(Protocol):
    """Where groups are, as far as who splits a request has to know."""

    def partition_for(self, group_id: str) -> int:
        """The partition that a group lives in."""

    def partitions(self) -> list[int]:
        """The partitions that are led here."""


class Parts(NamedTuple):
    """One request, split."""

    bodies: dict[int, Any]
    """What each partition's shard is asked."""
    merge: Callable[[list[Any]], Any]
    """Makes one answer of theirs, which come in the order of `bodies`."""


Split = Callable[[Any, Shards], Parts]


def several(groups: str, rows: str, response: type[Any]) -> Split:
    """Of a request whose field `groups` names groups, and whose response has in `rows` one for each
    of them. A group there is its name, or has it as its `group_id`.
    """

    def split(body: Any, shards: Shards) -> Parts:
        named: list[Any] = getattr(body, groups)
        if all(isinstance(one, str) for one in named):
            named = list(dict.fromkeys(named))
        places: dict[int, list[int]] = {}
        for place, one in enumerate(named):
            group_id = one if isinstance(one, str) else one.group_id
            places.setdefault(shards.partition_for(group_id), []).append(place)

        def part(of: list[int]) -> Any:
            asked = copy(body)
            setattr(asked, groups, [named[place] for place in of])
            return asked

        def merge(responses: list[Any]) -> Any:
            found: dict[int, Any] = {}
            for of, one in zip(places.values(), responses, strict=True):
                found.update(zip(of, getattr(one, rows), strict=True))
            whole = response()
            setattr(whole, rows, [found[place] for place in range(len(named))])
            return whole

        return Parts({partition: part(of) for partition, of in places.items()}, merge)

    return split


def every_shard(body: ListGroupsRequest, shards: Shards) -> Parts:
    """All shards are asked; one that still loads makes the whole answer wait to be asked again."""

    def merge(responses: list[ListGroupsResponse]) -> ListGroupsResponse:
        error = next((one.error_code for one in responses if one.error_code), ErrorCode.NONE)
        groups = [] if error else [group for one in responses for group in one.groups]
        return ListGroupsResponse(error_code=error, groups=groups)

    return Parts(dict.fromkeys(shards.partitions(), body), merge)


def named_partitions(body: WriteMarkers, shards: Shards) -> Parts:
    """The shards of the partitions of our own topic that a marker goes to."""
    if any(topic != CONSUMER_OFFSETS for topic, _ in body.partitions):
        raise BrokenInvariant(f"no group has state in {body.partitions!r:.200}")
    bodies = {
        index: body._replace(partitions=((topic, index),)) for topic, index in body.partitions
    }

    def merge(responses: list[MarkersWritten]) -> MarkersWritten:
        return MarkersWritten({one: code for of in responses for one, code in of.errors.items()})

    return Parts(bodies, merge)
