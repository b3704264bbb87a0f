"""InitProducerId: who the producer of a transactional id is from now on.

Each one that begins gets an epoch of its own, by which those before it are fenced; what they left
open is aborted first, and who asks is told to come again (CONCURRENT_TRANSACTIONS). A producer that
names itself (KIP-360) gets the next epoch only if nobody came after it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from ottla.coordinators.questions import NewProducerId
from ottla.coordinators.transaction import end
from ottla.coordinators.transaction.records import TEXT_BYTES_MAX
from ottla.coordinators.transaction.transaction import (
    PREPARED,
    TIMEOUT_NEVER_MS,
    State,
    Transaction,
    is_exhausted,
)
from ottla.wire.errors import ErrorCode
from ottla.wire.messages.init_producer_id import InitProducerIdRequest, InitProducerIdResponse
from ottla.wire.producers import NO_EPOCH, NO_PRODUCER_ID

if TYPE_CHECKING:
    from ottla.coordinators.questions import ProducerId
    from ottla.coordinators.transaction.config import TransactionConfig
    from ottla.coordinators.transaction.state import ShardTurn
    from ottla.decide import Ask


class IdentityKey(NamedTuple):
    """Names the question for a producer id that an id begins with, or goes on with."""

    transactional_id: str
    number: int


def begin(turn: ShardTurn, ask: Ask) -> None:
    """Give the producer an epoch, or say why it gets none."""
    asked: InitProducerIdRequest = ask.body
    transactional_id = asked.transactional_id or ""
    if transactional_id in turn.state.awaits_id:
        turn.reply(ask.token, refuse(asked, ErrorCode.CONCURRENT_TRANSACTIONS))
        return
    transaction = turn.find(transactional_id)
    if transaction is None:
        _await_id(turn, ask)
    else:
        _decide(turn, ask, transaction)


def refuse(_asked: InitProducerIdRequest, error: ErrorCode) -> InitProducerIdResponse:
    """Without a producer."""
    return InitProducerIdResponse(error_code=error, producer_epoch=NO_EPOCH)


def go_on(turn: ShardTurn, key: IdentityKey, answer: ProducerId) -> None:
    """The producer id that somebody waits for is there, or not."""
    transactional_id = key.transactional_id
    awaited = turn.awaited(transactional_id, key.number)
    if awaited is None or awaited.ask is None:
        return
    ask = awaited.ask
    asked: InitProducerIdRequest = ask.body
    if answer.error_code:
        turn.reply(ask.token, refuse(asked, ErrorCode(answer.error_code)))
        return
    transaction = turn.find(transactional_id)
    timeout_ms = _timeout_ms(asked)
    now_ms = turn.now.wall_ms
    if transaction is None:
        new = Transaction(answer.producer_id, NO_EPOCH, timeout_ms)
        _decide(turn, ask, new)
        return
    last_epoch = transaction.producer_epoch if _names_itself(asked) else NO_EPOCH
    _settle(turn, ask, transaction.rotated(answer.producer_id, timeout_ms, now_ms), last_epoch)


def door(asked: InitProducerIdRequest, config: TransactionConfig) -> ErrorCode:
    """Why this gets no epoch, whatever is known of the id."""
    transactional_id = asked.transactional_id or ""
    if not transactional_id or len(transactional_id.encode()) > TEXT_BYTES_MAX:
        return ErrorCode.INVALID_REQUEST
    if asked.enable2_pc and not config.two_phase_commit:
        return ErrorCode.TRANSACTIONAL_ID_AUTHORIZATION_FAILED
    if asked.keep_prepared_txn:
        return ErrorCode.UNSUPPORTED_VERSION
    if not asked.enable2_pc and not 0 < asked.transaction_timeout_ms <= config.timeout_ms_max:
        return ErrorCode.INVALID_TRANSACTION_TIMEOUT
    return ErrorCode.NONE


def _timeout_ms(asked: InitProducerIdRequest) -> int:
    return TIMEOUT_NEVER_MS if asked.enable2_pc else asked.transaction_timeout_ms


def _names_itself(asked: InitProducerIdRequest) -> bool:
    return asked.producer_id != NO_PRODUCER_ID


def _await_id(turn: ShardTurn, ask: Ask) -> None:
    transactional_id = ask.body.transactional_id
    number = turn.await_id(transactional_id, ask)
    turn.send(IdentityKey(transactional_id, number), NewProducerId())


def _decide(turn: ShardTurn, ask: Ask, transaction: Transaction) -> None:
    asked: InitProducerIdRequest = ask.body
    transactional_id = asked.transactional_id or ""
    error = ErrorCode.NONE
    if transaction.state in PREPARED:
        error = ErrorCode.CONCURRENT_TRANSACTIONS
    elif not _is_known(asked, transaction):
        error = ErrorCode.PRODUCER_FENCED
    elif transaction.state == State.ONGOING:
        fenced = end.fence(turn, transactional_id, transaction)
        if fenced:
            turn.note(
                f"the transaction of {transactional_id} is aborted: a producer of that name begins "
                f"on {ask.client_id or 'a client'}{ask.client_host}"
            )
        error = ErrorCode.CONCURRENT_TRANSACTIONS if fenced else ErrorCode.UNKNOWN_SERVER_ERROR
    if error:
        turn.reply(ask.token, refuse(asked, error))
        return
    if transaction.is_exhausted:
        is_current = asked.producer_epoch == transaction.producer_epoch
        if not _names_itself(asked) or is_current:
            _await_id(turn, ask)
        else:
            turn.reply(ask.token, refuse(asked, ErrorCode.UNKNOWN_SERVER_ERROR))
        return
    _bump(turn, ask, transaction)


def _is_known(asked: InitProducerIdRequest, transaction: Transaction) -> bool:
    """Whether a producer that names itself is the one of this id, or was it before its epochs were
    used up.
    """
    if not _names_itself(asked) or transaction.producer_epoch == NO_EPOCH:
        return True
    return asked.producer_id == transaction.producer_id or (
        asked.producer_id == transaction.previous_producer_id and is_exhausted(asked.producer_epoch)
    )


def _bump(turn: ShardTurn, ask: Ask, transaction: Transaction) -> None:
    asked: InitProducerIdRequest = ask.body
    transactional_id = asked.transactional_id or ""
    epoch = transaction.producer_epoch + 1
    last_epoch = NO_EPOCH
    if _names_itself(asked):
        last_epoch = turn.state.last_epochs.get(transactional_id, NO_EPOCH)
        if transaction.producer_epoch in (NO_EPOCH, asked.producer_epoch):
            last_epoch = transaction.producer_epoch
        elif asked.producer_epoch == last_epoch:
            epoch -= 1  # it comes once more for what it was given
        else:
            turn.reply(ask.token, refuse(asked, ErrorCode.PRODUCER_FENCED))
            return
    begun = transaction.begun_by(_timeout_ms(asked), turn.now.wall_ms, epoch)
    _settle(turn, ask, begun, last_epoch)


def _settle(turn: ShardTurn, ask: Ask, transaction: Transaction, last_epoch: int) -> None:
    transactional_id = ask.body.transactional_id
    if not turn.fits(transactional_id, transaction):
        turn.reply(ask.token, refuse(ask.body, ErrorCode.UNKNOWN_SERVER_ERROR))
        return
    if last_epoch == NO_EPOCH:
        turn.state.last_epochs.pop(transactional_id, None)
    else:
        turn.state.last_epochs[transactional_id] = last_epoch
    turn.heard(transactional_id, ask)
    turn.put(transactional_id, transaction)
    turn.keep_looking()
    turn.note(
        f"{transactional_id} is producer {transaction.producer_id} in epoch "
        f"{transaction.producer_epoch} from now on: {ask.client_id or 'a client'}{ask.client_host}"
    )
    turn.reply(
        ask.token,
        InitProducerIdResponse(
            producer_id=transaction.producer_id, producer_epoch=transaction.producer_epoch
        ),
    )
