"""AllocateProducerIds: blocks of 1,000 producer ids, each handed to one broker and never again."""

from __future__ import annotations

from ottla.controller.brokers import broker_epoch_error
from ottla.controller.state import Outcome, State
from ottla.decide import Ask
from ottla.wire.messages.allocate_producer_ids import (
    AllocateProducerIdsRequest,
    AllocateProducerIdsResponse,
)
from ottla.wire.stored.metadata import ProducerIdsRecord

PRODUCER_ID_BLOCK_SIZE = 1000


def allocate(state: State, ask: Ask, now_ms: int) -> Outcome:
    """Hand out the next block; the record says where the one after it begins."""
    request: AllocateProducerIdsRequest = ask.body
    error = broker_epoch_error(state, request.broker_id, request.broker_epoch)
    if error:
        return Outcome(AllocateProducerIdsResponse(error_code=error))
    start = max(state.image.producer_ids.next_producer_id, 0)
    record = ProducerIdsRecord(
        broker_id=request.broker_id,
        broker_epoch=request.broker_epoch,
        next_producer_id=start + PRODUCER_ID_BLOCK_SIZE,
    )
    response = AllocateProducerIdsResponse(
        producer_id_start=start, producer_id_len=PRODUCER_ID_BLOCK_SIZE
    )
    return Outcome(response, [(record, 0)])
