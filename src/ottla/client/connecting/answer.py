"""The answer to one request, from when it was sent until it is there or will never be."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ottla.client.connecting.waiting import Waiting
from ottla.errors import OttlaError
from ottla.wire import api
from ottla.wire.outbound import Frame
from ottla.wire.schema import decode


class Answer:
    """An answer that is on its way; the connection that carries it settles it."""

    __slots__ = ("_key", "_outcome", "_waiting", "then", "timeout_ms", "version")

    def __init__(self, waiting: Waiting, key: int, version: int, timeout_ms: int) -> None:
        self._waiting = waiting
        self._key = key
        self._outcome: Frame | OttlaError | None = None
        self.then: Callable[[Answer], None] | None = None
        self.version = version
        self.timeout_ms = timeout_ms

    @property
    def done(self) -> bool:
        """Whether it is there, or will never be."""
        return self._outcome is not None

    @property
    def failure(self) -> OttlaError | None:
        """Why it will never be there, if so."""
        return self._outcome if isinstance(self._outcome, OttlaError) else None

    def body(self) -> Frame:
        """Its bytes; only when it is done.

        Raises:
            OttlaError: why there is none.
        """
        if isinstance(self._outcome, OttlaError):
            raise self._outcome
        assert self._outcome is not None
        return self._outcome

    def response(self) -> Any:
        """What came, decoded; only when it is done.

        Raises:
            OttlaError: why there is none.
        """
        return decode(api.response_class(self._key), self.body(), self.version)

    def wait(self) -> Any:
        """Wait until it is done, then `response`.

        Raises:
            OttlaError: why there is none.
        """
        self._waiting.wait_for(lambda: self.done)
        return self.response()

    def settle(self, outcome: Frame | OttlaError) -> None:
        """For the connection: this is how it ended. `then` is told."""
        self._outcome = outcome
        if self.then is not None:
            self.then(self)
