"""Offsets that are committed in a transaction (TxnOffsetCommit).

Such a commit becomes records of its producer's transaction, which wait in `Offsets.pending` for
the marker. The first one of a transaction has the coordinator of transactions asked before: to
enter this partition into the transaction, which a client of version 5 leaves to us, or whether the
client has done so. Meanwhile the request is parked, and whatever else of that transaction comes;
what is valid is decided when the answer is there, for all in the order that they came in.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from ottla.coordinators.group import records
from ottla.coordinators.group.offsets import Position, is_metadata_too_large
from ottla.coordinators.group.records import Committed, is_too_long
from ottla.coordinators.group.verifying import ADDING_VERSION, QuestionKey
from ottla.coordinators.log import TOLD
from ottla.wire.errors import ErrorCode
from ottla.wire.messages.txn_offset_commit import (
    TxnOffsetCommitRequest,
    TxnOffsetCommitResponse,
    TxnOffsetCommitResponsePartition,
    TxnOffsetCommitResponseTopic,
)
from ottla.wire.types import ZERO_UUID

if TYPE_CHECKING:
    from ottla.coordinators.group.config import ConfigOf
    from ottla.coordinators.group.state import ShardTurn
    from ottla.coordinators.questions import PartitionsAdded
    from ottla.decide import Ask, Record

ABORTABLE_VERSION: Final = 4
"""From this version on clients know TRANSACTION_ABORTABLE."""

_TOLD: Final = {
    **TOLD,
    ErrorCode.PRODUCER_FENCED: ErrorCode.INVALID_PRODUCER_EPOCH,
    ErrorCode.CLUSTER_AUTHORIZATION_FAILED: ErrorCode.INVALID_TXN_STATE,
    ErrorCode.NETWORK_EXCEPTION: ErrorCode.COORDINATOR_LOAD_IN_PROGRESS,
    ErrorCode.INVALID_FETCH_SIZE: ErrorCode.UNKNOWN_SERVER_ERROR,
}
"""What a client is told instead of what the coordinator of transactions says."""


def commit_door(ask: Ask, _config_of: ConfigOf) -> tuple[Ask, ErrorCode | None]:
    """A TxnOffsetCommit to a group that has a name, and room in a record."""
    group_id: str = ask.body.group_id
    is_invalid = not group_id or is_too_long(group_id)
    return ask, ErrorCode.INVALID_GROUP_ID if is_invalid else None


def commit(turn: ShardTurn, ask: Ask) -> None:
    """Take a TxnOffsetCommit, or have it wait for what the coordinator of transactions says."""
    request: TxnOffsetCommitRequest = ask.body
    state = turn.state
    if request.producer_epoch < state.producers.get(request.producer_id).epoch:
        turn.reply(ask.token, refuse_commit(request, ErrorCode.INVALID_PRODUCER_EPOCH))
    elif state.producers.has_open(request.producer_id, request.producer_epoch) or (
        ask.version < ADDING_VERSION and not _verifies(turn)
    ):
        _decide(turn, ask, is_void=False)
    elif (asked := state.questions.park(ask)) is not None:
        number, question = asked
        turn.send(QuestionKey(number), question.body(state.partition))


def go_on(turn: ShardTurn, key: QuestionKey, response: PartitionsAdded) -> None:
    """The coordinator of transactions has answered."""
    question = turn.state.questions.take(key.number)
    if question is None:
        return
    error = ErrorCode(response.errors[0])
    for ask in question.asks:
        if error == ErrorCode.NONE:
            _decide(turn, ask, is_void=question.is_void and _verifies(turn))
        else:
            turn.reply(ask.token, refuse_commit(ask.body, _told(error, ask.version)))


def _verifies(turn: ShardTurn) -> bool:
    return turn.state.config_of("").partition_verification


def _told(error: ErrorCode, version: int) -> ErrorCode:
    if error == ErrorCode.TRANSACTION_ABORTABLE and version < ABORTABLE_VERSION:
        return ErrorCode.INVALID_TXN_STATE
    return _TOLD.get(error, error)


def _decide(turn: ShardTurn, ask: Ask, *, is_void: bool) -> None:
    """Decide a commit whose transaction has this partition, as far as the coordinator knows."""
    request: TxnOffsetCommitRequest = ask.body
    group = turn.state.groups.get(request.group_id)
    error: ErrorCode | None = None
    if group is not None:
        error = group.transactional_commit_error(request)
    elif request.generation_id >= 0:
        error = ErrorCode.ILLEGAL_GENERATION
    if error is not None:
        turn.reply(ask.token, refuse_commit(request, error))
        return
    written, response = _written(turn, request)
    if written and (error := _log_error(turn, request, is_void=is_void)) is not None:
        turn.reply(ask.token, refuse_commit(request, error))
        return
    topics = turn.state.image.topics.by_name
    for position, record in written.items():
        # As Apache Kafka's, records of transactions name no topic id.
        if (topic := topics.get(position[1])) is not None:
            turn.state.offsets.bind(position, topic.id)
        turn.write(record)
        turn.count("offset_commits")
    if written:
        turn.state.questions.wrote(request.producer_id)
    turn.reply(ask.token, response)


def _log_error(
    turn: ShardTurn, request: TxnOffsetCommitRequest, *, is_void: bool
) -> ErrorCode | None:
    """Why the log would not take the records of this transaction."""
    producers = turn.state.producers
    producer_id, epoch = request.producer_id, request.producer_epoch
    if producer_id < 0:
        return ErrorCode.INVALID_PRODUCER_ID_MAPPING
    if epoch < 0 or epoch < producers.get(producer_id).epoch:
        return ErrorCode.INVALID_PRODUCER_EPOCH
    if is_void and not producers.has_open(producer_id, epoch):
        return ErrorCode.INVALID_TXN_STATE
    return None


def _written(
    turn: ShardTurn, request: TxnOffsetCommitRequest
) -> tuple[dict[Position, Record], TxnOffsetCommitResponse]:
    """The records of a valid commit, and its answer; metadata that is too long fails by
    partition.
    """
    config = turn.state.config_of(request.group_id)
    written: dict[Position, Record] = {}
    answers = []
    for topic in request.topics:
        partitions = []
        for one in topic.partitions:
            index = one.partition_index
            metadata = one.committed_metadata or ""
            error = ErrorCode.NONE
            if is_metadata_too_large(config, metadata):
                error = ErrorCode.OFFSET_METADATA_TOO_LARGE
            else:
                committed = Committed(
                    one.committed_offset,
                    one.committed_leader_epoch,
                    metadata,
                    turn.now.wall_ms,
                    -1,
                    ZERO_UUID,
                )
                position = (request.group_id, topic.name, index)
                written[position] = records.offset_commit(*position, committed)._replace(
                    producer_id=request.producer_id, producer_epoch=request.producer_epoch
                )
            partitions.append(
                TxnOffsetCommitResponsePartition(partition_index=index, error_code=error)
            )
        answers.append(TxnOffsetCommitResponseTopic(name=topic.name, partitions=partitions))
    return written, TxnOffsetCommitResponse(topics=answers)


def refuse_commit(request: TxnOffsetCommitRequest, error: ErrorCode) -> TxnOffsetCommitResponse:
    """A commit that fails as a whole: the error at each partition."""
    return TxnOffsetCommitResponse(
        topics=[
            TxnOffsetCommitResponseTopic(
                name=topic.name,
                partitions=[
                    TxnOffsetCommitResponsePartition(
                        partition_index=one.partition_index, error_code=error
                    )
                    for one in topic.partitions
                ],
            )
            for topic in request.topics
        ]
    )
