"""Markers: how every partition of a transaction hears how it ended.

Once it is safe how a transaction ends, the leaders of its partitions are asked to write its marker,
again and again until all have; then it is complete, and whoever waited for that goes on. A topic
that was deleted meanwhile has nothing to hear.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple

from ottla.coordinators.transaction import partitions
from ottla.coordinators.transaction.state import Ending
from ottla.coordinators.transaction.transaction import PREPARED, State, by_topic
from ottla.wire.errors import ErrorCode
from ottla.wire.messages.write_txn_markers import (
    WritableTxnMarker,
    WritableTxnMarkerTopic,
    WriteTxnMarkersRequest,
)

if TYPE_CHECKING:
    from ottla.coordinators.questions import TopicPartition
    from ottla.coordinators.transaction.state import ShardState, ShardTurn
    from ottla.coordinators.transaction.transaction import Transaction
    from ottla.wire.messages.write_txn_markers import WriteTxnMarkersResponse

RETRY_MS: Final = 100
"""After how long a partition that could not take its marker is asked again."""
TOLD_AT_ATTEMPT: Final = 50
"""When the operator hears that a transaction can't end: in a few seconds."""

_DONE: Final = frozenset(
    {
        ErrorCode.NONE,
        # A producer that came later writes there: nothing of this epoch can be open.
        ErrorCode.INVALID_PRODUCER_EPOCH,
        ErrorCode.UNSUPPORTED_FOR_MESSAGE_FORMAT,
        ErrorCode.UNSUPPORTED_VERSION,
    }
)


class MarkersKey(NamedTuple):
    """Names the question, and the timer of the next one."""

    transactional_id: str
    attempt: int


def begin(turn: ShardTurn, transactional_id: str, transaction: Transaction) -> None:
    """It is decided how it ends: have it written."""
    turn.state.endings[transactional_id] = Ending(transaction.partitions, 0)
    ask(turn, transactional_id)


def ask(turn: ShardTurn, transactional_id: str) -> None:
    """Ask the leaders of all partitions that have no marker yet; complete it if there is none."""
    state = turn.state
    ending, transaction = state.endings.get(transactional_id), turn.find(transactional_id)
    if ending is None or transaction is None:
        return
    missing = frozenset(one for one in ending.missing if _exists(state, one))
    ending = state.endings[transactional_id] = Ending(missing, ending.attempt + 1)
    if not missing:
        _complete(turn, transactional_id, transaction)
        return
    if ending.attempt == TOLD_AT_ATTEMPT:
        turn.note(
            f"the transaction of {transactional_id} can't end: its marker could not be written to "
            f"{_named(missing)}; it is tried on"
        )
    key = MarkersKey(transactional_id, ending.attempt)
    turn.send(key, _request(state, transaction, missing))


def written(turn: ShardTurn, key: MarkersKey, response: WriteTxnMarkersResponse) -> None:
    """The leaders have answered."""
    transactional_id = key.transactional_id
    ending = turn.state.endings.get(transactional_id)
    if ending is None or ending.attempt != key.attempt:
        return
    errors = {
        (topic.name, row.partition_index): row.error_code
        for marker in response.markers
        for topic in marker.topics
        for row in topic.partitions
    }
    if ErrorCode.TRANSACTION_COORDINATOR_FENCED in errors.values():
        # Somebody wrote there as a later coordinator: to go on would be to fight it.
        fenced = ErrorCode.TRANSACTION_COORDINATOR_FENCED
        places = [place for place, code in errors.items() if code == fenced]
        turn.note(
            f"the transaction of {transactional_id} is not ended here: another coordinator, of a "
            f"later epoch than {turn.state.coordinator_epoch}, has written to {_named(places)}"
        )
        return
    missing = frozenset(one for one in ending.missing if errors.get(one) not in _DONE)
    turn.state.endings[transactional_id] = ending._replace(missing=missing)
    if missing:
        turn.wake_in(RETRY_MS, MarkersKey(transactional_id, 0), real=True)
    else:
        ask(turn, transactional_id)


def resume(turn: ShardTurn) -> None:
    """After a load: what was decided before is ended now."""
    for transactional_id, transaction in turn.state.transactions.items():
        if transaction.state in PREPARED:
            begin(turn, transactional_id, transaction)


def _complete(turn: ShardTurn, transactional_id: str, transaction: Transaction) -> None:
    del turn.state.endings[transactional_id]
    turn.put(transactional_id, transaction.completed(turn.now.wall_ms))
    partitions.go_on(turn, transactional_id)


def _exists(state: ShardState, place: TopicPartition) -> bool:
    topic, index = place
    found = state.image.topics.by_name.get(topic)
    return found is not None and 0 <= index < len(found.partitions)


def _request(
    state: ShardState, transaction: Transaction, missing: frozenset[TopicPartition]
) -> WriteTxnMarkersRequest:
    marker = WritableTxnMarker(
        producer_id=transaction.producer_id,
        producer_epoch=transaction.producer_epoch,
        transaction_result=transaction.state == State.PREPARE_COMMIT,
        topics=[
            WritableTxnMarkerTopic(name=name, partition_indexes=indexes)
            for name, indexes in by_topic(missing).items()
        ],
        coordinator_epoch=state.coordinator_epoch,
        transaction_version=transaction.client_version,
    )
    return WriteTxnMarkersRequest(markers=[marker])


def _named(places: Any) -> str:
    shown = [f"{topic}-{index}" for topic, index in sorted(places)]
    more = f" and {len(shown) - 5} more" if len(shown) > 5 else ""
    return ", ".join(shown[:5]) + more
