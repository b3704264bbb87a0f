"""Hands out producer ids from the block that the controller gave this broker.

A block is used by one life of one broker: what is left of it at a restart is lost, so no id is
given out twice.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from ottla.wire.messages.allocate_producer_ids import (
    AllocateProducerIdsRequest,
    AllocateProducerIdsResponse,
)

if TYPE_CHECKING:
    from ottla.broker.context import Context

Taken = Callable[[int, int], None]
"""Called with an error code and the producer id."""


class ProducerIds:
    """This broker's block, and who waits for the next one."""

    __slots__ = ("_context", "_end", "_next", "_waiting")

    def __init__(self, context: Context) -> None:
        self._context = context
        self._next = 0
        self._end = 0
        self._waiting: list[Taken] = []

    def take(self, then: Taken) -> None:
        """Give `then` the next id, now or when the controller has answered."""
        if self._next < self._end:
            self._next += 1
            then(0, self._next - 1)
            return
        self._waiting.append(then)
        if len(self._waiting) == 1:
            self._ask()

    def _ask(self) -> None:
        context = self._context
        me = context.image.brokers[context.node_id]
        request = AllocateProducerIdsRequest(broker_id=context.node_id, broker_epoch=me.epoch)
        context.controller.ask(request, 0, self._answered)

    def _answered(self, response: AllocateProducerIdsResponse) -> None:
        waiting, self._waiting = self._waiting, []
        if response.error_code:
            for then in waiting:
                then(response.error_code, -1)
            return
        self._next = response.producer_id_start
        self._end = self._next + response.producer_id_len
        for then in waiting:
            self.take(then)
