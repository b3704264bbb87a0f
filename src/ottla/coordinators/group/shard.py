"""One partition of `__consumer_offsets`: its groups, its offsets, and which rule decides which
request.

It is a decider: what the log tells changes by `apply` alone. What each kind of group does is that
kind's affair (`KINDS`); here is what all share, which is offsets and administration.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from typing import TYPE_CHECKING, Any, Final

from ottla.coordinators.group import administration, offsets, records
from ottla.coordinators.group.classic.group import GROUP_ID_NOT_FOUND_VERSION, ClassicGroup
from ottla.coordinators.group.classic.rules import CLASSIC
from ottla.coordinators.group.foreign import FOREIGN
from ottla.coordinators.group.group import TimerKey
from ottla.coordinators.group.kinds import Kind, Rule
from ottla.coordinators.group.requests import (
    EndTransaction,
    FetchOffsets,
    refuse_delete,
    refuse_describe,
    refuse_fetch,
    refuse_list,
)
from ottla.coordinators.group.state import ShardTurn, State
from ottla.decide import NOTHING, Ask, Decision, Entropy, Marker, Now, Record
from ottla.wire.errors import ErrorCode
from ottla.wire.messages.delete_groups import DeleteGroupsRequest
from ottla.wire.messages.describe_groups import DescribeGroupsRequest
from ottla.wire.messages.list_groups import ListGroupsRequest
from ottla.wire.messages.offset_commit import OffsetCommitRequest
from ottla.wire.messages.offset_delete import OffsetDeleteRequest, OffsetDeleteResponse
from ottla.wire.schema import ProtocolError

if TYPE_CHECKING:
    from ottla.coordinators.group.config import GroupConfig
    from ottla.metadata.delta import MetadataDelta

KINDS: Final[tuple[Kind, ...]] = (CLASSIC, FOREIGN)
"""Every kind of group; a new one is its folder and a row here."""

EXPIRE: Final = "expire"


class GroupShard:
    """The groups and offsets of one partition (a `Decider`)."""

    __slots__ = ("state",)

    def __init__(self, config: GroupConfig, entropy: Entropy) -> None:
        self.state = State(config, entropy)

    def loaded(self, now: Now) -> Decision:
        """Begin the sessions of members, and the looks for what has aged out."""
        turn = ShardTurn(self.state, now)
        for kind in KINDS:
            kind.loaded(turn)
        turn.wake_in(self.state.config.offsets_retention_check_interval_ms, EXPIRE)
        return turn.decision()

    def decide(self, ask: Ask, now: Now) -> Decision:
        """Decide one request.

        Raises:
            KeyError: no rule is here for such a request.
        """
        turn = ShardTurn(self.state, now)
        _REQUESTS[type(ask.body)].decide(turn, ask)
        return turn.decision()

    def fire(self, key: Hashable, now: Now) -> Decision:
        """A session or a round is over, or it is time to look for what has aged out."""
        turn = ShardTurn(self.state, now, fired=True)
        if isinstance(key, TimerKey):
            _TIMERS[key.kind](turn, key)
        else:
            _expire(turn)
        return turn.decision()

    def on_image(self, delta: MetadataDelta, now: Now) -> Decision:
        """Forget what was committed to topics that are gone."""
        deleted = {topic.name: topic.id for topic in delta.topics_deleted()}
        if not deleted:
            return NOTHING
        turn = ShardTurn(self.state, now)
        self.state.offsets.tombstone_topics(turn, deleted)
        return turn.decision()

    def apply(self, written: Sequence[Record], now: Now) -> None:
        """Take records in.

        Raises:
            ProtocolError: one can't be understood, and it has changed nothing.
        """
        for record in written:
            if record.marker is not None:
                self.state.offsets.end_transaction(
                    record.producer_id, committed=record.marker.committed
                )
                continue
            key = record.key or b""
            key_type = records.key_type(key)
            rule = _RECORDS.get(key_type)
            if rule is None:
                records.read_group_id(key)
                raise ProtocolError(f"no kind of group has records of type {key_type}")
            rule(self.state, key_type, record, now)


def refuse(ask: Ask, error: ErrorCode) -> Any:
    """The response that carries an error, to a request that no shard has decided."""
    return _REQUESTS[type(ask.body)].refuse(ask.body, error)


# ---------------------------------------------------------------- offsets


def _apply_offset(state: State, key_type: int, record: Record, now: Now) -> None:
    position = records.read_offset_key(record.key or b"")
    if record.value is None:
        state.offsets.drop(position)
        return
    committed = records.read_committed(key_type, record.value)
    group_id = position[0]
    if group_id not in state.groups:
        # A commit alone makes a group: a simple one, that nobody ever joined.
        state.groups[group_id] = ClassicGroup(group_id, now.wall_ms)
    state.offsets.put(position, committed, record.producer_id)


def _commit(turn: ShardTurn, ask: Ask) -> None:
    request: OffsetCommitRequest = ask.body
    group = turn.state.groups.get(request.group_id)
    error = _no_group(ask) if group is None else group.commit_error(ask)
    if error is not None:
        turn.reply(ask.token, offsets.refuse_commit(request, error))
        return
    if group is not None:
        group.committed(turn, request.member_id)
    turn.reply(ask.token, offsets.commit(turn, turn.state.config, request))


def _no_group(ask: Ask) -> ErrorCode | None:
    if ask.body.generation_id_or_member_epoch < 0:
        return None
    if ask.version >= GROUP_ID_NOT_FOUND_VERSION:
        return ErrorCode.GROUP_ID_NOT_FOUND
    return ErrorCode.ILLEGAL_GENERATION


def _fetch(turn: ShardTurn, ask: Ask) -> None:
    request: FetchOffsets = ask.body
    answers = [
        offsets.fetch(turn.state.offsets, group, require_stable=request.require_stable)
        for group in request.groups
    ]
    turn.reply(ask.token, answers)


def _delete_offsets(turn: ShardTurn, ask: Ask) -> None:
    request: OffsetDeleteRequest = ask.body
    group = turn.state.groups.get(request.group_id)
    if group is None:
        turn.reply(ask.token, OffsetDeleteResponse(error_code=ErrorCode.GROUP_ID_NOT_FOUND))
        return
    error = group.offset_deletion_error()
    if error is not None:
        turn.reply(ask.token, OffsetDeleteResponse(error_code=error))
    else:
        turn.reply(ask.token, offsets.delete(turn, turn.state.offsets, group, request))


def _end_transaction(turn: ShardTurn, ask: Ask) -> None:
    request: EndTransaction = ask.body
    marker = Marker(request.committed, request.coordinator_epoch)
    turn.write(Record(None, None, -1, request.producer_id, request.producer_epoch, marker=marker))
    turn.reply(ask.token, ErrorCode.NONE)


def _expire(turn: ShardTurn) -> None:
    """Forget what has aged out, and empty groups that nothing is left of."""
    for group in turn.state.groups.values():
        nothing_left = turn.state.offsets.tombstone_expired(turn, turn.state.config, group)
        if nothing_left and not group.lives:
            group.end(turn)
    turn.wake_in(turn.state.config.offsets_retention_check_interval_ms, EXPIRE)


# ---------------------------------------------------------------- the tables

_REQUESTS: Final[dict[type[Any], Rule]] = {
    OffsetCommitRequest: Rule(_commit, offsets.refuse_commit),
    FetchOffsets: Rule(_fetch, refuse_fetch),
    OffsetDeleteRequest: Rule(
        _delete_offsets, lambda request, error: OffsetDeleteResponse(error_code=error)
    ),
    EndTransaction: Rule(_end_transaction, lambda request, error: error),
    ListGroupsRequest: Rule(administration.list_groups, refuse_list),
    DescribeGroupsRequest: Rule(administration.describe_groups, refuse_describe),
    DeleteGroupsRequest: Rule(administration.delete_groups, refuse_delete),
}
_RECORDS: Final[dict[int, Callable[[State, int, Record, Now], None]]] = {
    records.LEGACY_OFFSET_COMMIT: _apply_offset,
    records.OFFSET_COMMIT: _apply_offset,
}
_TIMERS: Final[dict[str, Callable[[ShardTurn, TimerKey], None]]] = {}
for _kind in KINDS:
    _REQUESTS.update(_kind.requests)
    _RECORDS.update(_kind.records)
    _TIMERS.update(_kind.timers)
