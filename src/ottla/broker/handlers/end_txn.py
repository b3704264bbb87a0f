"""EndTxn: commit or abort a transaction.

Needs WRITE on the transactional id. From version 5 on the producer speaks version 2 of transactions
and is told the epoch, or the producer id, that it goes on with (KIP-890).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ottla.broker.asker import as_ask
from ottla.broker.handlers.fenced import FENCED_FROM, fenced_before
from ottla.security.resources import Operation, transactional_id
from ottla.wire.errors import ErrorCode
from ottla.wire.messages.end_txn import EndTxnRequest, EndTxnResponse

if TYPE_CHECKING:
    from ottla.broker.asked import Asked
    from ottla.broker.context import Context


def handle(context: Context, asked: Asked[EndTxnRequest]) -> EndTxnResponse | None:
    """Let the coordinator decide it."""
    resource = transactional_id(asked.body.transactional_id)
    if not context.authorize(asked, Operation.WRITE, resource):
        return EndTxnResponse(error_code=ErrorCode.TRANSACTIONAL_ID_AUTHORIZATION_FAILED)
    context.transactions.submit(as_ask(asked, finish=fenced_before(FENCED_FROM, asked.version)))
    return None
