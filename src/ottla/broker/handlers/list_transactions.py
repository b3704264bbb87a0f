"""ListTransactions: the transactional ids that this broker coordinates (KIP-664, KIP-994).

Filters by state, producer id, and from version 1 on by how long a transaction is open, from
version 2 on by a pattern, which is a regular expression of RE2 for the whole id. Needs DESCRIBE on
each transactional id.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ottla.broker.asker import as_ask
from ottla.security.resources import Operation, transactional_id
from ottla.wire.errors import ErrorCode
from ottla.wire.messages.list_transactions import (
    ListTransactionsRequest,
    ListTransactionsResponse,
)

if TYPE_CHECKING:
    from ottla.broker.asked import Asked
    from ottla.broker.context import Context


def handle(
    context: Context, asked: Asked[ListTransactionsRequest]
) -> ListTransactionsResponse | None:
    """Those that pass the filters and that the client may describe."""
    pattern = None
    if asked.body.transactional_id_pattern:
        from ottla.regex.re2_match import BadPattern, Pattern

        try:
            pattern = Pattern(asked.body.transactional_id_pattern)
        except BadPattern:
            return ListTransactionsResponse(error_code=ErrorCode.INVALID_REGULAR_EXPRESSION)

    def is_wanted(one: str) -> bool:
        return context.authorize(asked, Operation.DESCRIBE, transactional_id(one), quiet=True)

    context.transactions.list_all(as_ask(asked), pattern, is_wanted)
    return None
