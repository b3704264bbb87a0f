"""A client's connection in the simulated network: requests go out whole or in part, answers come.

What stays true is checked here, as every answer passes: answers come in the order of the requests,
each once, and none that was not asked for.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Any, NamedTuple

from ottla.sim.violation import held
from ottla.wire import frame
from ottla.wire.api import api, response_class

if TYPE_CHECKING:
    from ottla._core import SimNode
    from ottla.wire.schema import Request

SIZE = 4


class Sent(NamedTuple):
    """A request that waits for its answer, and what its sender remembers of it."""

    request: Request
    version: int
    correlation_id: int
    note: Any
    at: int
    """When it was sent, in steps of the run."""


class Line:
    """One connection, from `connect` until either end has closed it."""

    __slots__ = ("_buffer", "_core", "_count", "_held_back", "id", "waiting")

    def __init__(self, core: SimNode, port: int) -> None:
        self._core = core
        self.id = core.connect(port)
        self.waiting: deque[Sent] = deque()
        self._buffer = b""
        self._held_back = b""
        self._count = 0

    def send(
        self, request: Request, version: int, note: Any, at: int, *, whole: bool, answered: bool
    ) -> None:
        """Send a request, or only the first half of its bytes."""
        self._count += 1
        data = frame.encode_request(
            request, version, correlation_id=self._count, client_id="simulated"
        )
        data = len(data).to_bytes(SIZE, "big") + data
        end = len(data) if whole else len(data) // 2
        self._core.send(self.id, self._held_back + data[:end])
        self._held_back = data[end:]
        if answered:
            self.waiting.append(Sent(request, version, self._count, note, at))

    @property
    def is_complete(self) -> bool:
        """Whether all of what was sent has arrived."""
        return not self._held_back

    def complete(self) -> None:
        """Send what was held back."""
        if self._held_back:
            self._core.send(self.id, self._held_back)
            self._held_back = b""

    def answers(self) -> tuple[list[tuple[Sent, Any]], bool]:
        """The answers that have come, and whether the node still holds the connection."""
        data = self._core.received(self.id)
        there = data is not None
        self._buffer += data or b""
        found = []
        while len(self._buffer) >= SIZE:
            end = SIZE + int.from_bytes(self._buffer[:SIZE], "big")
            if len(self._buffer) < end:
                break
            answer, self._buffer = self._buffer[SIZE:end], self._buffer[end:]
            held(bool(self.waiting), f"connection {self.id}: an answer that nobody asked for")
            sent = self.waiting.popleft()
            kind = response_class(sent.request.api_key)
            correlation_id, response = frame.decode_response(kind, answer, sent.version)
            held(
                correlation_id == sent.correlation_id,
                f"connection {self.id}: the answer {correlation_id} came in the place of "
                f"{sent.correlation_id} ({api(sent.request.api_key).name})",
            )
            found.append((sent, response))
        return found, there

    def close(self, *, reset: bool) -> None:
        """Go; without a reset the node still handles what it was sent."""
        self._core.close(self.id, reset=reset)
