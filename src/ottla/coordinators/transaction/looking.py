"""What operators see of transactions: DescribeTransactions, and the rows of ListTransactions."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ottla.coordinators.transaction.transaction import TITLES, State, by_topic
from ottla.wire.errors import ErrorCode
from ottla.wire.messages import describe_transactions as described
from ottla.wire.messages import list_transactions as listed

if TYPE_CHECKING:
    from ottla.coordinators.transaction.state import ShardTurn
    from ottla.decide import Ask


def describe(turn: ShardTurn, ask: Ask) -> None:
    """Where each id that is named stands."""
    asked: described.DescribeTransactionsRequest = ask.body
    rows = [_row(turn, one) for one in asked.transactional_ids]
    turn.reply(ask.token, described.DescribeTransactionsResponse(transaction_states=rows))


def refuse_describe(
    asked: described.DescribeTransactionsRequest, error: ErrorCode
) -> described.DescribeTransactionsResponse:
    """The same for each id."""
    return described.DescribeTransactionsResponse(
        transaction_states=[
            described.TransactionState(error_code=error, transactional_id=one)
            for one in asked.transactional_ids
        ]
    )


def _row(turn: ShardTurn, transactional_id: str) -> described.TransactionState:
    row = described.TransactionState(transactional_id=transactional_id)
    transaction = turn.find(transactional_id)
    if not transactional_id:
        row.error_code = ErrorCode.INVALID_REQUEST
    elif transaction is None or transaction.state == State.DEAD:
        row.error_code = ErrorCode.TRANSACTIONAL_ID_NOT_FOUND
    if row.error_code or transaction is None:
        return row
    ending = turn.state.endings.get(transactional_id)
    places = transaction.partitions if ending is None else ending.missing
    row.transaction_state = transaction.state.title
    row.transaction_timeout_ms = transaction.timeout_ms
    row.transaction_start_time_ms = transaction.start_ms
    row.producer_id = transaction.producer_id
    row.producer_epoch = transaction.producer_epoch
    row.topics = [
        described.TopicData(topic=name, partitions=ids) for name, ids in by_topic(places).items()
    ]
    return row


def list_all(turn: ShardTurn, ask: Ask) -> None:
    """The ids of this shard that pass the filters, of whatever pattern (see listing.py)."""
    rows = _rows(turn, ask.body)
    turn.reply(ask.token, listed.ListTransactionsResponse(transaction_states=rows))


def _rows(turn: ShardTurn, asked: listed.ListTransactionsRequest) -> list[listed.TransactionState]:
    states = {TITLES[name] for name in asked.state_filters if name in TITLES}
    producer_ids = set(asked.producer_id_filters)
    rows = []
    for transactional_id, transaction in turn.state.transactions.items():
        age_ms = turn.now.wall_ms - transaction.start_ms
        if (
            transaction.state == State.DEAD
            or (producer_ids and transaction.producer_id not in producer_ids)
            or (asked.state_filters and transaction.state not in states)
            or 0 <= asked.duration_filter >= age_ms
        ):
            continue
        rows.append(
            listed.TransactionState(
                transactional_id=transactional_id,
                producer_id=transaction.producer_id,
                transaction_state=transaction.state.title,
            )
        )
    return rows


def refuse_list(
    _asked: listed.ListTransactionsRequest, error: ErrorCode
) -> listed.ListTransactionsResponse:
    """An error for all of them; a shard that went elsewhere is listed there."""
    lost = error == ErrorCode.NOT_COORDINATOR
    return listed.ListTransactionsResponse(error_code=ErrorCode.NONE if lost else error)
