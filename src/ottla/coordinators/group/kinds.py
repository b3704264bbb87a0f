"""What a kind of group brings to the shard, and how the shard finds whose affair something is.

A new kind is a folder beside `classic/`, with its `Kind` in the list of shard.py. A request about
one group goes to that group's own kind if there is a group, whatever kind the request was made for:
a consumer group may take a JoinGroup. If its kind does not take such requests, or there is no
group, the request's own kind answers; it brings the door, too, through which such a request comes.
One that names several groups has one rule, which answers for each of them (split.py says how they
become one answer). Two rows for one thing are refused when the table is made.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final, NamedTuple, TypeVar

from ottla.wire.errors import ErrorCode

if TYPE_CHECKING:
    from ottla.coordinators.group.config import ConfigOf
    from ottla.coordinators.group.group import Group, TimerKey
    from ottla.coordinators.group.split import Parts, Shards, Split
    from ottla.coordinators.group.state import ShardTurn, State
    from ottla.decide import Ask, Now, Record
    from ottla.metadata.delta import MetadataDelta

Refusal = Callable[[Any, "ErrorCode"], Any]
"""The response that carries an error, to a body that no shard has decided."""
Decide = Callable[["ShardTurn", Any, "Ask"], None]
"""What a group, which is of the kind that has the row, does with a request."""
Apply = Callable[["State", int, "Record", "Now"], None]
"""What applies a record, given the type of its key."""

K = TypeVar("K")
V = TypeVar("V")


Door = Callable[["Ask", "ConfigOf"], "tuple[Ask, ErrorCode | None]"]
"""What can be said of a request before its group is looked for: the request as it goes on, and why
it does not. Where the group lives makes no difference to that.
"""


def has_name(ask: Ask, _config_of: ConfigOf) -> tuple[Ask, ErrorCode | None]:
    """The door of a request about one group, of which no more is to be said: the group has a
    name.
    """
    return ask, None if ask.body.group_id else ErrorCode.INVALID_GROUP_ID


class Shared(NamedTuple):
    """What becomes of one type of request that does not go to one group's own kind."""

    decide: Callable[[ShardTurn, Ask], None]
    refuse: Refusal
    split: Split | None = None
    """If it may concern several shards; else it names one group, and has a door."""
    door: Door = has_name


class Begin(NamedTuple):
    """What becomes of one type of request where no group takes it."""

    new: Callable[[ShardTurn, Ask], None]
    """There is no group of that name."""
    other: Callable[[ShardTurn, Group, Ask], None]
    """There is one, of a kind that takes no such request."""
    refuse: Refusal
    door: Door = has_name


NOTHING: Final[Mapping[type[Any], Any]] = MappingProxyType({})


class Kind(NamedTuple):
    """The rules of one kind of group."""

    names: tuple[str, ...]
    """What its groups say as their `kind`."""
    requests: Mapping[type[Any], Decide]
    """What its groups take, by the type of the request's body, which names one group."""
    begins: Mapping[type[Any], Begin]
    """The requests that were made for this kind and name one group."""
    records: Mapping[int, Apply]
    """By the type of the record's key."""
    timers: Mapping[str, Callable[[ShardTurn, Any, TimerKey], None]]
    """What a due timer does with its group, by the kind of its key."""
    shared: Mapping[type[Any], Shared] = NOTHING
    """The requests that were made for this kind and concern several groups."""
    loaded: Callable[[ShardTurn], None] | None = None
    """What follows when the replay is over; `turn.state.image` is the cluster as it is then."""
    on_image: Callable[[ShardTurn, MetadataDelta], None] | None = None
    """What follows from a change of the cluster: of topics and partitions (`turn.state.image` has
    their counts), and of what groups set for themselves, which `config_of` says from here on.
    """
    on_leap: Callable[[ShardTurn, int, frozenset[int]], None] | None = None
    """What follows as the clocks are moved by so much, of which no member can know."""
    by_commit: Callable[[str, int], Group] | None = None
    """The group that a commit alone makes, at this time of the wall clock; one kind has it."""


class Kinds:
    """All kinds of groups that a shard knows, and what is alike for them."""

    __slots__ = (
        "_begins",
        "_of",
        "_shared",
        "_timers",
        "by_commit",
        "loaded",
        "on_image",
        "on_leap",
        "records",
    )

    def __init__(
        self,
        kinds: Iterable[Kind],
        shared: Mapping[type[Any], Shared],
        records: Mapping[int, Apply],
    ) -> None:
        every = tuple(kinds)
        self._of = joined([dict.fromkeys(one.names, one) for one in every])
        self._shared = joined([shared, *(one.shared for one in every)])
        self._begins = joined([one.begins for one in every])
        if twice := self._shared.keys() & self._begins.keys():
            raise ValueError(f"{sorted(map(str, twice))} go to one group and to several")
        self._timers = joined([dict.fromkeys(one.timers, one) for one in every])
        self.records = joined([records, *(one.records for one in every)])
        self.loaded = [one.loaded for one in every if one.loaded is not None]
        self.on_image = [one.on_image for one in every if one.on_image is not None]
        self.on_leap = [one.on_leap for one in every if one.on_leap is not None]
        (self.by_commit,) = [one.by_commit for one in every if one.by_commit is not None]

    def decide(self, turn: ShardTurn, ask: Ask) -> None:
        """Let whose affair it is decide a request.

        Raises:
            KeyError: no rule is here for such a request.
        """
        asked = type(ask.body)
        if (shared := self._shared.get(asked)) is not None:
            shared.decide(turn, ask)
            return
        begin = self._begins[asked]
        group = turn.state.groups.get(ask.body.group_id)
        if group is None:
            begin.new(turn, ask)
        else:
            rule: Decide = self._of[group.kind].requests.get(asked, begin.other)
            rule(turn, group, ask)

    def fire(self, turn: ShardTurn, key: TimerKey) -> None:
        """Let a group see to its timer, if it is still there and of that kind."""
        kind = self._timers[key.kind]
        group = turn.state.groups.get(key.group_id)
        if group is not None and self._of[group.kind] is kind:
            kind.timers[key.kind](turn, group, key)

    def split(self, body: Any, shards: Shards) -> Parts | None:
        """What each shard is asked, if the request may concern several."""
        shared = self._shared.get(type(body))
        return None if shared is None or shared.split is None else shared.split(body, shards)

    def door(self, ask: Ask, config_of: ConfigOf) -> tuple[Ask, ErrorCode | None]:
        """A request about one group as it goes to its shard, and why it does not.

        Raises:
            KeyError: no rule is here for such a request.
        """
        return self._row(ask.body).door(ask, config_of)

    def refuse(self, ask: Ask, error: ErrorCode) -> Any:
        """The response that carries an error, to a request that no shard has decided."""
        return self._row(ask.body).refuse(ask.body, error)

    def _row(self, body: Any) -> Shared | Begin:
        asked = type(body)
        shared = self._shared.get(asked)
        return self._begins[asked] if shared is None else shared


def joined(tables: Iterable[Mapping[K, V]]) -> dict[K, V]:
    """One table of them all.

    Raises:
        ValueError: two have a row for the same.
    """
    found: dict[K, V] = {}
    for table in tables:
        if twice := found.keys() & table.keys():
            raise ValueError(f"two kinds of groups have rows for {sorted(map(str, twice))}")
        found.update(table)
    return found
