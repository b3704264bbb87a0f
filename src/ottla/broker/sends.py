"""Whom a coordinator's question goes to: the other coordinators, the leaders of partitions, and the
controller, who are all in this node.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from ottla.broker import markers
from ottla.broker.internal_topics import CoordinatorNotLoaded
from ottla.coordinators.questions import (
    AddPartitions,
    NewProducerId,
    PartitionsAdded,
    ProducerId,
    WriteMarkers,
)
from ottla.decide import Ask
from ottla.errors import BrokenInvariant
from ottla.security.principal import NODE
from ottla.wire.errors import ErrorCode

if TYPE_CHECKING:
    from ottla.broker.context import Context


def send(context: Context, body: Any, then: Callable[[Any], None]) -> None:
    """Ask; `then` gets the answer, now or later, or each of its parts."""
    if isinstance(body, AddPartitions):
        add_partitions(context, body, then)
    elif isinstance(body, WriteMarkers):
        markers.write(context, [body], lambda _, answer: then(answer))
    elif isinstance(body, NewProducerId):
        token = context.internal(then)
        made = context.producer_ids.take(token, _producer_id)
        if made is not None:
            context.reply(token, made)
    else:
        raise BrokenInvariant(f"nobody answers {body!r:.200}")


def _producer_id(error: int, producer_id: int) -> ProducerId:
    """Whoever waits for one is told to come again, whatever keeps the controller from giving it."""
    return ProducerId(producer_id, ErrorCode.COORDINATOR_LOAD_IN_PROGRESS if error else 0)


def add_partitions(
    context: Context, asked: AddPartitions, then: Callable[[PartitionsAdded], None]
) -> None:
    """Ask the coordinator of the transaction."""
    try:
        coordinator = context.transactions
    except CoordinatorNotLoaded:
        then(PartitionsAdded((ErrorCode.COORDINATOR_NOT_AVAILABLE,) * len(asked.partitions)))
        return
    coordinator.submit(Ask(context.internal(then), asked, 0, str(NODE)))
