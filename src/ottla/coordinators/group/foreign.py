"""Kinds of groups that are kept in the same topic but not served here yet: consumer (KIP-848),
streams and share groups. Each is a kind of its own; one that is served gets a folder, and leaves.

Their records, which an Apache Kafka node may have written, stay untouched in the log. What is kept
in memory is their keys: which groups there are, of which kind, and whether anybody is in them. So a
name is not used twice, an empty one can be deleted or taken over by a classic group (with
tombstones for every key), and one that is in use is refused by name.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from ottla.coordinators.group import records
from ottla.coordinators.group.kinds import Kind
from ottla.decide import Record
from ottla.wire.errors import ErrorCode
from ottla.wire.messages.list_groups import ListedGroup
from ottla.wire.schema import CoordinatorKey, ProtocolError
from ottla.wire.stored import groups, share, streams

if TYPE_CHECKING:
    from ottla.coordinators.group.state import ShardTurn, State
    from ottla.coordinators.turn import Turn
    from ottla.decide import Ask, Now
    from ottla.wire.messages.describe_groups import DescribedGroup
    from ottla.wire.messages.txn_offset_commit import TxnOffsetCommitRequest


class Rows(NamedTuple):
    """What is known of one kind: no more than which records are its own."""

    name: str
    keys: tuple[type[CoordinatorKey], ...]
    """The keys of its records, in the order that tombstones must have for Apache Kafka's replay."""
    member: type[CoordinatorKey]
    """The one of them that says that somebody is in the group."""
    state_elsewhere: bool = False
    """Whether how far it has read lies in another coordinator's topic, so that it takes no commits
    and is not ours to delete.
    """


class ForeignGroup:
    """One group of such a kind: its keys by key type."""

    __slots__ = ("_rows", "group_id", "keys")

    def __init__(self, group_id: str, rows: Rows) -> None:
        self._rows = rows
        self.group_id = group_id
        self.keys: dict[int, set[bytes]] = {}

    @property
    def kind(self) -> str:
        return self._rows.name

    @property
    def is_empty(self) -> bool:
        return not self.keys.get(self._rows.member.api_key)

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
        if self._rows.state_elsewhere:
            return ErrorCode.GROUP_ID_NOT_FOUND
        if ask.body.generation_id_or_member_epoch < 0 and self.is_empty:
            return None
        return ErrorCode.UNKNOWN_MEMBER_ID

    def transactional_commit_error(self, request: TxnOffsetCommitRequest) -> ErrorCode | None:
        """The same, and who says nothing of itself."""
        if self._rows.state_elsewhere:
            return ErrorCode.GROUP_ID_NOT_FOUND
        if request.generation_id < 0 and self.is_empty:
            return None
        nobody = (request.generation_id, request.member_id, request.group_instance_id)
        return None if nobody == (-1, "", None) else ErrorCode.UNKNOWN_MEMBER_ID

    def fetch_error(self, member_id: str | None, member_epoch: int) -> ErrorCode | None:
        """Who is no member is told; no member is known here."""
        if self._rows.state_elsewhere:
            return ErrorCode.GROUP_ID_NOT_FOUND
        return None if member_id is None and member_epoch < 0 else ErrorCode.UNKNOWN_MEMBER_ID

    def committed(self, turn: Turn, member_id: str) -> None:
        """Nobody here is a member."""

    def deletion_error(self) -> ErrorCode | None:
        if self._rows.state_elsewhere:
            return ErrorCode.GROUP_ID_NOT_FOUND
        return None if self.is_empty else ErrorCode.NON_EMPTY_GROUP

    def offset_deletion_error(self) -> ErrorCode | None:
        """Only offsets of an empty group can be deleted."""
        if self._rows.state_elsewhere:
            return ErrorCode.GROUP_ID_NOT_FOUND
        return None if self.is_empty else ErrorCode.NON_EMPTY_GROUP

    def end(self, turn: Turn) -> None:
        """One tombstone for every key."""
        for key_class in self._rows.keys:
            for key in sorted(self.keys.get(key_class.api_key, ())):
                turn.write(Record(key, None))


def foreign(rows: Rows) -> Kind:
    """A kind whose groups are kept, and not served."""

    def apply(state: State, key_type: int, record: Record, now: Now) -> None:
        key = record.key or b""
        group_id = records.read_group_id(key)
        group = state.groups.get(group_id)
        if record.value is not None:
            if not isinstance(group, ForeignGroup):
                if group is not None and not group.is_empty:
                    raise ProtocolError(f"{group_id} is a {group.kind} group with members")
                group = None
            if group is None or group.kind != rows.name:
                group = state.groups[group_id] = ForeignGroup(group_id, rows)
            group.keys.setdefault(key_type, set()).add(key)
        elif isinstance(group, ForeignGroup):
            group.keys.get(key_type, set()).discard(key)
            if not any(group.keys.values()):
                del state.groups[group_id]

    def loaded(turn: ShardTurn) -> None:
        count = sum(group.kind == rows.name for group in turn.state.groups.values())
        if count:
            turn.note(f"{count} {rows.name} group(s) are kept as they are and not served yet")

    return Kind(
        names=(rows.name,),
        requests={},
        begins={},
        records=dict.fromkeys((key.api_key for key in rows.keys), apply),
        timers={},
        loaded=loaded,
    )


CONSUMER: Final = foreign(
    Rows(
        "consumer",
        (
            groups.ConsumerGroupCurrentMemberAssignmentKey,
            groups.ConsumerGroupTargetAssignmentMemberKey,
            groups.ConsumerGroupMemberMetadataKey,
            groups.ConsumerGroupRegularExpressionKey,
            groups.ConsumerGroupTargetAssignmentMetadataKey,
            groups.ConsumerGroupPartitionMetadataKey,
            groups.ConsumerGroupMetadataKey,
        ),
        groups.ConsumerGroupMemberMetadataKey,
    )
)
STREAMS: Final = foreign(
    Rows(
        "streams",
        (
            streams.StreamsGroupCurrentMemberAssignmentKey,
            streams.StreamsGroupTargetAssignmentMemberKey,
            streams.StreamsGroupMemberMetadataKey,
            streams.StreamsGroupTargetAssignmentMetadataKey,
            streams.StreamsGroupTopologyKey,
            streams.StreamsGroupMetadataKey,
        ),
        streams.StreamsGroupMemberMetadataKey,
    )
)
SHARE: Final = foreign(
    Rows(
        "share",
        (
            share.ShareGroupCurrentMemberAssignmentKey,
            share.ShareGroupTargetAssignmentMemberKey,
            share.ShareGroupMemberMetadataKey,
            share.ShareGroupTargetAssignmentMetadataKey,
            share.ShareGroupStatePartitionMetadataKey,
            share.ShareGroupMetadataKey,
        ),
        share.ShareGroupMemberMetadataKey,
        state_elsewhere=True,
    )
)
