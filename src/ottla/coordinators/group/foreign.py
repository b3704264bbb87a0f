"""Groups that are kept in the same topic but not served here yet: consumer (KIP-848), streams and
share groups.

Their records, which an Apache Kafka node may have written, stay untouched in the log. What is kept
in memory is their keys: which groups there are, of which kind, and whether anybody is in them. So a
name is not used twice, an empty one can be deleted or taken over by a classic group (with
tombstones for every key), and one that is in use is refused by name.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Final

from ottla.coordinators.group import records
from ottla.coordinators.group.kinds import Kind, joined
from ottla.decide import Record
from ottla.wire.errors import ErrorCode
from ottla.wire.messages.list_groups import ListedGroup
from ottla.wire.schema import ProtocolError

if TYPE_CHECKING:
    from ottla.coordinators.group.state import ShardTurn, State
    from ottla.coordinators.group.turn import Turn
    from ottla.decide import Ask, Now
    from ottla.wire.messages.describe_groups import DescribedGroup

_CONSUMER: Final = (8, 7, 5, 16, 6, 4, 3)
_STREAMS: Final = (22, 21, 19, 20, 23, 17)
_SHARE: Final = (14, 13, 10, 12, 15, 11)
_KINDS: Final = {"consumer": _CONSUMER, "streams": _STREAMS, "share": _SHARE}
"""Key types of each kind of group, in the order that their tombstones must have for Apache Kafka's
replay.
"""
_KIND_OF: Final = joined([dict.fromkeys(types, kind) for kind, types in _KINDS.items()])
_MEMBERS: Final = (5, 19, 10)


class ForeignGroup:
    """One group of another kind: its keys by key type."""

    __slots__ = ("group_id", "keys", "kind")

    def __init__(self, group_id: str, kind: str) -> None:
        self.group_id = group_id
        self.kind = kind
        self.keys: dict[int, set[bytes]] = {}

    @property
    def is_empty(self) -> bool:
        return not any(self.keys.get(key_type) for key_type in _MEMBERS)

    @property
    def lives(self) -> bool:
        """Who made it says when it ends: nothing of it ages here."""
        return True

    @property
    def yields(self) -> bool:
        return self.deletion_error() is None

    @property
    def offsets_age(self) -> bool:
        return False

    @property
    def empty_since_ms(self) -> None:
        return None

    def is_subscribed_to(self, topic: str) -> bool:
        """Nobody asks while it is in use."""
        return False

    def list_row(self) -> ListedGroup:
        """Its row of ListGroups, as far as the records alone tell."""
        return ListedGroup(
            group_id=self.group_id,
            protocol_type=self.kind,
            group_state="Empty" if self.is_empty else "Stable",
            group_type=self.kind,
        )

    def describe_row(self) -> DescribedGroup | None:
        """None: the tools ask the other kinds' own APIs then, as with Apache Kafka."""
        return None

    def commit_error(self, ask: Ask) -> ErrorCode | None:
        """Only who is no member may commit, to an empty group."""
        if ask.body.generation_id_or_member_epoch < 0 and self.is_empty:
            return None
        return ErrorCode.UNKNOWN_MEMBER_ID

    def committed(self, turn: Turn, member_id: str) -> None:
        """Nobody here is a member."""

    def deletion_error(self) -> ErrorCode | None:
        """A share group's state lies in another coordinator's topic; it is not ours to delete
        yet.
        """
        if self.kind == "share":
            return ErrorCode.GROUP_ID_NOT_FOUND
        return None if self.is_empty else ErrorCode.NON_EMPTY_GROUP

    def offset_deletion_error(self) -> ErrorCode | None:
        """Only offsets of an empty group can be deleted."""
        return None if self.is_empty else ErrorCode.NON_EMPTY_GROUP

    def end(self, turn: Turn) -> None:
        """One tombstone for every key."""
        for key_type in _KINDS[self.kind]:
            for key in sorted(self.keys.get(key_type, ())):
                turn.write(Record(key, None))


def _apply(state: State, key_type: int, record: Record, now: Now) -> None:
    """Take note of one record of another kind of group."""
    key = record.key or b""
    group_id = records.read_group_id(key)
    kind = _KIND_OF[key_type]
    group = state.groups.get(group_id)
    if record.value is not None:
        if not isinstance(group, ForeignGroup):
            if group is not None and not group.is_empty:
                raise ProtocolError(f"{group_id} is a {group.kind} group with members")
            group = None
        if group is None or group.kind != kind:
            group = state.groups[group_id] = ForeignGroup(group_id, kind)
        group.keys.setdefault(key_type, set()).add(key)
    elif isinstance(group, ForeignGroup):
        group.keys.get(key_type, set()).discard(key)
        if not any(group.keys.values()):
            del state.groups[group_id]


def _loaded(turn: ShardTurn) -> None:
    """Say what is not served."""
    groups = turn.state.groups.values()
    found = Counter(group.kind for group in groups if isinstance(group, ForeignGroup))
    for kind, count in sorted(found.items()):
        turn.note(f"{count} {kind} group(s) are kept as they are and not served yet")


FOREIGN: Final = Kind(
    names=tuple(_KINDS),
    requests={},
    begins={},
    records=dict.fromkeys(_KIND_OF, _apply),
    timers={},
    loaded=_loaded,
)
