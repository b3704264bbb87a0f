"""One partition of `__consumer_offsets`: its groups, its offsets, and which rule decides which
request.

It is a decider: what the log tells changes by `apply` alone. What each kind of group does is that
kind's affair (`KINDS`); here is what all share, which is offsets and administration.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from ottla.coordinators.group import (
    administration,
    markers,
    offsets,
    records,
    transactional_commits,
)
from ottla.coordinators.group.classic.rules import CLASSIC
from ottla.coordinators.group.foreign import CONSUMER, SHARE, STREAMS
from ottla.coordinators.group.group import TimerKey
from ottla.coordinators.group.kinds import Kind, Kinds, Shared
from ottla.coordinators.group.requests import (
    refuse_delete,
    refuse_describe,
    refuse_fetch,
    refuse_list,
    refuse_markers,
)
from ottla.coordinators.group.split import every_shard, named_partitions, several
from ottla.coordinators.group.state import ShardTurn, State
from ottla.coordinators.group.verifying import QuestionKey
from ottla.coordinators.questions import WriteMarkers
from ottla.decide import NOTHING, Ask, Decider, Decision, Entropy, Now, Record
from ottla.wire.errors import ErrorCode
from ottla.wire.messages.delete_groups import DeleteGroupsRequest, DeleteGroupsResponse
from ottla.wire.messages.describe_groups import DescribeGroupsRequest, DescribeGroupsResponse
from ottla.wire.messages.list_groups import ListGroupsRequest
from ottla.wire.messages.offset_commit import OffsetCommitRequest, OffsetCommitResponse
from ottla.wire.messages.offset_delete import OffsetDeleteRequest, OffsetDeleteResponse
from ottla.wire.messages.offset_fetch import (
    OffsetFetchRequest,
    OffsetFetchResponse,
    OffsetFetchResponseGroup,
)
from ottla.wire.messages.txn_offset_commit import TxnOffsetCommitRequest
from ottla.wire.schema import ProtocolError
from ottla.wire.stored.offsets import LegacyOffsetCommitKey, OffsetCommitKey

if TYPE_CHECKING:
    from ottla.coordinators.group.config import ConfigOf
    from ottla.metadata.delta import MetadataDelta
    from ottla.metadata.image import MetadataImage

GROUP_ID_NOT_FOUND_VERSION: Final = 9
"""From this version of OffsetCommit on an unknown group is named; before, it is an
ILLEGAL_GENERATION.
"""
EXPIRE: Final = "expire"
PLACES_NAMED_MAX: Final = 10
"""How many partitions one line of the log names."""


class GroupShard(Decider):
    """The groups and offsets of one partition (a `Decider`)."""

    __slots__ = ("_kinds", "state")

    def __init__(self, config_of: ConfigOf, entropy: Entropy, kinds: Kinds, partition: int) -> None:
        self._kinds = kinds
        self.state = State(config_of, entropy, kinds.by_commit, partition)

    def loaded(self, image: MetadataImage, now: Now) -> Decision:
        """Begin the sessions of members, and the looks for what has aged out; forget what was
        committed to topics that went while nobody led this partition.
        """
        self.state.image = image
        turn = ShardTurn(self.state, now)
        for loaded in self._kinds.loaded:
            loaded(turn)
        self.state.offsets.bind_loaded(image.topics.by_name)
        self.state.offsets.tombstone_gone(turn, image.topics.by_name)
        turn.wake_in(self.state.config_of("").offsets_retention_check_interval_ms, EXPIRE)
        return turn.decision()

    def decide(self, ask: Ask, now: Now) -> Decision:
        """Decide one request.

        Raises:
            KeyError: no rule is here for such a request.
        """
        turn = ShardTurn(self.state, now)
        self._kinds.decide(turn, ask)
        return turn.decision()

    def fire(self, key: Hashable, now: Now) -> Decision:
        """A session or a round is over, or it is time to look for what has aged out."""
        turn = ShardTurn(self.state, now, fired=True)
        if isinstance(key, TimerKey):
            self._kinds.fire(turn, key)
        else:
            _expire(turn)
        return turn.decision()

    def answered(self, key: Any, response: Any, now: Now) -> Decision:
        """Somebody has answered a question."""
        turn = ShardTurn(self.state, now)
        ANSWERS[type(key)](turn, key, response)
        return turn.decision()

    def on_image(self, delta: MetadataDelta, now: Now) -> Decision:
        """Forget what was committed to topics that are gone; what else follows is each kind's
        affair.
        """
        self.state.image = delta.image
        deleted = {topic.name: topic.id for topic in delta.topics_deleted()}
        if not deleted and not self._kinds.on_image:
            return NOTHING
        turn = ShardTurn(self.state, now)
        if deleted:
            self.state.offsets.tombstone_topics(turn, deleted)
        for on_image in self._kinds.on_image:
            on_image(turn, delta)
        return turn.decision()

    def on_leap(self, by_ms: int, connected: frozenset[int], now: Now) -> Decision:
        """Members are waited for so much longer, each kind's its own way."""
        turn = ShardTurn(self.state, now)
        for on_leap in self._kinds.on_leap:
            on_leap(turn, by_ms, connected)
        return turn.decision()

    def apply(self, written: Sequence[Record], now: Now) -> None:
        """Take records in.

        Raises:
            ProtocolError: one can't be understood, and it has changed nothing, but that its
                producer was here: so the log sees it too.
        """
        state = self.state
        for record in written:
            producer_id, epoch, marker = record.producer_id, record.producer_epoch, record.marker
            if marker is not None:
                state.offsets.end_transaction(producer_id, committed=marker.committed)
                state.producers.ended(producer_id, epoch, marker.coordinator_epoch, now.wall_ms)
                continue
            if producer_id >= 0:
                state.producers.wrote(producer_id, epoch, now.wall_ms)
            key = record.key or b""
            key_type = records.key_type(key)
            rule = self._kinds.records.get(key_type)
            if rule is None:
                records.read_group_id(key)
                raise ProtocolError(f"no kind of group has records of type {key_type}")
            rule(state, key_type, record, now)


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
        state.groups[group_id] = state.by_commit(group_id, now.wall_ms)
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
    config = turn.state.config_of(request.group_id)
    response = offsets.commit(turn, turn.state.offsets, config, request)
    # Who commits to a group that nobody joins does so all the time, which is no news.
    if not request.member_id and (group is None or group.empty_since_ms is not None):
        _note_places(turn, ask, "sets its offsets from outside", response, offsets.said(request))
    turn.reply(ask.token, response)


def _no_group(ask: Ask) -> ErrorCode | None:
    if ask.body.generation_id_or_member_epoch < 0:
        return None
    if ask.version >= GROUP_ID_NOT_FOUND_VERSION:
        return ErrorCode.GROUP_ID_NOT_FOUND
    return ErrorCode.ILLEGAL_GENERATION


def _fetch(turn: ShardTurn, ask: Ask) -> None:
    request: OffsetFetchRequest = ask.body
    rows = []
    for one in request.groups:
        group = turn.state.groups.get(one.group_id)
        error = None if group is None else group.fetch_error(one.member_id, one.member_epoch)
        if error is None or error == ErrorCode.GROUP_ID_NOT_FOUND:
            held = turn.state.offsets.by_group.get(one.group_id, {}) if error is None else {}
            stable = request.require_stable
            rows.append(offsets.fetch(turn.state.offsets, one, held, require_stable=stable))
        else:
            rows.append(OffsetFetchResponseGroup(group_id=one.group_id, error_code=error))
    turn.reply(ask.token, OffsetFetchResponse(groups=rows))


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
        response = offsets.delete(turn, turn.state.offsets, group, request)
        _note_places(turn, ask, "deletes its offsets", response, {})
        turn.reply(ask.token, response)


def _note_places(
    turn: ShardTurn,
    ask: Ask,
    what: str,
    response: OffsetCommitResponse | OffsetDeleteResponse,
    said: Mapping[tuple[str, int], int],
) -> None:
    """Tell which offsets somebody changed who is no member; the first few of many."""
    places = [
        (topic.name, row.partition_index)
        for topic in response.topics
        for row in topic.partitions
        if not row.error_code
    ]
    if not places:
        return
    texts = [
        f"{topic}-{index}" + (f"={said[topic, index]}" if said else "")
        for topic, index in sorted(places[:PLACES_NAMED_MAX])
    ]
    if len(places) > len(texts):
        texts.append(f"{len(places) - len(texts)} more")
    who = f"{ask.client_id} from {ask.client_host}"
    turn.note(f"group {ask.body.group_id}: {who} {what}: {', '.join(texts)}")


def _expire(turn: ShardTurn) -> None:
    """Forget what has aged out, empty groups that nothing is left of, and silent producers."""
    for group in turn.state.groups.values():
        config = turn.state.config_of(group.group_id)
        nothing_left = turn.state.offsets.tombstone_expired(turn, config, group)
        if nothing_left and not group.lives:
            group.end(turn)
    config = turn.state.config_of("")
    turn.state.producers.forget(turn.now.wall_ms, config.producer_id_expiration_ms)
    turn.wake_in(config.offsets_retention_check_interval_ms, EXPIRE)


# ---------------------------------------------------------------- the tables

SHARED: Final[Mapping[type[Any], Shared]] = {
    OffsetCommitRequest: Shared(_commit, offsets.refuse_commit, door=offsets.commit_door),
    OffsetFetchRequest: Shared(
        _fetch, refuse_fetch, several("groups", "groups", OffsetFetchResponse)
    ),
    OffsetDeleteRequest: Shared(
        _delete_offsets, lambda request, error: OffsetDeleteResponse(error_code=error)
    ),
    TxnOffsetCommitRequest: Shared(
        transactional_commits.commit,
        transactional_commits.refuse_commit,
        door=transactional_commits.commit_door,
    ),
    WriteMarkers: Shared(markers.end, refuse_markers, named_partitions),
    ListGroupsRequest: Shared(administration.list_groups, refuse_list, every_shard),
    DescribeGroupsRequest: Shared(
        administration.describe_groups,
        refuse_describe,
        several("groups", "groups", DescribeGroupsResponse),
    ),
    DeleteGroupsRequest: Shared(
        administration.delete_groups,
        refuse_delete,
        several("groups_names", "results", DeleteGroupsResponse),
    ),
}
"""What is alike for all kinds of groups, who are asked for their part."""
ANSWERS: Final[Mapping[type[Any], Callable[[ShardTurn, Any, Any], None]]] = {
    QuestionKey: transactional_commits.go_on,
}
"""What is done with an answer, by the question's key."""
RECORDS: Final = {
    LegacyOffsetCommitKey.api_key: _apply_offset,
    OffsetCommitKey.api_key: _apply_offset,
}
KINDS: tuple[Kind, ...] = (CLASSIC, CONSUMER, SHARE, STREAMS)
"""Every kind of group; a new one is its folder and its name here."""


def every_kind() -> Kinds:
    """The table of all kinds that there are."""
    return Kinds(KINDS, SHARED, RECORDS)
