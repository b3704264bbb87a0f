"""What one decision gathers on its way: records, replies and timers, in order.

The rules of groups are functions that get the group, the facts and a Turn; the Turn becomes the
Decision.
"""

from __future__ import annotations

from collections.abc import Hashable
from typing import Any

from ottla.coordinators.runtime import StoredRecord
from ottla.decide import NOTHING, Decision, Reply, Timer


class Turn:
    """One decision in the making."""

    __slots__ = ("now_ms", "records", "replies", "timers")

    def __init__(self, now_ms: int) -> None:
        self.now_ms = now_ms
        self.records: list[StoredRecord] = []
        self.replies: list[Reply] = []
        self.timers: list[Timer] = []

    def write(self, record: StoredRecord) -> None:
        """Have this record appended, and applied at once."""
        self.records.append(record)

    def reply(self, token: int, message: Any) -> None:
        """Answer one request, as soon as all records so far are safe."""
        self.replies.append(Reply(token, message))

    def wake_in(self, delay_ms: int, key: Hashable, *, real: bool = False) -> None:
        """Fire `key` once after this delay, instead of any timer that it has."""
        self.timers.append(Timer(key, self.now_ms + delay_ms, real))

    def cancel(self, key: Hashable, *, real: bool = False) -> None:
        """Forget the timer of `key`."""
        self.timers.append(Timer(key, None, real))

    def decision(self) -> Decision:
        """All of it."""
        if self.records or self.replies or self.timers:
            return Decision(self.records, self.replies, self.timers)
        return NOTHING
