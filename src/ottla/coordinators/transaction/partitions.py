"""What a transaction reaches: partitions enter it, or it is looked up whether they are in it.

A producer of version 2 sends its first batch for a partition as soon as the transaction before has
ended for it, which is before its markers are written. Who asks for it then may wait a little until
they are (`patient`); others are told CONCURRENT_TRANSACTIONS.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from ottla.coordinators.questions import AddPartitions, PartitionsAdded
from ottla.coordinators.transaction.transaction import State
from ottla.wire.errors import ErrorCode
from ottla.wire.producers import EPOCH_BUMPS_LEVEL, NEXT_IDS_LEVEL

if TYPE_CHECKING:
    from ottla.coordinators.transaction.state import ShardTurn
    from ottla.coordinators.transaction.transaction import Transaction
    from ottla.decide import Ask

PATIENT_MAX: Final = 100
"""So many may wait for one transaction to end."""


class PatienceKey(NamedTuple):
    """Names the timer of those who wait for a transaction to end."""

    transactional_id: str


def add(turn: ShardTurn, ask: Ask) -> None:
    """Enter partitions, or look whether they are in."""
    asked: AddPartitions = ask.body
    error, errors = _decide(turn, asked)
    if error == ErrorCode.CONCURRENT_TRANSACTIONS and asked.patient and _waits(turn, ask):
        return
    turn.reply(ask.token, errors or refuse(asked, error))


def refuse(asked: AddPartitions, error: ErrorCode) -> PartitionsAdded:
    """The same error for each partition."""
    return PartitionsAdded((error,) * len(asked.partitions))


def go_on(turn: ShardTurn, transactional_id: str) -> None:
    """Its transaction has ended: decide what waited for that."""
    waiting = turn.state.patient.pop(transactional_id, [])
    if waiting:
        turn.cancel(PatienceKey(transactional_id))
    for _, ask in waiting:
        add(turn, ask)


def give_up(turn: ShardTurn, key: PatienceKey) -> None:
    """Those that have waited for long enough hear so."""
    patient, now_ms = turn.state.patient, turn.now.real_ms
    waiting = patient.pop(key.transactional_id, [])
    for _, ask in (one for one in waiting if one[0] <= now_ms):
        turn.reply(ask.token, refuse(ask.body, ErrorCode.CONCURRENT_TRANSACTIONS))
    left = [one for one in waiting if one[0] > now_ms]
    if left:
        patient[key.transactional_id] = left
        turn.wake_in(left[0][0] - now_ms, key, real=True)


def _waits(turn: ShardTurn, ask: Ask) -> bool:
    transactional_id = ask.body.transactional_id
    waiting = turn.state.patient.setdefault(transactional_id, [])
    if len(waiting) >= PATIENT_MAX:
        return False
    patience_ms = turn.state.config_of().patience_ms
    if not waiting:
        turn.wake_in(patience_ms, PatienceKey(transactional_id), real=True)
    waiting.append((turn.now.real_ms + patience_ms, ask))
    return True


def _decide(turn: ShardTurn, asked: AddPartitions) -> tuple[ErrorCode, PartitionsAdded | None]:
    transactional_id = asked.transactional_id
    transaction = turn.find(transactional_id)
    if transaction is None:
        return ErrorCode.INVALID_PRODUCER_ID_MAPPING, None
    is_busy = turn.is_busy(transactional_id, transaction)
    if is_busy and not asked.verify_only:
        return ErrorCode.CONCURRENT_TRANSACTIONS, None
    if transaction.producer_id != asked.producer_id:
        return ErrorCode.INVALID_PRODUCER_ID_MAPPING, None
    if transaction.producer_epoch != asked.producer_epoch:
        return ErrorCode.PRODUCER_FENCED, None
    if is_busy:
        return ErrorCode.CONCURRENT_TRANSACTIONS, None
    if asked.verify_only:
        return ErrorCode.NONE, PartitionsAdded(
            tuple(
                ErrorCode.NONE if one in transaction.partitions else ErrorCode.TRANSACTION_ABORTABLE
                for one in asked.partitions
            )
        )
    return _enter(turn, asked, transaction), None


def _enter(turn: ShardTurn, asked: AddPartitions, transaction: Transaction) -> ErrorCode:
    transactional_id = asked.transactional_id
    is_ongoing = transaction.state == State.ONGOING
    if is_ongoing and transaction.partitions.issuperset(asked.partitions):
        return ErrorCode.NONE
    newer = asked.transaction_version >= EPOCH_BUMPS_LEVEL
    if newer and turn.state.level < NEXT_IDS_LEVEL:
        return ErrorCode.UNSUPPORTED_VERSION  # nothing that is written may carry it
    now = turn.now
    entered = transaction.with_partitions(asked.partitions, asked.transaction_version, now.wall_ms)
    if not turn.fits(transactional_id, entered):
        return ErrorCode.UNKNOWN_SERVER_ERROR
    turn.put(transactional_id, entered)
    if not is_ongoing:
        turn.begins(transactional_id, entered)
    return ErrorCode.NONE
