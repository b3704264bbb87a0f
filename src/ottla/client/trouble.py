"""What the log `ottla.client` is told of a cluster that does not answer: once, and not by turns."""

from __future__ import annotations

from ottla.client.connecting.waiting import Waiting
from ottla.errors import OttlaError

AGAIN_MS = 60_000
"""How long the same trouble is not told again, although a node has answered something meanwhile."""


class Trouble:
    """One client's, where nobody else wants to be told."""

    def __init__(self, waiting: Waiting) -> None:
        self._waiting = waiting
        self._told: tuple[str, int] | None = None
        self._is_told = False

    def begins(self, failure: OttlaError) -> None:
        """Nobody answers, and it is tried again."""
        now_ms = self._waiting.now_ms()
        if self._told is not None:
            text, until_ms = self._told
            if text == str(failure) and now_ms < until_ms:
                return
        self._told = str(failure), now_ms + AGAIN_MS
        self._is_told = True
        hint = f" ({failure.hint})" if failure.hint else ""
        _warn(f"{failure}; still trying{hint}")

    def ends(self) -> None:
        """Somebody answers."""
        if self._is_told:
            self._is_told = False
            _warn("the cluster answers again")


def _warn(text: str) -> None:
    import logging

    logging.getLogger("ottla.client").warning("%s", text)
