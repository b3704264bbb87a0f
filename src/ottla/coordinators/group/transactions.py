"""Offsets that are committed in a transaction (TxnOffsetCommit), and the markers that end it.

Such a commit becomes records of its producer's transaction, which wait in `Offsets.pending` for
the marker. The first one of a transaction has the coordinator of transactions asked before: to
enter this partition into the transaction, which a client of version 5 leaves to us, or whether the
client has done so. Meanwhile the request is parked, and whatever else of that transaction comes;
what is valid is decided when the answer is there, for all in the order that they came in.

A question is void when the producer has written here meanwhile, or its transaction has ended: what
waits for it may belong to what is over, whatever the answer says. But the marker of the transaction
before has the epoch of the next one (transaction.version 2), which the client may have begun
already: such a marker leaves the question standing that enters the next one.

Questions are soft: who waits for one when the shard is laid down is told to look elsewhere.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from ottla.coordinators.group import records
from ottla.coordinators.group.offsets import Position, is_metadata_too_large
from ottla.coordinators.group.records import Committed, is_too_long
from ottla.coordinators.questions import (
    AddPartitions,
    MarkersWritten,
    PartitionsAdded,
    WriteMarkers,
)
from ottla.decide import Marker, Record
from ottla.wire.errors import ErrorCode
from ottla.wire.messages.txn_offset_commit import (
    TxnOffsetCommitRequest,
    TxnOffsetCommitResponse,
    TxnOffsetCommitResponsePartition,
    TxnOffsetCommitResponseTopic,
)
from ottla.wire.producers import EPOCH_BUMPS_LEVEL
from ottla.wire.stored.frame import CONSUMER_OFFSETS
from ottla.wire.types import ZERO_UUID

if TYPE_CHECKING:
    from ottla.coordinators.group.config import ConfigOf
    from ottla.coordinators.group.state import ShardTurn
    from ottla.decide import Ask

ADDING_VERSION: Final = 5
"""From this version of TxnOffsetCommit on it is ours to enter the partition."""
ABORTABLE_VERSION: Final = 4
"""From this version on clients know TRANSACTION_ABORTABLE."""

_TOLD: Final = {
    ErrorCode.PRODUCER_FENCED: ErrorCode.INVALID_PRODUCER_EPOCH,
    ErrorCode.CLUSTER_AUTHORIZATION_FAILED: ErrorCode.INVALID_TXN_STATE,
    ErrorCode.NETWORK_EXCEPTION: ErrorCode.COORDINATOR_LOAD_IN_PROGRESS,
    ErrorCode.UNKNOWN_TOPIC_OR_PARTITION: ErrorCode.COORDINATOR_NOT_AVAILABLE,
    ErrorCode.NOT_ENOUGH_REPLICAS: ErrorCode.COORDINATOR_NOT_AVAILABLE,
    ErrorCode.REQUEST_TIMED_OUT: ErrorCode.COORDINATOR_NOT_AVAILABLE,
    ErrorCode.NOT_LEADER_OR_FOLLOWER: ErrorCode.NOT_COORDINATOR,
    ErrorCode.KAFKA_STORAGE_ERROR: ErrorCode.NOT_COORDINATOR,
    ErrorCode.MESSAGE_TOO_LARGE: ErrorCode.UNKNOWN_SERVER_ERROR,
    ErrorCode.RECORD_LIST_TOO_LARGE: ErrorCode.UNKNOWN_SERVER_ERROR,
    ErrorCode.INVALID_FETCH_SIZE: ErrorCode.UNKNOWN_SERVER_ERROR,
}
"""What a client is told instead of what the coordinator of transactions says."""


class Question:
    """One that is under way, about one transaction, and who waits for it."""

    __slots__ = ("adds", "asks", "is_void", "producer_epoch", "producer_id", "transactional_id")

    def __init__(self, ask: Ask) -> None:
        request: TxnOffsetCommitRequest = ask.body
        self.transactional_id = request.transactional_id
        self.producer_id = request.producer_id
        self.producer_epoch = request.producer_epoch
        self.adds = ask.version >= ADDING_VERSION
        self.asks = [ask]
        self.is_void = False

    def takes(self, ask: Ask) -> bool:
        """Whether its answer will be this request's as well."""
        request: TxnOffsetCommitRequest = ask.body
        return (
            not self.is_void
            and self.producer_epoch == request.producer_epoch
            and self.adds == (ask.version >= ADDING_VERSION)
            and self.transactional_id == request.transactional_id
        )

    def body(self, partition: int) -> AddPartitions:
        """What the coordinator of transactions is asked."""
        producer = (self.transactional_id, self.producer_id, self.producer_epoch)
        place = (CONSUMER_OFFSETS, partition)
        return AddPartitions.at_first_sight(*producer, (place,), adds=self.adds)


class Questions:
    """Those of a shard that are under way."""

    __slots__ = ("_by_number", "_last", "_of")

    def __init__(self) -> None:
        self._by_number: dict[int, Question] = {}
        self._of: dict[int, set[int]] = {}
        """Producer id to the numbers of its questions."""
        self._last = 0

    def park(self, ask: Ask) -> tuple[int, Question] | None:
        """Have the request wait; the question to be asked for it, unless one is under way."""
        numbers = self._of.setdefault(ask.body.producer_id, set())
        for number in numbers:
            question = self._by_number[number]
            if question.takes(ask):
                question.asks.append(ask)
                return None
        self._last += 1
        numbers.add(self._last)
        question = self._by_number[self._last] = Question(ask)
        return self._last, question

    def take(self, number: int) -> Question:
        """The question that is answered, which is under way no more."""
        question = self._by_number.pop(number)
        numbers = self._of[question.producer_id]
        numbers.discard(number)
        if not numbers:
            del self._of[question.producer_id]
        return question

    def wrote(self, producer_id: int) -> None:
        """A record of this producer's transaction is written."""
        self._void(producer_id, None)

    def ended(self, producer_id: int, epoch: int, transaction_version: int) -> None:
        """A marker of this producer is written; one of version 2 may be that of the transaction
        before the one that is asked about, one of version 1 has the epoch that it ends.
        """
        self._void(producer_id, epoch if transaction_version >= EPOCH_BUMPS_LEVEL else None)

    def _void(self, producer_id: int, next_epoch: int | None) -> None:
        for number in self._of.get(producer_id, ()):
            question = self._by_number[number]
            if not (question.adds and question.producer_epoch == next_epoch):
                question.is_void = True


# ---------------------------------------------------------------- commits


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
        turn.send(number, question.body(state.partition))


def answered(turn: ShardTurn, number: int, response: PartitionsAdded) -> None:
    """The coordinator of transactions has answered."""
    question = turn.state.questions.take(number)
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


# ---------------------------------------------------------------- markers


def end(turn: ShardTurn, ask: Ask) -> None:
    """End a transaction: the marker is written if the log takes it, and else refused."""
    asked: WriteMarkers = ask.body
    state, producer_id, epoch = turn.state, asked.producer_id, asked.producer_epoch
    marker = Marker(asked.committed, asked.coordinator_epoch, asked.transaction_version)
    error = state.producers.get(producer_id).marker_error(
        epoch, marker.coordinator_epoch, marker.transaction_version
    )
    if error == ErrorCode.NONE:
        turn.write(Record(None, None, -1, producer_id, epoch, marker))
        state.questions.ended(producer_id, epoch, marker.transaction_version)
    turn.reply(ask.token, MarkersWritten(dict.fromkeys(asked.partitions, error)))
