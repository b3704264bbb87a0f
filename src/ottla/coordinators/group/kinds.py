"""What a kind of group brings to the shard: rows for its tables.

A new kind is a folder beside `classic/`, with its `Kind` in the list of shard.py.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from ottla.coordinators.group.group import TimerKey
    from ottla.coordinators.group.state import ShardTurn, State
    from ottla.decide import Ask, Now, Record
    from ottla.wire.errors import ErrorCode


class Rule(NamedTuple):
    """What becomes of one type of request."""

    decide: Callable[[ShardTurn, Ask], None]
    refuse: Callable[[Any, ErrorCode], Any]
    """The response that carries an error, to a body that no shard has decided."""


class Kind(NamedTuple):
    """The rules of one kind of group, as rows of the shard's tables."""

    requests: Mapping[type[Any], Rule]
    """By the type of the request's body."""
    records: Mapping[int, Callable[[State, int, Record, Now], None]]
    """What applies a record, by the type of its key."""
    timers: Mapping[str, Callable[[ShardTurn, TimerKey], None]]
    """What a due timer does, by the kind of its key."""
    loaded: Callable[[ShardTurn], None]
    """What follows when the replay is over."""
