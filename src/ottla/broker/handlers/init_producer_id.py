"""InitProducerId: an identity for an idempotent producer, or for the one of a transactional id.

Needs IDEMPOTENT_WRITE on the cluster, or WRITE on any topic; for a transactional id WRITE on that,
and TWO_PHASE_COMMIT to leave transactions prepared. Ids come from the controller in
blocks of 1000; what a transactional id gets its coordinator decides.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from ottla.broker.asker import as_ask
from ottla.broker.handlers.fenced import fenced_before
from ottla.security.resources import CLUSTER, Operation, ResourceType, transactional_id
from ottla.wire.errors import ErrorCode
from ottla.wire.messages.init_producer_id import InitProducerIdRequest, InitProducerIdResponse

if TYPE_CHECKING:
    from ottla.broker.asked import Asked
    from ottla.broker.context import Context

FENCED_VERSION: Final = 4
"""From this version on a client knows PRODUCER_FENCED."""


def handle(context: Context, asked: Asked[InitProducerIdRequest]) -> InitProducerIdResponse | None:
    """A fresh producer id with epoch 0; waits for a new block if this broker's is used up."""
    denial = _denial(context, asked)
    if denial:
        return InitProducerIdResponse(error_code=denial, producer_epoch=-1)
    body = asked.body
    if (body.producer_id == -1) != (body.producer_epoch == -1):
        return InitProducerIdResponse(error_code=ErrorCode.INVALID_REQUEST, producer_epoch=-1)
    if body.transactional_id is not None:
        finish = fenced_before(FENCED_VERSION, asked.version)
        context.transactions.submit(as_ask(asked, finish=finish))
        return None

    def allocated(error: int, producer_id: int) -> InitProducerIdResponse:
        return InitProducerIdResponse(
            error_code=error, producer_id=producer_id, producer_epoch=-1 if error else 0
        )

    response: InitProducerIdResponse | None = context.producer_ids.take(asked.token, allocated)
    return response


def _denial(context: Context, asked: Asked[InitProducerIdRequest]) -> ErrorCode:
    body = asked.body
    if body.transactional_id is not None:
        resource = transactional_id(body.transactional_id)
        needed = [Operation.WRITE]
        if body.enable2_pc:
            needed.append(Operation.TWO_PHASE_COMMIT)
        if all(context.authorize(asked, operation, resource) for operation in needed):
            return ErrorCode.NONE
        return ErrorCode.TRANSACTIONAL_ID_AUTHORIZATION_FAILED
    if context.authorize(
        asked, Operation.IDEMPOTENT_WRITE, CLUSTER, quiet=True
    ) or context.authorize_by_resource_type(asked, Operation.WRITE, ResourceType.TOPIC):
        return ErrorCode.NONE
    return ErrorCode.CLUSTER_AUTHORIZATION_FAILED
