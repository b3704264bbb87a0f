"""How a transaction ends: its producer says so, another one takes its place, or its time is up.

Each of them decides COMMIT or ABORT, writes that down, and answers when that is safe; the markers
follow (markers.py). With version 2 of transactions (KIP-890) the producer goes on with a new epoch
from then on, or with a new producer id where no epoch is left, which is fetched first.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from ottla.coordinators.questions import NewProducerId
from ottla.coordinators.transaction import markers
from ottla.coordinators.transaction.state import Look
from ottla.coordinators.transaction.transaction import COMPLETED, State, Transaction
from ottla.wire.errors import ErrorCode
from ottla.wire.messages.end_txn import EndTxnRequest, EndTxnResponse
from ottla.wire.producers import EPOCH_BUMPS_LEVEL, EPOCH_MAX, NEXT_IDS_LEVEL, NO_PRODUCER_ID
from ottla.wire.stored.frame import TRANSACTION_STATE

if TYPE_CHECKING:
    from ottla.coordinators.questions import ProducerId
    from ottla.coordinators.transaction.state import ShardTurn
    from ottla.decide import Ask

EPOCH_BUMPS_VERSION: Final = 5
"""From this version of EndTxn on its producer speaks version 2 of transactions."""


ABORTED_AT_ONCE_MAX: Final = 100
"""How many transactions that took too long one turn aborts: others wait for it."""


class NextIdKey(NamedTuple):
    """Names the question for the producer id that follows the end of a transaction."""

    transactional_id: str
    number: int
    commit: bool


def end(turn: ShardTurn, ask: Ask) -> None:
    """EndTxn: commit or abort, at the producer's word."""
    asked: EndTxnRequest = ask.body
    transactional_id = asked.transactional_id
    transaction = turn.find(transactional_id)
    if transaction is None:
        turn.reply(ask.token, refuse(asked, ErrorCode.INVALID_PRODUCER_ID_MAPPING))
        return
    turn.heard(transactional_id, ask)
    bumps = ask.version >= EPOCH_BUMPS_VERSION
    rule = _by_version_2 if bumps else _by_version_1
    is_busy = turn.is_busy(transactional_id, transaction)
    refusal = rule(asked, transaction, is_busy)
    if refusal is None and bumps and turn.state.level < NEXT_IDS_LEVEL:
        refusal = ErrorCode.UNSUPPORTED_VERSION  # nothing that is written may carry it
    if refusal is None:
        _prepare(turn, transactional_id, transaction, commit=asked.committed, bumps=bumps, ask=ask)
    elif refusal == ErrorCode.NONE and bumps:
        producer = (transaction.producer_id, transaction.producer_epoch)
        turn.reply(ask.token, _ended(producer))
    else:
        turn.reply(ask.token, refuse(asked, refusal))


def refuse(_asked: EndTxnRequest, error: ErrorCode) -> EndTxnResponse:
    """Without a producer."""
    return EndTxnResponse(error_code=error)


def _ended(producer: tuple[int, int]) -> EndTxnResponse:
    producer_id, epoch = producer
    return EndTxnResponse(producer_id=producer_id, producer_epoch=epoch)


def _by_version_1(
    asked: EndTxnRequest, transaction: Transaction, is_busy: bool
) -> ErrorCode | None:
    """Why nothing is to be done; NONE if it is done already."""
    if transaction.producer_id != asked.producer_id:
        return ErrorCode.INVALID_PRODUCER_ID_MAPPING
    if transaction.producer_epoch != asked.producer_epoch:
        return ErrorCode.PRODUCER_FENCED
    if is_busy:
        return ErrorCode.CONCURRENT_TRANSACTIONS
    if transaction.state == State.ONGOING:
        return None
    done = State.COMPLETE_COMMIT if asked.committed else State.COMPLETE_ABORT
    return ErrorCode.NONE if transaction.state == done else ErrorCode.INVALID_TXN_STATE


def _by_version_2(
    asked: EndTxnRequest, transaction: Transaction, is_busy: bool
) -> ErrorCode | None:
    """The same. Whoever comes once more has the epoch, or the id, from before the end."""
    is_last = asked.producer_epoch == EPOCH_MAX - 1
    rotated = (
        transaction.previous_producer_id == asked.producer_id
        and is_last
        and transaction.producer_epoch == 0
    )
    again = transaction.producer_epoch == asked.producer_epoch + 1 or rotated
    if is_busy:
        return ErrorCode.CONCURRENT_TRANSACTIONS
    if transaction.producer_id != asked.producer_id and not rotated:
        return ErrorCode.INVALID_PRODUCER_ID_MAPPING
    completed = transaction.state in COMPLETED
    is_current = asked.producer_epoch == transaction.producer_epoch
    if not (is_current or (completed and again)):
        return ErrorCode.PRODUCER_FENCED
    if transaction.state == State.ONGOING:
        return None
    if completed and again:
        done = State.COMPLETE_COMMIT if asked.committed else State.COMPLETE_ABORT
        return ErrorCode.NONE if transaction.state == done else ErrorCode.INVALID_TXN_STATE
    # Nothing is open: to abort it fences whoever still writes with this epoch.
    return ErrorCode.INVALID_TXN_STATE if asked.committed else None


def _prepare(
    turn: ShardTurn,
    transactional_id: str,
    transaction: Transaction,
    *,
    commit: bool,
    bumps: bool,
    ask: Ask | None = None,
    next_producer_id: int = NO_PRODUCER_ID,
) -> bool:
    """Write down how it ends, and answer who asked, if somebody did; whether that could be."""
    if not turn.fits(transactional_id, transaction):
        # It took more when this was written.
        if ask is not None:
            turn.reply(ask.token, refuse(ask.body, ErrorCode.UNKNOWN_SERVER_ERROR))
        return False
    rotates = bumps and turn.state.level >= NEXT_IDS_LEVEL and transaction.is_exhausted
    if rotates and next_producer_id == NO_PRODUCER_ID:
        number = turn.await_id(transactional_id, ask)
        turn.send(NextIdKey(transactional_id, number, commit), NewProducerId())
        return True
    epoch = transaction.producer_epoch
    if bumps:
        epoch = min(epoch + 1, EPOCH_MAX)
    prepared = transaction.prepared(
        commit=commit,
        epoch=epoch,
        client_version=EPOCH_BUMPS_LEVEL if bumps else 0,
        next_producer_id=next_producer_id,
        now_ms=turn.now.wall_ms,
    )
    if bumps:
        turn.state.last_epochs[transactional_id] = transaction.producer_epoch
    prepared = turn.put(transactional_id, prepared)
    if ask is not None:
        turn.reply(ask.token, _ended(prepared.next_producer) if bumps else EndTxnResponse())
    markers.begin(turn, transactional_id, prepared)
    return True


def go_on(turn: ShardTurn, key: NextIdKey, answer: ProducerId) -> None:
    """The producer id that it waited for is there, or not."""
    transactional_id = key.transactional_id
    awaited = turn.awaited(transactional_id, key.number)
    if awaited is None:
        return
    ask, transaction = awaited.ask, turn.find(transactional_id)
    if answer.error_code or transaction is None:
        if ask is not None:
            turn.reply(ask.token, refuse(ask.body, ErrorCode(answer.error_code)))
        return
    late = ask is None and _is_late(turn, transactional_id)
    there = _prepare(
        turn,
        transactional_id,
        transaction,
        commit=key.commit,
        bumps=True,
        ask=ask,
        next_producer_id=answer.producer_id,
    )
    if there and late:
        _note_aborted(turn, transactional_id, transaction)


def fence(turn: ShardTurn, transactional_id: str, transaction: Transaction) -> bool:
    """Abort an ongoing transaction over its producer's head, whose epoch is over by that; whether
    it could be.
    """
    if turn.state.level >= EPOCH_BUMPS_LEVEL:
        return _prepare(turn, transactional_id, transaction, commit=False, bumps=True)
    epoch = min(transaction.producer_epoch + 1, EPOCH_MAX)
    fenced = transaction._replace(producer_epoch=epoch)
    if not _prepare(turn, transactional_id, fenced, commit=False, bumps=False):
        return False
    turn.state.last_epochs.pop(transactional_id, None)
    return True


def abort_timed_out(turn: ShardTurn) -> None:
    """End what has taken longer than its producer said it would."""
    now_ms, deadlines = turn.now.steady_ms, turn.state.deadlines

    def late() -> list[str]:
        return [one for one, at_ms in deadlines.items() if at_ms < now_ms]

    for transactional_id in turn.some_of(Look.LATE, ABORTED_AT_ONCE_MAX, late):
        transaction = turn.find(transactional_id)
        is_late = _is_late(turn, transactional_id)  # still, if it waited for this
        if transaction is None or not is_late or transactional_id in turn.state.awaits_id:
            continue
        if not fence(turn, transactional_id, transaction):
            turn.note_once(
                transactional_id,
                "can't be aborted: its record does not fit into the max.message.bytes of "
                f"{TRANSACTION_STATE}, which has to be raised",
            )
        elif transactional_id not in turn.state.awaits_id:
            turn.count("timeouts")
            _note_aborted(turn, transactional_id, transaction)
    turn.state.checks = bool(turn.state.found[Look.LATE])
    turn.keep_checking()


def _is_late(turn: ShardTurn, transactional_id: str) -> bool:
    """Whether its transaction is open for longer than its producer said."""
    now_ms = turn.now.steady_ms
    return turn.state.deadlines.get(transactional_id, now_ms) < now_ms


def _note_aborted(turn: ShardTurn, transactional_id: str, transaction: Transaction) -> None:
    turn.note(
        f"the transaction of {transactional_id} is aborted: it is open for longer than the "
        f"{transaction.timeout_ms} ms of its producer's transaction.timeout.ms"
    )
