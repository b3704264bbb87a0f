"""Who we are, told to one connection's node: when it opens, and again before the session ends.

KIP-368: a node may let a session live for a time only. We authenticate anew when most of it is
over, on the same connection; until that is done other requests must wait, since the node takes
nothing else meanwhile (`holds`). What was sent before is answered before.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

from ottla.client.connecting.sasl.exchange import Exchange
from ottla.client.errors import ConnectionFailed, TimedOut

if TYPE_CHECKING:
    from ottla.client.connecting.answer import Answer
    from ottla.client.connecting.sasl.login import Login

AGAIN_AFTER: Final = (0.85, 0.95)
"""How much of a session's life is used, so that not all connections come again together."""
LOOK_MS: Final = 20
"""How often to look whether a token has come."""
AGAIN_MS: Final = 1000
"""How soon to ask again for a token that could not be had while the session still lives; and how
soon to authenticate again, which nodes do not take twice in a second.
"""


class Authenticator:
    """It moves on whenever `turn` is called; `deadline_ms` says when to call it at the latest."""

    def __init__(self, login: Login, *, peer: str, random: Callable[[], int]) -> None:
        self._login = login
        self._peer = peer
        self._random = random
        self.is_done = False
        self.deadline_ms: int | None = None
        self._again_at_ms: int | None = None
        self._ends_at_ms: int | None = None
        self._give_up_at_ms: int | None = None
        self._exchange: Exchange | None = None
        self._answer: Answer | None = None

    @property
    def holds(self) -> bool:
        """Whether nothing but its own requests may be sent."""
        return not self.is_done or self._exchange is not None

    def start(self, now_ms: int, timeout_ms: int) -> None:
        """The connection is new; a token must come within that time."""
        self.is_done = False
        self._exchange = self._answer = self._ends_at_ms = None
        self._again_at_ms = now_ms
        self._give_up_at_ms = now_ms + timeout_ms

    def stop(self) -> Answer | None:
        """The connection ended; what was asked and not read yet, if an exchange was under way."""
        answer, self._answer, self._exchange = self._answer, None, None
        self.is_done, self._again_at_ms = False, None
        return answer

    def turn(self, now_ms: int, ask: Callable[[Any], Answer]) -> None:
        """Do what can be done now; `ask` sends a request of its own.

        Raises:
            OttlaError: the connection is of no use (any more).
        """
        while True:
            if self._exchange is None:
                if self._again_at_ms is None or now_ms < self._again_at_ms:
                    self.deadline_ms = self._again_at_ms
                    return
                if not self._begin(now_ms, ask):
                    return
            exchange, answer = self._exchange, self._answer
            assert exchange is not None
            assert answer is not None
            if not answer.done:
                return
            message = exchange.next(answer.response())
            if message is not None:
                self._answer = ask(message)
            else:
                self._finish(now_ms, exchange.session_lifetime_ms)

    def _begin(self, now_ms: int, ask: Callable[[Any], Answer]) -> bool:
        """Start an exchange, as soon as there is something to log in with."""
        try:
            mechanism = self._login.mechanism()
        except ConnectionFailed:
            if self._ends_at_ms is None or now_ms + AGAIN_MS >= self._ends_at_ms:
                raise
            self._again_at_ms = self.deadline_ms = now_ms + AGAIN_MS
            return False
        if mechanism is None:
            if self._give_up_at_ms is not None and now_ms >= self._give_up_at_ms:
                raise TimedOut(f"{self._peer}: no token to authenticate with came in time")
            self.deadline_ms = now_ms + LOOK_MS
            return False
        self.deadline_ms = self._again_at_ms = None
        self._exchange = Exchange(mechanism, peer=self._peer)
        self._answer = ask(self._exchange.first())
        return True

    def _finish(self, now_ms: int, session_lifetime_ms: int) -> None:
        self.is_done = True
        self._exchange = self._answer = None
        self._again_at_ms = self._ends_at_ms = self._give_up_at_ms = None
        if session_lifetime_ms:
            low, high = AGAIN_AFTER
            part = low + (high - low) * (self._random() / (1 << 32))
            self._again_at_ms = now_ms + max(AGAIN_MS, int(session_lifetime_ms * part))
            self._ends_at_ms = self._give_up_at_ms = now_ms + session_lifetime_ms
