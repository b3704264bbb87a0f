"""DescribeTransactions: where transactional ids stand (KIP-664).

Needs DESCRIBE on each transactional id; of its topics those are named that the client may describe.
An id that is named twice is answered once: it may have thousands of partitions.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ottla.broker.asker import as_ask
from ottla.security.resources import Operation, ResourceType, transactional_id
from ottla.wire.errors import ErrorCode
from ottla.wire.messages.describe_transactions import (
    DescribeTransactionsRequest,
    DescribeTransactionsResponse,
    TransactionState,
)

if TYPE_CHECKING:
    from ottla.broker.asked import Asked
    from ottla.broker.context import Context


def handle(
    context: Context, asked: Asked[DescribeTransactionsRequest]
) -> DescribeTransactionsResponse | None:
    """Each id as its coordinator knows it."""
    named = list(dict.fromkeys(asked.body.transactional_ids))
    seen = {
        one for one in named if context.authorize(asked, Operation.DESCRIBE, transactional_id(one))
    }

    def described(response: DescribeTransactionsResponse) -> DescribeTransactionsResponse:
        rows = iter(response.transaction_states)
        denied = ErrorCode.TRANSACTIONAL_ID_AUTHORIZATION_FAILED
        response.transaction_states = [
            next(rows) if one in seen else TransactionState(error_code=denied, transactional_id=one)
            for one in named
        ]
        names = {topic.topic for row in response.transaction_states for topic in row.topics}
        shown = context.allowed_names(asked, Operation.DESCRIBE, ResourceType.TOPIC, names)
        for row in response.transaction_states:
            row.topics = [topic for topic in row.topics if topic.topic in shown]
        return response

    asked.body.transactional_ids = [one for one in named if one in seen]
    context.transactions.describe(as_ask(asked, finish=described))
    return None
