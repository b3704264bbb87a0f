"""Hands out producer ids from the block that the controller gave this broker.

A block is used by one life of one broker: what is left of it at a restart is lost, so no id is
given out twice. Who waits for a block waits for himself: a fault as one is answered costs no other.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any, Protocol

from ottla.wire.errors import ErrorCode
from ottla.wire.messages.allocate_producer_ids import (
    AllocateProducerIdsRequest,
    AllocateProducerIdsResponse,
)

if TYPE_CHECKING:
    from ottla.metadata.image import MetadataImage

Taken = Callable[[int, int], Any]
"""Makes a response of an error code and the producer id."""


class Asks(Protocol):
    """The controller, as blocks are asked for."""

    def ask(self, message: Any, version: int, then: Callable[[Any], None]) -> None:
        """Decide a request of our own; `then` gets the response."""


class ProducerIds:
    """This broker's block, and who waits for the next one."""

    __slots__ = ("_controller", "_end", "_image", "_next", "_node_id", "_respond", "_waiting")

    def __init__(
        self,
        node_id: int,
        controller: Asks,
        image: Callable[[], MetadataImage],
        respond: Callable[[int, Callable[[], str], Callable[[], Any]], None],
    ) -> None:
        self._node_id = node_id
        self._controller = controller
        self._image = image
        self._respond = respond
        """Sends what is made for a token; a fault in making it ends that one connection."""
        self._next = 0
        self._end = 0
        self._waiting: list[tuple[int, Taken]] = []

    def take(self, token: int, taken: Taken) -> Any:
        """The response that `taken` makes of the next id; None if it goes out by this token, when
        the controller has answered.
        """
        if self._next < self._end:
            self._next += 1
            return taken(0, self._next - 1)
        self._waiting.append((token, taken))
        if len(self._waiting) == 1:
            try:
                self._ask()
            except BaseException:
                # Nobody was asked: who comes later would wait behind this one, for no answer.
                self._waiting.clear()
                raise
        return None

    def _ask(self) -> None:
        broker = self._image().brokers.get(self._node_id)
        if broker is None:
            # It is not registered yet, or no more: who asks comes again.
            error = ErrorCode.COORDINATOR_LOAD_IN_PROGRESS
            self._answered(AllocateProducerIdsResponse(error_code=error))
            return
        request = AllocateProducerIdsRequest(broker_id=self._node_id, broker_epoch=broker.epoch)
        self._controller.ask(request, 0, self._answered)

    def _answered(self, response: AllocateProducerIdsResponse) -> None:
        waiting, self._waiting = self._waiting, []
        error = response.error_code
        if not error:
            self._next = response.producer_id_start
            self._end = self._next + response.producer_id_len
        for token, taken in waiting:
            make = partial(taken, error, -1) if error else partial(self.take, token, taken)
            self._respond(token, lambda: "the answer with a producer id", make)
