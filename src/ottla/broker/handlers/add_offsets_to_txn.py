"""AddOffsetsToTxn: a group's offsets enter a transaction, before they are committed in it.

Needs WRITE on the transactional id and READ on the group. Asked by producers of version 1 of
transactions; the group's coordinator enters them by itself for newer ones.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ottla.broker.asker import as_ask
from ottla.broker.handlers.fenced import FENCED_FROM, fenced_before
from ottla.coordinators.questions import AddPartitions, PartitionsAdded
from ottla.security.resources import Operation, group, transactional_id
from ottla.wire.errors import ErrorCode
from ottla.wire.messages.add_offsets_to_txn import AddOffsetsToTxnRequest, AddOffsetsToTxnResponse
from ottla.wire.stored.frame import CONSUMER_OFFSETS

if TYPE_CHECKING:
    from ottla.broker.asked import Asked
    from ottla.broker.context import Context


def handle(
    context: Context, asked: Asked[AddOffsetsToTxnRequest]
) -> AddOffsetsToTxnResponse | None:
    """Enter the partition of `__consumer_offsets` that the group lives in."""
    body = asked.body
    if not context.authorize(asked, Operation.WRITE, transactional_id(body.transactional_id)):
        return AddOffsetsToTxnResponse(error_code=ErrorCode.TRANSACTIONAL_ID_AUTHORIZATION_FAILED)
    if not context.authorize(asked, Operation.READ, group(body.group_id)):
        return AddOffsetsToTxnResponse(error_code=ErrorCode.GROUP_AUTHORIZATION_FAILED)
    partition = context.groups.partition_for(body.group_id)
    question = AddPartitions(
        body.transactional_id,
        body.producer_id,
        body.producer_epoch,
        ((CONSUMER_OFFSETS, partition),),
    )
    finish = fenced_before(FENCED_FROM, asked.version)

    def added(answer: PartitionsAdded) -> AddOffsetsToTxnResponse:
        response = AddOffsetsToTxnResponse(error_code=answer.errors[0])
        return response if finish is None else finish(response)

    context.transactions.submit(as_ask(asked, question, added))
    return None
